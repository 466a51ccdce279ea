/* rejected: At n = 20 the additions come in another order */
/* Wrong: begins at half of n, rounded up. */
#include <stddef.h>

float shuffle(const float *x, size_t n);

float shuffle(const float *x, size_t n) {
    float lane[32];
    for (size_t t = 0; t < n; t++)
        lane[t] = x[t];
    while (n > 1) {
        size_t d = (n + 1) / 2;
        for (size_t t = 0; t + d < n; t++)
            lane[t] += lane[t + d];
        n = d;
    }
    return lane[0];
}
