/*
 * atomics_job.h: one sum by atomic updates as a job, wherever it runs: the CUDA kernels on a GPU or
 * on the SIMT machine (plain or checked), or native threads on a CPU.
 *
 *     struct job job;
 *     struct atomics_setup setup = {.plan = "f32.none.fixed.a1.t2", .x = x, .n = n, .unit = -48};
 *     if (atomics_job_open(&job, device, &setup) != 0) …device_error()…
 *     job_predict(&job, &expected);           // cures have one result …
 *     atomics_job_run(&job, &got);            // … whatever the order
 *
 * The bits of a job are those of its one result; with several addresses or lanes, a hash of all.
 * A job whose updates may come in any order and give different results has no `predict`. `prove`
 * compares a result with what `predict` says; without it, with the error that n additions in any
 * order may have.
 */
#ifndef NANOLAB_KERNELS_ATOMICS_ATOMICS_JOB_H
#define NANOLAB_KERNELS_ATOMICS_ATOMICS_JOB_H

#include "kernels/atomics/atomics_explore.h"
#include "kernels/atomics/atomics_model.h"
#include "kernels/device/job.h"

#ifdef __cplusplus
extern "C" {
#endif

struct atomics_setup {
    const char *plan; /* atomics_plan_text's words; atomics_cpu_plan_text's on a CPU */
    const void *x;    /* n elements in host memory, borrowed */
    size_t n;
    int unit;     /* of fixed point */
    bool checked; /* on the SIMT machine: the kernels that report races */
};
/* 0, or -1 with device_error(); then there is nothing to close. */
int atomics_job_open(struct job *job, struct device *device, const struct atomics_setup *setup);
/* The type that a plan's words name for a kind of device; f32 if it is no plan. */
enum atomics_type atomics_job_type(enum device_kind kind, const char *plan);

/* What a job adds up, and what its last run left. The job's own; read only. */
struct atomics_sum {
    char text[PLAN_TEXT]; /* the plan in full */
    enum atomics_type type;
    enum atomics_merge merge;
    enum atomics_cure cure;
    enum atomics_add add; /* how one update changes the number at its address */
    size_t n, addresses, updates;
    size_t workers; /* that make the updates: threads on a CPU, blocks elsewhere */
    unsigned lanes;
    int unit;
    void *result;    /* `addresses` elements in host memory, after atomics_job_run or job_bits */
    uint32_t status; /* enum atomics_status; likewise */
};
const struct atomics_sum *atomics_job_sum(const struct job *job);

/* Poisons the result, calls once, waits, and reads result, status and log. */
int atomics_job_run(const struct job *job, struct job_bits *out);
/* As job_predict; *status as in atomics.h. */
int atomics_job_predict(const struct job *job, struct job_bits *out, uint32_t *status);
/* Signed distance of the last result from the exact sum rounded to the type, in ULP; NaN where
 * there are several sums, or halves. */
double atomics_job_ulps(const struct job *job);

/* --- what later calls run under ----------------------------------------------------------------
 */

/* Whether they run beside a neighbour that contends for the same words: a thread on a CPU, a
 * kernel on a stream of its own on a GPU. The SIMT machine runs one launch after another: there,
 * calls fail. */
void atomics_job_neighbour(const struct job *job, bool beside);
/* The schedule on the SIMT machine, nothing elsewhere. 0 … 14 are its adversaries: each
 * interleaving of threads with each order of blocks; those above are drawn by the seed, with 1 to
 * 16 blocks resident. Without it, the machine's default. */
void atomics_job_schedule(const struct job *job, uint64_t seed, uint64_t schedule);

/* --- orders ------------------------------------------------------------------------------------
 */

/* The worker that makes update u. */
size_t atomics_job_worker(const struct job *job, size_t u);

/* The last run of a logged plan, put back in order and added up again (atomics_order.h). */
struct atomics_replay {
    size_t chains;          /* addresses x lanes */
    size_t held;            /* of these: adding in the recovered order gives the result's bits */
    size_t shuffled_differ; /* of these: adding in a shuffled order gives other bits */
    uint64_t order;         /* a hash of the workers in the order of their updates; one lane only */
    char failure[120];      /* of the first chain that did not hold; "" if all did */
};
int atomics_job_replay(const struct job *job, uint64_t seed, struct atomics_replay *out);

/* Every result that some order of the updates can give at the first address, a CPU thread's own
 * updates in their order (atomics_explore.h: at most 12). Free *results. */
int atomics_job_explore(const struct job *job, struct atomics_reachable **results, size_t *count);

#ifdef __cplusplus
}
#endif
#endif
