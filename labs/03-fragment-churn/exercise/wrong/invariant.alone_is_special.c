/* rejected: the same row gave */
/* Wrong: a batch of one row has a way of its own, two sums at once. */
#include "exercise.h"

void product(const float *a, const float *b, float *c, size_t m, size_t n, size_t k) {
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            float even = 0, odd = 0;
            for (size_t l = 0; l < k; l++)
                *(m == 1 && l % 2 ? &odd : &even) += a[i * k + l] * b[j * k + l];
            c[i * n + j] = even + odd;
        }
}
