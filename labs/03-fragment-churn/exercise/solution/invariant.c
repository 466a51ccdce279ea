/* The reference: always four slices, whatever the batch. */
#include "exercise.h"

static float sum(const float *a, const float *b, size_t from, size_t to) {
    float s = 0;
    for (size_t l = from; l < to; l++)
        s += a[l] * b[l];
    return s;
}

void product(const float *a, const float *b, float *c, size_t m, size_t n, size_t k) {
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            c[i * n + j] = 0;
            for (size_t s = 0; s < 4; s++)
                c[i * n + j] += sum(a + i * k, b + j * k, k * s / 4, k * (s + 1) / 4);
        }
}
