/*
 * staging.h: what the files of this lab share. Each claim, with its sweep, its check and its
 * tables, is one file, in the order of the README:
 *
 *     lab.c        the claims, the names that are recorded, the tables; --predict
 *     inputs.c     which variants are asked for, and on which data sets
 *     order.c      S1: three numbers
 *     sums.c       S2, S3, S4: every variant on every data set
 *     trees.c      S5: trees recovered from outputs
 *     price.c      S6: cures, and what they cost
 *     occupancy.c  S8: a grid that follows the machine
 */
#ifndef NANOLAB_LABS_01_STAGING_H
#define NANOLAB_LABS_01_STAGING_H

#include "harness/lab/lab.h"
#include "harness/lab/tables.h"
#include "kernels/sum/sum_job.h"

/* --- inputs.c ----------------------------------------------------------------------------------
 */

/* At least so many at the head of the list are the base plan with one field changed at a time. */
#define VARIANTS_ONE_AT_A_TIME 30

/* The variants whose bits a device is asked for: one base plan with each field at each value (so
 * that one choice changes at a time), and every pair of field values (--full: every plan that
 * sums floats). *out is malloc'ed; -1: no memory. */
int variants_for(enum device_kind kind, enum lab_mode mode, struct sum_variant **out,
                 size_t *count);
/* The variant as params (plan, type, acc, method, terms) and as the plan record. */
void case_variant(struct lab_case *c, const struct sum_variant *v);

enum input_kind {
    INPUT_UNIFORM,
    INPUT_NORMAL,
    INPUT_LOG_UNIFORM,
    INPUT_CANCELLING,
    INPUT_SCORES, /* of products */
    INPUT_KINDS
};
/* "uniform", "normal", "log-uniform", "cancelling", "scores" */
const char *input_name(enum input_kind kind);

/* One data set on a device, with what its sum ought to be. */
struct input {
    void *x, *y; /* y: NULL for sums */
    struct sum_facts facts;
    struct sum_memory *memory; /* NULL without a device */
};
/* 0, or -1 with device_error(). */
int input_open(struct input *in, struct device *device, enum input_kind kind, enum element type,
               size_t n, uint64_t seed);
void input_close(struct input *in);
/* One call of a variant on what is in memory. 0, or -1 with device_error(). */
int sum_once(struct sum_memory *memory, const struct sum_variant *v, struct job_bits *out);

/* --- the claims --------------------------------------------------------------------------------
 */

int sweep_order(struct lab_run *run, struct device *device);
void check_order(const struct rows *rows, struct finding *f);

int sweep_sums(struct lab_run *run, struct device *device);
void check_staging(const struct rows *rows, struct finding *f);
void check_spread(const struct rows *rows, struct finding *f);
void check_predicted(const struct rows *rows, struct finding *f);
int write_distinct(struct lab_run *run, const struct rows *rows, struct lab_table *table);
int write_error(struct lab_run *run, const struct rows *rows, struct lab_table *table);

/* Sums that differ in the plan only: rows first … first + count - 1 of sums_grouped(). */
struct group {
    size_t first, count;
    size_t distinct;     /* bit patterns among them */
    struct ratio spread; /* (largest - smallest) / |exact sum|, known to one ulp of a result */
};
/* The rows of 01/sum/ with these terms (rows_select), one group after another. Free it. */
struct rows sums_grouped(const struct rows *rows, const char *terms);
/* The next one; start with an empty group. False at the end. */
bool group_next(const struct rows *sums, struct group *group);
/* More than one plan, and numbers enough to be staged. */
bool group_has_choice(const struct rows *sums, const struct group *group);

int sweep_trees(struct lab_run *run, struct device *device);
void check_recovered(const struct rows *rows, struct finding *f);

int sweep_cures(struct lab_run *run, struct device *device);
void check_cures(const struct rows *rows, struct finding *f);
int write_price(struct lab_run *run, const struct rows *rows, struct lab_table *table);

int sweep_occupancy(struct lab_run *run, struct device *device);
void check_occupancy(const struct rows *rows, struct finding *f);

#endif
