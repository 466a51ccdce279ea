/* Another way: sums in double, in one order, rounded once. */
#include "exercise.h"

void product(const float *a, const float *b, float *c, size_t m, size_t n, size_t k) {
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double s = 0;
            for (size_t l = 0; l < k; l++)
                s += (double)a[i * k + l] * (double)b[j * k + l];
            c[i * n + j] = (float)s;
        }
}
