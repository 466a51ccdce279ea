/* The runner-up can gain 2·most on the best: one goes up, the other down. */
#include <stdbool.h>

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
    bool could = false;
    if (largest(b, n) != best)
        return FLIPS;
    for (size_t i = 0; i < n; i++) {
        const float high = a[i] + most, low = a[best] - most;
        could = could || (i != best && (i < best ? high >= low : high > low));
    }
    return could ? LUCKY : SAFE;
}
