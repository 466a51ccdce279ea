/*
 * churn.c: what an allocator's use does to the map (arm D), and what allocation wastes.
 *
 * A pool is aged by a serving workload until it has handed out its blocks so many times over; then
 * a batch of one shape, at one amount of free memory, gets its table, and the table is looked at as
 * the memory system would: runs of consecutive blocks, 2 MiB pages touched, jumps. Nothing here
 * depends on the device; it is recorded for the first one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "labs/04-paged-kv-residency/map_side.h"

#define POOL_BLOCKS 8192
#define BLOCK_TOKENS 16
#define BLOCK_BYTES ((size_t)32 << 10) /* keys of 16 tokens, 8 heads, 128 channels, 2 bytes */
#define SEQUENCES 16
#define TOKENS 2048 /* a quarter of the pool; 32 pages of 2 MiB at best */
#define SEEDS_MOST 16
#define BINS (sizeof((struct kv_map_stats *)0)->run_lengths / sizeof(size_t))

static size_t seed_count(const struct lab_run *run) {
    return lab_mode(run) == LAB_QUICK ? 3 : lab_mode(run) == LAB_DEFAULT ? 8 : SEEDS_MOST;
}

/* Until the workload has taken `turnovers` times the blocks of its pool. */
static int age(struct kv_churn *churn, unsigned turnovers, char *why) {
    struct kv_churn_counts counts;
    for (kv_churn_counts(churn, &counts); counts.blocks_taken < (uint64_t)turnovers * POOL_BLOCKS;
         kv_churn_counts(churn, &counts))
        if (kv_churn_run(churn, 64, why) != 0)
            return -1;
    return 0;
}

/* --- the map after use -------------------------------------------------------------------------
 */

/* What is kept of each seed's map. */
#define MAP_NUMBERS(X)                                                                             \
    X(runs)                                                                                        \
    X(run_mean)                                                                                    \
    X(run_median)                                                                                  \
    X(run_longest)                                                                                 \
    X(pages)                                                                                       \
    X(pages_over_ideal)                                                                            \
    X(jump_mean)                                                                                   \
    X(page_switches)

struct maps {
#define MAP_MEMBER(name) double name[SEEDS_MOST];
    MAP_NUMBERS(MAP_MEMBER)
    uint64_t lengths[BINS]; /* of all seeds */
};

static int map_of(const struct kv_churn_options *options, unsigned turnovers, size_t k,
                  struct maps *maps) {
    char why[KV_WHY] = "out of memory";
    struct kv_churn *churn = NULL;
    struct kv_table table = {0};
    struct kv_map_stats stats;
    int status = kv_churn_open(&churn, options);
    if (status == 0)
        status = age(churn, turnovers, why);
    if (status == 0)
        status =
            kv_churn_table(churn, SEQUENCES, TOKENS * 3 / 4, TOKENS, POOL_BLOCKS / 4, &table, why);
    if (status == 0)
        status = kv_table_stats(&table, BLOCK_BYTES, &stats);
    if (status == 0) {
#define MAP_KEEP(name) maps->name[k] = (double)stats.name;
        MAP_NUMBERS(MAP_KEEP)
        for (size_t b = 0; b < BINS; b++)
            maps->lengths[b] += stats.run_lengths[b];
    }
    kv_table_close(&table);
    kv_churn_close(churn);
    return status ? device_fail("%s", why) : 0;
}

static void record_maps(struct lab_case *c, const struct maps *maps, size_t seeds) {
    double edges[BINS + 1];
    for (size_t b = 0; b <= BINS; b++)
        edges[b] = (double)((uint64_t)1 << b);
#define MAP_RECORD(name) case_series_real(c, #name, "1", maps->name, seeds);
    MAP_NUMBERS(MAP_RECORD)
    case_series_histogram(c, "run lengths", "blocks", edges, maps->lengths, BINS);
}

