/* rejected: counts 2 times instead of once */
/* Wrong: the threads add one after the other, the last one first: so some find what was changed in
 * the same step. */
#include <stddef.h>

float shuffle(const float *x, size_t n);

float shuffle(const float *x, size_t n) {
    float lane[32];
    for (size_t t = 0; t < n; t++)
        lane[t] = x[t];
    for (size_t d = 16; d > 0; d /= 2)
        for (size_t t = n; t-- > 0;)
            if (t + d < n)
                lane[t] += lane[t + d];
    return lane[0];
}
