/*
 * Exercise 1: a sum whose bits do not depend on the order of its terms.
 *
 * x[0 … n-1] are multiples of 2^-24 between -1 and 1, n <= 1,000. Return the float nearest to their
 * sum, so that any order of x gives the same bits. Rewrite it; then `make exercise-08`.
 */
#include <stddef.h>

float steady_sum(const float *x, size_t n) {
    float sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum;
}
