/* rejected: the same row gave */
/* Wrong: small batches are cut along k, and the sums are doubles: rarer, and not impossible. */
#include "exercise.h"

void product(const float *a, const float *b, float *c, size_t m, size_t n, size_t k) {
    size_t slices = m < 8 ? 4 : m < 16 ? 2 : 1;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t s = 0; s < slices; s++) {
                double part = 0;
                for (size_t l = k * s / slices; l < k * (s + 1) / slices; l++)
                    part += (double)a[i * k + l] * (double)b[j * k + l];
                sum += part;
            }
            c[i * n + j] = (float)sum;
        }
}
