/*
 * ptx_float.h: floating-point instructions and conversions, after ptx_c.h.
 *
 * Roundings: .rn is the host's own (the mode is never changed); instructions of 16-bit formats are
 * done in double and rounded once, see ptx_narrow.
 */
PTX_INLINE float ptx_f32(uint32_t v) {
    float f;
    memcpy(&f, &v, sizeof f);
    return f;
}
PTX_INLINE double ptx_f64(uint64_t v) {
    double f;
    memcpy(&f, &v, sizeof f);
    return f;
}
PTX_INLINE uint32_t ptx_bits32(float f) {
    uint32_t v;
    memcpy(&v, &f, sizeof v);
    return f != f ? 0x7fffffffu : v;
}
PTX_INLINE uint64_t ptx_bits64(double f) {
    uint64_t v;
    memcpy(&v, &f, sizeof v);
    return f != f ? 0xfff8000000000000ull : v;
}

#define PTX_FLOATS(n, u, f, fma, root)                                                             \
    PTX_CALLED u ptx_add_rn_f##n(u a, u b) {                                                       \
        return ptx_bits##n(ptx_f##n(a) + ptx_f##n(b));                                             \
    }                                                                                              \
    PTX_CALLED u ptx_sub_rn_f##n(u a, u b) {                                                       \
        return ptx_bits##n(ptx_f##n(a) - ptx_f##n(b));                                             \
    }                                                                                              \
    PTX_CALLED u ptx_mul_rn_f##n(u a, u b) {                                                       \
        return ptx_bits##n(ptx_f##n(a) * ptx_f##n(b));                                             \
    }                                                                                              \
    PTX_CALLED u ptx_div_rn_f##n(u a, u b) {                                                       \
        return ptx_bits##n(ptx_f##n(a) / ptx_f##n(b));                                             \
    }                                                                                              \
    PTX_CALLED u ptx_rcp_rn_f##n(u a) {                                                            \
        return ptx_bits##n(1 / ptx_f##n(a));                                                       \
    }                                                                                              \
    PTX_CALLED u ptx_sqrt_rn_f##n(u a) {                                                           \
        return ptx_bits##n(root(ptx_f##n(a)));                                                     \
    }                                                                                              \
    PTX_CALLED u ptx_fma_rn_f##n(u a, u b, u c) {                                                  \
        return ptx_bits##n(fma(ptx_f##n(a), ptx_f##n(b), ptx_f##n(c)));                            \
    }                                                                                              \
    PTX_CALLED u ptx_neg_f##n(u a) {                                                               \
        return a ^ (u)1 << (n - 1);                                                                \
    }                                                                                              \
    PTX_CALLED u ptx_abs_f##n(u a) {                                                               \
        return a & ~((u)1 << (n - 1));                                                             \
    }                                                                                              \
    /* one NaN loses, two are the canonical one; -0 is less than +0 */                             \
    PTX_CALLED u ptx_max_f##n(u a, u b) {                                                          \
        f x = ptx_f##n(a), y = ptx_f##n(b);                                                        \
        if (x != x || y != y)                                                                      \
            return x == x ? a : ptx_bits##n(y);                                                    \
        return x == y ? a & b : x > y ? a : b;                                                     \
    }                                                                                              \
    PTX_CALLED u ptx_min_f##n(u a, u b) {                                                          \
        f x = ptx_f##n(a), y = ptx_f##n(b);                                                        \
        if (x != x || y != y)                                                                      \
            return x == x ? a : ptx_bits##n(y);                                                    \
        return x == y ? a | b : x < y ? a : b;                                                     \
    }                                                                                              \
    /* without u: false where an operand is a NaN; with it: true */                                \
    PTX_INLINE uint8_t ptx_setp_eq_f##n(u a, u b) {                                                \
        return ptx_f##n(a) == ptx_f##n(b);                                                         \
    }                                                                                              \
    PTX_INLINE uint8_t ptx_setp_lt_f##n(u a, u b) {                                                \
        return ptx_f##n(a) < ptx_f##n(b);                                                          \
    }                                                                                              \
    PTX_INLINE uint8_t ptx_setp_le_f##n(u a, u b) {                                                \
        return ptx_f##n(a) <= ptx_f##n(b);                                                         \
    }                                                                                              \
    PTX_INLINE uint8_t ptx_setp_gt_f##n(u a, u b) {                                                \
        return ptx_f##n(a) > ptx_f##n(b);                                                          \
    }                                                                                              \
    PTX_INLINE uint8_t ptx_setp_ge_f##n(u a, u b) {                                                \
        return ptx_f##n(a) >= ptx_f##n(b);                                                         \
    }                                                                                              \
    PTX_INLINE uint8_t ptx_setp_neu_f##n(u a, u b) {                                               \
        return !ptx_setp_eq_f##n(a, b);                                                            \
    }                                                                                              \
    PTX_INLINE uint8_t ptx_setp_ltu_f##n(u a, u b) {                                               \
        return !ptx_setp_ge_f##n(a, b);                                                            \
    }                                                                                              \
    PTX_INLINE uint8_t ptx_setp_leu_f##n(u a, u b) {                                               \
        return !ptx_setp_gt_f##n(a, b);                                                            \
    }                                                                                              \
    PTX_INLINE uint8_t ptx_setp_gtu_f##n(u a, u b) {                                               \
        return !ptx_setp_le_f##n(a, b);                                                            \
    }                                                                                              \
    PTX_INLINE uint8_t ptx_setp_geu_f##n(u a, u b) {                                               \
        return !ptx_setp_lt_f##n(a, b);                                                            \
    }                                                                                              \
    PTX_INLINE uint8_t ptx_setp_nan_f##n(u a, u b) {                                               \
        f x = ptx_f##n(a), y = ptx_f##n(b);                                                        \
        return x != x || y != y;                                                                   \
    }                                                                                              \
    PTX_INLINE uint8_t ptx_setp_num_f##n(u a, u b) {                                               \
        return !ptx_setp_nan_f##n(a, b);                                                           \
    }                                                                                              \
    PTX_INLINE uint8_t ptx_setp_ne_f##n(u a, u b) {                                                \
        return ptx_setp_num_f##n(a, b) & ptx_setp_neu_f##n(a, b);                                  \
    }                                                                                              \
    PTX_INLINE uint8_t ptx_setp_equ_f##n(u a, u b) {                                               \
        return !ptx_setp_ne_f##n(a, b);                                                            \
    }
