/*
 * chase_cpu.c: the loops that a CPU's latency is read from.
 */
#include "kernels/chase/chase_inside.h"

static inline uint64_t load(uint64_t address) {
    return *(const uint64_t *)address;
}

/* Nothing ties the chains together: each goes on as soon as its own load is back. */
static inline __attribute__((always_inline)) void free_chains(uint64_t *at, uint64_t hops,
                                                              const unsigned lanes) {
    uint64_t p[CHASE_LANES];
    for (unsigned l = 0; l < lanes; l++)
        p[l] = at[l];
    for (; hops; hops--)
#pragma GCC unroll 32
        for (unsigned l = 0; l < lanes; l++)
            p[l] = load(p[l]);
    for (unsigned l = 0; l < lanes; l++)
        at[l] = p[l];
}

/* Every address of a step depends on all loads of the step before: their bits are merged in a tree
 * of ORs, and what a mask leaves of them, nothing, is the index of the next loads. The compiler
 * does not know the mask. The tree's own time is what a footprint in the first-level cache shows.
 */
static inline __attribute__((always_inline)) void joined_chains(uint64_t *at, uint64_t hops,
                                                                const unsigned lanes) {
    uint64_t p[CHASE_LANES], merged[CHASE_LANES], none = 0, mask = 0;
    __asm__ volatile("" : "+r"(mask));
    for (unsigned l = 0; l < lanes; l++)
        p[l] = at[l];
    for (; hops; hops--) {
#pragma GCC unroll 32
        for (unsigned l = 0; l < lanes; l++)
            merged[l] = p[l] = load(p[l] + none);
#pragma GCC unroll 5
        for (unsigned width = lanes / 2; width; width /= 2)
#pragma GCC unroll 16
            for (unsigned l = 0; l < width; l++)
                merged[l] |= merged[l + width];
        none = merged[0] & mask;
    }
    for (unsigned l = 0; l < lanes; l++)
        at[l] = p[l];
}

#define FREE(lanes)                                                                                \
    static void free_##lanes(uint64_t *at, uint64_t hops) {                                        \
        free_chains(at, hops, lanes);                                                              \
    }
#define LOOPS(lanes)                                                                               \
    FREE(lanes)                                                                                    \
    static void joined_##lanes(uint64_t *at, uint64_t hops) {                                      \
        joined_chains(at, hops, lanes);                                                            \
    }
FREE(1)
LOOPS(2)
LOOPS(4)
LOOPS(8)
LOOPS(16)
LOOPS(32)

static int cpu_walk(const struct chase_walk *walk, void *stream) {
    (void)stream;
    static void (*const loops[2][6])(uint64_t * at, uint64_t hops) = {
        {free_1, free_2, free_4, free_8, free_16, free_32},
        {free_1, joined_2, joined_4, joined_8, joined_16, joined_32}};
    uint64_t at[CHASE_LANES];
    for (unsigned l = 0; l < walk->lanes; l++)
        at[l] = walk->start[l];
    loops[walk->joined][__builtin_ctz(walk->lanes)](at, walk->hops);
    for (unsigned l = 0; l < walk->lanes; l++)
        walk->right[l] += at[l] == walk->end[l];
    return 0;
}

static int cpu_link(const struct chase_region *region, const uint32_t *next, void *stream) {
    (void)stream;
    for (uint32_t place = 0; place < region->places; place++)
        *(uint64_t *)(region->base + chase_offset(region, place)) =
            region->base + chase_offset(region, next[place]);
    return 0;
}

static int cpu_unlink(const struct chase_region *region, uint32_t *next, void *stream) {
    (void)stream;
    for (uint32_t place = 0; place < region->places; place++)
        next[place] = chase_place(region, load(region->base + chase_offset(region, place)));
    return 0;
}

const struct chase_ops chase_ops_cpu = {cpu_link, cpu_unlink, cpu_walk};
