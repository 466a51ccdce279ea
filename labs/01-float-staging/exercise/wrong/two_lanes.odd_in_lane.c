/* rejected: At n = 3 the additions come in another order */
/* Wrong: the odd element goes into lane 0 before the lanes are added. */
#include <stddef.h>

float two_lanes(const float *x, size_t n);

float two_lanes(const float *x, size_t n) {
    float lane[2] = {x[0], n > 1 ? x[1] : 0};
    for (size_t i = 2; i < n; i++)
        lane[i % 2] += x[i];
    return lane[0] + lane[1];
}