PTX_FLOATS(32, uint32_t, float, __builtin_fmaf, __builtin_sqrtf)
PTX_FLOATS(64, uint64_t, double, __builtin_fma, __builtin_sqrt)
#undef PTX_FLOATS

/* --- 16-bit formats ------------------------------------------------------------------------------
 */

/* x rounded to nearest even into a format of `precision` bits (the leading one counted) whose
 * smallest normal number is 2^least and whose infinity is `infinity`; sign above it. */
PTX_CALLED uint16_t ptx_narrow(double x, int precision, int least, uint16_t infinity) {
    uint64_t v;
    memcpy(&v, &x, sizeof v);
    uint16_t sign = (uint16_t)(v >> 63 << 15);
    int exponent = (int)(v >> 52 & 2047) - 1023;
    uint64_t significand = (v & ((1ull << 52) - 1)) | 1ull << 52;
    if (exponent == 1024)
        return x != x ? 0x7fff : (uint16_t)(sign | infinity);
    if (exponent == -1023) /* zero, or far less than half of the least number */
        return sign;
    int scale = exponent < least ? least : exponent; /* subnormals share the least exponent */
    int drop = scale - exponent + 53 - precision;    /* bits below the last one kept */
    if (drop > 54)
        return sign;
    uint64_t keep = significand >> drop, rest = significand & ((1ull << drop) - 1);
    uint64_t half = 1ull << (drop - 1);
    keep += rest > half || (rest == half && (keep & 1));
    /* A leading one adds one to the exponent's field, and so does a carry. */
    uint64_t code = ((uint64_t)(scale - least) << (precision - 1)) + keep;
    return (uint16_t)(sign | (code > infinity ? infinity : code));
}
PTX_CALLED uint16_t ptx_f16_of(double x) {
    return ptx_narrow(x, 11, -14, 0x7c00);
}
PTX_CALLED uint16_t ptx_bf16_of(double x) {
    return ptx_narrow(x, 8, -126, 0x7f80);
}

