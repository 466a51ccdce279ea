/* Vectors of 8 numbers, by the compiler's own: as wide as the machine has them. Four at a time. */
#include <string.h>

#include "exercise.h"

typedef float eight __attribute__((vector_size(32)));

void sum_fast(const float *x, size_t n, float *sum) {
    eight part[4] = {{0}, {0}, {0}, {0}};
    size_t i = 0;
    for (; i + 32 <= n; i += 32)
        for (int k = 0; k < 4; k++) {
            eight v;
            memcpy(&v, x + i + 8 * k, sizeof v);
            part[k] += v;
        }
    part[0] = (part[0] + part[1]) + (part[2] + part[3]);
    float all = 0;
    for (int k = 0; k < 8; k++)
        all += part[0][k];
    for (; i < n; i++)
        all += x[i];
    *sum = all;
}
