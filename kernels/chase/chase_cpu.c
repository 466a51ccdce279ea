/*
 * chase_cpu.c: the loops that a CPU's latency is read from.
 *
 * What gcc 12 makes of them at -O2: one load for each lane and step, none hoisted, folded or left
 * out. Up to 8 lanes live in registers; of 16 free ones 2 lie on the stack, of 32 most do, which
 * adds a reload and a store to each of their hops. What that and the joining cost shows where
 * memory costs least: nanoseconds per step in 16 KiB (Zen 4 at about 3.7 GHz, medians):
 *
 *     lanes      1     2     4     8    16    32
 *     free     1.1   1.1   1.1   1.3   2.3   6.6
 *     joined         1.8   2.6   3.9   7.1  12.6
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

/* Every address of a step depends on all loads of the step before: their bits are merged, and what
 * a mask leaves of them, nothing, is the index of the next loads. The compiler does not know the
 * mask. Four partial results, as one chain of ORs would be as long as the lanes are many. */
static inline __attribute__((always_inline)) void joined_chains(uint64_t *at, uint64_t hops,
                                                                const unsigned lanes) {
    uint64_t p[CHASE_LANES], none = 0, mask = 0;
    __asm__ volatile("" : "+r"(mask));
    for (unsigned l = 0; l < lanes; l++)
        p[l] = at[l];
    for (; hops; hops--) {
        uint64_t merged[4] = {0, 0, 0, 0};
#pragma GCC unroll 32
        for (unsigned l = 0; l < lanes; l++) {
            p[l] = load(p[l] + none);
            merged[l % 4] |= p[l];
        }
        none = ((merged[0] | merged[1]) | (merged[2] | merged[3])) & mask;
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
