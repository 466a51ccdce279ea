/* rejected: At n = 4 the additions come in another order */
/* Wrong: the scalar end begins two numbers too soon. */
#include <stddef.h>

float two_lanes(const float *x, size_t n);

float two_lanes(const float *x, size_t n) {
    float even = x[0], odd = x[1];
    size_t i = 2;
    for (; i + 3 < n; i += 2) {
        even += x[i];
        odd += x[i + 1];
    }
    float sum = even + odd;
    for (; i < n; i++)
        sum += x[i];
    return sum;
}
