/*
 * atomics_inside.h: what the plans of all devices share: the memory of the cures, and the model.
 * Inside of the family.
 */
#ifndef NANOLAB_KERNELS_ATOMICS_ATOMICS_INSIDE_H
#define NANOLAB_KERNELS_ATOMICS_ATOMICS_INSIDE_H

#include "kernels/atomics/atomics_model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes that a plan's cure keeps for one address: 0 if it keeps none. */
size_t atomics_cure_bytes(int cure, int type);
/* Bins and counters of a binned address: a mask of two words, then per bin its sums. */
#define ATOMICS_BINS_F32 12
#define ATOMICS_BINS_F64 51
#define ATOMICS_SUMS_F32 2
#define ATOMICS_SUMS_F64 6

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

#ifdef __cplusplus
}
#endif
#endif
