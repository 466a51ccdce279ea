/*
 * exact.h: exact sums and dot products, rounded once: the oracle all other sums are measured by.
 *
 * A superaccumulator is one long fixed-point number. Here it is kept as 64-bit signed limbs, 32
 * bits of weight apart: limb i counts 2^(32 i + least). An element touches two limbs (a float) or
 * three (a double), each with an integer below 2^32 in magnitude, so that 2^31 - 1 deposits fit
 * before a carry has to be passed on, and a GPU kernel can deposit with 64-bit integer atomics in
 * any order. Limbs of two sums add limb by limb.
 *
 * NaN and infinities are kept as flags (binned.h's). A sum that is exactly zero is +0.
 *
 * The layout and the deposits are valid in C11, C++17 and CUDA; the rest is host code.
 */
#ifndef NANOLAB_KERNELS_SUM_EXACT_H
#define NANOLAB_KERNELS_SUM_EXACT_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/sum/binned.h"

/* Floats: 2^-149 … 2^128 are 277 bits, nine limbs; one more takes the carries of long sums. */
#define EXACT_F32_LIMBS 10
#define EXACT_F32_LEAST (-149)
/* Doubles: 2^-1074 … 2^1024 are 2,098 bits, 66 limbs; and room for carries. */
#define EXACT_F64_LIMBS 68
#define EXACT_F64_LEAST (-1074)
/* Products of doubles: 2^-2148 … 2^2048 are 4,196 bits, 132 limbs; and room. */
#define EXACT_PRODUCT_LIMBS 134
#define EXACT_PRODUCT_LEAST (-2148)
/* Deposits before limbs must be normalised. */
#define EXACT_DEPOSITS 0x7fffffffu

/* Cuts a finite float: add digit[0] to limb `first`, digit[1] to limb `first` + 1. */
BINNED_FN void exact_f32_digits(float x, int *first, int64_t digit[2]) {
    uint32_t bits = round_f32_bits(x);
    uint32_t field = bits >> 23 & 0xff;
    uint64_t m = (bits & 0x7fffffu) | (field ? 0x800000u : 0u);
    uint32_t place = field ? field - 1 : 0; /* of the last bit, above 2^-149 */
    m <<= place & 31;
    *first = (int)(place >> 5);
    int64_t low = (int64_t)(m & 0xffffffffu), high = (int64_t)(m >> 32);
    digit[0] = bits >> 31 ? -low : low;
    digit[1] = bits >> 31 ? -high : high;
}

/* Cuts a finite double into three digits. */
BINNED_FN void exact_f64_digits(double x, int *first, int64_t digit[3]) {
    uint64_t bits = round_f64_bits(x);
    uint32_t field = (uint32_t)(bits >> 52) & 0x7ff;
    uint64_t m = (bits & 0xfffffffffffffu) | (field ? (uint64_t)1 << 52 : 0);
    uint32_t place = field ? field - 1 : 0; /* of the last bit, above 2^-1074 */
    uint32_t shift = place & 31;
    *first = (int)(place >> 5);
    uint64_t low = (m & 0xffffffffu) << shift;
    uint64_t high = ((m >> 32) << shift) + (low >> 32);
    int64_t sign = bits >> 63 ? -1 : 1;
    digit[0] = sign * (int64_t)(low & 0xffffffffu);
    digit[1] = sign * (int64_t)(high & 0xffffffffu);
    digit[2] = sign * (int64_t)(high >> 32);
}

#ifdef __cplusplus
extern "C" {
#endif

/* Rounds limbs, as filled by deposits (normalised or not; left unchanged), to the nearest float or
 * double. `least` is the power of two of limb 0's unit; count is at most EXACT_PRODUCT_LIMBS. */
float exact_round_f32(const int64_t *limbs, int count, int least, uint32_t flags);
double exact_round_f64(const int64_t *limbs, int count, int least, uint32_t flags);

/* An exact sum of floats in progress. All zeros is the empty sum. Up to 2^62 elements. */
struct exact_f32 {
    int64_t limb[EXACT_F32_LIMBS]; /* normalised between calls: 0 <= limb < 2^32 but the last */
    uint32_t flags;
};
void exact_f32_add(struct exact_f32 *sum, const float *x, size_t n);
/* The same of |x|. */
void exact_f32_add_abs(struct exact_f32 *sum, const float *x, size_t n);
void exact_f32_merge(struct exact_f32 *into, const struct exact_f32 *from);
float exact_f32_value(const struct exact_f32 *sum);
double exact_f32_value_f64(const struct exact_f32 *sum);

/* An exact sum of doubles in progress. */
struct exact_f64 {
    int64_t limb[EXACT_F64_LIMBS];
    uint32_t flags;
};
void exact_f64_add(struct exact_f64 *sum, const double *x, size_t n);
void exact_f64_add_abs(struct exact_f64 *sum, const double *x, size_t n);
/* Adds the products of floats, which are exact doubles. */
void exact_f64_add_products_f32(struct exact_f64 *sum, const float *x, const float *y, size_t n);
void exact_f64_merge(struct exact_f64 *into, const struct exact_f64 *from);
double exact_f64_value(const struct exact_f64 *sum);
float exact_f64_value_f32(const struct exact_f64 *sum);

/* Sums and dot products of whole arrays, correctly rounded. */
float exact_sum_f32(const float *x, size_t n);
double exact_sum_f32_as_f64(const float *x, size_t n);
double exact_sum_f64(const double *x, size_t n);
float exact_dot_f32(const float *x, const float *y, size_t n);
double exact_dot_f32_as_f64(const float *x, const float *y, size_t n);
double exact_dot_f64(const double *x, const double *y, size_t n);

/* Condition number of the sum, sum|x| / |sum x|, from two exact sums: 1 when nothing cancels (and
 * for no elements, or zeros only), infinite when all of it does, NaN if any is not finite. */
double exact_condition_f32(const float *x, size_t n);
double exact_condition_f64(const double *x, size_t n);

#ifdef __cplusplus
}
#endif
#endif
