/* rejected: the same row gave */
/* Wrong: the order starts at another place in every row, "to spread the load". The same row has
 * other bits in another place of the batch. */
#include "exercise.h"

void product(const float *a, const float *b, float *c, size_t m, size_t n, size_t k) {
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            float s = 0;
            for (size_t l = 0; l < k; l++) {
                size_t at = (l + 7 * i) % k;
                s += a[i * k + at] * b[j * k + at];
            }
            c[i * n + j] = s;
        }
}
