/* rejected: At n = 3 the additions come in another order */
/* Wrong: from the other end: thread 31 holds the sum, of numbers that were put there. */
#include <stddef.h>

float shuffle(const float *x, size_t n);

float shuffle(const float *x, size_t n) {
    float lane[32];
    for (size_t t = 0; t < n; t++)
        lane[32 - n + t] = x[t];
    for (size_t d = 1; d < 32; d *= 2)
        for (size_t t = 31; t + n >= 32 + d; t--)
            lane[t] += lane[t - d];
    return lane[31];
}
