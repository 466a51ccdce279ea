/*
 * fragments.h: what the files of this lab share.
 *
 *     lab.c      the claims, what is recorded, the tables behind the plots
 *     ways.c     who multiplies on a device: our kernels and libraries, one by one
 *     stairs.c   F1: time against M and N, one at a time
 *     speed.c    our CPU kernel beside the library
 *     essay.c    F2, F3: 16 sequences of 2,048 tokens, and 17 of 2,047
 *     units.c    F4, F7, F9: what the matrix unit adds in one step, and its predicted bits
 *     churn.c    F5: the algorithms that a library chooses over a trace of batches
 *     trees.c    F6: the bits of one row against its batch, and the trees that explain them
 *     layers.c   F6: what the next layers make of a difference
 *     tail.c     F8: are all products in the sum?
 *     integer.c  F10: a product whose bits do not depend on its plan
 */
#ifndef NANOLAB_LABS_03_FRAGMENTS_H
#define NANOLAB_LABS_03_FRAGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/lab/contest.h"
#include "harness/lab/lab.h"
#include "harness/lab/tables.h"
#include "harness/store/rests.h"
#include "kernels/mma/mma_job.h"

/* --- ways.c ------------------------------------------------------------------------------------
 */

/* One way to multiply on a device. */
struct way {
    const char *name; /* "onednn", "avx512-bf16", "m16n8k16" */
    enum element in;  /* of A and B; C is f32 */
    bool library;     /* it chooses its algorithm by the shape */
    /* Rows of A, rows of B and elements of K that its smallest piece multiplies, empty or not;
     * all 0: nobody says. */
    struct mma_shape fragment;
    int (*open)(const struct way *way, struct job *job, struct device *device,
                const struct mma_operands *operands);
    int option;      /* the way's own */
    const char *isa; /* of a library: the most that it may use; NULL: all */
};
#define WAYS_MOST 16
/* Those of a device that can run here, in the order of the tables. */
size_t ways_of(struct device *device, struct way *ways);
/* The libraries alone, and those that take f32 only. */
size_t libraries_of(struct device *device, struct way *ways);

/* Operands and a job on them, opened together: jobs borrow their operands. */
struct product {
    struct mma_operands operands;
    struct job job;
};
/* 0, or -1 with device_error(); product_close either way. contest_enter() takes the job over: then
 * product_close only frees the operands, and must come after contest_end(). */
int product_open(struct product *p, struct device *device, const struct way *way,
                 const struct mma_problem *problem, enum mma_fill fill, uint64_t seed);
void product_close(struct product *p);
/* Row m of a job's output, which it calls. 0, or -1 with device_error(). `row` has N numbers. */
int product_row(const struct job *job, size_t m, float *row);
/* The largest distance of two rows, number by number. */
uint64_t row_ulps(const float *a, const float *b, size_t n);

/* Of the products of whole fragments, the share that C needs; NaN for an unknown fragment. */
double fragment_use(const struct mma_shape *fragment, const struct mma_shape *shape);

/* What a job's plan record says of who computes: a library's own name for its algorithm, or the
 * plan's id. `out` is returned. */
#define ALGORITHM_TEXT 120
char *algorithm_of(const struct job *job, char *out);

/* --- the claims --------------------------------------------------------------------------------
 */

int sweep_stairs(struct lab_run *run, struct device *device);
int sweep_speed(struct lab_run *run, struct device *device);
int sweep_fit(struct lab_run *run, struct device *device);
int sweep_essay(struct lab_run *run, struct device *device);
int sweep_blocks(struct lab_run *run, struct device *device);
int sweep_churn(struct lab_run *run, struct device *device);
int sweep_trees(struct lab_run *run, struct device *device);
int sweep_layers(struct lab_run *run, struct device *device);
int sweep_units(struct lab_run *run, struct device *device);
int sweep_tail(struct lab_run *run, struct device *device);
int sweep_eight(struct lab_run *run, struct device *device);
int sweep_integer(struct lab_run *run, struct device *device);

void check_padding(const struct rows *rows, struct finding *finding);
void check_fit(const struct rows *rows, struct finding *finding);
void check_class(const struct rows *rows, struct finding *finding);
void check_blocks(const struct rows *rows, struct finding *finding);
void check_churn(const struct rows *rows, struct finding *finding);
void check_trees(const struct rows *rows, struct finding *finding);
void check_layers(const struct rows *rows, struct finding *finding);
void check_units(const struct rows *rows, struct finding *finding);
void check_tail(const struct rows *rows, struct finding *finding);
void check_eight(const struct rows *rows, struct finding *finding);
void check_integer(const struct rows *rows, struct finding *finding);

/* The histograms of F5, for their table. */
int write_histograms(struct lab_run *run, const struct rows *rows, struct lab_table *table);

#endif
