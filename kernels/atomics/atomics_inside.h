/*
 * atomics_inside.h: the part of the model that the plans of all devices share. Inside of the
 * family.
 */
#ifndef NANOLAB_KERNELS_ATOMICS_ATOMICS_INSIDE_H
#define NANOLAB_KERNELS_ATOMICS_ATOMICS_INSIDE_H

#include "kernels/atomics/atomics_model.h"

/* One sum, whichever plan made it. */
struct atomics_case {
    enum atomics_type type;
    enum atomics_cure cure;
    size_t addresses, n, updates;
    const void *x;
    int unit;
    enum atomics_add add;     /* of the atomic updates */
    size_t lanes_of_partials; /* partials of one address are added by so many lanes, then these
                                 upper half to lower half; 1: one after another */
    const void *values;       /* of the updates; not needed by fixed and binned */
    /* The update that element i goes into. */
    size_t (*update_of)(const void *plan, size_t n, size_t i);
    const void *plan;
};

/* Fills result and *status (may be NULL) for the cures, and for plain and logged plans with at most
 * one update an address. -1 with the reason in `why`. */
int atomics_case_model(const struct atomics_case *c, void *result, uint32_t *status, char *why);

#endif
