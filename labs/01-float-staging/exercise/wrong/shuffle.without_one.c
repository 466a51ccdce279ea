/* rejected: counts 0 times instead of once */
/* Wrong: the last step, of distance 1, is missing. */
#include <stddef.h>

float shuffle(const float *x, size_t n);

float shuffle(const float *x, size_t n) {
    float lane[32];
    for (size_t t = 0; t < n; t++)
        lane[t] = x[t];
    for (size_t d = 16; d > 1; d /= 2)
        for (size_t t = 0; t < d; t++)
            if (t + d < n)
                lane[t] += lane[t + d];
    return lane[0];
}
