/* Right, in another way: one lane after the other. */
#include <stddef.h>

float two_lanes(const float *x, size_t n);

float two_lanes(const float *x, size_t n) {
    size_t even = n - n % 2;
    float lane[2];
    for (size_t l = 0; l < 2 && l < n; l++) {
        lane[l] = x[l];
        for (size_t i = l + 2; i < even; i += 2)
            lane[l] = x[i] + lane[l];
    }
    if (n == 1)
        return lane[0];
    return n % 2 ? x[n - 1] + (lane[1] + lane[0]) : lane[1] + lane[0];
}
