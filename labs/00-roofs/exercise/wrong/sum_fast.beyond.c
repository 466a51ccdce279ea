/* rejected: the sum is */
/* Whole groups of four, beyond the end. */
#include "exercise.h"

void sum_fast(const float *x, size_t n, float *sum) {
    float all = 0;
    for (size_t i = 0; i < n; i += 4)
        all += (x[i] + x[i + 1]) + (x[i + 2] + x[i + 3]);
    *sum = all;
}
