/* The reference: lanes in an array, all of a step read before any is written. */
#include <stddef.h>

float shuffle(const float *x, size_t n);

float shuffle(const float *x, size_t n) {
    float lane[32];
    for (size_t t = 0; t < n; t++)
        lane[t] = x[t];
    for (size_t d = 16; d > 0; d /= 2)
        for (size_t t = 0; t < d; t++)
            if (t + d < n && t < n)
                lane[t] += lane[t + d];
    return lane[0];
}
