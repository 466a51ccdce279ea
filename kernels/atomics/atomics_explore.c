/*
 * atomics_explore.c: reachable results, set of updates by set of updates.
 *
 * A set's states (the values it can have summed to) come from the states of the sets that lack one
 * of its updates. Sets are taken in ascending order of their masks, so these are always there.
 */
#include "kernels/atomics/atomics_explore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/atomics/atomics_inside.h"

/* 2^24 states take 400 MB: data of which 12 updates reach more are no small case. */
#define STATES_MOST ((size_t)1 << 24)
#define NONE UINT32_MAX

struct state {
    uint64_t bits;
    uint64_t orders;   /* in which the set can be done and give these bits */
    uint32_t previous; /* a state it comes from … */
    uint8_t update;    /* … by this update */
};

struct pool {
    struct state *states;
    size_t count, room;
    uint32_t *slot; /* hash table over the states of the set in hand */
    size_t slots, slots_room;
    size_t first; /* of the set in hand */
};

static size_t place(const struct pool *pool, uint64_t bits) {
    uint64_t h = bits * 0x9e3779b97f4a7c15u;
    size_t k = (size_t)(h >> 20) & (pool->slots - 1);
    while (pool->slot[k] != NONE && pool->states[pool->slot[k]].bits != bits)
        k = (k + 1) & (pool->slots - 1);
    return k;
}

/* A hash table of `slots` with the set in hand in it. */
static int table(struct pool *pool, size_t slots) {
    if (slots > pool->slots_room) {
        uint32_t *grown = realloc(pool->slot, slots * sizeof *grown);
        if (!grown)
            return -1;
        pool->slot = grown;
        pool->slots_room = slots;
    }
    pool->slots = slots;
    memset(pool->slot, 0xff, slots * sizeof *pool->slot);
    for (size_t s = pool->first; s < pool->count; s++)
        pool->slot[place(pool, pool->states[s].bits)] = (uint32_t)s;
    return 0;
}

static int reach(struct pool *pool, uint64_t bits, uint64_t orders, size_t previous,
                 unsigned update) {
    size_t k = place(pool, bits);
    if (pool->slot[k] != NONE) {
        pool->states[pool->slot[k]].orders += orders;
        return 0;
    }
    if (pool->count == pool->room) {
        size_t room = pool->room ? 2 * pool->room : 4096;
        struct state *grown =
            room > STATES_MOST ? NULL : realloc(pool->states, room * sizeof *grown);
        if (!grown)
            return -1;
        pool->states = grown;
        pool->room = room;
    }
    pool->slot[k] = (uint32_t)pool->count;
    pool->states[pool->count++] = (struct state){bits, orders, (uint32_t)previous, (uint8_t)update};
    return 2 * (pool->count - pool->first) > pool->slots ? table(pool, 2 * pool->slots) : 0;
}

static int compare(const void *a, const void *b) {
    uint64_t x = ((const struct atomics_reachable *)a)->bits;
    uint64_t y = ((const struct atomics_reachable *)b)->bits;
    return x < y ? -1 : x > y;
}

int atomics_explore(enum atomics_add add, uint64_t first, const uint64_t *value, unsigned n,
                    const uint16_t *before, struct atomics_reachable **results, size_t *count,
                    char *why) {
    *results = NULL;
    *count = 0;
    if (n > ATOMICS_EXPLORE_MOST)
        PLAN_REFUSE("%u updates of one address are more than the %d whose orders are listed", n,
                    ATOMICS_EXPLORE_MOST);
    size_t masks = (size_t)1 << n;
    size_t *begin = malloc((masks + 1) * sizeof *begin);
    struct pool pool = {0};
    int failed = !begin || table(&pool, 64);
    if (!failed) {
        begin[0] = 0;
        failed = reach(&pool, atomics_canonical(add, first), 1, 0, 0);
        begin[1] = pool.count;
    }
    for (size_t mask = 1; mask < masks && !failed; mask++) {
        pool.first = pool.count;
        failed = table(&pool, 64);
        for (unsigned u = 0; u < n && !failed; u++) {
            size_t rest = mask & ~((size_t)1 << u);
            if (rest == mask || (before && (before[u] & ~rest)))
                continue;
            for (size_t s = begin[rest]; s < begin[rest + 1] && !failed; s++)
                failed = reach(&pool, atomics_add_bits(add, pool.states[s].bits, value[u]),
                               pool.states[s].orders, s, u);
        }
        begin[mask + 1] = pool.count;
    }
    if (failed) {
        if (why)
            snprintf(why, PLAN_WHY, "out of memory, or more than %zu states of these updates",
                     STATES_MOST);
    } else if (begin[masks] == begin[masks - 1]) {
        failed = -1;
        if (why)
            snprintf(why, PLAN_WHY,
                     "no order of the updates keeps to what must come before "
                     "what: there is a cycle");
    }
    size_t found = failed ? 0 : begin[masks] - begin[masks - 1];
    struct atomics_reachable *list = failed ? NULL : calloc(found, sizeof *list);
    if (!failed && !list) {
        failed = -1;
        if (why)
            snprintf(why, PLAN_WHY, "out of memory");
    }
    for (size_t k = 0; list && k < found; k++) {
        size_t s = begin[masks - 1] + k;
        list[k].bits = pool.states[s].bits;
        list[k].orders = pool.states[s].orders;
        for (unsigned at = n; at-- > 0; s = pool.states[s].previous)
            list[k].order[at] = pool.states[s].update;
    }
    if (list)
        qsort(list, found, sizeof *list, compare);
    *results = list;
    *count = found;
    free(begin);
    free(pool.states);
    free(pool.slot);
    return failed ? -1 : 0;
}

const struct atomics_reachable *atomics_reachable_find(enum atomics_add add,
                                                       const struct atomics_reachable *results,
                                                       size_t count, uint64_t bits) {
    struct atomics_reachable key = {.bits = atomics_canonical(add, bits)};
    return count ? bsearch(&key, results, count, sizeof key, compare) : NULL;
}
