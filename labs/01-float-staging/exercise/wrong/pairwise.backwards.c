/* rejected: At n = 3 the additions come in another order */
/* Wrong: the plain loop, from the end. */
#include <stddef.h>

float pairwise(const float *x, size_t n);

float pairwise(const float *x, size_t n) {
    float sum = x[n - 1];
    for (size_t i = n - 1; i > 0; i--)
        sum += x[i - 1];
    return sum;
}
