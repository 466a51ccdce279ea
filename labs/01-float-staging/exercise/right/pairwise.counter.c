/* Better: one pass and one partial sum for each bit of n. Nothing is copied, and n may be of any
 * size. */
#include <stddef.h>

float pairwise(const float *x, size_t n);

float pairwise(const float *x, size_t n) {
    float partial[64];
    size_t depth = 0;
    for (size_t i = 0; i < n; i++) {
        partial[depth++] = x[i];
        for (size_t done = i + 1; done % 2 == 0; done /= 2, depth--)
            partial[depth - 2] += partial[depth - 1];
    }
    for (; depth > 1; depth--)
        partial[depth - 2] += partial[depth - 1];
    return partial[0];
}
