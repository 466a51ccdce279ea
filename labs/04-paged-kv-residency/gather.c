/*
 * gather.c: arm B, the same bytes through different maps, with no arithmetic in the way: what
 * scatter costs over a contiguous read of the same bytes in the same rounds. The axes are the map,
 * the block's contiguous bytes, the layout, the size of the pool, the page size behind it, and
 * whether the caches are cold. The walk of the block table alone is the control of what following
 * the table costs by itself.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "labs/04-paged-kv-residency/contest.h"

#define HEAD 128
#define MIB ((size_t)1 << 20)

/* All heads of a model's layer in float: a block of 16 tokens is 64 KiB of keys. Or the one head
 * that a rank of eight holds, in bfloat16: 4 KiB. */
struct width {
    const char *name;
    enum paged_element element;
    unsigned heads;
};
static const struct width widths[] = {{"wide", PAGED_F32, 8}, {"narrow", PAGED_BF16, 1}};

/* What an entrant of this file is made of. */
struct entry {
    struct contest *contest;
    struct cache *cache;
    const struct width *width;
    unsigned sequences, tokens;
    unsigned pool_blocks;     /* 0: as many as the table names */
    struct roofs_job *before; /* of cold entrants: what is read before each sample */
    bool rewarm;
};

static bool on_gpu(const struct device *device) {
    return device_kind(device) == DEVICE_CUDA;
}

static size_t token_bytes(const struct width *width) {
    return (size_t)2 * width->heads * HEAD * (width->element == PAGED_F32 ? 4 : 2);
}

static size_t pool_bytes(const struct room *room) {
    enum lab_mode mode = lab_mode(room->run);
    size_t bytes = mode == LAB_QUICK ? 128 * MIB : mode == LAB_FULL ? 1024 * MIB : 256 * MIB;
    return room_fitting(room, on_gpu(room->device) ? 1024 * MIB : bytes);
}

/* Entrants of one cache keep apart by its pages, those of one table by what was read before. */
static const char *more_of(const struct entry *y, char text[40]) {
    bool native = device_kind(y->contest->device) == DEVICE_CPU;
    snprintf(text, 40, "pages=%s%s", native ? pages_name(y->cache->kind) : "device",
             y->before ? "/cold" : "");
    return text;
}

static struct entrant *enter(const struct entry *y, const struct paged_plan *plan,
                             const struct kv_table *table, const char *map) {
    char more[40];
    struct entrant *e = table ? contest_step(y->contest, y->cache, plan, y->width->heads, table,
                                             map, NULL, more_of(y, more))
                              : NULL;
    if (e)
        entrant_after_reading(e, y->before, y->rewarm);
    return e;
}

static struct entrant *enter_slab(const struct entry *y, struct paged_plan plan) {
    plan.mapping = PAGED_SLAB;
    plan.block = 1;
    return enter(y, &plan,
                 contest_table(y->contest, &plan, y->width->heads, y->sequences, y->tokens, 0,
                               KV_MAP_IDENTITY),
                 "slab");
}

static struct entrant *enter_map(const struct entry *y, const struct paged_plan *plan,
                                 enum kv_map map) {
    return enter(y, plan,
                 contest_table(y->contest, plan, y->width->heads, y->sequences, y->tokens,
                               y->pool_blocks, map),
                 kv_map_name(map));
}

/* Slab, identity and one more map, compared with each other. -1 after lab_error(). */
static int enter_three(const struct entry *y, const struct paged_plan *plan, enum kv_map map,
                       struct entrant *slab) {
    struct entrant *identity = slab ? enter_map(y, plan, KV_MAP_IDENTITY) : NULL;
    struct entrant *other = identity ? enter_map(y, plan, map) : NULL;
    if (!other)
        return -1;
    entrant_over(identity, slab, "slab");
    entrant_over(other, slab, "slab");
    entrant_over(other, identity, "identity");
    return 0;
}

/* --- caches of both page sizes -----------------------------------------------------------------
 */

#define BACKINGS 2

/* On a CPU a cache in 2 MiB pages and one in 4 KiB pages, as far as they can be had; elsewhere the
 * device's own. Returns how many, 0 after lab_error(). */
static size_t open_backings(struct contest *c, const struct width *width, size_t bytes,
                            struct cache *caches[BACKINGS]) {
    static const enum pages_kind kinds[BACKINGS] = {PAGES_2M, PAGES_4K};
    size_t n = 0;
    if (on_gpu(c->device)) {
        caches[0] = room_huge_cache(c->room, width->element, bytes);
        return caches[0] != NULL;
    }
    for (size_t k = 0; k < BACKINGS; k++) {
        if (room_cache(c->room, width->element, bytes, kinds[k], &caches[n]) != 0)
            return 0;
        n += caches[n] != NULL;
    }
    if (n == 0)
        lab_error(c->run, "%s: neither 2 MiB nor 4 KiB pages can be had for %zu MiB", c->prefix,
                  bytes / MIB);
    return n;
}

/* --- maps --------------------------------------------------------------------------------------
 */

