/*
 * cuda_half.h: __half and __nv_bfloat16 and their pairs, with the intrinsics the kernels use. Part
 * of cuda_subset.h. Arithmetic is done in float and rounded once to the narrow format, which is
 * exact for one add, subtract, multiply or divide; fused ones round once in the machine.
 */
#ifndef NANOLAB_KERNELS_SIMT_CUDA_HALF_H
#define NANOLAB_KERNELS_SIMT_CUDA_HALF_H

/* One narrow format: its struct T, its pair T2, widening w and narrowing n, and FMA f. */
#define SIMT_NARROW(T, T2, w, n, f)                                                                \
    struct T {                                                                                     \
        unsigned short bits;                                                                       \
        T() = default;                                                                             \
        T(float v) : bits(n(v)) {}                                                                 \
        T(double v) : bits(n(v)) {}                                                                \
        T(int v) : bits(n(v)) {}                                                                   \
        operator float() const {                                                                   \
            return w(bits);                                                                        \
        }                                                                                          \
    };                                                                                             \
    struct alignas(4) T2 {                                                                         \
        T x, y;                                                                                    \
        T2() = default;                                                                            \
        T2(T x_, T y_) : x(x_), y(y_) {}                                                           \
    };                                                                                             \
    static inline T simt_raw_##T(unsigned short bits) {                                            \
        T v;                                                                                       \
        v.bits = bits;                                                                             \
        return v;                                                                                  \
    }                                                                                              \
    SIMT_FN T __hadd(T a, T b) {                                                                   \
        return T(w(a.bits) + w(b.bits));                                                           \
    }                                                                                              \
    SIMT_FN T __hsub(T a, T b) {                                                                   \
        return T(w(a.bits) - w(b.bits));                                                           \
    }                                                                                              \
    SIMT_FN T __hmul(T a, T b) {                                                                   \
        return T(w(a.bits) * w(b.bits));                                                           \
    }                                                                                              \
    SIMT_FN T __hdiv(T a, T b) {                                                                   \
        return T(w(a.bits) / w(b.bits));                                                           \
    }                                                                                              \
    SIMT_FN T __hfma(T a, T b, T c) {                                                              \
        return simt_raw_##T(f(a.bits, b.bits, c.bits));                                            \
    }                                                                                              \
    SIMT_FN T __hneg(T a) {                                                                        \
        return simt_raw_##T((unsigned short)(a.bits ^ 0x8000));                                    \
    }                                                                                              \
    SIMT_FN T __habs(T a) {                                                                        \
        return simt_raw_##T((unsigned short)(a.bits & 0x7fff));                                    \
    }                                                                                              \
    SIMT_FN T __hmax(T a, T b) {                                                                   \
        return T(__builtin_fmaxf(w(a.bits), w(b.bits)));                                           \
    }                                                                                              \
    SIMT_FN T __hmin(T a, T b) {                                                                   \
        return T(__builtin_fminf(w(a.bits), w(b.bits)));                                           \
    }                                                                                              \
    SIMT_FN bool __hlt(T a, T b) {                                                                 \
        return w(a.bits) < w(b.bits);                                                              \
    }                                                                                              \
    SIMT_FN bool __hgt(T a, T b) {                                                                 \
        return w(a.bits) > w(b.bits);                                                              \
    }                                                                                              \
    SIMT_FN bool __heq(T a, T b) {                                                                 \
        return w(a.bits) == w(b.bits);                                                             \
    }                                                                                              \
    SIMT_FN bool __hisnan(T a) {                                                                   \
        return w(a.bits) != w(a.bits);                                                             \
    }                                                                                              \
    SIMT_FN T2 __hadd2(T2 a, T2 b) {                                                               \
        return T2(__hadd(a.x, b.x), __hadd(a.y, b.y));                                             \
    }                                                                                              \
    SIMT_FN T2 __hsub2(T2 a, T2 b) {                                                               \
        return T2(__hsub(a.x, b.x), __hsub(a.y, b.y));                                             \
    }                                                                                              \
    SIMT_FN T2 __hmul2(T2 a, T2 b) {                                                               \
        return T2(__hmul(a.x, b.x), __hmul(a.y, b.y));                                             \
    }                                                                                              \
    SIMT_FN T2 __hfma2(T2 a, T2 b, T2 c) {                                                         \
        return T2(__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y));                                   \
    }                                                                                              \
    SIMT_FN float __low2float(T2 v) {                                                              \
        return w(v.x.bits);                                                                        \
    }                                                                                              \
    SIMT_FN float __high2float(T2 v) {                                                             \
        return w(v.y.bits);                                                                        \
    }                                                                                              \
    SIMT_FN T operator+(T a, T b) {                                                                \
        return __hadd(a, b);                                                                       \
    }                                                                                              \
    SIMT_FN T operator-(T a, T b) {                                                                \
        return __hsub(a, b);                                                                       \
    }                                                                                              \
    SIMT_FN T operator*(T a, T b) {                                                                \
        return __hmul(a, b);                                                                       \
    }                                                                                              \
    SIMT_FN T operator/(T a, T b) {                                                                \
        return __hdiv(a, b);                                                                       \
    }                                                                                              \
    SIMT_FN T &operator+=(T &a, T b) {                                                             \
        return a = __hadd(a, b);                                                                   \
    }

