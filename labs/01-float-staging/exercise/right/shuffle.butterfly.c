/* Another way: every thread adds the thread whose number differs in one bit ("shuffle xor"). From
 * 16 down to 1 that is the same tree in thread 0. */
#include <stddef.h>

float shuffle(const float *x, size_t n);

float shuffle(const float *x, size_t n) {
    float lane[32];
    for (size_t t = 0; t < n; t++)
        lane[t] = x[t];
    for (size_t d = 16; d > 0; d /= 2) {
        float before[32];
        for (size_t t = 0; t < n; t++)
            before[t] = lane[t];
        for (size_t t = 0; t < n; t++)
            if ((t ^ d) < n)
                lane[t] = before[t] + before[t ^ d];
    }
    return lane[0];
}
