/*
 * recover_inside.h: what the files of the recovery share, and nobody else.
 *
 * Functions that return int give 0 to go on, 1 when the verdict is in (run->out->status and why),
 * and -1 when the target could not be called or memory is short (one line in run->out->why).
 */
#ifndef NANOLAB_KERNELS_TREE_RECOVER_INSIDE_H
#define NANOLAB_KERNELS_TREE_RECOVER_INSIDE_H

#include "kernels/tree/recover.h"

struct recover_run {
    const struct recover_target *target;
    size_t n;
    uint64_t seed;
    size_t pairs;
    double unit, mask;     /* in x … */
    double unit_y, mask_y; /* … and in y, for a dot product */
    void *x, *y;           /* as the target gets them; y only for a dot product */
    double *xv, *yv;       /* the same as doubles */
    struct recovery *out;
};

/* Kinds of random data. */
enum recover_data {
    DATA_UNIFORM, /* [0, 1) */
    DATA_NORMAL,
    DATA_MAGNITUDES, /* both signs, log-uniform */
    DATA_CANCELLING, /* pairs that nearly cancel, scattered */
    DATA_OUTLIERS,   /* small, but for a few large */
    DATA_LAYERS, /* pairs that cancel exactly, over a wide range of magnitudes, and one small rest
                  */
    DATA_DEEP,   /* half are pairs that cancel exactly, so large that the rest loses bits */
    DATA_SUBNORMAL,
    DATA_KINDS
};

/* --- recover_inputs.c ------------------------------------------------------------------------- */
int recover_inputs_new(struct recover_run *run);
void recover_inputs_free(struct recover_run *run);
/* v must be a value of the type. y stays (1 at first). */
void recover_set(struct recover_run *run, size_t i, double v);
void recover_set_y(struct recover_run *run, size_t i, double v);
void recover_fill(struct recover_run *run, double v);
void recover_fill_y(struct recover_run *run, double v);
/* Random x (and y, for a dot product): a pure function of kind and number. */
void recover_random(struct recover_run *run, enum recover_data kind, uint64_t number);
/* The inputs put into another order (both operands alike). */
void recover_shuffle(struct recover_run *run, uint64_t number);
int recover_call(struct recover_run *run, double *result);
/* The same with the inputs `bytes` behind a 64-byte boundary (a multiple of the type's size). */
int recover_call_at(struct recover_run *run, size_t bytes, double *result);
/* Equal values; NaN equals NaN and +0 equals -0. */
bool recover_same(double a, double b);
/* The correctly rounded sum of the inputs as they are. */
int recover_exact(struct recover_run *run, double *result);
/* Sets status and why. Returns 1. */
int recover_reject(struct recover_run *run, enum recover_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int recover_no_memory(struct recover_run *run);

/* --- recover_order.c -------------------------------------------------------------------------- */

/* What the masks show. */
enum recover_sight {
    SIGHT_TREE,    /* a tree, in run->out->tree, that all probes agree with */
    SIGHT_NO_LOSS, /* all sizes 2: units are never lost */
    SIGHT_FLAT,    /* all sizes n: units are always lost; run->out->tree is one n-way node */
    SIGHT_NONE     /* sizes that no tree has */
};
int recover_order(struct recover_run *run, enum recover_sight *sight);

#define RECOVER_SETS_PER_KIND 8

/* --- recover_rule.c --------------------------------------------------------------------------- */
/* Finds the arithmetic of out->tree and compares bits on random data. *fits: all matched. */
int recover_rule(struct recover_run *run, bool *fits);

/* --- recover_explain.c ------------------------------------------------------------------------ */
/* Names what is no plain sum along a fixed tree. Always rejects (1) or fails (-1). */
int recover_explain(struct recover_run *run, enum recover_sight sight);

#endif
