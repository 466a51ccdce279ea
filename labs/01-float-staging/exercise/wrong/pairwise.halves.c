/* rejected: At n = 3 the additions come in another order */
/* Wrong: adds the second half to the first instead of neighbours. */
#include <stddef.h>

float pairwise(const float *x, size_t n);

float pairwise(const float *x, size_t n) {
    float v[1024];
    for (size_t i = 0; i < n; i++)
        v[i] = x[i];
    while (n > 1) {
        size_t half = (n + 1) / 2;
        for (size_t i = 0; i + half < n; i++)
            v[i] += v[i + half];
        n = half;
    }
    return v[0];
}
