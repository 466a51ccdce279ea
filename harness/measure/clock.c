/*
 * clock.c: see clock.h.
 */
#include "harness/measure/clock.h"

#include <math.h>
#include <pthread.h>
#include <time.h>

#define STEPS 4
/* Readings without a change after which a clock stands still: about a second of them. */
#define PATIENCE (1l << 25)

double clock_now(void *unused) {
    (void)unused;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double clock_step_of(double (*now)(void *context), void *context) {
    double smallest = INFINITY, last = now(context);
    for (int step = 0; step < STEPS; step++) {
        double next = last;
        for (long reading = 0; next == last && reading < PATIENCE; reading++)
            next = now(context);
        if (next == last)
            return INFINITY;
        if (step > 0 && next - last > 0 && next - last < smallest) /* the first began midway */
            smallest = next - last;
        last = next;
    }
    return smallest;
}

static double own_step;

static void measure(void) {
    own_step = clock_step_of(clock_now, NULL);
}

double clock_step(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, measure);
    return own_step;
}
