/* rejected: is nan */
/* Wrong: the same bits for every row: no number. */
#include <math.h>

#include "exercise.h"

void product(const float *a, const float *b, float *c, size_t m, size_t n, size_t k) {
    (void)a, (void)b, (void)k;
    for (size_t i = 0; i < m * n; i++)
        c[i] = NAN;
}
