/* rejected: the same row gave */
/* Wrong: the last of an odd number of rows goes another way than pairs of rows do. */
#include "exercise.h"

void product(const float *a, const float *b, float *c, size_t m, size_t n, size_t k) {
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            float sum = 0;
            int from_the_end = m % 2 == 1 && i == m - 1;
            for (size_t l = 0; l < k; l++) {
                size_t at = from_the_end ? k - 1 - l : l;
                sum += a[i * k + at] * b[j * k + at];
            }
            c[i * n + j] = sum;
        }
}
