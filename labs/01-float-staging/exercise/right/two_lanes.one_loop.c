/* Another way: one loop over all numbers, whose place says where each goes. */
#include <stddef.h>

float two_lanes(const float *x, size_t n);

float two_lanes(const float *x, size_t n) {
    float lane[2], sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == n - 1 && n % 2)
            return i ? sum + x[i] : x[i];
        lane[i % 2] = i < 2 ? x[i] : lane[i % 2] + x[i];
        sum = lane[0] + (i ? lane[1] : 0);
    }
    return sum;
}
