/*
 * staging.h: what the files of this lab share.
 *
 *     lab.c           the claims, and the sweep as a list of its parts
 *     variants.c      one way to sum: a plan of the kernels or one of the native CPU code
 *     inputs.c        the data sets
 *     predict.c       --predict: the bits told beforehand
 *     bits.c          predicted and measured bits of every variant
 *     repeat.c        the same sum under many schedules
 *     trees.c         recovered trees against the plans' own; libraries' trees
 *     times.c         time of plans, libraries and cures
 *     observations.c  the recorded bits, read back as rows
 *     checks.c        S1…S5 judged from the rows; prices.c judges S6
 *     tables.c        the tables behind the plots
 */
#ifndef NANOLAB_LABS_01_STAGING_H
#define NANOLAB_LABS_01_STAGING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/lab/lab.h"
#include "kernels/sum/sum.h"
#include "kernels/sum/sum_cpu.h"
#include "kernels/tree/tree.h"

/* --- variants.c --------------------------------------------------------------------------------
 */

/* One way to sum. The CUDA kernels' plans run on cuda and simt, the native ones on cpu. */
struct variant {
    bool native;
    struct sum_plan plan;
    struct sum_cpu_plan cpu;
};

#define VARIANT_TEXT 160

/* What of a variant decides which results may be compared bit by bit. */
struct variant_class {
    enum sum_type type;     /* of the inputs */
    enum sum_acc acc;       /* of the result */
    enum sum_method method; /* plain, compensated, binned, exact */
    bool dot;
};
struct variant_class variant_class(const struct variant *v);
/* "f32.acc32.plain.sum" */
const char *variant_class_text(struct variant_class c, char out[64]);

void variant_text(const struct variant *v, char out[VARIANT_TEXT]);
json_t *variant_json(const struct variant *v);

/* A result's bits as a number. */
double variant_value(enum sum_acc acc, uint64_t bits);

/* At least so many at the head of the list are the base plan with one field changed at a time. */
#define VARIANTS_ONE_AT_A_TIME 30

/* The variants whose bits a device is asked for: one base plan with each field at each value (so
 * that one choice changes at a time), and every pair of field values (--full: every plan that
 * sums floats). *out is malloc'ed; -1: no memory. */
int variants_for(enum device_kind kind, enum lab_mode mode, struct variant **out, size_t *count);

/* Room on a device for sums of up to `n` elements, kept from one sum to the next. */
struct room;
int room_open(struct room **out, struct device *device, size_t n);
void room_close(struct room *room);

/* Sums x[0…n-1] (or x · y) from host memory on the room's device; 0, or -1 with device_error(). */
int variant_run(struct room *room, const struct variant *v, const void *x, const void *y, size_t n,
                uint64_t *bits);
/* What the model says it will be. -1: no memory. */
int variant_model(const struct variant *v, const void *x, const void *y, size_t n, uint64_t *bits);
/* The tree; NULL for a method without an order, or without memory. */
struct tree *variant_tree(const struct variant *v, size_t n);
/* Additions on the longest path from an input to the result; 0 without an order. */
size_t variant_depth(const struct variant *v, size_t n);

/* --- inputs.c ----------------------------------------------------------------------------------
 */

enum input_kind {
    INPUT_UNIFORM,
    INPUT_NORMAL,
    INPUT_LOG_UNIFORM,
    INPUT_CANCELLING,
    INPUT_SCORES,
    INPUT_KINDS
};
/* "uniform", "normal", "log-uniform", "cancelling", "scores" */
const char *input_name(enum input_kind kind);

/* One data set, with what its sum ought to be. Owned by input_free. */
struct input {
    void *x, *y; /* y: NULL for sums */
    size_t n;
    enum sum_type type;
    double exact;     /* the exact sum rounded once to double */
    uint64_t exact32; /* rounded once to float, as a pattern */
    uint64_t exact64; /* and to double */
    double magnitude; /* sum of |x| (or |x · y|) */
    double largest;   /* the largest |x| */
};
int input_make(struct input *in, enum input_kind kind, enum sum_type type, size_t n, uint64_t seed);
void input_free(struct input *in);

/*
 * A bound on |result - exact sum| for the plan's own tree, of depth d, with u the unit roundoff of
 * its accumulator and gamma_d = d u / (1 - d u):
 *   plain        gamma_d · sum|x|  (Higham, Accuracy and Stability, 2nd ed., section 4.2)
 *   compensated  u |sum| + gamma_2d · gamma_d · sum|x|  (derived where it is computed)
 *   binned       u |sum| + n times half the unit of its last bin  (binned.h)
 *   exact        u |sum|
 * and for dot products the rounding of each product.
 */
double variant_bound(const struct variant *v, const struct input *in, size_t tree_depth);

/* --- the parts of the sweep --------------------------------------------------------------------
 */

/* Under --predict: the model's bits, before any device has run. */
int predict(struct lab_run *run);

int sweep_order(struct lab_run *run, struct device *device);
int sweep_bits(struct lab_run *run, struct device *device);
int sweep_repeat(struct lab_run *run, struct device *device);
int sweep_trees(struct lab_run *run, struct device *device);
int sweep_times(struct lab_run *run, struct device *device);

/* --- observations.c ----------------------------------------------------------------------------
 */

/* One result: a variant, a size and a data set. */
struct observation {
    const char *case_id; /* borrowed from the list */
    const char *plan;
    struct variant_class class;
    enum input_kind input;
    size_t n;
    uint64_t measured, predicted, exact;
    double error, bound; /* |measured - exact sum|, and its bound; absolute */
    double value;        /* measured, as a number */
    double reference;    /* the exact sum */
};
struct observations {
    struct observation *list;
    size_t count;
    json_t *records; /* what the texts are borrowed from */
};
/* All recorded results of a device, sorted by class, input and n. -1 with lab_error(). */
int observations_load(struct lab_run *run, const char *device_id, struct observations *out);
void observations_free(struct observations *o);

/* A run of observations that differ in the plan only. */
struct group {
    const struct observation *first;
    size_t count;
    size_t distinct; /* bit patterns among them */
    double spread;   /* (largest - smallest) / |exact sum| */
};
/* The next group after `*position`; false at the end. */
bool group_next(const struct observations *o, size_t *position, struct group *group);

/* The tables behind the plots, from the recorded cases. */
int write_tables(struct lab_run *run);

/* --- checks ------------------------------------------------------------------------------------
 */

int check_order(struct lab_run *run, const char *device_id, struct finding *finding);
int check_staging(struct lab_run *run, const char *device_id, struct finding *finding);
int check_spread(struct lab_run *run, const char *device_id, struct finding *finding);
int check_predicted(struct lab_run *run, const char *device_id, struct finding *finding);
int check_recovered(struct lab_run *run, const char *device_id, struct finding *finding);
int check_cures(struct lab_run *run, const char *device_id, struct finding *finding);

#endif
