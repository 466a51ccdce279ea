/*
 * target_job.c: a library's float sum as a job, to be timed beside our own on the same inputs.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "kernels/tree/targets.h"

struct library_job {
    const struct tree_target *library;
    struct recover_target target;
    struct sum_memory *memory;
    const struct sum_facts *facts;
    double value;
};

static int call(void *context) {
    struct library_job *l = context;
    size_t n = sum_memory_count(l->memory);
    const void *x = sum_memory_x(l->memory);
    return l->library->start ? l->library->start(&l->target, x, n)
                             : l->target.sum(l->target.context, x, n, &l->value);
}

/* We do not know the order: within the bound of any order is all that can be asked. */
static int prove(void *context) {
    struct library_job *l = context;
    const struct sum_facts *f = l->facts;
    double u = FLT_EPSILON / 2, n = (double)f->n;
    double bound = n * u < 0.5 ? n * u / (1 - n * u) * f->magnitude : f->magnitude;
    if (l->target.sum(l->target.context, sum_memory_host_x(l->memory), f->n, &l->value) != 0)
        return -1;
    if (fabs(l->value - f->exact) <= bound)
        return 0;
    return device_fail("%s: its result %.9g is further from the exact sum %.9g than any order of "
                       "additions can be",
                       l->library->name, l->value, f->exact);
}

static void close_library(void *context) {
    struct library_job *l = context;
    l->library->close(&l->target);
    free(l);
}

int tree_target_job(struct job *job, const struct tree_target *library, struct sum_memory *memory,
                    const struct sum_facts *facts) {
    struct library_job *l = calloc(1, sizeof *l);
    *job = (struct job){0};
    if (!l)
        return device_fail("not enough memory");
    *l = (struct library_job){.library = library, .memory = memory, .facts = facts};
    if (library->open(&l->target, facts->n, sum_memory_device(memory)) != 0) {
        free(l);
        return -1;
    }
    *job = (struct job){.context = l,
                        .call = call,
                        .prove = prove,
                        .close = close_library,
                        .bytes = (double)facts->n * sizeof(float),
                        .flops = (double)facts->n - 1};
    return 0;
}
