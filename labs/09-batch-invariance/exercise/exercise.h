/*
 * exercise.h: what the exercise of lab 09 is to provide.
 */
#ifndef NANOLAB_LABS_09_EXERCISE_H
#define NANOLAB_LABS_09_EXERCISE_H

#include <stddef.h>
#include <stdint.h>

/* --- field.c -----------------------------------------------------------------------------------
 */

enum { FIELDS = 4 };

/* One run of one request: the plan that its step had, and what came of it. */
struct observed {
    unsigned rows;          /* of the step */
    unsigned field[FIELDS]; /* values of the plan's fields, whatever they stand for */
    uint64_t bits;          /* a hash of the request's logits: equal where all bits are */
};
/* Runs of the same request in steps of various sizes. Exactly one field decides the bits: runs with
 * equal values of it have equal bits, and runs with other values other bits. Returns which field, 0
 * to FIELDS - 1. Or -1: no field does, or more than one could. 2 <= n <= 64. */
int field(const struct observed *runs, size_t n);

#endif
