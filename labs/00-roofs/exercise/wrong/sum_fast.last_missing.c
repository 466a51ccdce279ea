/* rejected: n = 1: the sum is 0 */
/* The last number is left out. */
#include "exercise.h"

void sum_fast(const float *x, size_t n, float *sum) {
    float all = 0;
    for (size_t i = 0; i + 1 < n; i++)
        all += x[i];
    *sum = all;
}
