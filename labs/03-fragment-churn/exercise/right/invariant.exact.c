/* Better: what each product and each addition loses is kept, in double, so that the sum is as good
 * as exact before it is rounded to a float. */
#include <math.h>

#include "exercise.h"

void product(const float *a, const float *b, float *c, size_t m, size_t n, size_t k) {
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0, lost = 0;
            for (size_t l = 0; l < k; l++) {
                double x = (double)a[i * k + l] * (double)b[j * k + l]; /* 48 bits: exact */
                double now = sum + x, part = now - sum;
                lost += (sum - (now - part)) + (x - part);
                sum = now;
            }
            c[i * n + j] = (float)(sum + lost);
        }
}
