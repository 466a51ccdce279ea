/*
 * cuda_subset.h: the CUDA C that the SIMT machine knows, for clang. Included before every .cu.
 *
 * Everything here has internal linkage, since the plain and the checked build of a kernel end up
 * in one program. `__shared__` is thread_local under -femulated-tls: the machine's own
 * __emutls_get_address gives each resident block its arena, and an `extern __shared__` array,
 * which nobody defines, is the dynamic part of it.
 *
 * Not here: clock(), textures, cooperative groups, dynamic parallelism, inline PTX.
 * __activemask() names the calling lane alone, which CUDA allows and no correct kernel can mind.
 */
#ifndef NANOLAB_KERNELS_SIMT_CUDA_SUBSET_H
#define NANOLAB_KERNELS_SIMT_CUDA_SUBSET_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels/simt/simt_abi.h"

#define __global__
#define __device__
#define __host__
#define __constant__
#define __shared__ thread_local
#define __launch_bounds__(...)
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(n) __attribute__((aligned(n)))

#define SIMT_FN static inline __attribute__((unused))

/* --- indices -----------------------------------------------------------------------------------
 */

typedef simt_dim uint3;
struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
    constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
    operator uint3() const {
        return uint3{x, y, z};
    }
};
typedef void *cudaStream_t;

#define threadIdx (simt_self()->thread)
#define blockIdx (simt_self()->block->index)
#define blockDim (simt_self()->block->dim)
#define gridDim (simt_self()->block->grid)
static constexpr int warpSize = 32;

/* --- vector types ------------------------------------------------------------------------------
 */

#define SIMT_VECTOR(type, name, bytes)                                                             \
    struct name##1 {                                                                               \
        type x;                                                                                    \
    };                                                                                             \
    struct alignas(2 * (bytes)) name##2 {                                                          \
        type x, y;                                                                                 \
    };                                                                                             \
    struct name##3_of {                                                                            \
        type x, y, z;                                                                              \
    };                                                                                             \
    struct alignas((bytes) == 8 ? 16 : 4 * (bytes)) name##4 {                                      \
        type x, y, z, w;                                                                           \
    };                                                                                             \
    SIMT_FN name##2 make_##name##2(type x, type y) {                                               \
        return name##2 {x, y};                                                                     \
    }                                                                                              \
    SIMT_FN name##4 make_##name##4(type x, type y, type z, type w) {                               \
        return name##4 {x, y, z, w};                                                               \
    }
SIMT_VECTOR(signed char, char, 1)
SIMT_VECTOR(unsigned char, uchar, 1)
SIMT_VECTOR(short, short, 2)
SIMT_VECTOR(unsigned short, ushort, 2)
SIMT_VECTOR(int, int, 4)
SIMT_VECTOR(unsigned, uint, 4)
SIMT_VECTOR(long long, longlong, 8)
SIMT_VECTOR(unsigned long long, ulonglong, 8)
SIMT_VECTOR(float, float, 4)
SIMT_VECTOR(double, double, 8)
#undef SIMT_VECTOR
typedef int3_of int3;
typedef float3_of float3;
typedef double3_of double3;
SIMT_FN int3 make_int3(int x, int y, int z) {
    return int3{x, y, z};
}
SIMT_FN uint3 make_uint3(unsigned x, unsigned y, unsigned z) {
    return uint3{x, y, z};
}
SIMT_FN float3 make_float3(float x, float y, float z) {
    return float3{x, y, z};
}
SIMT_FN double3 make_double3(double x, double y, double z) {
    return double3{x, y, z};
}

/* --- bits and arithmetic -----------------------------------------------------------------------
 */

template <class To, class From>
static inline To simt_bits(From from) {
    static_assert(sizeof(To) == sizeof(From), "same size");
    To to;
    __builtin_memcpy(&to, &from, sizeof to);
    return to;
}
SIMT_FN unsigned __float_as_uint(float v) {
    return simt_bits<unsigned>(v);
}
SIMT_FN int __float_as_int(float v) {
    return simt_bits<int>(v);
}
SIMT_FN float __uint_as_float(unsigned v) {
    return simt_bits<float>(v);
}
SIMT_FN float __int_as_float(int v) {
    return simt_bits<float>(v);
}
SIMT_FN long long __double_as_longlong(double v) {
    return simt_bits<long long>(v);
}
SIMT_FN double __longlong_as_double(long long v) {
    return simt_bits<double>(v);
}
SIMT_FN int __double2hiint(double v) {
    return (int)(simt_bits<long long>(v) >> 32);
}
SIMT_FN int __double2loint(double v) {
    return (int)simt_bits<long long>(v);
}

