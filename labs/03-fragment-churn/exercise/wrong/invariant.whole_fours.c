/* rejected: for any order of additions */
/* Wrong: takes k four at a time, and forgets the rest. */
#include "exercise.h"

void product(const float *a, const float *b, float *c, size_t m, size_t n, size_t k) {
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            float sum = 0;
            for (size_t l = 0; l + 3 < k; l += 4)
                sum += (a[i * k + l] * b[j * k + l] + a[i * k + l + 1] * b[j * k + l + 1]) +
                       (a[i * k + l + 2] * b[j * k + l + 2] + a[i * k + l + 3] * b[j * k + l + 3]);
            c[i * n + j] = sum;
        }
}
