/*
 * roofs_lab.h: what the arms of lab 00 share. Each arm is one file: its sweeps and its checks.
 */
#ifndef NANOLAB_LABS_ROOFS_LAB_H
#define NANOLAB_LABS_ROOFS_LAB_H

#include "harness/lab/contest.h"
#include "harness/lab/tables.h"

/* More plans than roofs_variants() has for any op. */
#define PLANS 32

#define THREAD_COUNTS 2

/* lab.c. The thread counts that are compared: one and all CPUs (or one, where there is only one);
 * 0, "whole grid", on a GPU. Returns how many. */
size_t thread_counts(const struct device *device, unsigned threads[THREAD_COUNTS]);
/* Enters a plan under the name; never NULL: contest_end tells what went wrong. */
struct entrant *enter_plan(struct lab_run *run, struct contest *c, struct roofs_memory *memory,
                           const struct roofs_plan *plan, const char *name);

/* All claims here say "always": settles them, with how many of `what` hold for the range. */
void settle(struct finding *f, const char *what);

/* work.c */
int sweep_proofs(struct lab_run *run, struct device *device);
void check_work(const struct rows *rows, struct finding *f);

/* memory.c */
int sweep_caches(struct lab_run *run, struct device *device);
void check_caches(const struct rows *rows, struct finding *f);
int sweep_memory(struct lab_run *run, struct device *device);
void check_copy(const struct rows *rows, struct finding *f);
int sweep_slope(struct lab_run *run, struct device *device);
void check_slope(const struct rows *rows, struct finding *f);
void check_streams(const struct rows *rows, struct finding *f);

/* rates.c */
int sweep_rates(struct lab_run *run, struct device *device);
void check_threads(const struct rows *rows, struct finding *f);
void check_shared(const struct rows *rows, struct finding *f);
void check_hand_over(const struct rows *rows, struct finding *f);

#endif
