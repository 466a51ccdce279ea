/*
 * Exercise 1: add neighbours, then neighbours' sums.
 *
 * Rounds: x0 + x1, x2 + x3, …; then the sums of the first round in the same way; until one is
 * left. Where a round has an odd number of values, the last one moves up as it is.
 *
 *     n = 5:   (((x0 + x1) + (x2 + x3)) + x4)
 *
 * Below is the plain loop, whose order is another one. Rewrite it, for n from 1 to 1,024. The
 * checker reads the order of your additions off the results alone, for n from 2 to 67, and draws
 * it; so any way of writing it is right if the order is.
 *
 *     labs/01-float-staging/exercise/check pairwise
 *
 * checks it (after a `make`) in a few seconds; `make exercise-01` checks all of this lab.
 * `make hint-01 EX=pairwise` gives a hint, and with LEVEL=2 or LEVEL=3 more.
 */
#include <stddef.h>

float pairwise(const float *x, size_t n);

float pairwise(const float *x, size_t n) {
    float sum = x[0];
    for (size_t i = 1; i < n; i++)
        sum += x[i];
    return sum;
}
