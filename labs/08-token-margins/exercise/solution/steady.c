/* In whole units of 2^-24: integers add up the same in any order; one rounding at the end. */
#include <stddef.h>

float steady_sum(const float *x, size_t n) {
    long long units = 0;
    for (size_t i = 0; i < n; i++)
        units += (long long)(x[i] * 0x1p24f);
    return (float)((double)units * 0x1p-24);
}
