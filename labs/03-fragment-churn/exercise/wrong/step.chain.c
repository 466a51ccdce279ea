/* rejected: in the last place */
/* Wrong: one fused multiply-add after the other. */
#include <math.h>

#include "exercise.h"

float step(const float *a, const float *b, size_t n, float c, int fraction) {
    (void)fraction;
    for (size_t i = 0; i < n; i++)
        c = fmaf(a[i], b[i], c);
    return c;
}
