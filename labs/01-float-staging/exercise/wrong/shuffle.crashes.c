/* rejected: it gives no result */
/* Wrong: no room for the last thread. */
#include <stdlib.h>

#include <stddef.h>

float shuffle(const float *x, size_t n);

float shuffle(const float *x, size_t n) {
    if (n > 30)
        abort();
    float lane[31];
    for (size_t t = 0; t < n; t++)
        lane[t] = x[t];
    for (size_t d = 16; d > 0; d /= 2)
        for (size_t t = 0; t + d < n; t++)
            lane[t] += lane[t + d];
    return lane[0];
}
