/*
 * Exercise 2: a product that does not care about company.
 *
 * Below is what libraries do: small batches are cut along k, so that there is enough work for all
 * processors, and large ones are not. So a row's bits depend on how many other rows came along.
 * Give every row the same bits in every batch, and anywhere in it; it need not be fast.
 *
 *     labs/03-fragment-churn/exercise/check invariant
 *
 * checks it in a few seconds; `make exercise-03` checks all of this lab.
 * `make hint-03 EX=invariant` gives a hint, and with LEVEL=2 or LEVEL=3 more.
 */
#include "exercise.h"

static float sum(const float *a, const float *b, size_t from, size_t to) {
    float s = 0;
    for (size_t l = from; l < to; l++)
        s += a[l] * b[l];
    return s;
}

void product(const float *a, const float *b, float *c, size_t m, size_t n, size_t k) {
    size_t slices = m < 8 ? 4 : m < 16 ? 2 : 1;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            c[i * n + j] = 0;
            for (size_t s = 0; s < slices; s++)
                c[i * n + j] += sum(a + i * k, b + j * k, k * s / slices, k * (s + 1) / slices);
        }
}
