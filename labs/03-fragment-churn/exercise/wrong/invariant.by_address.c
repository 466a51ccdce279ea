/* rejected: the same row gave */
/* Wrong: begins with the first number that lies at a multiple of 16 bytes, as vector code does:
 * that is another one in another row. */
#include <stdint.h>

#include "exercise.h"

void product(const float *a, const float *b, float *c, size_t m, size_t n, size_t k) {
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            const float *row = a + i * k, *column = b + j * k;
            size_t first = (16 - (uintptr_t)row % 16) % 16 / sizeof *row;
            float lane[4] = {0}, sum = 0;
            for (size_t l = first; l < k; l++)
                lane[(l - first) % 4] += row[l] * column[l];
            for (size_t l = 0; l < first && l < k; l++)
                sum += row[l] * column[l];
            c[i * n + j] = sum + ((lane[0] + lane[1]) + (lane[2] + lane[3]));
        }
}
