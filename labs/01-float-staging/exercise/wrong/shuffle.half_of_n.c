/* rejected: counts 0 times instead of once */
/* Wrong: begins at half of n and not at 16: the same for powers of two. */
#include <stddef.h>

float shuffle(const float *x, size_t n);

float shuffle(const float *x, size_t n) {
    float lane[32];
    for (size_t t = 0; t < n; t++)
        lane[t] = x[t];
    for (size_t d = n / 2; d > 0; d /= 2)
        for (size_t t = 0; t + d < n && t < d; t++)
            lane[t] += lane[t + d];
    return lane[0];
}
