/* In double, which is exact for all floats of near magnitudes. */
#include "exercise.h"

enum fate bound(const float *a, const float *b, size_t n, float most) {
    size_t best = 0, then = 0;
    int could = 0;
    for (size_t i = 1; i < n; i++) {
        best = a[i] > a[best] ? i : best;
        then = b[i] > b[then] ? i : then;
    }
    for (size_t i = 0; i < n; i++) {
        double gap = (double)a[best] - a[i] - 2 * (double)most;
        could |= i < best ? gap <= 0 : i > best ? gap < 0 : 0;
    }
    return then != best ? FLIPS : could ? LUCKY : SAFE;
}