SIMT_NARROW(__half, __half2, simt_half_to_float, simt_double_to_half, simt_half_fma)
SIMT_NARROW(__nv_bfloat16, __nv_bfloat162, simt_bfloat_to_float, simt_double_to_bfloat,
            simt_bfloat_fma)
#undef SIMT_NARROW
typedef __half half;
typedef __half2 half2;
typedef __nv_bfloat16 nv_bfloat16;
typedef __nv_bfloat162 nv_bfloat162;

SIMT_FN __half __float2half(float v) {
    return __half(v);
}
SIMT_FN __half __float2half_rn(float v) {
    return __half(v);
}
SIMT_FN __half __double2half(double v) {
    return __half(v);
}
SIMT_FN float __half2float(__half v) {
    return simt_half_to_float(v.bits);
}
SIMT_FN __half __ushort_as_half(unsigned short v) {
    return simt_raw___half(v);
}
SIMT_FN unsigned short __half_as_ushort(__half v) {
    return v.bits;
}
SIMT_FN __half2 __halves2half2(__half a, __half b) {
    return __half2(a, b);
}
SIMT_FN __half2 make_half2(__half a, __half b) {
    return __half2(a, b);
}
SIMT_FN __half2 __half2half2(__half a) {
    return __half2(a, a);
}
SIMT_FN __half2 __float2half2_rn(float a) {
    return __half2(__half(a), __half(a));
}
SIMT_FN __half2 __floats2half2_rn(float a, float b) {
    return __half2(__half(a), __half(b));
}
SIMT_FN __half2 __float22half2_rn(float2 v) {
    return __floats2half2_rn(v.x, v.y);
}
SIMT_FN float2 __half22float2(__half2 v) {
    return float2{__half2float(v.x), __half2float(v.y)};
}
SIMT_FN __half __low2half(__half2 v) {
    return v.x;
}
SIMT_FN __half __high2half(__half2 v) {
    return v.y;
}

SIMT_FN __nv_bfloat16 __float2bfloat16(float v) {
    return __nv_bfloat16(v);
}
SIMT_FN __nv_bfloat16 __float2bfloat16_rn(float v) {
    return __nv_bfloat16(v);
}
SIMT_FN __nv_bfloat16 __double2bfloat16(double v) {
    return __nv_bfloat16(v);
}
SIMT_FN float __bfloat162float(__nv_bfloat16 v) {
    return simt_bfloat_to_float(v.bits);
}
SIMT_FN __nv_bfloat16 __ushort_as_bfloat16(unsigned short v) {
    return simt_raw___nv_bfloat16(v);
}
SIMT_FN unsigned short __bfloat16_as_ushort(__nv_bfloat16 v) {
    return v.bits;
}
SIMT_FN __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 a, __nv_bfloat16 b) {
    return __nv_bfloat162(a, b);
}
SIMT_FN __nv_bfloat162 __bfloat162bfloat162(__nv_bfloat16 a) {
    return __nv_bfloat162(a, a);
}
SIMT_FN __nv_bfloat162 __float2bfloat162_rn(float a) {
    return __nv_bfloat162(__nv_bfloat16(a), __nv_bfloat16(a));
}
SIMT_FN __nv_bfloat162 __floats2bfloat162_rn(float a, float b) {
    return __nv_bfloat162(__nv_bfloat16(a), __nv_bfloat16(b));
}
SIMT_FN __nv_bfloat162 __float22bfloat162_rn(float2 v) {
    return __floats2bfloat162_rn(v.x, v.y);
}
SIMT_FN float2 __bfloat1622float2(__nv_bfloat162 v) {
    return float2{__bfloat162float(v.x), __bfloat162float(v.y)};
}
SIMT_FN __nv_bfloat16 __low2bfloat16(__nv_bfloat162 v) {
    return v.x;
}
SIMT_FN __nv_bfloat16 __high2bfloat16(__nv_bfloat162 v) {
    return v.y;
}

#endif
