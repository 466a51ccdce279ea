/* rejected: counts 16 times instead of once */
/* Wrong: a thread whose partner is not there adds its own value again, which is what the
 * instruction hands out. */
#include <stddef.h>

float shuffle(const float *x, size_t n);

float shuffle(const float *x, size_t n) {
    float lane[32];
    for (size_t t = 0; t < n; t++)
        lane[t] = x[t];
    for (size_t d = 16; d > 0; d /= 2) {
        float other[32];
        for (size_t t = 0; t < n; t++)
            other[t] = lane[t + d < n ? t + d : t];
        for (size_t t = 0; t < n; t++)
            lane[t] += other[t];
    }
    return lane[0];
}
