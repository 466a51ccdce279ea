/* Makes the worst plan there can be, and sees what it does. */
#include <stdlib.h>

#include "exercise.h"

static size_t largest(const float *x, size_t n) {
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

enum fate bound(const float *a, const float *b, size_t n, float most) {
    float *worst = malloc(n * sizeof *worst);
    size_t best = largest(a, n), other;
    if (!worst)
        abort();
    for (size_t i = 0; i < n; i++)
        worst[i] = i == best ? a[i] - most : a[i] + most;
    other = largest(worst, n);
    free(worst);
    return largest(b, n) != best ? FLIPS : other != best ? LUCKY : SAFE;
}
