/* rejected: for any order of additions */
/* Wrong: numbers are cut to 11 bits first, as a matrix unit takes them: the same bits for every
 * row, and not near enough. */
#include "exercise.h"

void product(const float *a, const float *b, float *c, size_t m, size_t n, size_t k) {
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            float sum = 0;
            for (size_t l = 0; l < k; l++) {
                float x = a[i * k + l] * 8193, y = b[j * k + l] * 8193;
                sum += (x - (x - a[i * k + l])) * (y - (y - b[j * k + l]));
            }
            c[i * n + j] = sum;
        }
}
