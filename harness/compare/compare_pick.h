/*
 * compare_pick.h: what is listed of a comparison, on a terminal and on a page: cases by how much
 * they differ, the fields in which they do, why others are left open.
 */
#ifndef NANOLAB_HARNESS_COMPARE_PICK_H
#define NANOLAB_HARNESS_COMPARE_PICK_H

#include "harness/compare/compare.h"

#define COMPARE_FIELDS 20

struct compare_field {
    const char *name;
    size_t count; /* cases that differ in it */
    const struct compare_case *example;
};

struct compare_fields {
    struct compare_field list[COMPARE_FIELDS]; /* the most frequent first */
    size_t count;
    size_t left_out; /* cases of fields beyond those */
};

/* Of cases whose times are not comparable. */
struct compare_fields compare_fields(const struct compare *c);

/* The cases of a verdict that says faster or slower, largest difference first; malloc'ed, NULL: no
 * memory. */
const struct compare_pair **compare_pick(const struct compare *c, enum compare_verdict verdict,
                                         size_t *count);

/* Ambiguous cases of one reason. */
struct compare_open_cases {
    size_t count;
    /* Sessions a side, beyond those there are, with which half of them and all of them would be
     * settled; 0: unknown. */
    size_t half, most;
};
/* The search for sessions needed ends soon after so many: then it is "over" that. */
#define COMPARE_MORE_TOLD 900
/* of[COMPARE_REASON_COUNT] */
void compare_ambiguous(const struct compare *c, struct compare_open_cases *of);

/* Whether it is a case of time, on both sides. */
bool compare_is_timed(const struct compare_pair *p);
/* Seconds a call: the geometric mean of its sessions' medians; NaN: not timed. */
double compare_time(const struct compare_case *c);

#endif
