/* Another way: what is cut off is taken away with fmod, whose sign is that of the term. */
#include <math.h>

#include "exercise.h"

static int exponent_of(double x) {
    return x == 0 ? -10000 : (int)logb(x);
}

float step(const float *a, const float *b, size_t n, float c, int fraction) {
    int top = exponent_of((double)c);
    for (size_t i = 0; i < n; i++) {
        int e =
            a[i] == 0 || b[i] == 0 ? top : exponent_of((double)a[i]) + exponent_of((double)b[i]);
        top = e > top ? e : top;
    }
    double unit = ldexp(1, top - fraction), sum = (double)c - fmod((double)c, unit);
    if (top == -10000)
        return 0;
    for (size_t i = 0; i < n; i++) {
        double term = (double)a[i] * (double)b[i];
        sum += term - fmod(term, unit);
    }
    if (sum == 0)
        return 0;
    double last = ldexp(1, exponent_of(sum) - 23);
    return (float)(sum - fmod(sum, last));
}
