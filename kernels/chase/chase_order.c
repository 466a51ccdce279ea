/*
 * chase_order.c: which place follows which, and the proof that a lap visits all of them.
 */
#include <stdlib.h>

#include "kernels/chase/chase_inside.h"
#include "kernels/rng/philox.h"

/* Places that a local order keeps together: those of a 4 KiB page, if it has several. */
static uint32_t group_places(const struct chase_region *region, enum chase_order order) {
    if (order == CHASE_SEQUENTIAL)
        return 1;
    if (order == CHASE_CYCLE)
        return region->places;
    return region->step <= PAGES_SMALL / 2 ? (uint32_t)(PAGES_SMALL / region->step) : 64;
}

/* Fisher and Yates; `drawn` counts the random numbers that the chain has used. */
static void shuffle(uint32_t *visits, uint32_t count, uint64_t seed, uint64_t stream,
                    uint64_t *drawn) {
    for (uint32_t left = count; left > 1; left--) {
        uint32_t other = (uint32_t)philox_below(philox_u64(seed, stream, (*drawn)++), left);
        uint32_t moved = visits[left - 1];
        visits[left - 1] = visits[other];
        visits[other] = moved;
    }
}

int chase_order_make(const struct chase_region *region, enum chase_order order, uint64_t seed,
                     uint32_t *next) {
    uint32_t count = region->places / region->lanes, group = group_places(region, order);
    uint32_t *visits = malloc(count * sizeof *visits);
    if (!visits)
        return device_fail("out of memory for the order of %u places", count);
    for (uint32_t chain = 0; chain < region->lanes; chain++) {
        for (uint32_t k = 0; k < count; k++)
            visits[k] = k * region->lanes + chain;
        uint64_t drawn = 0;
        for (uint32_t from = 0, to; from < count; from = to) {
            for (to = from + 1; to < count && visits[to] / group == visits[from] / group;)
                to++;
            shuffle(visits + from, to - from, seed, region->first + chain, &drawn);
        }
        /* A ring of a shuffled list: every cycle is as likely as any other. */
        for (uint32_t k = 0; k < count; k++)
            next[visits[k]] = visits[k + 1 < count ? k + 1 : 0];
    }
    free(visits);
    return 0;
}

int chase_order_check(const struct chase_region *region, const uint32_t *next) {
    uint32_t count = region->places / region->lanes;
    unsigned char *seen = calloc(region->places, 1);
    if (!seen)
        return device_fail("out of memory for the proof of %u places", region->places);
    int status = 0;
    for (uint32_t chain = 0; chain < region->lanes && status == 0; chain++) {
        uint32_t at = chain;
        for (uint32_t k = 0; k < count && status == 0; k++) {
            if (at >= region->places || at % region->lanes != chain || seen[at]) {
                status = device_fail("chain %u goes astray after %u of %u places: its links are "
                                     "not the ones written",
                                     region->first + chain, k, count);
                break;
            }
            seen[at] = 1;
            at = next[at];
        }
        if (status == 0 && at != chain)
            status = device_fail("chain %u does not return to its start", region->first + chain);
    }
    free(seen);
    return status;
}

uint32_t chase_order_after(const struct chase_region *region, const uint32_t *next, uint32_t chain,
                           uint64_t hops) {
    uint32_t at = chain;
    for (hops %= region->places / region->lanes; hops; hops--)
        at = next[at];
    return at;
}
