/* rejected: At n = 4 the additions come in another order */
/* Wrong: adds each pair, and then pair after pair. */
#include <stddef.h>

float two_lanes(const float *x, size_t n);

float two_lanes(const float *x, size_t n) {
    float sum = n > 1 ? x[0] + x[1] : x[0];
    size_t i = 2;
    for (; i + 1 < n; i += 2)
        sum += x[i] + x[i + 1];
    return i < n ? sum + x[i] : sum;
}
