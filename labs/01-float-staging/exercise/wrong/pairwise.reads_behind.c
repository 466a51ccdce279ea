/* rejected: it may read beyond them */
/* Wrong: fills up to a power of two with what lies behind the numbers, times zero. */
#include <stddef.h>

float pairwise(const float *x, size_t n);

float pairwise(const float *x, size_t n) {
    float v[1024];
    size_t full = 1;
    while (full < n)
        full *= 2;
    for (size_t i = 0; i < full; i++)
        v[i] = i < n ? x[i] : x[i] * 0;
    for (; full > 1; full /= 2)
        for (size_t i = 0; i < full / 2; i++)
            v[i] = v[2 * i] + v[2 * i + 1];
    return v[0];
}
