/* The plain loop: slow, and right. */
#include "exercise.h"

void sum_fast(const float *x, size_t n, float *sum) {
    float all = 0;
    for (size_t i = 0; i < n; i++)
        all += x[i];
    *sum = all;
}
