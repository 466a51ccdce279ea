/*
 * kernel_copy.h: copies from global to shared memory that do not wait, and the loads of a warp's
 * matrices from shared memory. For .cu files; after kernel.h.
 *
 * Where there is no such instruction (before compute capability 8.0, and on the SIMT machine) a
 * copy is done when it is asked for: what is right without an order between a copy and its wait is
 * right with the instructions too, and no more than that.
 */
#ifndef NANOLAB_KERNELS_DEVICE_KERNEL_COPY_H
#define NANOLAB_KERNELS_DEVICE_KERNEL_COPY_H

#include "kernels/device/kernel.h"

/* Loops over registers: unrolled where registers cannot be indexed. */
#if defined(__CUDACC__)
#define KERNEL_UNROLL _Pragma("unroll")
#else
#define KERNEL_UNROLL
#endif

namespace {

/* A unit of copying. */
template <int BYTES>
struct kernel_unit;
template <>
struct kernel_unit<4> {
    typedef unsigned type;
};
template <>
struct kernel_unit<8> {
    typedef uint2 type;
};
template <>
struct kernel_unit<16> {
    typedef uint4 type;
};

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
#define KERNEL_COPIES_ASYNC 1
#else
#define KERNEL_COPIES_ASYNC 0
#endif

#if defined(__CUDACC__)
__device__ __forceinline__ unsigned kernel_shared_address(const void *shared) {
    return (unsigned)__cvta_generic_to_shared(shared);
}
#endif

/* The first `bytes` of BYTES (4, 8 or 16) from `from` to shared memory, and zeros for the others;
 * both pointers are aligned to BYTES, and nothing behind `bytes` is read. */
template <int BYTES>
__device__ __forceinline__ void kernel_copy_async(void *shared, const void *from, int bytes) {
#if KERNEL_COPIES_ASYNC
    if constexpr (BYTES == 16)
        asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(
                         kernel_shared_address(shared)),
                     "l"(from), "r"(bytes)
                     : "memory");
    else
        asm volatile(
            "cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(kernel_shared_address(shared)),
            "l"(from), "n"(BYTES), "r"(bytes)
            : "memory");
#else
    typedef typename kernel_unit<BYTES>::type unit;
    unit value = {};
    if (bytes == BYTES) {
        value = *(const unit *)from;
    } else {
        for (int k = 0; k < bytes; k++)
            ((unsigned char *)&value)[k] = ((const unsigned char *)from)[k];
    }
    *(unit *)shared = value;
#endif
}

/* What this thread has asked for since the last one is one group. */
__device__ __forceinline__ void kernel_copy_commit() {
#if KERNEL_COPIES_ASYNC
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

/* Waits until at most `groups` (0, 1 or 2; more is none) of this thread's last ones are under way.
 * Others' copies are seen after a barrier. */
__device__ __forceinline__ void kernel_copy_wait(int groups) {
#if KERNEL_COPIES_ASYNC
    if (groups <= 0)
        asm volatile("cp.async.wait_group 0;" ::: "memory");
    else if (groups == 1)
        asm volatile("cp.async.wait_group 1;" ::: "memory");
    else
        asm volatile("cp.async.wait_group 2;" ::: "memory");
#else
    (void)groups;
#endif
}

/*
 * Four (two, one) 8 × 8 matrices of 16-bit elements: row r of matrix i is the 16 bytes of shared
 * memory at the address that lane 8 i + r gives (aligned to 16 bytes; of lanes beyond them it does
 * not count). Lane l receives, of each matrix, word l mod 4 of row l / 4. All lanes of the warp.
 */
template <int COUNT>
__device__ __forceinline__ void kernel_load_matrices(unsigned (&to)[COUNT], const void *row) {
    static_assert(COUNT == 1 || COUNT == 2 || COUNT == 4, "ldmatrix loads 1, 2 or 4");
#if defined(__CUDACC__)
    unsigned at = kernel_shared_address(row);
    if constexpr (COUNT == 4)
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                     : "r"(at)
                     : "memory");
    else if constexpr (COUNT == 2)
        asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
                     : "=r"(to[0]), "=r"(to[1])
                     : "r"(at)
                     : "memory");
    else
        asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];"
                     : "=r"(to[0])
                     : "r"(at)
                     : "memory");
#else
    int lane = threadIdx.x % 32;
    for (int k = 0; k < COUNT; k++) {
        unsigned long long from =
            __shfl_sync(0xffffffffu, (unsigned long long)row, 8 * k + lane / 4);
        to[k] = ((const unsigned *)from)[lane % 4];
    }
#endif
}

} // namespace

#endif
