/* 1,000 multiples of 2^-24 fit a double's 53 bits without rounding. */
#include <stddef.h>

float steady_sum(const float *x, size_t n) {
    double sum = 0;
    for (size_t i = n; i > 0; i--)
        sum += x[i - 1];
    return (float)sum;
}
