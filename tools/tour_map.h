/*
 * tour_map.h: the step of the tour about a paged KV cache: use scatters the blocks of a sequence
 * over the pool, and that changes no bit of the answer. Part of tour.c.
 */
#ifndef NANOLAB_TOOLS_TOUR_MAP_H
#define NANOLAB_TOOLS_TOUR_MAP_H

#include "kernels/kv_pool/kv_pool.h"
#include "kernels/paged_attention/paged_job.h"
#include "tools/tour_stage.h"

enum {
    MAP_POOL = 256,
    MAP_BLOCK = 16,
    MAP_SEQUENCES = 4,
    MAP_TOKENS = 240,
    MAP_TURNOVERS = 3, /* how often the pool was given out before */
    MAP_ROW = 64
};

/* One character for each block of the pool: whose it is. */
static void draw_map(struct tour *t, const struct kv_table *table) {
    char pool[MAP_POOL + 1];
    struct kv_map_stats stats;
    memset(pool, '.', MAP_POOL);
    for (unsigned s = 0; s < table->sequences; s++)
        for (unsigned k = 0; k < kv_table_blocks_of(table, s); k++)
            pool[table->ids[s * table->row_blocks + k]] = (char)('A' + s);
    for (unsigned from = 0; from < MAP_POOL && !t->plain; from += MAP_ROW)
        row(t, "  %.*s", MAP_ROW, pool + from);
    if (!t->plain)
        put(t, "\n");
    if (kv_table_stats(table, MAP_BLOCK, &stats) == 0)
        say(t, "%zu blocks in %zu runs of neighbours; the longest run has %zu block%s.",
            stats.blocks, stats.runs, stats.run_longest, stats.run_longest == 1 ? "" : "s");
}

/* A decode step of attention through the table. */
static int decode(struct tour *t, const struct kv_table *table, const char *name) {
    struct paged_plan plan = paged_plan_default();
    struct paged_memory memory;
    struct job job = {0};
    struct job_bits expected, got;
    plan.head = 64;
    struct paged_step step = paged_step_of(&plan, 1, table);
    step.threads = 1;
    step.seed = t->seed;
    if (paged_memory_of_step(&memory, t->cpu, &step, PAGES_ANY, t->seed) != 0)
        return -1;
    int status = paged_job_open(&job, &memory, &step);
    if (status == 0)
        status = job_predict(&job, &expected);
    if (status == 0)
        status = job_call(&job);
    if (status == 0)
        status = job_bits(&job, &got);
    if (status == 0)
        compare_bits(t, name, foretold(t, expected.bits), got.bits, 16);
    job_close(&job);
    paged_memory_close(&memory);
    return status;
}

/* The same batch on a pool that was used, and on a new one. */
static int fill_tables(const struct tour *t, struct kv_table *used, struct kv_table *fresh) {
    struct kv_churn_options options = kv_churn_default(MAP_POOL, MAP_BLOCK, t->seed);
    struct kv_churn *churn = NULL;
    struct kv_churn_counts counts = {0};
    char why[KV_WHY] = "out of memory; close other programs";
    int status = kv_churn_open(&churn, &options);
    while (status == 0 && counts.blocks_taken < (uint64_t)MAP_TURNOVERS * MAP_POOL) {
        status = kv_churn_run(churn, 16, why);
        kv_churn_counts(churn, &counts);
    }
    if (status == 0)
        status = kv_churn_table(churn, MAP_SEQUENCES, MAP_TOKENS / 2, MAP_TOKENS, MAP_POOL / 8,
                                used, why);
    if (status == 0)
        status = kv_table_open(fresh, MAP_SEQUENCES, used->tokens, MAP_BLOCK, MAP_POOL);
    if (status == 0)
        status = kv_table_map(fresh, KV_MAP_IDENTITY, 1, t->seed, why);
    kv_churn_close(churn);
    return status == 0 ? 0 : device_fail("the map: %s", why);
}

static int show_maps(struct tour *t, const struct kv_table *used, const struct kv_table *fresh) {
    say(t,
        "A new pool of %d blocks of %d tokens. Four sequences, A to D; a point is a block that "
        "is none of theirs:",
        MAP_POOL, MAP_BLOCK);
    draw_map(t, fresh);
    say(t,
        "The same four on a pool whose blocks have been given out %d times before, to requests "
        "that came and went:",
        MAP_TURNOVERS);
    draw_map(t, used);
    if (ask(t, "One decode step reads all of these blocks. Are its bits the same through both "
               "maps?") != 0)
        return 0;
    if (decode(t, fresh, "new pool") != 0 || decode(t, used, "used pool") != 0)
        return -1;
    put(t, "\n");
    recall(t);
    say(t, "The map changes no bit: each block is found through the table. What it can change is "
           "time, and lab 04 measures when.");
    return 0;
}

static int step_map(struct tour *t) {
    struct kv_table used = {0}, fresh = {0};
    say(t,
        "A server keeps keys and values of each sequence in blocks, and takes any free block for "
        "the next tokens. A table says where each block lies (a paged KV cache).");
    int status = fill_tables(t, &used, &fresh);
    if (status == 0)
        status = show_maps(t, &used, &fresh);
    kv_table_close(&used);
    kv_table_close(&fresh);
    return status;
}

#endif
