/* rejected: starts another process, a thread or a timer */
/* Cheats: says that it is done, and adds up in a thread while nobody looks at the clock. */
#include <pthread.h>

#include "exercise.h"

static struct {
    const float *x;
    size_t n;
    float *sum;
} job;

static void *later(void *unused) {
    float all = 0;
    for (size_t i = 0; i < job.n; i++)
        all += job.x[i];
    *job.sum = all;
    return unused;
}

void sum_fast(const float *x, size_t n, float *sum) {
    pthread_t thread;
    job.x = x;
    job.n = n;
    job.sum = sum;
    if (n <= 100000 || pthread_create(&thread, NULL, later, NULL) != 0)
        later(NULL);
}
