/*
 * Exercise 1: one step of a matrix unit.
 *
 * exercise.h says what a tensor core does with a block of products and an accumulator. Below is
 * what most people think it does: products and sums in float, one after the other. Make it the same
 * to the bit; then `make exercise-03`.
 *
 * Worth knowing: frexp() gives an exponent (one more than the one meant here), ldexp() scales by a
 * power of two, trunc() cuts toward zero. Terms that are multiples of 2^(E - fraction) are small
 * integers.
 */
#include "exercise.h"

float step(const float *a, const float *b, size_t n, float c, int fraction) {
    (void)fraction;
    for (size_t i = 0; i < n; i++)
        c += a[i] * b[i];
    return c;
}
