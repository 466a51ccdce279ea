/*
 * ulp.h: how far apart two floating-point results are, counted in representable numbers.
 *
 * The distance of a and b is the number of steps to the neighbouring number that lead from one to
 * the other, across zero too; +0 and -0 are one number, and infinity is one step beyond the
 * largest finite one. Two NaNs are 0 apart, whatever their payload; NaN and a number are ULP_NAN
 * apart. 16-bit formats are given as their bit patterns.
 */
#ifndef NANOLAB_HARNESS_ULP_H
#define NANOLAB_HARNESS_ULP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ULP_NAN UINT64_MAX

uint64_t ulp_distance_f32(float a, float b);
uint64_t ulp_distance_f64(double a, double b);
uint64_t ulp_distance_bf16(uint16_t a, uint16_t b);
uint64_t ulp_distance_f16(uint16_t a, uint16_t b);

/* The same for bit patterns of a format of `exponent_bits` and `fraction_bits` (sign above them),
 * at most 64 bits in all. */
uint64_t ulp_distance_bits(uint64_t a, uint64_t b, int exponent_bits, int fraction_bits);

/* The spacing of the format's numbers just above |x|, in the units of x: the length of one ulp.
 * NaN for NaN and infinity. */
double ulp_size_f32(float x);
double ulp_size_f64(double x);

/* How many different values are among n bit patterns. 0 for n = 0; -1 if memory is short. */
long ulp_distinct(const uint64_t *bits, size_t n);

#ifdef __cplusplus
}
#endif
#endif
