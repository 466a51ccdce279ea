/*
 * recover.h: finds the summation tree of a function from its outputs alone.
 *
 * The order (P. Xie's FPRev): all inputs are a unit u, but x[i] = +M and x[j] = -M with M so large
 * that a unit added to it vanishes. While ±M is in a partial sum every unit added to it is lost, so
 * result / u counts the leaves outside the subtree in which i and j meet, and n minus that count is
 * the size of that subtree. Sizes of chosen pairs give the tree, nodes with many children (matrix
 * units) included.
 *
 * The arithmetic: given the tree, one or two more calls per node tell how wide the sum is that it
 * hands on (bf16 to 128 bits), and one per leaf of a dot product whether the product was rounded
 * before it was added. So "float inputs, double accumulator in the scalar tail" is recovered too.
 *
 * And then nothing is believed: every measured size is computed again from the tree; pairs not
 * probed before are probed; units of unequal size and masks of swapped sign have to agree; random
 * data of several kinds are evaluated along the tree and have to match in every bit. What does not
 * fit is rejected by name.
 *
 * Cost: a sequential sum takes about 2n calls for the order, forwards or backwards (which inputs
 * are compared is drawn at random), a balanced one (n/2) log2 n, a node of w children w/2 for each
 * of them; and about 4n + 2000 for the rest.
 */
#ifndef NANOLAB_KERNELS_TREE_RECOVER_H
#define NANOLAB_KERNELS_TREE_RECOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/element/element.h"
#include "kernels/tree/tree.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Inputs that begin or end where the next byte cannot be touched. */
enum recover_edge { RECOVER_EDGE_NONE, RECOVER_EDGE_BEFORE, RECOVER_EDGE_BEHIND };

/* A function under study: one of sum and dot is set. x and y hold n inputs of `type`, 64-byte
 * aligned, and must not be written. *result is the function's value (of type `result`) as a
 * double. Non-zero means the call could not be made, and ends the recovery. */
struct recover_target {
    enum element type; /* of the inputs: f32, f64, bf16, f16 or tf32 */
    /* ELEMENT_F32 or ELEMENT_F64; or bf16 or f16, where the whole f32 sum is rounded to it. */
    enum element result;
    int (*sum)(void *context, const void *x, size_t n, double *result);
    int (*dot)(void *context, const void *x, const void *y, size_t n, double *result);
    /* May be NULL: `count` <= at_once dot products by one call, row after row of n inputs: of a
     * matrix product, whose other elements are added as the one that `dot` gives. */
    int (*dots)(void *context, const void *x, const void *y, size_t n, size_t count,
                double *results);
    size_t at_once;
    /* The function sees a copy of the inputs: nothing to learn from where they lie. */
    bool copies;
    /* May be NULL, as `again` and `shake`. The same, with the inputs at an edge. */
    int (*at_edge)(void *context, const void *x, const void *y, size_t n, enum recover_edge edge,
                   double *result);
    /* After a call that failed: makes it possible to go on. 0 if it is. */
    int (*again)(void *context);
    /* From now on threads of the function are hindered by chance, or no longer. */
    void (*shake)(void *context, bool on);
    void *context;
};

/* Zero in a member means the default. */
struct recover_options {
    double unit;  /* u: 1; f16 inputs 2^-24 */
    double mask;  /* M: 2^127; f64 2^1023, or 2^127 if that overflows; f16 2^15 */
    size_t pairs; /* fresh pairs, and pairs with unequal units: 100 */
    /* That all calls together may take: none. Looked at between calls; a call that does not end,
     * the target has to end itself. */
    double seconds;
    uint64_t seed;
    /* Told before every call what is done, and how many calls there were. May be NULL. */
    void (*progress)(void *context, const char *step, size_t calls);
    void *progress_context;
};

