/*
 * sum_job.h: a sum as a job, whether a plan of the CUDA kernels (sum.h, on a GPU or on the SIMT
 * machine) or one of the native CPU code (sum_cpu.h) says how it is staged. Whoever takes a
 * variant and its job need not know which.
 *
 *     struct sum_memory *memory;
 *     struct job job;
 *     sum_memory_open(&memory, device, ELEMENT_F32, false, n), sum_memory_write(memory, x, NULL);
 *     sum_job_open(&job, memory, &variant);
 *     job_call(&job), job_bits(&job, &got), job_predict(&job, &expected), job_close(&job);
 */
#ifndef NANOLAB_KERNELS_SUM_JOB_H
#define NANOLAB_KERNELS_SUM_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/device/job.h"
#include "kernels/sum/sum.h"
#include "kernels/sum/sum_cpu.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- one way to sum ---------------------------------------------------------------------------
 */

struct sum_variant {
    bool native;  /* cpu says what to run, else plan does */
    bool checked; /* simt: by the checked build of the kernels. No part of the id */
    struct sum_plan plan;
    struct sum_cpu_plan cpu;
};

/* What of a variant decides which results may be compared bit by bit. */
struct sum_class {
    enum element type;      /* of the inputs */
    enum sum_acc acc;       /* of the result */
    enum sum_method method; /* plain, compensated, binned, exact */
    bool products;
};
struct sum_class sum_variant_class(const struct sum_variant *v);

/* A plan's id for devices of a kind; its words may be few, or none. 0, or -1 with `why` (SUM_WHY
 * bytes). */
int sum_variant_parse(const char *text, enum device_kind kind, struct sum_variant *v, char *why);
/* The full id; `out` has SUM_TEXT bytes and is returned. */
char *sum_variant_text(const struct sum_variant *v, char *out);
/* One object, a member per field. New reference. */
struct json_t *sum_variant_json(const struct sum_variant *v);
bool sum_variant_equal(const struct sum_variant *a, const struct sum_variant *b);
/* 0 if n inputs can be summed so; -1 with `why` (SUM_WHY bytes, or NULL). n = 0: any number. */
int sum_variant_check(const struct sum_variant *v, size_t n, char *why);

/* The fields of its kind of plan (enum sum_field_id or sum_cpu_field_id), *count of them. */
const struct sum_field *sum_variant_fields(const struct sum_variant *v, size_t *count);
void sum_variant_set(struct sum_variant *v, size_t field, int value);
/* Variants of the same kind whose fields in `mask` (bits of field numbers) are those of `fixed`:
 * every legal one, or few that hold every pair of field values. *list is malloc'ed. -1: no memory.
 */
int sum_variants_like(const struct sum_variant *fixed, unsigned mask, bool all,
                      struct sum_variant **list, size_t *count);
/* The word of a value of a field of sum.h: sum_word(SUM_FIELD_acc, SUM_ACC32) is "acc32". */
const char *sum_word(enum sum_field_id field, int value);

/* The model's tree: NULL for a method without an order (binned, exact), or without memory. */
struct tree *sum_variant_tree(const struct sum_variant *v, size_t n);
/* Additions on the longest path from an input to the result; 0 without an order. */
size_t sum_variant_depth(const struct sum_variant *v, size_t n);
/* The bits it must give, from host memory. -1: no memory. */
int sum_variant_model(const struct sum_variant *v, const void *x, const void *y, size_t n,
                      uint64_t *bits);
/* A result's bits as a number. */
double sum_value(enum sum_acc acc, uint64_t bits);

/* --- how far it may be from the exact sum -----------------------------------------------------
 */

/* Of x[0…n-1], or of x[i] · y[i]. */
struct sum_facts {
    size_t n;
    double exact;     /* the exact sum rounded once to double … */
    uint64_t exact64; /* … its bits … */
    uint64_t exact32; /* … and those of the exact sum rounded once to float */
    double magnitude; /* sum of |x| (or |x · y|) */
    double largest;   /* the largest of them */
};
/* `y` NULL: sums. -1: no memory. */
int sum_facts_of(enum element type, const void *x, const void *y, size_t n,
                 struct sum_facts *facts);

/*
 * A bound on |result - exact sum| for the variant's own tree, of depth d (sum_variant_depth), with
 * u the unit roundoff of its accumulator and gamma_d = d u / (1 - d u):
 *   plain        gamma_d · sum|x|  (Higham, Accuracy and Stability, 2nd ed., section 4.2)
 *   compensated  u |sum| + gamma_2d · gamma_d · sum|x|  (derived where it is computed)
 *   binned       u |sum| + n times half the unit of its last bin  (binned.h)
 *   exact        u |sum|
 * and for dot products the rounding of each product.
 */
double sum_variant_bound(const struct sum_variant *v, const struct sum_facts *facts, size_t depth);

/* --- jobs -------------------------------------------------------------------------------------
 */

/* Inputs on a device, and what their sums need beside them; any number of jobs share it, one call
 * at a time. */
struct sum_memory;
/* For n inputs of a type, and as many second factors if `products`. 0, or -1 with device_error().
 */
int sum_memory_open(struct sum_memory **out, struct device *device, enum element type,
                    bool products, size_t n);
void sum_memory_close(struct sum_memory *memory);
/* New inputs for all jobs on it. x and y are borrowed until the next write: predictions read them.
 */
int sum_memory_write(struct sum_memory *memory, const void *x, const void *y);

struct device *sum_memory_device(const struct sum_memory *memory);
size_t sum_memory_count(const struct sum_memory *memory);
/* The inputs where the device reads them, and where they came from. */
const void *sum_memory_x(const struct sum_memory *memory);
const void *sum_memory_host_x(const struct sum_memory *memory);

/* The memory must outlive the job. Reading a job's bits takes them away: they are poison until the
 * next call. 0, or -1 with device_error(). */
int sum_job_open(struct job *job, struct sum_memory *memory, const struct sum_variant *v);
/* For tests: runs a job of kernels with others, such as some that were compiled otherwise. */
void sum_job_use(struct job *job, const struct sum_ops *ops);

#ifdef __cplusplus
}
#endif
#endif
