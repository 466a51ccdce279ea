/*
 * replicas.c: one shape, one amount of free memory, many maps.
 *
 * Every replica is a pool that another seed, another policy or more use has aged; its batch then
 * has the same shape, the same lengths and the same number of free blocks as all others. They share
 * one cache in memory, so that nothing but the block table differs, and their steps take turns in
 * one bench group. Controls: twins (a replica's own table once more: what they differ by is noise),
 * made maps (identity, permuted, spread), and the page size, 4 KiB against 2 MiB.
 *
 * One KV head, as one of eight GPUs that share a model's eight KV heads holds: a block of 16 tokens
 * is then 4 KiB of keys, the smallest piece that a real map scatters.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "labs/04-paged-kv-residency/map_side.h"

#define PLAN "attention.table.nhd.bf16.b16.d128.g1.fixed.s1"
#define KV_HEADS 1
#define SEQUENCES 16
#define TWINS 4 /* one replica of each policy is measured twice */

enum replica_kind { CHURNED, TWIN, MADE };
static const char *const kind_names[] = {"churned", "twin", "made"};
static const enum kv_map made_maps[] = {KV_MAP_IDENTITY, KV_MAP_PERMUTED, KV_MAP_SPREAD};

struct entry {
    enum replica_kind kind;
    const char *policy; /* or the made map's name */
    unsigned seed;
    unsigned turnovers;    /* of the pool, before the batch came */
    struct kv_table table; /* a twin's is its replica's: not closed */
    struct kv_map_stats stats;
};

struct replicas {
    struct lab_run *run;
    struct device *device;
    struct paged_plan plan;
    unsigned pool_blocks, tokens;
    size_t block_bytes;
    size_t count;
    struct entry entry[REPLICAS_MOST];
    size_t kinds; /* page sizes */
    enum pages_kind pages[2];
    bool have[2];
    struct cache cache[2];
};

/* --- the maps ----------------------------------------------------------------------------------
 */

static int churned_entry(struct replicas *r, struct entry *e, enum kv_policy policy) {
    char why[KV_WHY] = "out of memory";
    struct kv_churn_options options =
        kv_churn_default(r->pool_blocks, (unsigned)r->plan.block,
                         lab_seed(r->run) + 1000 * (unsigned)policy + e->seed);
    struct kv_churn *churn = NULL;
    struct kv_churn_counts counts = {0};
    options.policy = policy;
    int status = kv_churn_open(&churn, &options);
    while (status == 0 && counts.blocks_taken < (uint64_t)e->turnovers * r->pool_blocks) {
        status = kv_churn_run(churn, 64, why);
        kv_churn_counts(churn, &counts);
    }
    if (status == 0)
        status = kv_churn_table(churn, SEQUENCES, r->tokens * 3 / 4, r->tokens, r->pool_blocks / 4,
                                &e->table, why);
    kv_churn_close(churn);
    return status ? lab_error(r->run, "replica %s, seed %u: %s", e->policy, e->seed, why) : 0;
}

static int made_entry(struct replicas *r, struct entry *e, enum kv_map map) {
    return table_open(r->run, &e->table, SEQUENCES, r->tokens, (unsigned)r->plan.block,
                      r->pool_blocks, map, r->block_bytes, lab_seed(r->run));
}

static int open_entries(struct replicas *r, unsigned seeds) {
    static const unsigned turnovers[] = {1, 3, 0}; /* busy; aged; just started */
    int status = 0;
    for (unsigned k = 0; k < seeds * KV_POLICY_COUNT && status == 0; k++) {
        enum kv_policy policy = (enum kv_policy)(k % KV_POLICY_COUNT);
        struct entry *e = &r->entry[r->count++];
        e->policy = kv_policy_name(policy);
        e->seed = k / KV_POLICY_COUNT;
        e->turnovers = turnovers[e->seed % 3];
        status = churned_entry(r, e, policy);
    }
    for (size_t k = 0; k < TWINS && status == 0; k++) {
        r->entry[r->count] = r->entry[k];
        r->entry[r->count++].kind = TWIN;
    }
    for (size_t k = 0; k < sizeof made_maps / sizeof *made_maps && status == 0; k++) {
        struct entry *e = &r->entry[r->count++];
        e->kind = MADE;
        e->policy = kv_map_name(made_maps[k]);
        status = made_entry(r, e, made_maps[k]);
    }
    for (size_t k = 0; k < r->count && status == 0; k++)
        if (kv_table_stats(&r->entry[k].table, r->block_bytes, &r->entry[k].stats) != 0)
            status = lab_error(r->run, "out of memory for the statistics of a map");
    return status;
}

