/* rejected: counts 0 times instead of once */
/* Wrong: a value without a neighbour is forgotten. */
#include <stddef.h>

float pairwise(const float *x, size_t n);

float pairwise(const float *x, size_t n) {
    float v[1024];
    for (size_t i = 0; i < n; i++)
        v[i] = x[i];
    for (; n > 1; n /= 2)
        for (size_t i = 0; i < n / 2; i++)
            v[i] = v[2 * i] + v[2 * i + 1];
    return v[0];
}
