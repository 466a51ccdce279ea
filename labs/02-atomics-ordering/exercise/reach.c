/*
 * Exercise 2: every result that some order can give.
 *
 * n <= 7 updates are added to 0, one after another, in any order. List every value that can come
 * out: each once, ascending. (Not every way to put parentheses: an address holds one running sum.)
 *
 *     x = {1, 2^-24, 2^-24}:   1 and 1 + 2^-23
 *
 * Below only the order of the list is tried. Rewrite it; then `make exercise-02`.
 */
#include "exercise.h"

size_t reach(const float *x, size_t n, float *results) {
    float sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    results[0] = sum;
    return 1;
}