/* --- measuring ---------------------------------------------------------------------------------
 */

struct seat {
    struct entry *entry;
    enum pages_kind pages;
    struct step step;
    struct lab_case *record;
    char id[120];
};

/* As many samples of each, all from the same rounds: the analysis compares round by round. */
static struct bench_limits equal_rounds(const struct lab_run *run) {
    struct bench_limits limits = mode_limits(run);
    limits.settle_spread = 0;
    limits.min_samples = limits.max_samples = lab_mode(run) == LAB_QUICK ? 11 : 31;
    limits.max_seconds = 60;
    return limits;
}

static int record(struct replicas *r, struct seat *seat, const struct bench_result *result) {
    struct lab_case *c = seat->record;
    const struct entry *e = seat->entry;
    seat->record = NULL;
    if (result->stop == BENCH_FAILED) {
        lab_case_drop(c);
        return lab_error(r->run, "%s: %s", seat->id, result->error);
    }
    case_plan(c, paged_plan_json(&r->plan));
    case_param_text(c, "kind", kind_names[e->kind]);
    case_param_text(c, "policy", e->policy);
    case_param_text(c, "pages", pages_name(seat->pages));
    case_param_int(c, "seed", e->seed);
    case_param_int(c, "sequences", SEQUENCES);
    case_param_int(c, "tokens", r->tokens);
    case_param_int(c, "pool bytes", (int64_t)(2 * r->pool_blocks * r->block_bytes));
    case_param_int(c, "free blocks", r->pool_blocks / 4);
    case_param_int(c, "turnovers", e->turnovers);
    case_counter(c, "map pages", (double)e->stats.pages);
    case_counter(c, "map runs", (double)e->stats.runs);
    case_counter(c, "map run mean", e->stats.run_mean);
    case_counter(c, "map switches", e->stats.page_switches);
    case_bench(c, result);
    return lab_case_end(c);
}

static int measure(struct replicas *r, struct seat *seats, size_t n) {
    struct bench_case *cases = calloc(n + 1, sizeof *cases);
    struct bench_result *results = calloc(n + 1, sizeof *results);
    const struct bench_options options = {.limits = equal_rounds(r->run),
                                          .seed = lab_seed(r->run),
                                          .progress = stop_asked,
                                          .progress_context = r->run};
    if (!cases || !results) {
        free(cases);
        free(results);
        return lab_error(r->run, "out of memory");
    }
    for (size_t k = 0; k < n; k++)
        cases[k] = (struct bench_case){.id = seats[k].id,
                                       .call = step_call,
                                       .validate = step_validate,
                                       .context = &seats[k].step,
                                       .device = r->device,
                                       .bytes_per_call = step_bytes(&seats[k].step)};
    int status = 0;
    if (n > 0 && bench_run(cases, n, &options, results) != 0)
        status = lab_error(r->run, "%s", bench_error());
    else
        for (size_t k = 0; k < n; k++) {
            if (status == 0 && !lab_stopping(r->run))
                status = record(r, &seats[k], &results[k]);
            bench_result_free(&results[k]);
        }
    free(cases);
    free(results);
    return status;
}