enum recover_status {
    RECOVER_FOUND,             /* and all checks passed */
    RECOVER_WRONG,             /* not the sum of its inputs */
    RECOVER_ABSOLUTE,          /* the sum of their absolute values */
    RECOVER_NOT_DETERMINISTIC, /* same inputs, other bits */
    RECOVER_EXACT,             /* correctly rounded: no order to be seen */
    RECOVER_COMPENSATED,       /* nothing or less is lost than any plain order would lose */
    RECOVER_ON_A_GRID,         /* never loses a unit, does not depend on the order, is not exact */
    RECOVER_BINNED,            /* always loses the units, does not depend on the order */
    RECOVER_DATA_ORDER,        /* it sorts, or the same two inputs met elsewhere with other data */
    RECOVER_ARITHMETIC,        /* a tree fits all probes, no rule known here gives the bits */
    RECOVER_MASKS,             /* +M and -M do not work on it */
    RECOVER_ROUNDING,          /* rounds up, down, toward or away from zero */
    RECOVER_NO_TREE,           /* what the masks show fits no tree, and none of the above */
    RECOVER_STATUSES
};

/* A few words: "tree found", "exact accumulation", "order depends on data", … */
const char *recover_status_name(enum recover_status status);

#define RECOVER_LINE 240

/* Formats of partial sums; x87: 64 bits of significand, f128: 113. */
enum recover_width {
    RECOVER_WIDTH_BF16,
    RECOVER_WIDTH_F32,
    RECOVER_WIDTH_F64,
    RECOVER_WIDTH_X87,
    RECOVER_WIDTH_F128,
    RECOVER_WIDTHS
};
const char *recover_width_name(enum recover_width width);

/* One addition. */
struct recover_step {
    enum recover_width in, to; /* rounded to `in` (two operands), and then to `to` */
    tree_ref whole;            /* the leaf whose product enters unrounded, and … */
    tree_ref other;            /* … the one whose product is rounded to `in`; or TREE_NONE */
};

/* Everything that the tree does not say: with both, anybody can compute the result. */
struct recover_arithmetic {
    struct recover_step *step; /* of inner node n + k */
    unsigned char *leaf;  /* enum recover_width per leaf: the input (or product) as it enters */
    unsigned char *whole; /* per leaf: in a node of many children its product is unrounded */
    int fraction;         /* nodes of many children: terms are cut below 2^(E - fraction) … */
    bool toward_zero;     /* … and their sum is rounded toward zero, else to nearest even */
};

struct recovery {
    enum recover_status status;
    struct tree *tree;                    /* if found; freed by recovery_free */
    char why[RECOVER_LINE];               /* if rejected: what was seen */
    char rule[RECOVER_LINE];              /* if found: the arithmetic that gives every bit */
    struct recover_arithmetic arithmetic; /* the same for computing; freed by recovery_free */
    size_t probes;                        /* calls that found the order */
    size_t calls;                         /* all calls */
    size_t rechecked;                     /* measured sizes computed again from the tree … */
    size_t fresh;             /* … pairs not measured before, then measured: all agreed */
    size_t weighted;          /* pairs with unequal units and swapped signs: all agreed */
    size_t data_sets;         /* random inputs whose bits the tree gave, all of them */
    bool subnormals_flushed;  /* found with subnormals read and written as zero */
    bool loses_negative_zero; /* found, but a sum of -0 only is +0: it starts from +0 */
    bool address_matters;     /* found for aligned inputs; other bits at other addresses */
    size_t needs_aligned;     /* bytes: it ends where inputs do not lie at such a boundary; or 0 */
    bool reads_behind;        /* it ends where the byte behind the inputs cannot be touched … */
    bool reads_before;        /* … or the one before them */
    bool remarks_missing;     /* the four above are not known: a call failed, and it was the last */
};

/* Most inputs: sizes are counted in floats, and memory grows with the square at worst. */
#define RECOVER_MAX ((size_t)1 << 16)
#define RECOVER_MAX_F16 ((size_t)1 << 12)

/* Studies target at 1 <= n <= RECOVER_MAX (f16: RECOVER_MAX_F16). options may be NULL. Returns 0
 * with a verdict in *out (recovery_free it), or -1 with one line in out->why: a call failed, memory
 * is short, or n is out of range. */
int recover(const struct recover_target *target, size_t n, const struct recover_options *options,
            struct recovery *out);
void recovery_free(struct recovery *recovery);
/* What a function whose tree was found must give for other inputs, values of its type (y: NULL for
 * a sum). 0, or -1 when memory is short. */
int recovery_value(const struct recovery *recovery, const struct recover_target *target,
                   const double *x, const double *y, double *value);

#ifdef __cplusplus
}
#endif
#endif
