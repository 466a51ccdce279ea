/* rejected: counts 0 times instead of once */
/* Wrong: where n is odd the last number is forgotten. */
#include <stddef.h>

float two_lanes(const float *x, size_t n);

float two_lanes(const float *x, size_t n) {
    float lane[2] = {x[0], x[1]};
    for (size_t i = 2; i + 1 < n; i += 2) {
        lane[0] += x[i];
        lane[1] += x[i + 1];
    }
    return lane[0] + lane[1];
}