static int churn_one(struct lab_run *run, struct device *device, enum kv_policy policy,
                     double share, unsigned turnovers) {
    struct lab_case *c =
        lab_case_begin(run, device_id(device), "04/churn/policy=%s/share=%g/turnovers=%u",
                       kv_policy_name(policy), share, turnovers);
    if (!c)
        return 0;
    struct maps maps = {0};
    size_t seeds = seed_count(run);
    for (size_t k = 0; k < seeds; k++) {
        struct kv_churn_options options =
            kv_churn_default(POOL_BLOCKS, BLOCK_TOKENS, lab_seed(run) + k);
        options.policy = policy;
        options.share = share;
        if (map_of(&options, turnovers, k, &maps) != 0) {
            lab_case_drop(c);
            return lab_error(run, "%s after %u turnovers: %s", kv_policy_name(policy), turnovers,
                             device_error());
        }
    }
    case_param_text(c, "policy", kv_policy_name(policy));
    case_param_real(c, "share", share);
    case_param_int(c, "turnovers", turnovers);
    case_param_int(c, "blocks", SEQUENCES * TOKENS / BLOCK_TOKENS);
    case_param_int(c, "pool blocks", POOL_BLOCKS);
    case_param_int(c, "block bytes", BLOCK_BYTES);
    record_maps(c, &maps, seeds);
    return lab_case_end(c);
}

/* --- waste -------------------------------------------------------------------------------------
 */

#define WASTE_STEPS 4000

/* What is kept of each seed's trace. */
#define WASTE_NUMBERS(X)                                                                           \
    X(inner_mean)                                                                                  \
    X(inner_worst)                                                                                 \
    X(outer_mean)                                                                                  \
    X(outer_worst)                                                                                 \
    X(inner_per_sequence)                                                                          \
    X(running_mean)                                                                                \
    X(tokens_mean)                                                                                 \
    X(finished)                                                                                    \
    X(refused)                                                                                     \
    X(refused_by_holes)

struct wastes {
#define WASTE_MEMBER(name) double name[SEEDS_MOST];
    WASTE_NUMBERS(WASTE_MEMBER)
};

/* The paged allocator, then one contiguous allocator for each fit. */
static int waste_one(struct lab_run *run, struct device *device, size_t allocator) {
    const char *name = allocator == 0 ? "paged" : kv_fit_name((enum kv_fit)(allocator - 1));
    struct lab_case *c = lab_case_begin(run, device_id(device), "04/waste/allocator=%s", name);
    if (!c)
        return 0;
    struct wastes wastes;
    size_t seeds = seed_count(run);
    for (size_t k = 0; k < seeds; k++) {
        char why[KV_WHY] = "";
        struct kv_waste waste;
        const struct kv_churn_options options =
            kv_churn_default(POOL_BLOCKS, BLOCK_TOKENS, lab_seed(run) + k);
        int status = allocator == 0 ? kv_waste_paged(&options, WASTE_STEPS, &waste, why)
                                    : kv_waste_contiguous(&options, (enum kv_fit)(allocator - 1),
                                                          WASTE_STEPS, &waste, why);
        if (status != 0) {
            lab_case_drop(c);
            return lab_error(run, "waste of %s: %s", name, why);
        }
#define WASTE_KEEP(name) wastes.name[k] = (double)waste.name;
        WASTE_NUMBERS(WASTE_KEEP)
    }
    case_param_text(c, "allocator", name);
    case_param_int(c, "paged", allocator == 0);
    case_param_int(c, "block tokens", BLOCK_TOKENS);
    case_param_int(c, "slots", POOL_BLOCKS * BLOCK_TOKENS);
    case_param_int(c, "steps", WASTE_STEPS);
#define WASTE_RECORD(name) case_series_real(c, #name, "1", wastes.name, seeds);
    WASTE_NUMBERS(WASTE_RECORD)
    return lab_case_end(c);
}

int sweep_churn(struct lab_run *run, struct device *device) {
    static const unsigned turnovers[] = {0, 1, 3, 10, 30};
    static const double shares[] = {0, 0.5};
    size_t ages = lab_mode(run) == LAB_QUICK ? 4 : 5;
    lab_expect(run, KV_POLICY_COUNT * 2 * ages + 1 + KV_FIT_COUNT);
    for (size_t k = 0; k < KV_POLICY_COUNT * 2 * ages && !lab_stopping(run); k++)
        if (churn_one(run, device, (enum kv_policy)(k / ages / 2), shares[k / ages % 2],
                      turnovers[k % ages]) != 0)
            return -1;
    for (size_t k = 0; k <= KV_FIT_COUNT && !lab_stopping(run); k++)
        if (waste_one(run, device, k) != 0)
            return -1;
    return 0;
}
