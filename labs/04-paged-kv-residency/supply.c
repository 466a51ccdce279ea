/*
 * supply.c: a contest from its opening to its end, and what its entrants are made with: tables, and
 * readers that fill the caches with something else.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kernels/threads/threads.h"
#include "labs/04-paged-kv-residency/contest.h"

struct contest *contest_open(struct room *room, const char *prefix) {
    struct contest *contest = calloc(1, sizeof *contest);
    if (!contest) {
        lab_error(room->run, "out of memory");
        return NULL;
    }
    contest->run = room->run;
    contest->device = room->device;
    contest->room = room;
    contest->limits = mode_limits(room->run);
    snprintf(contest->prefix, sizeof contest->prefix, "%s", prefix);
    return contest;
}

void contest_close(struct contest *contest) {
    for (size_t k = 0; contest && k < contest->count; k++) {
        struct entrant *e = &contest->entrants[k];
        roofs_job_close(e->job);
        if (e->step)
            step_close(e->step);
        free(e->step);
    }
    for (size_t k = 0; contest && k < contest->flusher_count; k++)
        roofs_job_close(contest->flushers[k]);
    for (size_t k = 0; contest && k < contest->table_count; k++)
        kv_table_close(&contest->tables[k]);
    free(contest);
}

static int full(struct contest *contest, const char *what) {
    return lab_error(contest->run, "%s: too many %s in a group; raise its limit in contest.h",
                     contest->prefix, what);
}

/* --- tables ------------------------------------------------------------------------------------
 */

const struct kv_table *contest_table(struct contest *contest, const struct paged_plan *plan,
                                     unsigned kv_heads, unsigned sequences, unsigned tokens,
                                     unsigned pool_blocks, enum kv_map map) {
    unsigned block = (unsigned)plan->block;
    unsigned blocks = sequences * ((tokens + block - 1) / block);
    const struct paged_shape shape = {.kv_heads = kv_heads};
    size_t block_bytes = paged_token_bytes(plan, &shape) * block;
    if (contest->table_count == CONTEST_TABLES) {
        full(contest, "tables");
        return NULL;
    }
    struct kv_table *table = &contest->tables[contest->table_count];
    if (table_open(contest->run, table, sequences, tokens, block,
                   pool_blocks ? pool_blocks : blocks, map, block_bytes,
                   lab_seed(contest->run)) != 0)
        return NULL;
    contest->table_count++;
    return table;
}

/* Decode steps that turn the pool over some ten times. */
#define CHURN_STEPS 4000

const struct kv_table *contest_churned(struct contest *contest, const struct paged_plan *plan,
                                       unsigned sequences, unsigned tokens, unsigned pool_blocks) {
    unsigned block = (unsigned)plan->block;
    unsigned blocks = sequences * ((tokens + block - 1) / block);
    struct kv_churn_options options = kv_churn_default(pool_blocks, block, lab_seed(contest->run));
    struct kv_churn *churn = NULL;
    char why[KV_WHY] = "out of memory";
    if (contest->table_count == CONTEST_TABLES) {
        full(contest, "tables");
        return NULL;
    }
    struct kv_table *table = &contest->tables[contest->table_count];
    int status = kv_churn_open(&churn, &options);
    if (status == 0)
        status = kv_churn_run(churn, CHURN_STEPS, why);
    if (status == 0)
        status =
            kv_churn_table(churn, sequences, tokens / 2, tokens, pool_blocks - blocks, table, why);
    kv_churn_close(churn);
    if (status != 0) {
        lab_error(contest->run, "%s: a churned table: %s", contest->prefix, why);
        return NULL;
    }
    contest->table_count++;
    return table;
}

/* --- other memory ------------------------------------------------------------------------------
 */

struct roofs_job *contest_flusher(struct contest *contest, size_t bytes) {
    struct roofs_plan plans[16];
    struct roofs_job **job = &contest->flushers[contest->flusher_count];
    unsigned threads = device_kind(contest->device) == DEVICE_CPU ? pool_cpus() : 0;
    if (contest->flusher_count == CONTEST_FLUSHERS) {
        full(contest, "flushers");
        return NULL;
    }
    if (roofs_variants(contest->device, ROOFS_READ, bytes, threads, plans, 16) == 0) {
        lab_error(contest->run, "%s has no reader to fill its caches with",
                  device_id(contest->device));
        return NULL;
    }
    plans[0].passes = 1;
    if (roofs_job_open(job, contest->room->memory, &plans[0]) != 0) {
        lab_error(contest->run, "%s: %s", contest->prefix, device_error());
        return NULL;
    }
    contest->flusher_count++;
    return *job;
}
