/* Right, in another way: recursion on the largest power of two below n. */
#include <stddef.h>

float pairwise(const float *x, size_t n);

float pairwise(const float *x, size_t n) {
    if (n == 1)
        return x[0];
    size_t left = 1;
    while (2 * left < n)
        left *= 2;
    return pairwise(x + left, n - left) + pairwise(x, left);
}
