/* rejected: the same row gave */
/* Wrong: all is divided by the largest number of the batch, "so that nothing overflows". */
#include <math.h>

#include "exercise.h"

void product(const float *a, const float *b, float *c, size_t m, size_t n, size_t k) {
    float most = 1;
    for (size_t l = 0; l < m * k; l++)
        most = fabsf(a[l]) > most ? fabsf(a[l]) : most;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            float sum = 0;
            for (size_t l = 0; l < k; l++)
                sum += a[i * k + l] / most * b[j * k + l];
            c[i * n + j] = sum * most;
        }
}
