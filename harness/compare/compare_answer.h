/*
 * compare_answer.h: which question a case answers (compare_question.h).
 */
#ifndef NANOLAB_HARNESS_COMPARE_ANSWER_H
#define NANOLAB_HARNESS_COMPARE_ANSWER_H

#include "harness/compare/compare_question.h"

/* A case that has bits, and a plan in its id. */
struct compare_answer {
    uint64_t kind, question; /* hashes */
    uint64_t bits, tree;     /* tree: compare_case_tree(); 0: not computed, or not known */
    const struct compare_case *c;
    bool second, joined;  /* of B; the other side has its id too */
    unsigned char device; /* its kind and model: a place in struct compare_devices */
};

/* Kinds and models of devices; those beyond count as one. */
#define COMPARE_DEVICES 32
struct compare_devices {
    const char *name[COMPARE_DEVICES], *model[COMPARE_DEVICES];
    size_t count;
};

/* Adds the answers of a side to list[], which has room for all of its cases. How many; SIZE_MAX: no
 * memory. *any becomes true where one is by an id that the other side does not have. */
size_t compare_answers_of(const struct compare *c, bool second, struct compare_answer *list,
                          struct compare_devices *devices, bool *any);

/* For qsort(): by kind, question, side, id and device. */
int compare_answer_order(const void *a, const void *b);

/* The answers that the other side gave to a case's question; nothing where the data are other ones.
 */
struct compare_others {
    size_t count, equal, vary;
    const struct compare_case *such_as; /* with equal bits, or else the first; NULL: none */
};
struct compare_others compare_others_of(const struct compare *c, const struct compare_case *one,
                                        bool second);

/* "01/sum: f32, acc32, plain, elements" */
void compare_answer_kind(const struct compare_case *c, char out[COMPARE_KIND_BYTES]);

#endif
