/* rejected: At n = 6 the additions come in another order */
/* Wrong: twice as many lanes, as on another machine. */
#include <stddef.h>

float two_lanes(const float *x, size_t n);

float two_lanes(const float *x, size_t n) {
    float lane[4];
    size_t whole = n / 4 * 4;
    if (n < 4) {
        float few = x[0];
        for (size_t i = 1; i < n; i++)
            few += x[i];
        return few;
    }
    for (size_t i = 0; i < whole; i++)
        lane[i % 4] = i < 4 ? x[i] : lane[i % 4] + x[i];
    float sum = (lane[0] + lane[2]) + (lane[1] + lane[3]);
    for (size_t i = whole; i < n; i++)
        sum += x[i];
    return sum;
}
