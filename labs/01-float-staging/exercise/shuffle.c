/*
 * Exercise 2: the order of one warp's "shuffle down".
 *
 * 32 threads hold one number each. In a step with distance d every thread t adds the value of
 * thread t + d to its own, all at the same moment; d is 16, then 8, 4, 2 and 1. After the last
 * step thread 0 holds the sum. Threads n, n + 1, … have no number (n < 32): what they would bring
 * is left out.
 *
 *     With four threads, and so d = 2, then 1:   ((x0 + x2) + (x1 + x3))
 *
 * Below is the plain loop. Rewrite it in plain C, without threads, for n from 1 to 32; the
 * checker asks from 2 on.
 *
 *     labs/01-float-staging/exercise/check shuffle
 *
 * checks it (after a `make`) in a few seconds; `make exercise-01` checks all of this lab.
 * `make hint-01 EX=shuffle` gives a hint, and with LEVEL=2 or LEVEL=3 more.
 */
#include <stddef.h>

float shuffle(const float *x, size_t n);

float shuffle(const float *x, size_t n) {
    float sum = x[0];
    for (size_t i = 1; i < n; i++)
        sum += x[i];
    return sum;
}