/* All maps; in quick mode on the second backing only those that a page size can matter to most. */
static int enter_all_maps(const struct entry *y, const struct paged_plan *plan, bool few,
                          struct entrant **permuted) {
    struct entrant *slab = enter_slab(y, *plan);
    struct entrant *identity = slab ? enter_map(y, plan, KV_MAP_IDENTITY) : NULL;
    if (!identity)
        return -1;
    entrant_over(identity, slab, "slab");
    for (int map = KV_MAP_IDENTITY + 1; map <= KV_MAP_COUNT; map++) {
        struct entrant *e;
        if (few && map != KV_MAP_PERMUTED && map != KV_MAP_SPREAD)
            continue;
        if (map < KV_MAP_COUNT)
            e = enter_map(y, plan, (enum kv_map)map);
        else
            e = enter(y, plan,
                      contest_churned(y->contest, plan, y->sequences, y->tokens, y->pool_blocks),
                      "churned");
        if (!e)
            return -1;
        entrant_over(e, slab, "slab");
        entrant_over(e, identity, "identity");
        if (map == KV_MAP_PERMUTED)
            *permuted = e;
    }
    return 0;
}

/* What attention makes of it, and what reading the table alone takes. */
static int enter_others(const struct entry *y, struct paged_plan plan,
                        const struct entrant *permuted) {
    plan.op = PAGED_ATTENTION;
    if (enter_three(y, &plan, KV_MAP_PERMUTED, enter_slab(y, plan)) != 0)
        return -1;
    plan.op = PAGED_WALK;
    struct entrant *walk = enter_map(y, &plan, KV_MAP_PERMUTED);
    if (walk)
        entrant_over(walk, permuted, "gather");
    return walk ? 0 : -1;
}

/* Cycles of the warps of one gather (GPU), in quarter octaves. */
static int record_cycles(struct contest *c) {
    for (size_t k = 0; k < c->count; k++) {
        struct entrant *e = &c->entrants[k];
        uint32_t *cycles = NULL;
        size_t warps = 0;
        double edges[97];
        uint64_t counts[96] = {0};
        struct lab_case *record =
            e->step->plan.op == PAGED_GATHER
                ? lab_case_begin(c->run, device_id(c->device), "%s/cycles", e->id)
                : NULL;
        if (!record)
            continue;
        if (step_cycles(e->step, &cycles, &warps) != 0) {
            lab_case_drop(record);
            return lab_error(c->run, "%s: %s", e->id, device_error());
        }
        for (size_t b = 0; b < 97; b++)
            edges[b] = exp2(8 + 0.25 * (double)b);
        for (size_t w = 0; w < warps; w++) {
            double bin = floor(4 * (log2(cycles[w] + 1.0) - 8));
            counts[bin < 0 ? 0 : bin > 95 ? 95 : (size_t)bin]++;
        }
        free(cycles);
        case_param_text(record, "what", "cycles");
        case_param_text(record, "map", e->map);
        case_param_int(record, "warps", (int64_t)warps);
        case_series_histogram(record, "cycles of a warp", "cycles", edges, counts, 96);
        if (lab_case_end(record) != 0)
            return -1;
    }
    return 0;
}

/* A pool with an eighth of it free, as an allocator's batch leaves it. */
static int sweep_maps(struct room *room, const struct width *width) {
    size_t bytes = pool_bytes(room), tokens = bytes / token_bytes(width) / 8;
    struct paged_plan plan = plan_of(PAGED_GATHER, PAGED_TABLE, width->element);
    struct cache *caches[BACKINGS];
    char prefix[80];
    snprintf(prefix, sizeof prefix, "04/gather/map/%s/pool=%zuMiB", width->name, bytes / MIB);
    if (contest_done(room->run, room->device, prefix))
        return 0;
    struct contest *c = contest_open(room, prefix);
    size_t n = c ? open_backings(c, width, bytes, caches) : 0;
    int status = n ? 0 : -1;
    for (size_t k = 0; k < n && status == 0; k++) {
        struct entry y = {.contest = c,
                          .cache = caches[k],
                          .width = width,
                          .sequences = 7,
                          .tokens = (unsigned)tokens,
                          .pool_blocks = (unsigned)(8 * tokens / 16)};
        struct entrant *permuted = NULL;
        status = enter_all_maps(&y, &plan, k > 0 && lab_mode(room->run) == LAB_QUICK, &permuted);
        if (status == 0 && k == 0)
            status = enter_others(&y, plan, permuted);
    }
    if (status == 0)
        status = contest_measure(c);
    if (status == 0 && on_gpu(room->device) && !lab_stopping(room->run))
        status = record_cycles(c);
    contest_close(c);
    return status;
}

/* --- blocks ------------------------------------------------------------------------------------
 */

