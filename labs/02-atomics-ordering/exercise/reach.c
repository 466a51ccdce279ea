/*
 * Exercise 2: every result that some order can give.
 *
 * n <= 7 updates are added to 0, one after another, in any order. List every value that can come
 * out: each once, ascending. (Not every way to put parentheses: an address holds one running
 * sum.)
 *
 *     x = {1, 2^-24, 2^-24}:   1 and 1 + 2^-23
 *
 * Below only the order of the list is tried. Rewrite it.
 *
 *     labs/02-atomics-ordering/exercise/check reach
 *
 * checks it in a few seconds; `make exercise-02` checks all of this lab.
 * `make hint-02 EX=reach` gives a hint, and with LEVEL=2 or LEVEL=3 more.
 */
#include "exercise.h"

size_t reach(const float *x, size_t n, float *results) {
    float sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    results[0] = sum;
    return 1;
}
