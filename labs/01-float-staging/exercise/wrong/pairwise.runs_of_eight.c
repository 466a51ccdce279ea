/* rejected: At n = 4 the additions come in another order */
/* Wrong: below eight values the plain loop, as libraries do it. */
#include <stddef.h>

float pairwise(const float *x, size_t n);

float pairwise(const float *x, size_t n) {
    if (n > 8)
        return pairwise(x, n / 8 * 8 / 2) + pairwise(x + n / 8 * 8 / 2, n - n / 8 * 8 / 2);
    float sum = x[0];
    for (size_t i = 1; i < n; i++)
        sum += x[i];
    return sum;
}
