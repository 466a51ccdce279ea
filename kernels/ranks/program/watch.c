/*
 * watch.c: the deadline of every wait. A blocking sum cannot be asked whether it is done, and one
 * that can be asked runs by another algorithm (see mpi.c), so another thread looks at how long this
 * rank has been waiting. It makes no call of MPI, which this rank may be stuck in: it ends the
 * process, and the engine, which sees a rank gone, ends the others.
 */
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernels/ranks/program/program.h"

/* For others to say the same, before the first to go takes all with it. */
#define GRACE_NS 300000000

static void sleep_ns(int64_t ns) {
    struct timespec t = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    nanosleep(&t, NULL);
}

static void *watch(void *self) {
    struct program *p = self;
    int64_t deadline = llround(1e9 * p->plan.deadline_s);
    /* Looks seldom, to be no noise. */
    int64_t pause = deadline / 20 < 500000000 ? deadline / 20 : 500000000;
    for (;;) {
        sleep_ns(pause);
        int64_t since = atomic_load_explicit(&p->waits_since, memory_order_relaxed);
        int64_t waited = since != 0 ? program_monotonic_ns() - since : 0;
        if (waited <= deadline)
            continue;
        program_says(p, "waited", "%s for %.1f s",
                     ranks_doing_name((enum ranks_doing)p->state->doing), 1e-9 * (double)waited);
        sleep_ns(GRACE_NS);
        _exit(3);
    }
    return NULL;
}

int program_watch(struct program *p) {
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all, before;
    /* Signals are for the thread that is a rank. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int error = pthread_create(&thread, &attributes, watch, p);
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0 ? 0 : program_says(p, "failed", "cannot watch waits: %s", strerror(error));
}
