/*
 * Exercise 1: add neighbours, then neighbours' sums.
 *
 * Rounds: x0 + x1, x2 + x3, …; then the sums of the first round in the same way; until one is
 * left. Where a round has an odd number of values, the last one moves up as it is.
 *
 *     n = 5:   (((x0 + x1) + (x2 + x3)) + x4)
 *
 * Below is the plain loop, which has another tree. Rewrite it; then `make exercise-01`. The
 * checker reads the order of your additions off the results alone (n = 2 … 67), so any way of
 * writing it is right if the tree is. n >= 1 and n <= 1024.
 */
#include <stddef.h>

float pairwise(const float *x, size_t n);

float pairwise(const float *x, size_t n) {
    float sum = x[0];
    for (size_t i = 1; i < n; i++)
        sum += x[i];
    return sum;
}