SIMT_FN int __ffs(int v) {
    return __builtin_ffs(v);
}
SIMT_FN int __ffsll(long long v) {
    return __builtin_ffsll(v);
}
SIMT_FN int __popc(unsigned v) {
    return __builtin_popcount(v);
}
SIMT_FN int __popcll(unsigned long long v) {
    return __builtin_popcountll(v);
}
SIMT_FN int __clz(int v) {
    return v ? __builtin_clz((unsigned)v) : 32;
}
SIMT_FN int __clzll(long long v) {
    return v ? __builtin_clzll((unsigned long long)v) : 64;
}
SIMT_FN unsigned __brev(unsigned v) {
    return __builtin_bitreverse32(v);
}
SIMT_FN unsigned __umulhi(unsigned a, unsigned b) {
    return (unsigned)(((unsigned long long)a * b) >> 32);
}
SIMT_FN unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)(((unsigned __int128)a * b) >> 64);
}

SIMT_FN float __fadd_rn(float a, float b) {
    return a + b;
}
SIMT_FN float __fsub_rn(float a, float b) {
    return a - b;
}
SIMT_FN float __fmul_rn(float a, float b) {
    return a * b;
}
SIMT_FN float __fdiv_rn(float a, float b) {
    return a / b;
}
SIMT_FN float __fsqrt_rn(float a) {
    return __builtin_sqrtf(a);
}
SIMT_FN float __fmaf_rn(float a, float b, float c) {
    return __builtin_fmaf(a, b, c);
}
SIMT_FN double __dadd_rn(double a, double b) {
    return a + b;
}
SIMT_FN double __dsub_rn(double a, double b) {
    return a - b;
}
SIMT_FN double __dmul_rn(double a, double b) {
    return a * b;
}
SIMT_FN double __ddiv_rn(double a, double b) {
    return a / b;
}
SIMT_FN double __dsqrt_rn(double a) {
    return __builtin_sqrt(a);
}
SIMT_FN double __fma_rn(double a, double b, double c) {
    return __builtin_fma(a, b, c);
}

/* CUDA's min and max: of any two alike; the IEEE ones for floats. */
#define SIMT_MIN_MAX(type)                                                                         \
    SIMT_FN type min(type a, type b) {                                                             \
        return b < a ? b : a;                                                                      \
    }                                                                                              \
    SIMT_FN type max(type a, type b) {                                                             \
        return a < b ? b : a;                                                                      \
    }
SIMT_MIN_MAX(int)
SIMT_MIN_MAX(unsigned)
SIMT_MIN_MAX(long)
SIMT_MIN_MAX(unsigned long)
SIMT_MIN_MAX(long long)
SIMT_MIN_MAX(unsigned long long)
#undef SIMT_MIN_MAX
SIMT_FN float min(float a, float b) {
    return __builtin_fminf(a, b);
}
SIMT_FN float max(float a, float b) {
    return __builtin_fmaxf(a, b);
}
SIMT_FN double min(double a, double b) {
    return __builtin_fmin(a, b);
}
SIMT_FN double max(double a, double b) {
    return __builtin_fmax(a, b);
}

/* Saturating conversions; rn to even, rz to zero, rd down, ru up. */
#define SIMT_ROUNDED(suffix, round)                                                                \
    SIMT_FN int __float2int_##suffix(float v) {                                                    \
        return simt_to_i32(round((double)v));                                                      \
    }                                                                                              \
    SIMT_FN unsigned __float2uint_##suffix(float v) {                                              \
        return simt_to_u32(round((double)v));                                                      \
    }                                                                                              \
    SIMT_FN long long __float2ll_##suffix(float v) {                                               \
        return simt_to_i64(round((double)v));                                                      \
    }                                                                                              \
    SIMT_FN unsigned long long __float2ull_##suffix(float v) {                                     \
        return simt_to_u64(round((double)v));                                                      \
    }                                                                                              \
    SIMT_FN int __double2int_##suffix(double v) {                                                  \
        return simt_double_to_i32(round(v));                                                       \
    }                                                                                              \
    SIMT_FN unsigned __double2uint_##suffix(double v) {                                            \
        return simt_double_to_u32(round(v));                                                       \
    }                                                                                              \
    SIMT_FN long long __double2ll_##suffix(double v) {                                             \
        return simt_to_i64(round(v));                                                              \
    }                                                                                              \
    SIMT_FN unsigned long long __double2ull_##suffix(double v) {                                   \
        return simt_to_u64(round(v));                                                              \
    }
SIMT_ROUNDED(rn, __builtin_rint)
SIMT_ROUNDED(rz, __builtin_trunc)
SIMT_ROUNDED(rd, __builtin_floor)
SIMT_ROUNDED(ru, __builtin_ceil)
#undef SIMT_ROUNDED
SIMT_FN float __int2float_rn(int v) {
    return (float)v;
}
SIMT_FN float __uint2float_rn(unsigned v) {
    return (float)v;
}
SIMT_FN float __ll2float_rn(long long v) {
    return (float)v;
}
SIMT_FN double __ll2double_rn(long long v) {
    return (double)v;
}
SIMT_FN float __double2float_rn(double v) {
    return (float)v;
}

template <class T>
static inline T __ldg(const T *p) {
    return *p;
}
template <class T>
static inline T __ldcs(const T *p) {
    return *p;
}
template <class T>
static inline T __ldcg(const T *p) {
    return *p;
}

#include "kernels/simt/cuda_half.h"
#include "kernels/simt/cuda_sync.h"

#endif
