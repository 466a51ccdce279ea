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
    void *x_at, *y_at;     /* for calls at other addresses */
    double *xv, *yv;       /* the same as doubles */
    void *xs, *ys;         /* rows for target->dots */
    struct recovery *out;
    const struct recover_options *options;
    const char *step; /* what is being done */
    double used;      /* seconds of all calls, if they are limited */
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
    DATA_DEEP_F64, /* as DATA_DEEP, so large that it costs f64, the x87 and 128 bits as much */
    DATA_DEEP_X87,
    DATA_DEEP_F128,
    DATA_TIES_F64, /* three inputs of which f64, or the x87, loses what would break a tie */
    DATA_TIES_X87,
    DATA_TRIPLES, /* large ones of which three cancel exactly, none as large as another */
    DATA_REPEATS, /* zeros, and few values again and again */
    DATA_KINDS
};

/* --- recover_inputs.c ------------------------------------------------------------------------- */
/* Whether inputs of this type can be studied. */
bool recover_type_known(enum element type);
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
/* So many calls, at once where the target can: set() makes the inputs of call k, unset() (or NULL)
 * what they were. All of them are made, also when one gives what ends the recovery. */
int recover_calls(struct recover_run *run, size_t count,
                  void (*set)(struct recover_run *run, void *context, size_t k),
                  void (*unset)(struct recover_run *run, void *context, size_t k), void *context,
                  double *results);
/* The same with the inputs so many bytes behind 64-byte boundaries (< 64, multiples of the type's
 * size), or at an edge. */
int recover_call_at(struct recover_run *run, size_t x_bytes, size_t y_bytes, enum recover_edge edge,
                    double *result);
/* Equal values; NaN equals NaN and +0 equals -0. */
bool recover_same(double a, double b);
/* Whole numbers up to this are numbers of the result's format. */
size_t recover_counts(const struct recover_run *run);
/* A sum as the result holds it. */
double recover_to_result(const struct recover_run *run, double v);
/* The correctly rounded sum of the inputs as they are. */
int recover_exact(struct recover_run *run, double *result);
/* Sets status and why. Returns 1. */
int recover_reject(struct recover_run *run, enum recover_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int recover_no_memory(struct recover_run *run);

/* --- recover_sum.c ---------------------------------------------------------------------------- */
/* Same inputs, other calls in between, same bits, so many times (or for three seconds)? */
int recover_steady(struct recover_run *run, size_t turns);
/* Is it the sum, each input counted once? */
int recover_is_sum(struct recover_run *run);

/* --- recover_remarks.c ------------------------------------------------------------------------ */
/* Fills what out says beside the tree. */
void recover_remarks(struct recover_run *run);

/* --- recover_order.c -------------------------------------------------------------------------- */

/* What the masks show. */
enum recover_sight {
    SIGHT_TREE,    /* a tree, in run->out->tree, that all probes agree with */
    SIGHT_NO_LOSS, /* all sizes 2: units are never lost */
    SIGHT_FLAT,    /* all sizes n: units are always lost; run->out->tree is one n-way node */
    SIGHT_NONE     /* sizes that no tree has */
};
int recover_order(struct recover_run *run, enum recover_sight *sight);
/* x[i], x[j], and both in y (for a dot product). */
void recover_set_pair(struct recover_run *run, size_t i, size_t j, double at_i, double at_j,
                      double y);
/* The size of the subtree in which i and j meet, by one call with these masks and units; *l = 0
 * when the result is no count. All other inputs stay `unit`. */
int recover_probe(struct recover_run *run, size_t i, size_t j, double mask, double unit,
                  uint32_t *l);

/* --- recover_weighted.c ------------------------------------------------------------------------
 */
/* Pairs with unequal units and masks of either sign: does out->tree say what they leave? `few`:
 * most inputs zero, the others 1 or 2. Leaves the inputs at the unit. */
int recover_weighted(struct recover_run *run, bool few, bool *agrees);

#define RECOVER_SETS_PER_KIND 8

/* --- recover_evaluate.c ----------------------------------------------------------------------- */
typedef __float128 recover_wide;

struct recover_rule {
    unsigned char *width;    /* enum recover_width per reference: what it hands on */
    unsigned char *whole;    /* per leaf: its product enters the addition unrounded */
    enum recover_width root; /* in which the last addition is done, at least */
    int fraction;            /* F of nodes with more than two children */
    bool cuts;               /* and what is below is cut, not rounded */
    bool toward_zero;        /* their last rounding */
    bool flush;              /* subnormals are zero */
    double least_normal;     /* of the inputs' type, or f32 */
    bool higher_first;       /* in a pair of products, the one of the higher index is rounded */
};

struct recover_walk { /* one evaluation */
    const struct recover_run *run;
    const struct recover_rule *rule;
    const struct recover_step *step; /* per inner node; NULL: as the rule says */
    recover_wide *value;             /* per reference */
    long double *term;               /* scratch, one per child */
    int *exponent;
};

enum recover_width recover_leaf_width(const struct recover_run *run);
double recover_least_normal(enum element type);
struct recover_step recover_step_of(const struct recover_run *run, const struct recover_rule *rule,
                                    tree_ref node);
/* The inputs as they are, along out->tree. */
double recover_evaluate(struct recover_walk *walk);

/* --- recover_rule.c --------------------------------------------------------------------------- */
/* Finds the arithmetic of out->tree and compares bits on random data. *fits: all matched. */
int recover_rule(struct recover_run *run, bool *fits);

/* --- recover_again.c: questions put once more, or in another way -------------------------------
 */
/* Random data, and pairs under the masks, many times: is it always the same? */
int recover_ask_again(struct recover_run *run);
/* Does a single addition round to nearest? */
int recover_rounding(struct recover_run *run);
/* The narrowest format that three inputs among zeros pass through, wherever they stand; the
 * result's if none is seen. */
int recover_width_seen(struct recover_run *run, enum recover_width *width);
/* Do two inputs meet in a larger or smaller sum when all others are other numbers? */
int recover_two_sizes(struct recover_run *run, enum recover_sight sight);
/* Is a single input lost that is small enough? */
int recover_grid(struct recover_run *run, bool *is);

/* --- recover_candidates.c --------------------------------------------------------------------- */
#define RECOVER_EXPLAIN_SETS (DATA_KINDS * 6)
/* Random inputs of set number k < RECOVER_EXPLAIN_SETS. */
void recover_explain_set(struct recover_run *run, size_t k);
enum recover_width recover_result_width(const struct recover_run *run);
/* x one after another in this width, then rounded to the result. */
double recover_in_order(const struct recover_run *run, const double *x, enum recover_width width);
/* *name: the sorting that gives all bits, or NULL. */
int recover_sorted(struct recover_run *run, enum recover_width width, const char **name);
/* *is: Kahan's additions along out->tree, in *width, give all bits. */
int recover_kahan(struct recover_run *run, enum recover_width *width, bool *is);

/* --- recover_explain.c ------------------------------------------------------------------------ */
/* Names what is no plain sum along a fixed tree. Always rejects (1) or fails (-1). */
int recover_explain(struct recover_run *run, enum recover_sight sight);

#endif