PTX_CALLED uint32_t ptx_cvt_f32_bf16(uint16_t a) {
    return ptx_bits32(ptx_f32((uint32_t)a << 16));
}
PTX_CALLED uint32_t ptx_cvt_f32_f16(uint16_t a) {
    uint32_t sign = (uint32_t)(a & 0x8000) << 16, low = a & 0x7fff;
    if (low > 0x7c00)
        return 0x7fffffffu;
    if (low == 0x7c00)
        return sign | 0x7f800000u;
    if (low >= 0x400) /* exponents are biased by 15 and by 127 */
        return sign | ((low << 13) + ((127 - 15) << 23));
    return sign | ptx_bits32((float)low * 0x1p-24f);
}
PTX_CALLED double ptx_f16(uint16_t a) {
    return ptx_f32(ptx_cvt_f32_f16(a));
}
PTX_CALLED double ptx_bf16(uint16_t a) {
    return ptx_f32(ptx_cvt_f32_bf16(a));
}

/* p + c, rounded to odd: to the neighbour with an odd last bit where it is inexact. Rounding that
 * once more, to 53 - 2 bits or fewer, is as rounding p + c itself. */
PTX_CALLED double ptx_add_odd(double p, double c) {
    double s = p + c, c_in_s = s - p, error = (p - (s - c_in_s)) + (c - c_in_s);
    uint64_t v;
    memcpy(&v, &s, sizeof v);
    if (error != error || error == 0 || v & 1 || (v >> 52 & 2047) == 2047)
        return s;
    v += (error > 0) == (s > 0) ? 1 : (uint64_t)-1;
    memcpy(&s, &v, sizeof s);
    return s;
}

/* A product of two is exact in double. So is a sum of two .f16, and of two .bf16 it is to odd. */
#define PTX_HALVES(f)                                                                              \
    PTX_CALLED uint16_t ptx_add_##f(uint16_t a, uint16_t b) {                                      \
        return ptx_##f##_of(ptx_add_odd(ptx_##f(a), ptx_##f(b)));                                  \
    }                                                                                              \
    PTX_CALLED uint16_t ptx_sub_##f(uint16_t a, uint16_t b) {                                      \
        return ptx_##f##_of(ptx_add_odd(ptx_##f(a), -ptx_##f(b)));                                 \
    }                                                                                              \
    PTX_CALLED uint16_t ptx_mul_##f(uint16_t a, uint16_t b) {                                      \
        return ptx_##f##_of(ptx_##f(a) * ptx_##f(b));                                              \
    }                                                                                              \
    PTX_CALLED uint16_t ptx_fma_rn_##f(uint16_t a, uint16_t b, uint16_t c) {                       \
        return ptx_##f##_of(ptx_add_odd(ptx_##f(a) * ptx_##f(b), ptx_##f(c)));                     \
    }                                                                                              \
    PTX_CALLED uint16_t ptx_neg_##f(uint16_t a) {                                                  \
        return a ^ 0x8000;                                                                         \
    }                                                                                              \
    PTX_CALLED uint16_t ptx_abs_##f(uint16_t a) {                                                  \
        return a & 0x7fff;                                                                         \
    }                                                                                              \
    PTX_CALLED uint16_t ptx_cvt_rn_##f##_f32(uint32_t a) {                                         \
        return ptx_##f##_of(ptx_f32(a));                                                           \
    }
PTX_HALVES(f16)
PTX_HALVES(bf16)
#undef PTX_HALVES

#define PTX_HIGH(v) ((uint16_t)((v) >> 16))
#define PTX_LOW(v) ((uint16_t)(v))
#define PTX_TWO(high, low) ((uint32_t)(high) << 16 | (low))
#define PTX_PAIR(op, f)                                                                            \
    PTX_CALLED uint32_t ptx_##op##_##f##x2(uint32_t a, uint32_t b) {                               \
        return PTX_TWO(ptx_##op##_##f(PTX_HIGH(a), PTX_HIGH(b)),                                   \
                       ptx_##op##_##f(PTX_LOW(a), PTX_LOW(b)));                                    \
    }
