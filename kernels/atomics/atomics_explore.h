/*
 * atomics_explore.h: every result that some order of the updates of one address can give.
 *
 * Orders are not tried one by one: what counts of a partial order is the set of updates done and
 * the value reached, and there are far fewer of these states than orders.
 */
#ifndef NANOLAB_KERNELS_ATOMICS_ATOMICS_EXPLORE_H
#define NANOLAB_KERNELS_ATOMICS_ATOMICS_EXPLORE_H

#include "kernels/atomics/atomics_model.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ATOMICS_EXPLORE_MOST 12

struct atomics_reachable {
    uint64_t bits;                       /* the result, NaNs made one */
    uint64_t orders;                     /* how many orders of the updates give it */
    uint8_t order[ATOMICS_EXPLORE_MOST]; /* one of them */
};

/*
 * All results of adding value[0 … n-1], n <= 12, to `first`, in ascending order of their patterns.
 * before[u] (or before = NULL) is the set, as bits, of updates that must precede u: one thread's
 * updates of one address keep their order. *results is malloc'ed. Returns 0, or -1 with the reason
 * in `why` (PLAN_WHY bytes, or NULL): n too large, a cycle in `before`, or no memory.
 */
int atomics_explore(enum atomics_add add, uint64_t first, const uint64_t *value, unsigned n,
                    const uint16_t *before, struct atomics_reachable **results, size_t *count,
                    char *why);

/* The entry with this result (NaNs as one), or NULL: then the model or the device is wrong. */
const struct atomics_reachable *atomics_reachable_find(enum atomics_add add,
                                                       const struct atomics_reachable *results,
                                                       size_t count, uint64_t bits);

#ifdef __cplusplus
}
#endif
#endif
