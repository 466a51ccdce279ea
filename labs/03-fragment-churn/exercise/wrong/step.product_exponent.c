/* rejected: in the last place */
/* Wrong: the exponent of a product is taken from the product. 1.5 · 1.5 then has exponent 1. */
#include <math.h>

#include "exercise.h"

float step(const float *a, const float *b, size_t n, float c, int fraction) {
    double terms[17], unit, sum = 0, top = 0;
    for (size_t i = 0; i < n; i++)
        terms[i] = (double)a[i] * (double)b[i];
    terms[n] = (double)c;
    for (size_t i = 0; i <= n; i++)
        if (terms[i] != 0)
            top = fmax(top, exp2(ilogb(terms[i])));
    if (top == 0)
        return 0;
    unit = ldexp(top, -fraction);
    for (size_t i = 0; i <= n; i++)
        sum += trunc(terms[i] / unit) * unit;
    float nearest = (float)sum;
    return fabs((double)nearest) > fabs(sum) ? nextafterf(nearest, 0) : nearest + 0.0f;
}
