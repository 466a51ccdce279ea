/*
 * ordering.h: what the files of this lab share.
 *
 *     lab.c      the claims, what is recorded, the tables behind the plots
 *     trial.c    a plan on its data on a device, run again and again
 *     replay.c   A1, A4: the recovered order of each logged run, replayed to the bit; and small
 *                sums, of which every result that some order can give is known
 *     repeat.c   A2: the same sum 1,000 times: how many results are there?
 *     load.c     A3: does the spread grow with more threads or blocks, or beside a neighbour?
 *     cures.c    A5: cures have one result; what they cost; what fixed point refuses
 */
#ifndef NANOLAB_LABS_02_ORDERING_H
#define NANOLAB_LABS_02_ORDERING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/lab/lab.h"
#include "harness/lab/tables.h"
#include "kernels/atomics/atomics_job.h"

/* --- trial.c -----------------------------------------------------------------------------------
 */

enum input_kind {
    INPUT_UNIFORM,
    INPUT_NORMAL,
    INPUT_LOG_UNIFORM,
    INPUT_CANCELLING, /* condition 1e6 */
    INPUT_ONES,       /* exact in every order: a lost or doubled update would show at once */
    INPUT_KINDS
};
const char *input_name(enum input_kind kind);
/* n elements of a type in host memory, the same for the same arguments; NULL: no memory. */
void *input_new(enum input_kind kind, enum atomics_type type, size_t n, uint64_t seed);

struct setting {
    const char *plan; /* words of atomics.h; of atomics_cpu.h on a CPU */
    enum input_kind input;
    bool loaded; /* beside a neighbour that contends for the same words */
};

/* A setting on a device, ready to run. */
struct trial {
    struct lab_run *run;
    struct job job;
    const struct atomics_sum *sum;
    const struct setting *setting;
    void *x;
    double condition; /* Sum|x| / |sum x| */
};
/* 0, or -1 with device_error(); trial_close either way. */
int trial_open(struct trial *t, struct lab_run *run, struct device *device,
               const struct setting *setting, size_t n);
void trial_close(struct trial *t);
/* Run k, on the SIMT machine by schedule k. 0, or -1 with device_error(). */
int trial_run(const struct trial *t, uint64_t k, struct job_bits *out);

/* One case: opens the setting, records what it is, and lets `measure` add what it did (0, or -1
 * with device_error()). 0, or -1 after lab_error(). */
int trial_case(struct lab_run *run, struct device *device, const struct setting *setting, size_t n,
               int (*measure)(const struct trial *t, struct lab_case *c), const char *id);
/* A case "02/<kind>/n=…/data=…/idle/plan=…" for each; loaded ones not on the SIMT machine, which
 * runs one launch after another. */
int trial_cases(struct lab_run *run, struct device *device, const char *kind,
                const struct setting *list, size_t count,
                int (*measure)(const struct trial *t, struct lab_case *c));

/* Elements of a repeated sum on a device: enough to differ, few enough for thousands of runs. */
size_t trial_n(enum device_kind kind);
/* Repetitions: 1,000, or 10,000 in full mode. */
size_t trial_runs(const struct lab_run *run);

/* "threads" or "blocks": what makes the updates of a recorded case. */
const char *workers_of(const struct rows *rows, size_t k);

/* --- the claims --------------------------------------------------------------------------------
 */

int sweep_replay(struct lab_run *run, struct device *device);
int sweep_repeat(struct lab_run *run, struct device *device);
int sweep_load(struct lab_run *run, struct device *device);
int sweep_reach(struct lab_run *run, struct device *device);
int sweep_cures(struct lab_run *run, struct device *device);

void check_orders(const struct rows *rows, struct finding *finding);
void check_spread(const struct rows *rows, struct finding *finding);
void check_load(const struct rows *rows, struct finding *finding);
void check_replay(const struct rows *rows, struct finding *finding);
void check_cures(const struct rows *rows, struct finding *finding);

/* Runs it trial_runs() times: bits, distances from the exact sum, and how far apart they are. */
int repeat_runs(const struct trial *t, struct lab_case *c);
/* How often each distance from the exact sum occurs. */
int repeat_distribution(struct lab_run *run, const struct rows *rows, struct lab_table *table);

#endif
