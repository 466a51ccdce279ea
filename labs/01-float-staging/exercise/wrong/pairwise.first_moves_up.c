/* rejected: At n = 3 the additions come in another order */
/* Wrong: of an odd number it is the first value that moves up, and not the last. */
#include <stddef.h>

float pairwise(const float *x, size_t n);

float pairwise(const float *x, size_t n) {
    float v[1024];
    for (size_t i = 0; i < n; i++)
        v[i] = x[i];
    for (; n > 1; n = (n + 1) / 2)
        for (size_t i = n % 2; i < n; i += 2)
            v[(i + 1) / 2] = v[i] + v[i + 1];
    return v[0];
}
