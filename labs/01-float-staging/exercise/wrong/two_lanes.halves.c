/* rejected: At n = 4 the additions come in another order */
/* Wrong: each lane takes one half of the numbers. */
#include <stddef.h>

float two_lanes(const float *x, size_t n);

float two_lanes(const float *x, size_t n) {
    if (n == 1)
        return x[0];
    size_t half = n / 2;
    float lane[2] = {x[0], x[half]};
    for (size_t i = 1; i < half; i++) {
        lane[0] += x[i];
        lane[1] += x[half + i];
    }
    return n % 2 ? lane[0] + lane[1] + x[n - 1] : lane[0] + lane[1];
}
