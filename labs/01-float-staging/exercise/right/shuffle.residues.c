/* Right, in another way: recursion on the residue of the lane number. */
#include <stddef.h>

float shuffle(const float *x, size_t n);

static float residue(const float *x, size_t n, size_t first, size_t stride) {
    if (first + stride >= n || stride == 32)
        return x[first];
    return residue(x, n, first + stride, 2 * stride) + residue(x, n, first, 2 * stride);
}

float shuffle(const float *x, size_t n) {
    return residue(x, n, 0, 1);
}
