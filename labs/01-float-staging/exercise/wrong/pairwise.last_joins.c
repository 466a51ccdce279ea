/* rejected: At n = 5 the additions come in another order */
/* Wrong: a value without a neighbour is added to the last pair of its own round. */
#include <stddef.h>

float pairwise(const float *x, size_t n);

float pairwise(const float *x, size_t n) {
    float v[1024];
    for (size_t i = 0; i < n; i++)
        v[i] = x[i];
    while (n > 1) {
        float last = v[n - 1];
        for (size_t i = 0; i < n / 2; i++)
            v[i] = v[2 * i] + v[2 * i + 1];
        if (n % 2)
            v[n / 2 - 1] += last;
        n /= 2;
    }
    return v[0];
}
