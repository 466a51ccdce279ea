/* rejected: At n = 3 the additions come in another order */
/* Wrong: where n is odd the last number goes into lane 1. */
#include <stddef.h>

float two_lanes(const float *x, size_t n);

float two_lanes(const float *x, size_t n) {
    float even = x[0], odd = x[1];
    size_t i = 2;
    for (; i + 1 < n; i += 2) {
        even += x[i];
        odd += x[i + 1];
    }
    if (i < n)
        odd += x[i];
    return even + odd;
}
