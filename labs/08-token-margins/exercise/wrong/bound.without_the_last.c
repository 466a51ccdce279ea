/* rejected: and not */
#include "exercise.h"

static size_t largest(const float *x, size_t n) {
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

enum fate bound(const float *a, const float *b, size_t n, float most) {
    const size_t best = largest(a, n);
    int could = 0;
    if (largest(b, n) != best)
        return FLIPS;
    for (size_t i = 0; i + 1 < n; i++)
        could |=
            i != best && (i < best ? a[i] + most >= a[best] - most : a[i] + most > a[best] - most);
    return could ? LUCKY : SAFE;
}
