/*
 * exercise.h: what the two exercises of lab 03 are to provide. Each file provides its own part.
 */
#ifndef NANOLAB_LABS_03_EXERCISE_H
#define NANOLAB_LABS_03_EXERCISE_H

#include <stddef.h>

/* --- step.c ------------------------------------------------------------------------------------
 */

/*
 * One step of a matrix unit, c + Σ a[i] b[i] over 1 <= n <= 16 products, to the bit:
 *
 *   terms     c, and the products a[i] b[i]. Each product is exact; its exponent is the sum of its
 *             factors' exponents (so 1.5 · 1.5 = 2.25 has exponent 0, not 1)
 *   E         the largest exponent of the terms that are not zero
 *   cut       each term, toward zero, to a multiple of 2^(E - fraction)
 *   sum       exact, and then rounded once to float, toward zero
 *
 * 20 <= fraction <= 26. The exponent of x is the e with 1 <= |x| / 2^e < 2. a and b have 11 bits of
 * significand (FP16's numbers, none of them subnormal); everything is finite and far from the ends
 * of float's range. A sum of zero is +0.
 */
float step(const float *a, const float *b, size_t n, float c, int fraction);

/* --- invariant.c -------------------------------------------------------------------------------
 */

/* c[i][j] = Σ a[i][l] b[j][l], l < k: a is m × k, b is n × k, c is m × n, all row by row. A row of
 * c must have the same bits whatever other rows are in the batch, and wherever in it the row lies.
 */
void product(const float *a, const float *b, float *c, size_t m, size_t n, size_t k);

#endif
