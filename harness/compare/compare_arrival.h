/*
 * compare_arrival.h: bits that the order decides in which updates arrive.
 *
 * A sum by atomic updates is what the order of its updates makes it: other runs have other bits, on
 * one machine too, and no two machines disagree in that. Whether a case is such a one is what its
 * own record says:
 *
 *   counter "reachable" > 1                 some order gives each of several results
 *   counter "chains changed by a shuffle"   > 0: the run's own values gave other bits in another
 *                                           order
 *   counter "distinct" > 1                  its runs had several results; not where its parameters
 *                                           say that there is one update, or one thread (the
 *                                           "workers", of the plan's "block" threads each)
 *
 * Not where it has a series "predicted": of what was known beforehand no order decides.
 *
 * Of such a case two series are its runs: "measured", their results, and "order", of each run the
 * order of its updates. With equal orders on both sides, results that differ are the machine's, and
 * are compared like all other bits. With other orders, or where no order was recorded, the rest of
 * its bits is compared (which results can be reached), and of the results nothing is said.
 */
#ifndef NANOLAB_HARNESS_COMPARE_ARRIVAL_H
#define NANOLAB_HARNESS_COMPARE_ARRIVAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct compare_arrival {
    bool decides, has_order;
    bool order_varies, fixed_varies; /* another session had another */
    uint64_t order, fixed; /* hashes: of "order"; of all bits but those two, of the first session */
};

/* `units`: the start record's quantities. */
struct compare_arrival compare_arrival_of(const json_t *units, const json_t *record);
/* Adds to a case what a later session says of it. */
void compare_arrival_add(struct compare_arrival *a, const struct compare_arrival *more);
/* Whether the results of the two are a matter of their orders; `same_rest`, if so: whether the rest
 * of their bits is equal. */
bool compare_arrival_decides(const struct compare_arrival *a, const struct compare_arrival *b,
                             bool *same_rest);

#endif
