/* rejected: each partial sum rounded to f64 */
/* Wrong: the right order, rounded once at the end. */
#include <stddef.h>

float shuffle(const float *x, size_t n);

float shuffle(const float *x, size_t n) {
    double lane[32];
    for (size_t t = 0; t < n; t++)
        lane[t] = x[t];
    for (size_t d = 16; d > 0; d /= 2)
        for (size_t t = 0; t + d < n; t++)
            lane[t] += lane[t + d];
    return (float)lane[0];
}
