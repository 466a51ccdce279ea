/* rejected: for any order of additions */
/* Wrong: the same bits for every row: zero. */
#include "exercise.h"

void product(const float *a, const float *b, float *c, size_t m, size_t n, size_t k) {
    (void)a, (void)b, (void)k;
    for (size_t i = 0; i < m * n; i++)
        c[i] = 0;
}
