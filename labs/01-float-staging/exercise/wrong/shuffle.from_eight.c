/* rejected: At n = 20 */
/* Wrong: begins at distance 8: right for half a warp. */
#include <stddef.h>

float shuffle(const float *x, size_t n);

float shuffle(const float *x, size_t n) {
    float lane[32];
    for (size_t t = 0; t < n; t++)
        lane[t] = x[t];
    for (size_t d = 8; d > 0; d /= 2)
        for (size_t t = 0; t + d < n; t++)
            lane[t] += lane[t + d];
    return lane[0];
}
