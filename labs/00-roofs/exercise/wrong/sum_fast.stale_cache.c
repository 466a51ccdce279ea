/* rejected: starts another process, a thread or a timer */
/* Cheats: a timer reads the array every millisecond, so that it is back in the caches when the
 * clock runs, whoever emptied them. */
#define _DEFAULT_SOURCE
#include <signal.h>
#include <sys/time.h>

#include "exercise.h"

static const float *volatile place;
static volatile size_t count;
static volatile float kept;

static void keep_warm(int number) {
    (void)number;
    for (size_t i = 0; i < count; i += 16)
        kept = place[i];
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
    place = x;
    count = n;
    struct itimerval often = {{0, 1000}, {0, 1000}};
    signal(SIGALRM, keep_warm);
    setitimer(ITIMER_REAL, &often, NULL);
    *sum = part[0];
}
