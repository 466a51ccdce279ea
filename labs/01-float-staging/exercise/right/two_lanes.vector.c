/* Better: what it is about, as a vector of two numbers that is added in one instruction. */
#include <stddef.h>

float two_lanes(const float *x, size_t n);

typedef float pair __attribute__((vector_size(8)));

float two_lanes(const float *x, size_t n) {
    if (n == 1)
        return x[0];
    pair lanes = {x[0], x[1]};
    size_t i = 2;
    for (; i + 1 < n; i += 2)
        lanes += (pair){x[i], x[i + 1]};
    float sum = lanes[0] + lanes[1];
    return i < n ? sum + x[i] : sum;
}
