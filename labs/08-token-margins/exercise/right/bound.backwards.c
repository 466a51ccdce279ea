/* From the end: the first of equal logits is the last one met. */
#include "exercise.h"

enum fate bound(const float *a, const float *b, size_t n, float most) {
    size_t best = n - 1, then = n - 1;
    enum fate fate = SAFE;
    for (size_t i = n; i-- > 0;) {
        if (a[i] >= a[best])
            best = i;
        if (b[i] >= b[then])
            then = i;
    }
    for (size_t i = n; i-- > 0;)
        if (i != best &&
            (a[i] + most > a[best] - most || (i < best && a[i] + most == a[best] - most)))
            fate = LUCKY;
    return then == best ? fate : FLIPS;
}
