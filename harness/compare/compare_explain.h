/*
 * compare_explain.h: why one case of a comparison has its verdict: the rule's numbers, its
 * sessions, what differs, both sides' samples (`nanolab compare --explain CASE`).
 */
#ifndef NANOLAB_HARNESS_COMPARE_EXPLAIN_H
#define NANOLAB_HARNESS_COMPARE_EXPLAIN_H

#include "harness/compare/compare_bits.h"
#include "harness/compare/compare_cells.h"
#include "harness/compare/compare_samples.h"
#include "harness/compare/compare_tree.h"

#define COMPARE_BINS 20
#define COMPARE_EXPLAINED_MOST 8 /* at a time */

struct compare_explained {
    const struct compare *c;
    const struct compare_pair *pair;
    struct compare_samples samples[2];
    struct compare_histogram histogram;
    struct compare_cells cells; /* where its bits differ */
    bool has_trees;             /* of both, and they are not equal */
    struct compare_trees trees;
    double threshold; /* the largest chance that still stands out; below 0: none does */
};

/* What to do about a case with this reason: one sentence. */
const char *compare_reason_advice(enum compare_reason reason);

/* The case that is meant by `name`: an id as it is listed, with or without its device behind it, or
 * a part of one that fits exactly one case. 0, or -1 with error_text(): which fit, or which one is
 * nearest. */
int compare_find(const struct compare *c, const char *name, const struct compare_pair **pair);

/* Explains pairs: reads both sides' samples again, and adds them to c->explained. 0, or -1 with
 * error_text(). */
int compare_explain_add(struct compare *c, const struct compare_pair *const *pairs, size_t count);
/* The cases that are listed first: the largest differences, slower and faster. */
int compare_explain_first(struct compare *c);
/* Of all that were added. */
void compare_explained_free(struct compare *c);

/* A new reference, NULL: no memory. */
json_t *compare_explained_json(const struct compare_explained *e);

/* --- compare_explain_text.c: for a terminal of `width` columns, in ASCII but for ids. --- */
#define COMPARE_WIDTH 80
void compare_explained_print(const struct compare_explained *e, int width, FILE *to);

#endif
