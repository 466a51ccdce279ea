/*
 * reveal_child_shake.h: sums of threads that add as they arrive mostly arrive in order. When asked
 * to, this makes them arrive otherwise: a new thread begins a little later, by chance, and threads
 * that are there already are moved to one processor or given all.
 */
#ifndef NANOLAB_TOOLS_REVEAL_CHILD_SHAKE_H
#define NANOLAB_TOOLS_REVEAL_CHILD_SHAKE_H

#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

static _Atomic uint32_t shake_on;
static _Atomic uint64_t shake_state = 0x9E3779B97F4A7C15u;

static uint64_t shake_draw(void) {
    uint64_t z = atomic_fetch_add(&shake_state, 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

struct shake_start {
    void *(*run)(void *);
    void *argument;
};

static void *shake_late(void *context) {
    struct shake_start start = *(struct shake_start *)context;
    free(context);
    struct timespec pause = {0, (long)(shake_draw() % 400000)};
    nanosleep(&pause, NULL);
    return start.run(start.argument);
}

/* The library's calls come here, and go on to the C library's. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *argument) {
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    struct shake_start *late = atomic_load(&shake_on) ? malloc(sizeof *late) : NULL;
    if (!late)
        return real(thread, attributes, run, argument);
    *late = (struct shake_start){run, argument};
    int status = real(thread, attributes, shake_late, late);
    if (status)
        free(late);
    return status;
}

/* Before a call. `all`: the processors it had at first. */
static void shake(uint32_t on, const cpu_set_t *all) {
    uint32_t before = atomic_exchange(&shake_on, on);
    DIR *threads = on || before ? opendir("/proc/self/task") : NULL;
    for (struct dirent *entry; threads && (entry = readdir(threads));) {
        int thread = atoi(entry->d_name), count = CPU_COUNT(all);
        cpu_set_t some = *all;
        if (on && count > 1 && shake_draw() % 2) {
            int which = (int)(shake_draw() % (uint64_t)count);
            CPU_ZERO(&some);
            for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
                if (CPU_ISSET(cpu, all) && which-- == 0)
                    CPU_SET(cpu, &some);
        }
        if (thread > 0)
            sched_setaffinity(thread, sizeof some, &some);
    }
    if (threads)
        closedir(threads);
}

#endif
