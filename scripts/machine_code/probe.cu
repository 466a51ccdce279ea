/*
 * probe.cu: each matrix instruction alone in a kernel, for scripts/machine-code to see what the
 * compiler makes of it on each architecture. Compiled, never run.
 *
 * Registers are a lane's as PTX lays them out; where they come from does not matter here.
 */
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <mma.h>
#include <stdint.h>

/* D = A·B + C of one mma.sync. */
#define MMA_F32(name, instruction, a_list, b_list, c_list, ...)                                    \
    extern "C" __global__ void name(const uint32_t *a, const uint32_t *b, const float *c,          \
                                    float *d) {                                                    \
        int t = threadIdx.x;                                                                       \
        float o[4];                                                                                \
        asm(instruction " {%0,%1,%2,%3}, " a_list ", " b_list ", " c_list ";"                      \
            : "=f"(o[0]), "=f"(o[1]), "=f"(o[2]), "=f"(o[3])                                       \
            : __VA_ARGS__, "f"(c[t]), "f"(c[t + 32]), "f"(c[t + 64]), "f"(c[t + 96]));             \
        for (int k = 0; k < 4; k++)                                                                \
            d[t + 32 * k] = o[k];                                                                  \
    }
#define A1 "r"(a[t])
#define A2 A1, "r"(a[t + 32])
#define A4 A2, "r"(a[t + 64]), "r"(a[t + 96])
#define B1 "r"(b[t])
#define B2 B1, "r"(b[t + 32])
#define MMA_F32_421(name, instruction)                                                             \
    MMA_F32(name, instruction, "{%4,%5,%6,%7}", "{%8,%9}", "{%10,%11,%12,%13}", A4, B2)
#define MMA_F32_211(name, instruction)                                                             \
    MMA_F32(name, instruction, "{%4,%5}", "{%6}", "{%7,%8,%9,%10}", A2, B1)
#define MMA_F16_421(name, instruction)                                                             \
    extern "C" __global__ void name(const uint32_t *a, const uint32_t *b, const uint32_t *c,       \
                                    uint32_t *d) {                                                 \
        int t = threadIdx.x;                                                                       \
        uint32_t o[2];                                                                             \
        asm(instruction " {%0,%1}, {%2,%3,%4,%5}, {%6,%7}, {%8,%9};"                               \
            : "=r"(o[0]), "=r"(o[1])                                                               \
            : A4, B2, "r"(c[t]), "r"(c[t + 32]));                                                  \
        d[t] = o[0];                                                                               \
        d[t + 32] = o[1];                                                                          \
    }
#define MMA_S32_421(name, instruction)                                                             \
    extern "C" __global__ void name(const uint32_t *a, const uint32_t *b, const int *c, int *d) {  \
        int t = threadIdx.x, o[4];                                                                 \
        asm(instruction " {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%10,%11,%12,%13};"               \
            : "=r"(o[0]), "=r"(o[1]), "=r"(o[2]), "=r"(o[3])                                       \
            : A4, B2, "r"(c[t]), "r"(c[t + 32]), "r"(c[t + 64]), "r"(c[t + 96]));                  \
        for (int k = 0; k < 4; k++)                                                                \
            d[t + 32 * k] = o[k];                                                                  \
    }

MMA_F32_211(mma_m16n8k8_f16, "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32")

/* Volta's own shape. */
extern "C" __global__ void mma_m8n8k4_f16(const uint32_t *a, const uint32_t *b, float *d) {
    int t = threadIdx.x;
    float o[8];
    for (int k = 0; k < 8; k++)
        o[k] = d[t + 32 * k];
    asm("mma.sync.aligned.m8n8k4.row.col.f32.f16.f16.f32 {%0,%1,%2,%3,%4,%5,%6,%7}, {%8,%9}, "
        "{%10,%11}, {%0,%1,%2,%3,%4,%5,%6,%7};"
        : "+f"(o[0]), "+f"(o[1]), "+f"(o[2]), "+f"(o[3]), "+f"(o[4]), "+f"(o[5]), "+f"(o[6]),
          "+f"(o[7])
        : A2, B2);
    for (int k = 0; k < 8; k++)
        d[t + 32 * k] = o[k];
}

#if __CUDA_ARCH__ >= 800
MMA_F32_421(mma_m16n8k16_f16, "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32")
MMA_F32_421(mma_m16n8k16_bf16, "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32")
MMA_F32_421(mma_m16n8k8_tf32, "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32")
MMA_F32_211(mma_m16n8k4_tf32, "mma.sync.aligned.m16n8k4.row.col.f32.tf32.tf32.f32")
MMA_S32_421(mma_m16n8k32_s8, "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32")
MMA_F16_421(mma_m16n8k16_f16_f16, "mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16")
#endif

#if __CUDA_ARCH__ >= 890
MMA_F32_421(mma_m16n8k32_e4m3, "mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32")
MMA_F32_421(mma_m16n8k32_e5m2, "mma.sync.aligned.m16n8k32.row.col.f32.e5m2.e5m2.f32")
MMA_F16_421(mma_m16n8k32_e5m2_e4m3_f16, "mma.sync.aligned.m16n8k32.row.col.f16.e5m2.e4m3.f16")
#endif

/* --- WMMA --------------------------------------------------------------------------------------
 */

template <int M, int N, int K, typename T>
__device__ inline void probe_wmma(const T *a, const T *b, float *c) {
    using namespace nvcuda;
    wmma::fragment<wmma::matrix_a, M, N, K, T, wmma::row_major> fa;
    wmma::fragment<wmma::matrix_b, M, N, K, T, wmma::col_major> fb;
    wmma::fragment<wmma::accumulator, M, N, K, float> fc;
    wmma::load_matrix_sync(fa, a, K);
    wmma::load_matrix_sync(fb, b, K);
    wmma::load_matrix_sync(fc, c, N, wmma::mem_row_major);
    wmma::mma_sync(fc, fa, fb, fc);
    wmma::store_matrix_sync(c, fc, N, wmma::mem_row_major);
}
extern "C" __global__ void wmma_16x16x16_f16(const half *a, const half *b, float *c) {
    probe_wmma<16, 16, 16>(a, b, c);
}
extern "C" __global__ void wmma_32x8x16_f16(const half *a, const half *b, float *c) {
    probe_wmma<32, 8, 16>(a, b, c);
}
extern "C" __global__ void wmma_8x32x16_f16(const half *a, const half *b, float *c) {
    probe_wmma<8, 32, 16>(a, b, c);
}
#if __CUDA_ARCH__ >= 800
extern "C" __global__ void wmma_16x16x16_bf16(const __nv_bfloat16 *a, const __nv_bfloat16 *b,
                                              float *c) {
    probe_wmma<16, 16, 16>(a, b, c);
}
#endif
