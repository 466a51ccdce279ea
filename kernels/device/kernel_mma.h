/*
 * kernel_mma.h: matrix instructions for kernels (.cu files), on a GPU and on the SIMT machine.
 *
 * WMMA: namespace nvcuda::wmma, CUDA's own on a GPU, cuda_mma.h on the SIMT machine.
 *
 * mma.sync: one function per instruction, `kernel_mma_K_IN_OUT`, for D = A B + C of 16 × 8 elements
 * and K products. All 32 lanes of the warp call it. Registers are laid out as the PTX ISA says
 * (simt_abi.h has it in one formula); 16-bit operands and results come two to a register, 8-bit
 * ones four, the one of the lower index in the low bits.
 *
 *     unsigned a[4], b[2];
 *     float d[4] = {0};
 *     kernel_mma_16_f16_f32(d, a, b, d);
 *
 * A build for a GPU that lacks an instruction compiles: the function then stops the kernel. So a
 * launcher asks first:
 *
 *     if (kernel_mma_refused(kernel, KERNEL_MMA_E4M3, "mma.sync m16n8k32 e4m3") != 0)
 *         return -1;
 */
#ifndef NANOLAB_KERNELS_DEVICE_KERNEL_MMA_H
#define NANOLAB_KERNELS_DEVICE_KERNEL_MMA_H

#include "kernels/device/kernel.h"
#include "kernels/element/element.h"

#ifdef __CUDACC__
#include <mma.h>
#else
#include "kernels/simt/cuda_mma.h"
#include "kernels/simt/simt.h"
#endif

/* From which architecture on there is what: m16n8k8 of f16; m16n8k16, bf16, tf32; 8-bit formats. */
#define KERNEL_MMA_F16_K8 75
#define KERNEL_MMA_F16 80
#define KERNEL_MMA_BF16 80
#define KERNEL_MMA_TF32 80
#define KERNEL_MMA_E4M3 89
/* WMMA of f16; of bf16 and tf32, whose fragments <mma.h> does not even declare for an older one. */
#define KERNEL_WMMA_F16 70
#define KERNEL_WMMA_BF16 80

/* What the code at hand is compiled for, times ten: `#if KERNEL_MMA_ARCH >= 800`. On a host, and on
 * the SIMT machine, which refuses when it runs, more than anything. */
#ifdef __CUDA_ARCH__
#define KERNEL_MMA_ARCH __CUDA_ARCH__
#else
#define KERNEL_MMA_ARCH 100000
#endif

/* Every instruction: its name, shape and types in PTX, products, format of A and B, the format of C
 * and D, registers of A and B, and the first architecture. */
#define KERNEL_MMA_LIST(X)                                                                         \
    X(8_f16_f32, "m16n8k8", "f16", 8, F16, F32, 2, 1, KERNEL_MMA_F16_K8)                           \
    X(16_f16_f32, "m16n8k16", "f16", 16, F16, F32, 4, 2, KERNEL_MMA_F16)                           \
    X(8_f16_f16, "m16n8k8", "f16", 8, F16, F16, 2, 1, KERNEL_MMA_F16_K8)                           \
    X(16_f16_f16, "m16n8k16", "f16", 16, F16, F16, 4, 2, KERNEL_MMA_F16)                           \
    X(8_bf16_f32, "m16n8k8", "bf16", 8, BF16, F32, 2, 1, KERNEL_MMA_BF16)                          \
    X(16_bf16_f32, "m16n8k16", "bf16", 16, BF16, F32, 4, 2, KERNEL_MMA_BF16)                       \
    X(4_tf32_f32, "m16n8k4", "tf32", 4, TF32, F32, 2, 1, KERNEL_MMA_TF32)                          \
    X(8_tf32_f32, "m16n8k8", "tf32", 8, TF32, F32, 4, 2, KERNEL_MMA_TF32)                          \
    X(32_e4m3_f32, "m16n8k32", "e4m3", 32, E4M3, F32, 4, 2, KERNEL_MMA_E4M3)                       \
    X(32_e5m2_f32, "m16n8k32", "e5m2", 32, E5M2, F32, 4, 2, KERNEL_MMA_E4M3)                       \
    X(32_e4m3_f16, "m16n8k32", "e4m3", 32, E4M3, F16, 4, 2, KERNEL_MMA_E4M3)                       \
    X(32_e5m2_f16, "m16n8k32", "e5m2", 32, E5M2, F16, 4, 2, KERNEL_MMA_E4M3)

namespace {

/* C and D: four floats, or two registers of two halves. */
#define KERNEL_MMA_RESULT_F32 float
#define KERNEL_MMA_RESULT_F16 unsigned
#define KERNEL_MMA_COUNT_F32 4
#define KERNEL_MMA_COUNT_F16 2

#if defined(__CUDACC__)

/* The asm statement, by registers of A and the format of D. */
#define KERNEL_MMA_ASM_4_F32(shape, type)                                                          \
    asm volatile("mma.sync.aligned." shape ".row.col.f32." type "." type                           \
                 ".f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %11, %12, %13};"        \
                 : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])                                  \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "f"(c[0]),    \
                   "f"(c[1]), "f"(c[2]), "f"(c[3]))
