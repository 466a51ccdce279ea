/*
 * mma_rule_inside.h: the step of an aligned sum, shared by mma_rule.c (one dot product) and
 * mma_gemm.c (many, with rows decoded once).
 */
#ifndef NANOLAB_KERNELS_MMA_RULE_INSIDE_H
#define NANOLAB_KERNELS_MMA_RULE_INSIDE_H

#include <math.h>
#include <string.h>

#include "kernels/mma/mma_rule.h"

#define MMA_INLINE static inline __attribute__((always_inline))

/* A number as significand × 2^(exponent - fraction bits of its format). A zero's exponent is far
 * below every other. */
struct mma_number {
    int16_t significand, exponent;
};
#define MMA_ZERO_EXPONENT (-8192)

/* An element of a row as instructions take it: aligned sums take numbers, chains floats. */
union mma_item {
    struct mma_number number;
    float value;
};

/* Fraction bits of all products: their operands' significands have fewer, all together, and no
 * rule keeps more of them. A product, less than 4, so fits 31 bits. */
#define MMA_PRODUCT_FRACTION 28

/* Of one rule, what the inner loop needs. */
struct mma_unit {
    int block, floor, fraction, out_fraction;
    int shift;   /* of a product, to MMA_PRODUCT_FRACTION fraction bits */
    int least_c; /* c's least exponent */
    bool nearest;
    bool half; /* the result is an f16 */
};
struct mma_unit mma_unit_of(const struct mma_rule *rule);

/* A finite number of the rule's `as` format. */
struct mma_number mma_number_of(const struct mma_rule *rule, float value);
/* The float of a sum: sum × 2^exponent, rounded as the unit does. */
float mma_unit_round(const struct mma_unit *unit, int64_t sum, int exponent);

MMA_INLINE uint32_t mma_bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}
MMA_INLINE float mma_float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
MMA_INLINE float mma_nan(void) {
    return mma_float_of(0x7fffffffu);
}
MMA_INLINE bool mma_is_finite(float value) {
    return (mma_bits_of(value) & 0x7f800000u) != 0x7f800000u;
}

/* mma_rule_wide.c: whole blocks of n products of a row a with eight columns, b[n][8], all finite,
 * added to c[8]. False: there was an infinity, and c is as it was. */
bool mma_wide_supported(void);
bool mma_wide(const struct mma_unit *unit, const union mma_item *a, const union mma_item *b,
              size_t n, float *c);
/* The same for chains, whose operands have been flushed where the rule says so. False: a sum's
 * rounding has to be looked at more closely. */
bool mma_wide_chain(const struct mma_rule *rule, const union mma_item *a, const union mma_item *b,
                    size_t n, float *c);

/* The last step of MMA_TWO_STEPS. */
float mma_add_after_steps(bool half, float y, float c);

MMA_INLINE float mma_flush(float value) {
    uint32_t bits = mma_bits_of(value);
    return bits & 0x7f800000u ? value : mma_float_of(bits & 0x80000000u);
}

/* fma with subnormal operands and results zero. What rounds up to the least normal number only
 * because subnormals have fewer bits is subnormal, hence the look at the exact sum: near there it
 * is a double, because x and y have 8 bits each. */
MMA_INLINE float mma_fma_flushed(float x, float y, float sum) {
    x = mma_flush(x), y = mma_flush(y);
    float result = __builtin_fmaf(x, y, sum);
    if (__builtin_expect(fabsf(result) == 0x1p-126f, 0)) {
        double exact = (double)x * y + (double)sum;
        if (fabs(exact) < 0x1p-126 - 0x1p-151)
            return copysignf(0.0f, result);
    }
    return mma_flush(result);
}

/* c + the products of one block, everything finite. `n` is a constant where it is called. */
MMA_INLINE float mma_block(const struct mma_unit *unit, const struct mma_number *a,
                           const struct mma_number *b, int n, float c) {
    int32_t product[64], exponent[64];
    int32_t most = unit->floor;
    for (int i = 0; i < n; i++) {
        product[i] = (int32_t)a[i].significand * b[i].significand * (1 << unit->shift);
        exponent[i] = (int32_t)a[i].exponent + b[i].exponent;
        most = exponent[i] > most ? exponent[i] : most;
    }
    uint32_t bits = mma_bits_of(c), magnitude = bits & 0x7fffffffu;
    int32_t c_exponent = 0;
    if (magnitude) {
        c_exponent = (int32_t)(magnitude >> 23) - 127;
        c_exponent = c_exponent > unit->least_c ? c_exponent : unit->least_c;
        most = c_exponent > most ? c_exponent : most;
    }
    int64_t sum = 0;
    int32_t drop = MMA_PRODUCT_FRACTION - unit->fraction + most;
    for (int i = 0; i < n; i++) {
        int32_t away = drop - exponent[i], sign = product[i] < 0 ? -1 : 0;
        uint32_t size = (uint32_t)((product[i] ^ sign) - sign);
        int32_t kept = (int32_t)(away > 31 ? 0 : size >> (away & 31));
        sum += (kept ^ sign) - sign;
    }
    if (magnitude) {
        /* c's significand × 2^(its float exponent - 23), in units of 2^(most - fraction) */
        int32_t own = magnitude >> 23 ? (int32_t)(magnitude >> 23) - 127 : -126;
        int64_t significand = (magnitude & 0x7fffffu) | (magnitude >> 23 ? 0x800000u : 0u);
        int32_t up = own - 23 - (most - unit->fraction);
        int64_t kept = up >= 0 ? significand << up : up > -32 ? significand >> -up : 0;
        sum += bits >> 31 ? -kept : kept;
    }
    return mma_unit_round(unit, sum, most - unit->fraction);
}

#endif
