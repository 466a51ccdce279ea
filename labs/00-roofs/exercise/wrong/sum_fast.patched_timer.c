/* rejected: defines clock_gettime */
/* Cheats: brings a clock of its own, which hardly moves. */
#define _POSIX_C_SOURCE 199309L
#include <time.h>

#include "exercise.h"

int clock_gettime(clockid_t clock, struct timespec *now) {
    static long calls;
    (void)clock;
    now->tv_sec = 0;
    now->tv_nsec = ++calls;
    return 0;
}

void sum_fast(const float *x, size_t n, float *sum) {
    float part[16] = {0};
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (size_t k = 0; k < 16; k++)
            part[k] += x[i + k];
    for (; i < n; i++)
        part[i % 16] += x[i];
    for (size_t half = 8; half > 0; half /= 2)
        for (size_t k = 0; k < half; k++)
            part[k] += part[k + half];
    *sum = part[0];
}
