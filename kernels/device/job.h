/*
 * job.h: one piece of work on one device, ready to be called again and again: a family ends in
 * jobs, and everything above (labs, tools, timing) knows a kernel, a native function or a library
 * by its job alone.
 *
 * One job serves bits and time. `call` is what is timed; `bits` reads what the last call left;
 * `predict` says beforehand what that must be; `prove` poisons the output, calls once more and
 * compares the two, so that work that was skipped in a timed run is wrong and not fast.
 *
 *     struct job job;
 *     if (sum_job_open(&job, device, &variant, x, NULL, n) != 0) …device_error()…
 *     job_call(&job), job_bits(&job, &got), job_predict(&job, &expected), job_close(&job);
 */
#ifndef NANOLAB_KERNELS_DEVICE_JOB_H
#define NANOLAB_KERNELS_DEVICE_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernels/device/device.h"

#ifdef __cplusplus
extern "C" {
#endif

struct json_t;

/* A result as one number: its bit pattern, or a hash (FNV-1a, width 64) of many. Patterns of NaN
 * are made one by those who compare (a NaN's payload is the hardware's business). */
struct job_bits {
    uint64_t bits;
    int width; /* of the pattern, 8 to 64 */
};

/* All functions return 0, or -1 with device_error(). Those that are NULL the job cannot do. */
struct job {
    void *context; /* owned by the job: close() frees it */
    /* One call. On a GPU it starts the work and does not wait. */
    int (*call)(void *context);
    /* After any number of calls: were they right? Poisons, calls once more, waits, compares. */
    int (*prove)(void *context);
    /* What the last call left; waits for it. */
    int (*bits)(void *context, struct job_bits *out);
    /* What every call must leave, from the model, without running anything on the device. */
    int (*predict)(void *context, struct job_bits *out);
    /* The plan as a record: new reference. */
    struct json_t *(*plan)(const void *context);
    void (*close)(void *context);
    /* Of one call: bytes read plus bytes written; floating-point operations. 0: meaningless. */
    double bytes, flops;
};

static inline int job_call(const struct job *job) {
    return job->call(job->context);
}
static inline int job_prove(const struct job *job) {
    return job->prove ? job->prove(job->context) : 0;
}
static inline int job_bits(const struct job *job, struct job_bits *out) {
    return job->bits ? job->bits(job->context, out) : device_fail("this job has no bits to read");
}
static inline int job_predict(const struct job *job, struct job_bits *out) {
    return job->predict ? job->predict(job->context, out)
                        : device_fail("this job has no model to predict its bits");
}
static inline struct json_t *job_plan(const struct job *job) {
    return job->plan ? job->plan(job->context) : NULL;
}
/* Leaves an empty job behind; closing that does nothing. */
static inline void job_close(struct job *job) {
    if (job->close)
        job->close(job->context);
    memset(job, 0, sizeof *job);
}

#ifdef __cplusplus
}
#endif
#endif
