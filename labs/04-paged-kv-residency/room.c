/*
 * room.c: what the entrants of a contest share: caches, tables, and memory that is read.
 */
#include <hwloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels/threads/threads.h"
#include "labs/04-paged-kv-residency/contest.h"

struct contest *contest_open(struct lab_run *run, struct device *device, const char *prefix) {
    struct contest *contest = calloc(1, sizeof *contest);
    if (!contest) {
        lab_error(run, "out of memory");
        return NULL;
    }
    contest->run = run;
    contest->device = device;
    contest->limits = mode_limits(run);
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
    for (size_t k = 0; contest && k < contest->cache_count; k++)
        cache_close(&contest->caches[k]);
    if (contest)
        roofs_memory_close(contest->memory);
    free(contest);
}

static int full(struct contest *contest, const char *what) {
    return lab_error(contest->run, "%s: too many %s in a group; raise its limit in contest.h",
                     contest->prefix, what);
}

/* --- caches ------------------------------------------------------------------------------------
 */

int contest_cache(struct contest *contest, enum paged_element element, size_t bytes,
                  enum pages_kind kind, struct cache **out) {
    *out = NULL;
    if (contest->cache_count == CONTEST_CACHES)
        return full(contest, "caches");
    struct cache *cache = &contest->caches[contest->cache_count];
    if (cache_open(cache, contest->device, element, bytes / 2, kind, lab_seed(contest->run)) == 0) {
        contest->cache_count++;
        *out = cache;
        return 0;
    }
    if (device_kind(contest->device) != DEVICE_CPU || !pages_unavailable())
        return lab_error(contest->run, "%s: %s", contest->prefix, device_error());
    lab_note(contest->run, "%s: %s", contest->prefix, device_error());
    return 0;
}

struct cache *contest_huge_cache(struct contest *contest, enum paged_element element,
                                 size_t bytes) {
    struct cache *cache;
    bool native = device_kind(contest->device) == DEVICE_CPU;
    if (native && contest_cache(contest, element, bytes, PAGES_2M, &cache) != 0)
        return NULL;
    if ((!native || !cache) && contest_cache(contest, element, bytes, PAGES_ANY, &cache) != 0)
        return NULL;
    return cache;
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

int contest_memory(struct contest *contest, size_t bytes) {
    if (roofs_memory_open(&contest->memory, contest->device, bytes, 0) == 0)
        return 0;
    return lab_error(contest->run, "%s: %s", contest->prefix, device_error());
}

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
    if (roofs_job_open(job, contest->memory, &plans[0]) != 0) {
        lab_error(contest->run, "%s: %s", contest->prefix, device_error());
        return NULL;
    }
    contest->flusher_count++;
    return *job;
}

/* --- sizes -------------------------------------------------------------------------------------
 */

static size_t hwloc_last_level(void) {
    static const hwloc_obj_type_t levels[] = {HWLOC_OBJ_L4CACHE, HWLOC_OBJ_L3CACHE,
                                              HWLOC_OBJ_L2CACHE};
    hwloc_topology_t topology;
    size_t bytes = 0;
    if (hwloc_topology_init(&topology) != 0)
        return 0;
    if (hwloc_topology_load(topology) == 0)
        for (size_t k = 0; k < sizeof levels / sizeof *levels && bytes == 0; k++) {
            hwloc_obj_t cache = hwloc_get_obj_by_type(topology, levels[k], 0);
            bytes = cache ? cache->attr->cache.size : 0;
        }
    hwloc_topology_destroy(topology);
    return bytes;
}

size_t cache_last_level(const struct device *device) {
    /* No GPU that these kernels run on has a larger L2 than 64 MiB, but for the newest. */
    if (device_kind(device) != DEVICE_CPU)
        return (size_t)64 << 20;
    size_t bytes = hwloc_last_level();
    return bytes ? bytes : (size_t)32 << 20;
}

size_t fitting_bytes(const struct device *device, size_t bytes) {
    while (bytes > ((size_t)1 << 20) && bytes > device_memory_free(device) / 4)
        bytes /= 2;
    return bytes;
}

struct paged_plan plan_of(enum paged_op op, enum paged_mapping mapping,
                          enum paged_element element) {
    struct paged_plan plan = paged_plan_default();
    plan.op = op;
    plan.mapping = mapping;
    plan.layout = PAGED_NHD;
    plan.element = element;
    plan.block = mapping == PAGED_SLAB ? 1 : 16;
    return plan;
}
