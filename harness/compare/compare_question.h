/*
 * compare_question.h: bits of one question that the two sides answered by plans of their own.
 *
 * Cases are joined by id, and an id holds the plan. So the sums of a CPU, whose plans are not a
 * GPU's, would stand beside nothing. A *question* is what a case was asked for, without how it was
 * done: the same operation, on the same data (size, type, data set, seed), into a result of the
 * same type. Of each question that both sides answered, the answers by unlike plans are counted in
 * pairs: equal bits or not. Three things explain them:
 *
 * - The tree. Where two plans add in one order, their bits must be equal, whatever the devices are;
 *   a pair whose bits are not is an alarm (claim G1). The order is computed from the plans, by the
 *   families that define them, for up to COMPARE_PREDICTED inputs.
 * - A field, where plans with the same fields differ in that one alone.
 * - The method, which is part of the question: sums without an order (binned, exact) have one
 *   result, whatever the plan.
 *
 * A case whose plan the other side has too is joined by its id, and counts here beside the other
 * side's own plans only.
 */
#ifndef NANOLAB_HARNESS_COMPARE_QUESTION_H
#define NANOLAB_HARNESS_COMPARE_QUESTION_H

#include "harness/compare/compare.h"
#include "harness/compare/compare_tree.h"

#define COMPARE_PREDICTED 4097 /* inputs */
#define COMPARE_KINDS 24
#define COMPARE_ALONE 16
#define COMPARE_KIND_BYTES 160

/* Pairs of one question's answers by unlike plans. */
struct compare_tally {
    size_t equal, differ, vary; /* vary: one of the two, between sessions */
};

/* One of A and one of B; NULL: none. */
struct compare_two {
    const struct compare_case *first, *second;
};

/* Questions of one family of cases and one operation. */
struct compare_kind {
    char name[COMPARE_KIND_BYTES];      /* "01/sum: f32, acc32, plain, elements", made harmless */
    size_t questions;                   /* that both sides answered, by unlike plans */
    size_t shared;                      /* of them with bits that both sides have */
    size_t plans[2];                    /* the most that a side answered one by */
    struct compare_tally all, one_tree; /* one_tree: of those whose trees are known to be equal */
    size_t other_tree;                  /* pairs whose trees are known not to be */
    size_t across;                      /* of one_tree, on devices of another kind or model */
    bool is_fp32_sum;                   /* of claim G1 */
    struct compare_two part;            /* with other bits and another tree, of the fewest inputs */
    struct compare_two same;            /* one tree, equal bits */
    struct compare_two wrong;           /* one tree, other bits */
};

/* Pairs of plans that differ in one field alone; or of one plan on devices of two kinds. */
struct compare_alone {
    char field[COMPARE_FIELD_BYTES]; /* "plan.lanes", "kind of device"; made harmless */
    struct compare_tally pairs;
    struct compare_two such_as; /* with other bits; else with equal bits */
};

struct compare_questions {
    struct compare_kind kinds[COMPARE_KINDS];
    struct compare_alone fields[COMPARE_ALONE]; /* those that change bits first */
    size_t kind_count, field_count;
    size_t questions;       /* of all kinds, also of those that are left out here */
    size_t left_out;        /* of kinds beyond those */
    size_t wrong;           /* pairs with one tree whose bits are not equal */
    size_t trees_left_out;  /* trees that would have taken too long */
    size_t fields_left_out; /* questions whose answers were not looked at for fields, likewise */
    char no_questions[96];  /* why there are none to compare: the data are not the same; or "" */
};

/* Fills in c->questions. 0, or -1 with error_text(). */
int compare_questions_find(struct compare *c);
void compare_questions_free(struct compare *c);

static inline size_t compare_tally_count(struct compare_tally n) {
    return n.equal + n.differ + n.vary;
}
/* The kind of FP32 sums (claim G1) with most pairs whose bits differ where trees part; NULL: none.
 */
const struct compare_kind *compare_questions_shown(const struct compare_questions *q);

/* As JSON: a new reference; NULL: no memory. */
json_t *compare_questions_json(const struct compare *c);

/* In words, for the terminal; nothing where there are none. */
void compare_questions_print(const struct compare *c, FILE *to);

/* The plan in an id: what follows "/plan=" up to the next "/", copied; "": none, or longer. */
#define COMPARE_PLAN_BYTES 160
const char *compare_plan_of(const char *id, char out[COMPARE_PLAN_BYTES]);

/* --- compare_question_tree.c: the trees of plans. --- */

/* The order in which a plan of ours adds n inputs, as a text (kernels/tree); free it. NULL: it has
 * none, no family of this build knows the plan, n is over COMPARE_PREDICTED or under 3 (where there
 * is one tree only), or no memory. */
char *compare_plan_tree(const char *plan, size_t n);
/* Inputs of a case, from its id or parameters; 0: it does not say. */
size_t compare_case_inputs(const struct compare_case *c);
/* A hash of that tree, which is never 0; 0: none is known. */
uint64_t compare_case_tree(const struct compare_case *c);
/* Where the trees of the two part, as compare_trees(); 1 also where one is not known. */
int compare_two_trees(const struct compare_two *two, struct compare_trees *out);

#endif
