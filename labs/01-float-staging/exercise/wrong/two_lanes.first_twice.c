/* rejected: overflows */
/* Wrong: the first number is added a second time and taken off at the end. */
#include <stddef.h>

float two_lanes(const float *x, size_t n);

float two_lanes(const float *x, size_t n) {
    float even = x[0] + x[0], odd = x[1];
    size_t i = 2;
    for (; i + 1 < n; i += 2) {
        even += x[i];
        odd += x[i + 1];
    }
    float sum = even + odd;
    return (i < n ? sum + x[i] : sum) - x[0];
}