#define PTX_PAIRS(f)                                                                               \
    PTX_PAIR(add, f)                                                                               \
    PTX_PAIR(sub, f)                                                                               \
    PTX_PAIR(mul, f)                                                                               \
    PTX_CALLED uint32_t ptx_fma_rn_##f##x2(uint32_t a, uint32_t b, uint32_t c) {                   \
        return PTX_TWO(ptx_fma_rn_##f(PTX_HIGH(a), PTX_HIGH(b), PTX_HIGH(c)),                      \
                       ptx_fma_rn_##f(PTX_LOW(a), PTX_LOW(b), PTX_LOW(c)));                        \
    }                                                                                              \
    PTX_CALLED uint32_t ptx_neg_##f##x2(uint32_t a) {                                              \
        return a ^ 0x80008000u;                                                                    \
    }                                                                                              \
    PTX_CALLED uint32_t ptx_abs_##f##x2(uint32_t a) {                                              \
        return a & 0x7fff7fffu;                                                                    \
    }                                                                                              \
    /* the first operand becomes the high half */                                                  \
    PTX_CALLED uint32_t ptx_cvt_rn_##f##x2_f32(uint32_t a, uint32_t b) {                           \
        return PTX_TWO(ptx_cvt_rn_##f##_f32(a), ptx_cvt_rn_##f##_f32(b));                          \
    }
PTX_PAIRS(f16)
PTX_PAIRS(bf16)
#undef PTX_PAIRS
#undef PTX_PAIR

/* --- conversions ---------------------------------------------------------------------------------
 */

PTX_CALLED uint64_t ptx_cvt_f64_f32(uint32_t a) {
    return ptx_bits64((double)ptx_f32(a));
}
PTX_CALLED uint32_t ptx_cvt_rn_f32_f64(uint64_t a) {
    return ptx_bits32((float)ptx_f64(a));
}
PTX_CALLED uint64_t ptx_cvt_f64_f16(uint16_t a) {
    return ptx_bits64(ptx_f16(a));
}
PTX_CALLED uint16_t ptx_cvt_rn_f16_f64(uint64_t a) {
    return ptx_f16_of(ptx_f64(a));
}

#define PTX_TO_FLOAT(type, u, i)                                                                   \
    PTX_CALLED uint32_t ptx_cvt_rn_f32_##type(u a) {                                               \
        return ptx_bits32((float)(i)a);                                                            \
    }                                                                                              \
    PTX_CALLED uint64_t ptx_cvt_rn_f64_##type(u a) {                                               \
        return ptx_bits64((double)(i)a);                                                           \
    }
PTX_TO_FLOAT(u16, uint16_t, uint16_t)
PTX_TO_FLOAT(s16, uint16_t, int16_t)
PTX_TO_FLOAT(u32, uint32_t, uint32_t)
PTX_TO_FLOAT(s32, uint32_t, int32_t)
PTX_TO_FLOAT(u64, uint64_t, uint64_t)
PTX_TO_FLOAT(s64, uint64_t, int64_t)
#undef PTX_TO_FLOAT

/* To integers: clamped to what there is; NaN to 0, but to the highest bit alone where either side
 * has 64 bits. */
#define PTX_TO_INTEGER(how, round, from, n, type, u, i, least, above, nan)                         \
    PTX_CALLED u ptx_cvt_##how##_##type##_##from(uint##n##_t a) {                                  \
        double x = round((double)ptx_##from(a));                                                   \
        if (x != x)                                                                                \
            return nan;                                                                            \
        return x <= (double)(least) ? (u)(least) : x >= above ? (u)((u)(least)-1) : (u)(i)x;       \
    }
/* What is one more than the greatest wraps to one less than the least. */
#define PTX_TO_INTEGERS(how, round, from, n, nan32)                                                \
    PTX_TO_INTEGER(how, round, from, n, s32, uint32_t, int32_t, INT32_MIN, 0x1p31, nan32)          \
    PTX_TO_INTEGER(how, round, from, n, u32, uint32_t, uint32_t, 0u, 0x1p32, nan32)                \
    PTX_TO_INTEGER(how, round, from, n, s64, uint64_t, int64_t, INT64_MIN, 0x1p63, 1ull << 63)     \
    PTX_TO_INTEGER(how, round, from, n, u64, uint64_t, uint64_t, 0ull, 0x1p64, 1ull << 63)
#define PTX_ROUNDINGS(from, n, nan32)                                                              \
    PTX_TO_INTEGERS(rni, __builtin_rint, from, n, nan32)                                           \
    PTX_TO_INTEGERS(rzi, __builtin_trunc, from, n, nan32)                                          \
    PTX_TO_INTEGERS(rmi, __builtin_floor, from, n, nan32)                                          \
    PTX_TO_INTEGERS(rpi, __builtin_ceil, from, n, nan32)
PTX_ROUNDINGS(f32, 32, 0)
PTX_ROUNDINGS(f64, 64, 1u << 31)
#undef PTX_ROUNDINGS
#undef PTX_TO_INTEGERS
#undef PTX_TO_INTEGER
