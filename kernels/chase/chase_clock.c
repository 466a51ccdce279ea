/*
 * chase_clock.c: how fast the time-stamp counter runs.
 */
#include <math.h>
#include <pthread.h>
#include <time.h>

#include "kernels/chase/chase.h"

#if defined(__x86_64__)
#include <x86intrin.h>

static double hertz;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Over 20 ms a clock read that comes 100 ns late is an error of 5 parts in a million. */
static void calibrate(void) {
    double from = now(), to;
    uint64_t first = __rdtsc(), last;
    do {
        to = now();
        last = __rdtsc();
    } while (to - from < 0.02);
    hertz = (double)(last - first) / (to - from);
}

double chase_tsc_hertz(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, calibrate);
    return hertz;
}
#else
double chase_tsc_hertz(void) {
    return NAN;
}
#endif
