/*
 * mma_fingerprint.h: what there is to know of how a matrix product is computed, as one text and its
 * hash: the plan as the job itself records it, and the summation trees of its elements as their
 * bits show them (mma_reveal.h), one per class. And what a tree says of its plan: the family.
 *
 *     struct mma_fingerprint print;
 *     mma_fingerprint_open(&print, &job, NULL);
 *     puts(print.text), print.order == other.order;
 *
 * Two products of one shape with the same order have the same bits on any operands: the same
 * elements are added along the same trees by the same arithmetic. That is so where every element
 * has a tree (`complete`). An element without one, such as a sum of integers, has in its place the
 * verdict and a hash of its bits on the data that shows classes: two such may still differ on other
 * data. Trees are compared across shapes by mma_fingerprint_tree(): did row 0's order change with
 * one row more?
 */
#ifndef NANOLAB_KERNELS_MMA_MMA_FINGERPRINT_H
#define NANOLAB_KERNELS_MMA_MMA_FINGERPRINT_H

#include "kernels/mma/mma_reveal.h"
#include "kernels/tree/tree.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- families: what a tree alone says of the plan --------------------------------------------- */

/* How partial sums become one. */
enum mma_family_merge {
    MMA_FAMILY_SINGLE,   /* there is only one */
    MMA_FAMILY_IN_ORDER, /* the next to the sum of those before */
    MMA_FAMILY_PAIRWISE, /* by pairs, and pairs of these; of two: both ways are the same */
    MMA_FAMILY_OTHER
};

/* In what order the terms of one partial sum come. */
enum mma_family_terms {
    MMA_FAMILY_ASCENDING,
    MMA_FAMILY_DESCENDING,
    MMA_FAMILY_ODD_FIRST, /* neighbours (2i, 2i + 1) in order, of each the odd one first */
    MMA_FAMILY_FUSED,     /* nodes of many terms: a matrix unit's */
    MMA_FAMILY_ANY_TERMS
};

#define MMA_FAMILY_TEXT 240

struct mma_family {
    bool regular; /* all below is known */
    /* K in slices of neighbouring terms: a split of K, or blocks that a loop adds to C. */
    size_t slices, slice; /* how many (the rest counted), and their length */
    size_t rest, rests;   /* length of those that are shorter, the last of K, and how many */
    bool rest_first;      /* the only one: the others are added to it */
    enum mma_family_merge merge;
    /* Inside a slice: sums that each take every lanes-th term, or pair of terms. */
    size_t lanes; /* 1: none */
    enum mma_family_merge lanes_merge;
    enum mma_family_terms terms;
    size_t block; /* new terms of each node of many, without the sum so far; 0: additions of two */
    /* "4 slices of 1024, in order; terms in order", "one sum; 2 lanes, added; terms in order" */
    char text[MMA_FAMILY_TEXT];
};

/* A complete tree. 0, or -1 with device_error(): no memory. What is not regular has a text too. */
int mma_family_of(const struct tree *tree, struct mma_family *out);

/* --- fingerprints ------------------------------------------------------------------------------
 */

/* Trees that are looked for at most. */
#define MMA_FINGERPRINT_CLASSES 32

struct mma_hash128 {
    uint64_t high, low; /* FNV-1a */
};

struct mma_fingerprint {
    struct mma_classes classes;
    struct mma_revealed *tree; /* of each class */
    struct mma_hash128 *id;    /* of each class: tree and arithmetic */
    struct mma_hash128 order;  /* classes, and the trees of each */
    bool complete;             /* every class has a tree */
    struct mma_hash128 hash;   /* of the text */
    char *text;                /* lines: product, plan, tiles */
};

/* options as for mma_reveal(). 0, or -1 with device_error(): also with more than
 * MMA_FINGERPRINT_CLASSES classes. */
int mma_fingerprint_open(struct mma_fingerprint *out, const struct job *job,
                         const struct recover_options *options);
void mma_fingerprint_close(struct mma_fingerprint *print);
/* Of the class that element (m, n) is in. */
struct mma_hash128 mma_fingerprint_tree(const struct mma_fingerprint *print, size_t m, size_t n);
const struct mma_revealed *mma_fingerprint_revealed(const struct mma_fingerprint *print, size_t m,
                                                    size_t n);
/* The same of one element that was revealed by itself: the order of its additions and their
 * arithmetic; two orders that are alike but for products rounded or not are two. -1 with
 * device_error(): no memory, or no tree. */
int mma_revealed_id(const struct mma_revealed *revealed, struct mma_hash128 *id);
bool mma_hash128_equal(struct mma_hash128 a, struct mma_hash128 b);
/* 32 digits; `out` has 33 bytes and is returned. */
char *mma_hash128_text(struct mma_hash128 hash, char *out);

#ifdef __cplusplus
}
#endif
#endif
