/*
 * planted.cu: what scripts/machine-code must find wrong, one case each, chosen by -DPLANT. Names
 * are those of the kernels in whose place they stand.
 */
#include <cuda_fp16.h>
#include <stdint.h>

#define PLANT_UPDATES 7
#define PLANT_SHAPE 8
#define PLANT_FENCE 9
#define PLANT_CHASE 10
#define PLANT_NARROW 11

#ifndef PLANT /* right, unless nvcc's own flags make it wrong */
extern "C" __global__ void sum_of_products(const float *x, float *out) {
    out[threadIdx.x] = x[threadIdx.x] * x[32] + x[64];
}

#elif PLANT == PLANT_UPDATES /* the variants have changed places */
namespace {
template <typename T>
struct sum_plain {
    T s;
};
struct atomics_by_plain {
    template <typename T>
    static __device__ void update(T *to, T *store, T value) {
        *store = atomicAdd(to, value);
    }
};
struct atomics_by_log {
    template <typename T>
    static __device__ void update(T *to, T *, T value) {
        atomicAdd(to, value);
    }
};
template <typename CURE, typename S, typename T>
__global__ void atomics_merged(T *to, T *store, S sum) {
    CURE::update(to, store, sum.s);
}
template __global__ void atomics_merged<atomics_by_plain>(float *, float *, sum_plain<float>);
template __global__ void atomics_merged<atomics_by_log>(float *, float *, sum_plain<float>);
template __global__ void atomics_merged<atomics_by_plain>(double *, double *, sum_plain<double>);
template __global__ void atomics_merged<atomics_by_log>(double *, double *, sum_plain<double>);
} // namespace

#elif PLANT == PLANT_FENCE /* more than a release */
extern "C" __global__ void hand_over(unsigned *data, unsigned *flag) {
    *data = 1;
    __threadfence();
    atomicExch(flag, 1u);
}

#elif PLANT == PLANT_CHASE /* two chains, so that one load does not wait for the one before it */
extern "C" __global__ void chase_walk_kernel(const unsigned long long *at,
                                             const unsigned long long *other,
                                             unsigned long long *out, unsigned hops) {
#pragma unroll 4
    for (unsigned hop = 0; hop < hops; hop++) {
        at = (const unsigned long long *)__ldca(at);
        other = (const unsigned long long *)__ldca(other);
    }
    *out = (unsigned long long)at + (unsigned long long)other;
}

#elif PLANT == PLANT_NARROW /* one element at once */
namespace {
struct sum_plain {
    float s;
};
template <typename S, typename T, typename A, int ITEMS, bool DOT>
__global__ void sum_tiles(const T *x, A *out, int step) {
    S sum = {0};
    for (int k = 0; k < ITEMS; k++)
        sum.s = sum.s + x[k * step];
    *out = sum.s;
}
template __global__ void sum_tiles<sum_plain, float, float, 4, false>(const float *, float *, int);
} // namespace

#elif PLANT == PLANT_SHAPE /* by halves */
extern "C" __global__ void mma_m16n8k16_f16(const uint32_t *a, const uint32_t *b, float *d) {
    int t = threadIdx.x;
    float o[4] = {d[t], d[t + 32], d[t + 64], d[t + 96]};
    for (int k = 0; k < 2; k++)
        asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, "
            "{%0,%1,%2,%3};"
            : "+f"(o[0]), "+f"(o[1]), "+f"(o[2]), "+f"(o[3])
            : "r"(a[t + 64 * k]), "r"(a[t + 64 * k + 32]), "r"(b[t + 32 * k]));
    for (int k = 0; k < 4; k++)
        d[t + 32 * k] = o[k];
}

#else          /* FP8 by hand */
__device__ inline uint32_t unpack(uint32_t four, int high) {
    uint32_t two;
    uint16_t half = (uint16_t)(high ? four >> 16 : four);
    asm("cvt.rn.f16x2.e4m3x2 %0, %1;" : "=r"(two) : "h"(half));
    return two;
}

__device__ inline void product(float d[4], const uint32_t a[4], const uint32_t b[2], int high,
                               const float c[4]) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%10,%11,%12,%13};"
        : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
        : "r"(unpack(a[0], high)), "r"(unpack(a[1], high)), "r"(unpack(a[2], high)),
          "r"(unpack(a[3], high)), "r"(unpack(b[0], high)), "r"(unpack(b[1], high)), "f"(c[0]),
          "f"(c[1]), "f"(c[2]), "f"(c[3]));
}

extern "C" __global__ void mma_m16n8k32_e4m3(const uint32_t *a, const uint32_t *b, const float *c,
                                             float *d) {
    int t = threadIdx.x;
    uint32_t x[4] = {a[t], a[t + 32], a[t + 64], a[t + 96]}, y[2] = {b[t], b[t + 32]};
    float z[4] = {c[t], c[t + 32], c[t + 64], c[t + 96]}, zero[4] = {0, 0, 0, 0}, p[4], q[4];
    product(p, x, y, PLANT == 2 /* the high pairs first */,
            PLANT == 3 /* on top of C */ ? z : zero);
#if PLANT == 5 /* not of the same values */
    for (int k = 0; k < 4; k++)
        x[k] = a[t + 128 + 32 * k];
#endif
    product(q, x, y, PLANT != 2, PLANT == 4 /* both from zero */ ? zero : p);
    for (int k = 0; k < 4; k++) /* 6: one result is left without C; 1: all as it should be */
        d[t + 32 * k] = PLANT == 6 && k == 2 ? q[k] : q[k] + z[k];
}
#endif
