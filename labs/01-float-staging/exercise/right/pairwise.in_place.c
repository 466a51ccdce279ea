/* Another way: nothing moves; each round adds at twice the distance of the last. */
#include <stddef.h>

float pairwise(const float *x, size_t n);

float pairwise(const float *x, size_t n) {
    float v[1024];
    for (size_t i = 0; i < n; i++)
        v[i] = x[i];
    for (size_t distance = 1; distance < n; distance *= 2)
        for (size_t i = 0; i + distance < n; i += 2 * distance)
            v[i] += v[i + distance];
    return v[0];
}
