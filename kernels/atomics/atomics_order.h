/*
 * atomics_order.h: the order in which updates reached an address, from what each of them found.
 *
 * Every update found a value and left another: an edge from old to old + x. The updates in the
 * order of their arrival are a path through all edges, from the first value to the last (an Euler
 * path). Equal values leave several paths; all of them give the same bits at every step, so any is
 * right. No path means that the log, the values or the addition is not what it is said to be.
 */
#ifndef NANOLAB_KERNELS_ATOMICS_ATOMICS_ORDER_H
#define NANOLAB_KERNELS_ATOMICS_ATOMICS_ORDER_H

#include "kernels/atomics/atomics_model.h"

#ifdef __cplusplus
extern "C" {
#endif

enum atomics_order_result {
    ATOMICS_ORDER_FOUND = 0,
    ATOMICS_ORDER_NO_MEMORY = -1,
    ATOMICS_ORDER_NO_START = 1, /* no update found the first value */
    ATOMICS_ORDER_UNEVEN = 2,   /* a value was left more often than found, or the reverse */
    ATOMICS_ORDER_APART = 3,    /* the edges are not all connected */
    ATOMICS_ORDER_WRONG_END = 4 /* the path ends at another value than the last */
};
const char *atomics_order_text(enum atomics_order_result result);

/*
 * order[0 … n-1] becomes the arrival order of updates 0 … n-1 of one address and lane, with value
 * value[u] and found value old[u]. Values are compared as patterns, NaNs as one value. n < 2^31.
 * Takes time and memory proportional to n.
 */
enum atomics_order_result atomics_order(enum atomics_add add, uint64_t first, uint64_t last,
                                        const uint64_t *value, const uint64_t *old, size_t n,
                                        uint32_t *order);

/* The value after adding value[order[0]], value[order[1]], … to `first`. */
uint64_t atomics_replay(enum atomics_add add, uint64_t first, const uint64_t *value,
                        const uint32_t *order, size_t n);

/* A whole logged run, all addresses and lanes, in host memory: arrays of the type. */
struct atomics_log {
    enum atomics_type type;
    enum atomics_add add;
    size_t addresses, updates; /* update u goes to u mod addresses; all start at +0 */
    const void *values;        /* atomics_update_values */
    const void *olds;          /* what each update found */
    const void *results;       /* what each address holds at the end */
};
struct atomics_log_check {
    size_t chains; /* addresses × lanes */
    size_t held;   /* of these: a path exists and replaying it gives the result's bits */
    /* Of the chains with a second order tried (a shuffle of the found one by the seed): those
     * where it gave other bits. Evidence that the order matters, not required of every chain. */
    size_t shuffled_differ;
    enum atomics_order_result failure; /* of the first chain that did not hold */
    size_t failed_address;
};
/* Checks every chain. If `order` is not NULL it gets, for one lane types, the updates in arrival
 * order, address after address. Returns 0, or -1 if memory is short. */
int atomics_log_check(const struct atomics_log *log, uint64_t seed, uint32_t *order,
                      struct atomics_log_check *check);

#ifdef __cplusplus
}
#endif
#endif
