/* rejected: the same row gave */
/* Wrong: the number of slices is fixed, but whole tiles of four rows go another way than the rows
 * that are left over. Alone, a row is always left over. */
#include "exercise.h"

void product(const float *a, const float *b, float *c, size_t m, size_t n, size_t k) {
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            int whole = i < m / 4 * 4;
            float even = 0, odd = 0;
            for (size_t l = 0; l < k; l++)
                *(whole && l % 2 ? &odd : &even) += a[i * k + l] * b[j * k + l];
            c[i * n + j] = even + odd;
        }
}