#define KERNEL_MMA_ASM_2_F32(shape, type)                                                          \
    asm volatile("mma.sync.aligned." shape ".row.col.f32." type "." type                           \
                 ".f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%7, %8, %9, %10};"                       \
                 : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])                                  \
                 : "r"(a[0]), "r"(a[1]), "r"(b[0]), "f"(c[0]), "f"(c[1]), "f"(c[2]), "f"(c[3]))
#define KERNEL_MMA_ASM_4_F16(shape, type)                                                          \
    asm volatile("mma.sync.aligned." shape ".row.col.f16." type "." type                           \
                 ".f16 {%0, %1}, {%2, %3, %4, %5}, {%6, %7}, {%8, %9};"                            \
                 : "=r"(d[0]), "=r"(d[1])                                                          \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "r"(c[0]),    \
                   "r"(c[1]))
#define KERNEL_MMA_ASM_2_F16(shape, type)                                                          \
    asm volatile("mma.sync.aligned." shape ".row.col.f16." type "." type                           \
                 ".f16 {%0, %1}, {%2, %3}, {%4}, {%5, %6};"                                        \
                 : "=r"(d[0]), "=r"(d[1])                                                          \
                 : "r"(a[0]), "r"(a[1]), "r"(b[0]), "r"(c[0]), "r"(c[1]))

/* Code for an older architecture never runs (kernel_mma_refused), and must not name the
 * instruction. */
#define KERNEL_MMA(name, shape, type, k, in, out, as, bs, arch)                                    \
    template <bool there>                                                                          \
    __device__ __forceinline__ void kernel_mma_at_##name(KERNEL_MMA_RESULT_##out *d,               \
                                                         const unsigned *a, const unsigned *b,     \
                                                         const KERNEL_MMA_RESULT_##out *c) {       \
        if constexpr (there)                                                                       \
            KERNEL_MMA_ASM_##as##_##out(shape, type);                                              \
        else                                                                                       \
            __trap();                                                                              \
    }                                                                                              \
    __device__ __forceinline__ void kernel_mma_##name(                                             \
        KERNEL_MMA_RESULT_##out(&d)[KERNEL_MMA_COUNT_##out], const unsigned(&a)[as],               \
        const unsigned(&b)[bs], const KERNEL_MMA_RESULT_##out(&c)[KERNEL_MMA_COUNT_##out]) {       \
        kernel_mma_at_##name<(KERNEL_MMA_ARCH >= arch * 10)>(d, a, b, c);                          \
    }

/* 0, or -1 with device_error(): the GPU, or the build of this kernel, is older than `arch`. */
template <class... P>
int kernel_mma_refused(void (*kernel)(P...), int arch, const char *what) {
    cudaFuncAttributes of;
    cudaError_t e = cudaFuncGetAttributes(&of, (const void *)kernel);
    if (e != cudaSuccess) {
        cudaGetLastError();
        return device_fail("%s: %s", what, cudaGetErrorString(e));
    }
    /* Machine code made by the driver from PTX for an older architecture is that one's program. */
    int built = of.ptxVersion < of.binaryVersion ? of.ptxVersion : of.binaryVersion;
    if (built >= arch)
        return 0;
    return device_fail("%s needs compute capability %d.%d; this kernel is built for %d.%d%s", what,
                       arch / 10, arch % 10, built / 10, built % 10,
                       of.binaryVersion >= arch ? ": build it with CUDA_ARCHS=here" : "");
}

#else

#define KERNEL_MMA(name, shape, type, k, in, out, as, bs, arch)                                    \
    [[maybe_unused]] static inline __attribute__((always_inline)) void kernel_mma_##name(          \
        KERNEL_MMA_RESULT_##out(&d)[KERNEL_MMA_COUNT_##out], const unsigned(&a)[as],               \
        const unsigned(&b)[bs], const KERNEL_MMA_RESULT_##out(&c)[KERNEL_MMA_COUNT_##out]) {       \
        struct simt_matrix matrix = {16, 8, k, ELEMENT_##in, ELEMENT_##out, 0, a, b, c, d};        \
        simt_matrix_multiply(&matrix);                                                             \
    }

template <class... P>
int kernel_mma_refused(void (*)(P...), int arch, const char *what) {
    if (simt_arch_number() >= arch)
        return 0;
    return device_fail("%s needs compute capability %d.%d; the SIMT machine simulates %s (%s)",
                       what, arch / 10, arch % 10, simt_card(), simt_arch());
}

#endif

KERNEL_MMA_LIST(KERNEL_MMA)
#undef KERNEL_MMA

} // namespace

#endif
