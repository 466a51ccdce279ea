/* rejected: for any order of additions */
/* Wrong: takes b by columns: right where n and k are 1. */
#include "exercise.h"

void product(const float *a, const float *b, float *c, size_t m, size_t n, size_t k) {
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            float sum = 0;
            for (size_t l = 0; l < k; l++)
                sum += a[i * k + l] * b[l * n + j];
            c[i * n + j] = sum;
        }
}