static int sweep_blocks(struct room *room, const struct width *width) {
    static const int blocks[] = {1, 16, 64, 256};
    size_t bytes = pool_bytes(room), tokens = bytes / token_bytes(width) / 8;
    struct cache *caches[BACKINGS];
    char prefix[80];
    snprintf(prefix, sizeof prefix, "04/gather/block/%s/pool=%zuMiB", width->name, bytes / MIB);
    if (contest_done(room->run, room->device, prefix))
        return 0;
    struct contest *c = contest_open(room, prefix);
    size_t n = c ? open_backings(c, width, bytes, caches) : 0;
    int status = n ? 0 : -1;
    for (size_t k = 0; k < n && status == 0; k++) {
        struct entry y = {c, caches[k], width, 8, (unsigned)tokens, 0, NULL, false};
        struct paged_plan plan = plan_of(PAGED_GATHER, PAGED_TABLE, width->element);
        struct entrant *slab = enter_slab(&y, plan);
        for (size_t b = 0; b < sizeof blocks / sizeof *blocks && status == 0; b++) {
            plan.block = blocks[b];
            status = enter_three(&y, &plan, KV_MAP_PERMUTED, slab);
        }
    }
    if (status == 0)
        status = contest_measure(c);
    contest_close(c);
    return status;
}

/* --- layouts -----------------------------------------------------------------------------------
 */

static int sweep_layouts(struct room *room, const struct width *width) {
    size_t bytes = pool_bytes(room), tokens = bytes / token_bytes(width) / 8;
    char prefix[80];
    snprintf(prefix, sizeof prefix, "04/gather/layout/%s/pool=%zuMiB", width->name, bytes / MIB);
    if (contest_done(room->run, room->device, prefix))
        return 0;
    struct contest *c = contest_open(room, prefix);
    struct entry y = {.contest = c, .width = width, .sequences = 8, .tokens = (unsigned)tokens};
    y.cache = c ? room_huge_cache(c->room, width->element, bytes) : NULL;
    int status = y.cache ? 0 : -1;
    for (int op = PAGED_ATTENTION; op <= PAGED_GATHER && status == 0; op++) {
        struct paged_plan plan = plan_of((enum paged_op)op, PAGED_TABLE, width->element);
        struct entrant *slab = enter_slab(&y, plan);
        for (int layout = PAGED_NHD; layout <= PAGED_VLLM && status == 0; layout++) {
            plan.layout = layout;
            status = enter_three(&y, &plan, KV_MAP_PERMUTED, slab);
        }
    }
    if (status == 0)
        status = contest_measure(c);
    contest_close(c);
    return status;
}

/* --- pools that the caches hold, and not -------------------------------------------------------
 */

static int enter_pool(struct contest *c, size_t bytes, struct roofs_job *flusher) {
    const struct width *width = &widths[0];
    struct entry y = {.contest = c, .width = width, .sequences = 4};
    struct paged_plan plan = plan_of(PAGED_GATHER, PAGED_TABLE, width->element);
    y.tokens = (unsigned)(bytes / token_bytes(width) / y.sequences);
    y.cache = room_huge_cache(c->room, width->element, bytes);
    for (int cold = 0; cold < 2 && y.cache; cold++) {
        /* Another entrant's flush came before a warm sample, too. */
        y.before = cold ? flusher : NULL;
        y.rewarm = !cold;
        if (enter_three(&y, &plan, KV_MAP_PERMUTED, enter_slab(&y, plan)) != 0)
            return -1;
        struct entrant *permuted = &c->entrants[c->count - 1];
        plan.op = PAGED_WALK;
        struct entrant *walk = enter_map(&y, &plan, KV_MAP_PERMUTED);
        plan.op = PAGED_GATHER;
        if (!walk)
            return -1;
        entrant_over(walk, permuted, "gather");
    }
    return y.cache ? 0 : -1;
}

static int sweep_pools(struct room *room) {
    static const size_t cpu_pools[] = {4 * MIB, 64 * MIB};
    static const size_t gpu_pools[] = {16 * MIB, 128 * MIB};
    const size_t *pools = on_gpu(room->device) ? gpu_pools : cpu_pools;
    size_t flush = 2 * cache_last_level(room->device);
    if (contest_done(room->run, room->device, "04/gather/pool"))
        return 0;
    struct contest *c = contest_open(room, "04/gather/pool");
    flush = room_fitting(room, flush < 64 * MIB ? 64 * MIB : flush);
    flush -= flush % (2 * ROOFS_PAGE);
    struct roofs_job *flusher =
        c && room_memory(room, flush) == 0 ? contest_flusher(c, flush) : NULL;
    int status = flusher ? 0 : -1;
    for (size_t k = 0; k < 2 && status == 0; k++)
        status = enter_pool(c, pools[k], flusher);
    if (status == 0) {
        c->limits.max_samples = 40; /* they are short */
        status = contest_measure(c);
    }
    contest_close(c);
    return status;
}

int sweep_gather(struct lab_run *run, struct device *device) {
    int status = 0;
    for (size_t k = 0; k < sizeof widths / sizeof *widths && status == 0; k++) {
        struct room room = room_open(run, device);
        if (!lab_stopping(run) &&
            (sweep_maps(&room, &widths[k]) != 0 || sweep_blocks(&room, &widths[k]) != 0 ||
             (k == 0 && (sweep_layouts(&room, &widths[k]) != 0 || sweep_pools(&room) != 0))))
            status = -1;
        room_close(&room);
    }
    return status;
}
