/* rejected: in the last place */
/* Wrong: nothing is cut: the exact sum, rounded once toward zero. */
#include <math.h>

#include "exercise.h"

float step(const float *a, const float *b, size_t n, float c, int fraction) {
    (void)fraction;
    double sum = (double)c;
    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    float nearest = (float)sum;
    return fabs((double)nearest) > fabs(sum) ? nextafterf(nearest, 0) : nearest + 0.0f;
}
