/* Another way: one product of every row, then the next one of every row; each row still gets its
 * own in order. */
#include "exercise.h"

void product(const float *a, const float *b, float *c, size_t m, size_t n, size_t k) {
    for (size_t i = 0; i < m * n; i++)
        c[i] = 0;
    for (size_t l = 0; l < k; l++)
        for (size_t j = 0; j < n; j++)
            for (size_t i = m; i-- > 0;)
                c[i * n + j] += b[j * k + l] * a[i * k + l];
}
