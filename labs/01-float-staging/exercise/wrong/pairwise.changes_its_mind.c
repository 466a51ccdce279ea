/* rejected: not deterministic */
/* Wrong: every second call takes the values from the end. */
#include <stddef.h>

float pairwise(const float *x, size_t n);

static float neighbours(const float *x, size_t n, int step) {
    float v[1024];
    for (size_t i = 0; i < n; i++)
        v[i] = x[step > 0 ? i : n - 1 - i];
    for (; n > 1; n = (n + 1) / 2) {
        for (size_t i = 0; i < n / 2; i++)
            v[i] = v[2 * i] + v[2 * i + 1];
        if (n % 2)
            v[n / 2] = v[n - 1];
    }
    return v[0];
}

float pairwise(const float *x, size_t n) {
    static int step = -1;
    step = -step;
    return neighbours(x, n, step);
}
