/*
 * compare_code.h: whether two cases ran the same machine code, object by object, and whether one
 * was measured before a change in how it is measured (results/changes.tsv).
 *
 * A lab's start record has a hash of each object's code, and which objects the cases run whose ids
 * begin so (docs/results.md). A case on a CPU uses the objects for CPUs, and so on: those that its
 * record names and that are for its kind of device. None of this makes two cases incomparable.
 */
#ifndef NANOLAB_HARNESS_COMPARE_CODE_H
#define NANOLAB_HARNESS_COMPARE_CODE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/store/build_info.h"

struct compare;
struct compare_case;
struct compare_pair;
struct compare_side;

/* Cases of a lab on one kind of device that run the same objects. */
struct compare_use {
    const char *lab;   /* the side's own */
    const char *words; /* which objects, the side's own; NULL: not recorded */
    char kind[24];     /* of the device */
    int changes;       /* lines of results/changes.tsv that its build knew */
};
#define COMPARE_USES_MOST 256 /* the last of them stands for all that are more: unknown */

/* --- reading --- */

/* What a lab's start record says. 0, or -1: no memory. */
int compare_code_start(struct compare_side *side, const char *lab, const json_t *start);
/* The place in side->uses of a case of that lab. -1: no memory. */
int compare_code_use(struct compare_side *side, const char *lab, const char *id,
                     const char *device);
void compare_code_close(struct compare_side *side);

/* --- comparing --- */

enum compare_code { COMPARE_CODE_UNKNOWN, COMPARE_CODE_EQUAL, COMPARE_CODE_DIFFERS };
const char *compare_code_name(enum compare_code code);

/* What the cases of one use on either side have in common. */
struct compare_code_cell {
    json_t *other; /* names of objects that are not equal; NULL: not looked at yet */
    enum compare_code code;
    size_t cases;
};

/* A change before which some cases of either side were measured. */
struct compare_change {
    const struct build_change *change;
    size_t cases[2];
};

/* Fills in what struct compare says of code and changes, and each pair's code. 0, or -1: no
 * memory. */
int compare_code_pairs(struct compare *c);
void compare_code_pairs_close(struct compare *c);
/* Names of the objects in which a pair's code differs, borrowed; NULL: none. */
const json_t *compare_code_other(const struct compare *c, const struct compare_pair *p);
/* Whether a case of side 0 or 1 was measured before a change. */
bool compare_code_before(const struct compare *c, const struct compare_case *one, int side,
                         size_t change);

#endif
