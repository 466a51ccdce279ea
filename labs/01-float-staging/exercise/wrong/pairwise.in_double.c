/* rejected: each partial sum rounded to f64 */
/* Wrong: sums in double. More accurate, and no order of float additions at all. */
#include <stddef.h>

float pairwise(const float *x, size_t n);

float pairwise(const float *x, size_t n) {
    double sum = x[0];
    for (size_t i = 1; i < n; i++)
        sum += x[i];
    return (float)sum;
}
