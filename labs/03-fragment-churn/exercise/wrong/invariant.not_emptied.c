/* rejected: 1 column, k = 1 */
/* Wrong: adds to what is in c. */
#include "exercise.h"

void product(const float *a, const float *b, float *c, size_t m, size_t n, size_t k) {
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            for (size_t l = 0; l < k; l++)
                c[i * n + j] += a[i * k + l] * b[j * k + l];
        }
}