static int seat_entries(struct replicas *r) {
    struct seat *seats = calloc(2 * REPLICAS_MOST, sizeof *seats);
    size_t n = 0;
    int status = 0;
    if (!seats)
        return lab_error(r->run, "out of memory");
    for (size_t k = 0; k < 2 * r->count && status == 0; k++) {
        struct seat *s = &seats[n];
        size_t p = k / r->count;
        if (!r->have[p])
            continue;
        s->entry = &r->entry[k % r->count];
        s->pages = r->pages[p];
        snprintf(s->id, sizeof s->id, "04/replica/pages=%s/%s/map=%s/seed=%u", pages_name(s->pages),
                 kind_names[s->entry->kind], s->entry->policy, s->entry->seed);
        s->record = lab_case_begin(r->run, device_id(r->device), "%s", s->id);
        if (!s->record)
            continue;
        n++;
        if (step_open(&s->step, &r->cache[p], &r->plan, KV_HEADS, &s->entry->table, NULL,
                      lab_seed(r->run)) != 0)
            status = lab_error(r->run, "%s: %s", s->id, device_error());
    }
    if (status == 0)
        status = measure(r, seats, n);
    for (size_t k = 0; k < n; k++) {
        if (seats[k].record)
            lab_case_drop(seats[k].record);
        step_close(&seats[k].step);
    }
    free(seats);
    return status;
}

/* --- the sweep ---------------------------------------------------------------------------------
 */

static int open_caches(struct replicas *r) {
    bool native = device_kind(r->device) == DEVICE_CPU;
    r->kinds = native ? 2 : 1;
    r->pages[0] = native ? PAGES_4K : PAGES_ANY;
    r->pages[1] = PAGES_2M;
    for (size_t p = 0; p < r->kinds; p++) {
        r->have[p] =
            cache_open(&r->cache[p], r->device, (enum paged_element)r->plan.element,
                       r->pool_blocks * r->block_bytes, r->pages[p], lab_seed(r->run)) == 0;
        if (r->have[p])
            continue;
        if (!pages_unavailable())
            return lab_error(r->run, "the replicas' cache on %s: %s", device_id(r->device),
                             device_error());
        lab_note(r->run, "replicas with pages of %s are left out: %s", pages_name(r->pages[p]),
                 device_error());
    }
    return 0;
}

static int count_case(void *context, const json_t *record) {
    (void)record;
    ++*(size_t *)context;
    return 0;
}

int sweep_replicas(struct lab_run *run, struct device *device) {
    char why[PLAN_WHY];
    bool quick = lab_mode(run) == LAB_QUICK, gpu = device_kind(device) == DEVICE_CUDA;
    unsigned seeds = quick ? 3 : 10;
    size_t all = seeds * KV_POLICY_COUNT + TWINS + sizeof made_maps / sizeof *made_maps, seen = 0;
    all *= device_kind(device) == DEVICE_CPU ? 2 : 1;
    lab_cases(run, "04/replica/", device_id(device), count_case, &seen);
    if (seen >= all)
        return 0; /* an earlier session of this run */
    struct replicas *r = calloc(1, sizeof *r);
    if (!r)
        return lab_error(run, "out of memory");
    lab_expect(run, all);
    r->run = run;
    r->device = device;
    int status = 0;
    if (paged_plan_parse(PLAN, &r->plan, why) != 0)
        status = lab_error(run, "plan %s: %s", PLAN, why);
    r->block_bytes = (size_t)r->plan.block * (size_t)r->plan.head * KV_HEADS * 2;
    r->pool_blocks = (unsigned)(((size_t)(gpu ? 4096 : quick ? 128 : 512) << 20) / r->block_bytes);
    while (r->pool_blocks > 1024 &&
           8 * r->pool_blocks * r->block_bytes > device_memory_free(device))
        r->pool_blocks /= 2;
    /* The batch takes a quarter of the pool, and another quarter stays free. */
    r->tokens = r->pool_blocks / 4 / SEQUENCES * (unsigned)r->plan.block;
    if (status == 0)
        status = open_entries(r, seeds);
    if (status == 0)
        status = open_caches(r);
    if (status == 0 && !lab_stopping(run))
        status = seat_entries(r);
    for (size_t p = 0; p < r->kinds; p++)
        if (r->have[p])
            cache_close(&r->cache[p]);
    for (size_t k = 0; k < r->count; k++)
        if (r->entry[k].kind != TWIN)
            kv_table_close(&r->entry[k].table);
    free(r);
    return status;
}
