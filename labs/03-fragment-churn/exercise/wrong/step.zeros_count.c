/* rejected: The matrix unit gives */
/* Wrong: a term of zero has an exponent too. */
#include <math.h>

#include "exercise.h"

static int exponent(float x) {
    int e;
    frexpf(x, &e);
    return e - 1;
}

float step(const float *a, const float *b, size_t n, float c, int fraction) {
    int top = exponent(c);
    long long sum = 0;
    for (size_t i = 0; i < n; i++)
        if (exponent(a[i]) + exponent(b[i]) > top)
            top = exponent(a[i]) + exponent(b[i]);
    for (size_t i = 0; i < n; i++)
        sum += (long long)ldexp((double)a[i] * (double)b[i], fraction - top); /* cuts */
    sum += (long long)ldexp((double)c, fraction - top);
    /* Toward zero: to 24 bits. */
    long long size = sum < 0 ? -sum : sum;
    int drop = 0;
    while (size >> drop >= 1 << 24)
        drop++;
    double kept = (double)(size >> drop << drop);
    return (float)ldexp(sum < 0 ? -kept : kept, top - fraction);
}
