/*
 * compute.c: computing that lasts so long, and the clocks.
 *
 * Sleeping stands for an accelerator that computes while its processor is free: it began when it
 * was told to and is over when its time has passed, whatever the processor did meanwhile. So one
 * that is over before it is waited for ended at its own time, not when somebody looked.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <mpi.h>
#include <string.h>
#include <time.h>

#ifdef RANKS_SIMULATED
#include <simgrid/actor.h>
#include <simgrid/engine.h>
#endif

#include "kernels/ranks/program/program.h"

int64_t program_monotonic_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

#ifdef RANKS_SIMULATED

double program_now_us(void) {
    return 1e6 * simgrid_get_clock(); /* of MPI_Wtime() each call costs simulated time */
}

/* Simulated time passes, and no resource is used. */
static void sleep_until(double us) {
    double left = us - program_now_us();
    if (left > 0)
        sg_actor_sleep_for(1e-6 * left);
}

#else

double program_now_us(void) {
    return 1e-3 * (double)program_monotonic_ns();
}

static void sleep_until(double us) {
    int64_t ns = llround(1e3 * us);
    struct timespec until = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        ;
}

#endif

int program_compute_begin(struct program *p, struct computing *c) {
    c->begun = program_now_us();
    if (p->plan.compute == RANKS_KERNEL)
        return p->ops->kernel_begin(p, c->us);
    return 0;
}

int program_compute_end(struct program *p, struct computing *c) {
    double until = c->begun + c->us, now = program_now_us();
    c->ended = until;
    switch (p->plan.compute) {
    case RANKS_SLEEP:
        if (now >= until)
            return 0;
        sleep_until(until);
        break;
    case RANKS_SPIN:
        while (program_now_us() < until)
            ;
        break;
    case RANKS_KERNEL:
        if (p->ops->kernel_end(p) != 0)
            return -1;
        if (now >= until)
            return 0;
        break;
    case RANKS_GEMM:
#ifndef RANKS_SIMULATED
        if (gemm_run(p) != 0)
            return -1;
#endif
        break;
    case RANKS_COMPUTE_COUNT:
        break;
    }
    c->ended = program_now_us();
    return 0;
}
