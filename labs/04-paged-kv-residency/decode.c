/*
 * decode.c: arm C, attention over the roof. What fraction of the memory's bandwidth does a decode
 * step reach, contiguous and through block tables? And what else decides its time: prefetching,
 * how the same bytes are cut into sequences, query heads per KV head, splits?
 */
#include <stdio.h>

#include "kernels/threads/threads.h"
#include "labs/04-paged-kv-residency/contest.h"

#define HEADS 8
#define HEAD 128
#define TOKENS 8192
#define MIB ((size_t)1 << 20)

static const char *element_name(enum paged_element element) {
    return element == PAGED_F32 ? "f32" : element == PAGED_BF16 ? "bf16" : "f16";
}

/* Of one token's keys and values. */
static size_t token_bytes(enum paged_element element) {
    return (size_t)2 * HEADS * HEAD * (element == PAGED_F32 ? 4 : 2);
}

static bool on_gpu(const struct device *device) {
    return device_kind(device) == DEVICE_CUDA;
}

/* Far beyond any cache: a GPU's step over less would be little more than its launch. */
static size_t large_bytes(const struct room *room) {
    size_t bytes = lab_mode(room->run) == LAB_QUICK ? 512 * MIB : 1024 * MIB;
    return room_fitting(room, on_gpu(room->device) ? 2048 * MIB : bytes);
}

static size_t middle_bytes(const struct room *room) {
    size_t bytes = lab_mode(room->run) == LAB_QUICK ? 128 * MIB : 256 * MIB;
    return room_fitting(room, on_gpu(room->device) ? 1024 * MIB : bytes);
}

/* One shape through slabs, and through tables; each entrant NULL if it could not be added. */
struct shape {
    enum paged_element element;
    unsigned sequences, tokens;
};

static struct entrant *enter_slab(struct contest *c, struct cache *cache, struct paged_plan plan,
                                  struct shape shape, const struct step *like, const char *more) {
    plan.mapping = PAGED_SLAB;
    plan.block = 1;
    /* The table gives a slab's sequences and lengths; its ids are not read. */
    const struct kv_table *table =
        contest_table(c, &plan, HEADS, shape.sequences, shape.tokens, 0, KV_MAP_IDENTITY);
    return table ? contest_step(c, cache, &plan, HEADS, table, "slab", like, more) : NULL;
}

/* --- over the roof -----------------------------------------------------------------------------
 */

/* Adds one op through a slab, an identity table and a permuted one. `gather` has the gather's three
 * entrants, or NULLs; `out` gets these. */
static int enter_maps(struct contest *c, struct cache *cache, enum paged_op op, struct shape shape,
                      struct entrant *const gather[3], struct entrant *out[3]) {
    struct paged_plan plan = plan_of(op, PAGED_TABLE, shape.element);
    static const enum kv_map maps[] = {KV_MAP_IDENTITY, KV_MAP_PERMUTED};
    out[0] = enter_slab(c, cache, plan, shape, NULL, "");
    for (size_t k = 1; k < 3 && out[k - 1]; k++) {
        const struct kv_table *table =
            contest_table(c, &plan, HEADS, shape.sequences, shape.tokens, 0, maps[k - 1]);
        out[k] =
            table ? contest_step(c, cache, &plan, HEADS, table, kv_map_name(maps[k - 1]), NULL, "")
                  : NULL;
        if (!out[k])
            return -1;
        entrant_over(out[k], out[0], "slab");
        if (k == 2)
            entrant_over(out[k], out[1], "identity");
    }
    for (size_t k = 0; k < 3 && out[k]; k++)
        entrant_over(out[k], gather[k], "gather");
    return out[0] && out[1] && out[2] ? 0 : -1;
}

static int sweep_roof(struct room *room, enum paged_element element) {
    size_t bytes = large_bytes(room);
    struct shape shape = {element, (unsigned)(bytes / token_bytes(element) / TOKENS), TOKENS};
    char prefix[80];
    snprintf(prefix, sizeof prefix, "04/decode/roof/%s/kv=%zuMiB", element_name(element),
             bytes / MIB);
    if (shape.sequences == 0 || contest_done(room->run, room->device, prefix))
        return 0;
    struct contest *c = contest_open(room, prefix);
    if (!c)
        return -1;
    struct entrant *none[3] = {NULL}, *gather[3], *attention[3];
    struct cache *cache = room_huge_cache(room, element, bytes);
    int status = cache && room_memory(room, bytes) == 0 && contest_readers(c, bytes) == 0 &&
                         enter_maps(c, cache, PAGED_GATHER, shape, none, gather) == 0 &&
                         enter_maps(c, cache, PAGED_ATTENTION, shape, gather, attention) == 0
                     ? contest_measure(c)
                     : -1;
    contest_close(c);
    return status;
}

/* --- prefetching (CPU) -------------------------------------------------------------------------
 */

static int sweep_prefetch(struct room *room) {
    size_t bytes = middle_bytes(room);
    struct shape shape = {PAGED_F32, (unsigned)(bytes / token_bytes(PAGED_F32) / TOKENS), TOKENS};
    struct paged_plan plan = plan_of(PAGED_ATTENTION, PAGED_TABLE, PAGED_F32);
    char prefix[80];
    snprintf(prefix, sizeof prefix, "04/decode/prefetch/kv=%zuMiB", bytes / MIB);
    if (on_gpu(room->device) || shape.sequences == 0 ||
        contest_done(room->run, room->device, prefix))
        return 0;
    struct contest *c = contest_open(room, prefix);
    if (!c)
        return -1;
    struct cache *cache = room_huge_cache(room, PAGED_F32, bytes);
    const struct kv_table *table =
        cache ? contest_table(c, &plan, HEADS, shape.sequences, shape.tokens, 0, KV_MAP_PERMUTED)
              : NULL;
    int status = table && room_memory(room, bytes) == 0 && contest_readers(c, bytes) == 0 ? 0 : -1;
    for (int p = 0; p < PAGED_PREFETCH_COUNT && status == 0; p++) {
        const struct step like = {.isa = paged_isa_best(), .prefetch = (enum paged_prefetch)p};
        const char *name = paged_prefetch_name(like.prefetch);
        if (!enter_slab(c, cache, plan, shape, &like, name) ||
            !contest_step(c, cache, &plan, HEADS, table, kv_map_name(KV_MAP_PERMUTED), &like, name))
            status = -1;
    }
    status = status == 0 ? contest_measure(c) : -1;
    contest_close(c);
    return status;
}

/* --- the same bytes as few long or many short sequences ----------------------------------------
 */

static int sweep_shapes(struct room *room) {
    size_t bytes = middle_bytes(room), tokens = bytes / token_bytes(PAGED_F32);
    struct paged_plan plan = plan_of(PAGED_ATTENTION, PAGED_TABLE, PAGED_F32);
    char prefix[80];
    snprintf(prefix, sizeof prefix, "04/decode/shape/kv=%zuMiB", bytes / MIB);
    if (contest_done(room->run, room->device, prefix))
        return 0;
    struct contest *c = contest_open(room, prefix);
    if (!c)
        return -1;
    struct cache *cache = room_huge_cache(room, PAGED_F32, bytes);
    int status = cache && room_memory(room, bytes) == 0 && contest_readers(c, bytes) == 0 ? 0 : -1;
    for (size_t context = 128; context <= tokens && status == 0; context *= 4) {
        struct shape shape = {PAGED_F32, (unsigned)(tokens / context), (unsigned)context};
        const struct kv_table *table =
            contest_table(c, &plan, HEADS, shape.sequences, shape.tokens, 0, KV_MAP_PERMUTED);
        struct entrant *slab = table ? enter_slab(c, cache, plan, shape, NULL, "") : NULL;
        struct entrant *permuted = slab ? contest_step(c, cache, &plan, HEADS, table,
                                                       kv_map_name(KV_MAP_PERMUTED), NULL, "")
                                        : NULL;
        if (permuted)
            entrant_over(permuted, slab, "slab");
        status = permuted ? 0 : -1;
    }
    status = status == 0 ? contest_measure(c) : -1;
    contest_close(c);
    return status;
}

/* --- more arithmetic on the same bytes ---------------------------------------------------------
 */

/* In cache: 128 KiB of keys, and as many of values, for each of two cores; a GPU's L2 holds some
 * 16 MiB. Sequences of one tile, so that all processors have work. */
static struct shape hot_shape(const struct device *device, enum paged_element element) {
    size_t bytes = on_gpu(device) ? 16 * MIB : MIB / 2;
    return (struct shape){element, (unsigned)(bytes / token_bytes(element) / PAGED_TILE),
                          PAGED_TILE};
}

static int sweep_groups(struct room *room, enum paged_element element) {
    static const int groups[] = {1, 2, 4, 8};
    size_t bytes = middle_bytes(room);
    struct shape cold = {element, (unsigned)(bytes / token_bytes(element) / TOKENS), TOKENS};
    char prefix[80];
    snprintf(prefix, sizeof prefix, "04/decode/group/%s/kv=%zuMiB", element_name(element),
             bytes / MIB);
    if (cold.sequences == 0 || contest_done(room->run, room->device, prefix))
        return 0;
    struct contest *c = contest_open(room, prefix);
    if (!c)
        return -1;
    struct cache *cache = room_huge_cache(room, element, bytes);
    struct entrant *gather =
        cache ? enter_slab(c, cache, plan_of(PAGED_GATHER, PAGED_SLAB, element), cold, NULL, "")
              : NULL;
    int status = gather ? 0 : -1;
    for (size_t k = 0; k < 4 && status == 0; k++) {
        struct paged_plan plan = plan_of(PAGED_ATTENTION, PAGED_SLAB, element);
        plan.group = groups[k];
        struct entrant *in_memory = enter_slab(c, cache, plan, cold, NULL, "in-memory");
        struct entrant *in_cache =
            in_memory
                ? enter_slab(c, cache, plan, hot_shape(room->device, element), NULL, "in-cache")
                : NULL;
        if (in_cache) {
            entrant_over(in_memory, gather, "gather");
            entrant_over(in_memory, in_cache, "in cache");
            entrant_awake(in_cache);
        }
        status = in_cache ? 0 : -1;
    }
    /* Short samples: more of them, for intervals that can settle it. */
    c->limits.max_samples *= 2;
    status = status == 0 ? contest_measure(c) : -1;
    contest_close(c);
    return status;
}

/* --- splits ------------------------------------------------------------------------------------
 */

static int sweep_splits(struct room *room) {
    static const int splits[] = {1, 2, 8, 32};
    /* What the heuristic counts with: a GPU knows its own number. */
    const struct step like = {.isa = paged_isa_best(),
                              .prefetch = on_gpu(room->device)
                                              ? PAGED_PREFETCH_NONE
                                              : paged_prefetch_best(PAGED_ATTENTION, pool_cpus()),
                              .shape = {.processors = on_gpu(room->device) ? 0 : pool_cpus()}};
    size_t bytes = middle_bytes(room), tokens = bytes / token_bytes(PAGED_F32);
    char prefix[80];
    snprintf(prefix, sizeof prefix, "04/decode/splits/kv=%zuMiB", bytes / MIB);
    if (contest_done(room->run, room->device, prefix))
        return 0;
    struct contest *c = contest_open(room, prefix);
    if (!c)
        return -1;
    struct cache *cache = room_huge_cache(room, PAGED_F32, bytes);
    int status = cache ? 0 : -1;
    for (size_t batch = 1; batch <= 16 && status == 0; batch *= 16) {
        struct shape shape = {PAGED_F32, (unsigned)batch, (unsigned)(tokens / batch)};
        struct paged_plan plan = plan_of(PAGED_ATTENTION, PAGED_SLAB, PAGED_F32);
        struct entrant *one = NULL;
        for (size_t k = 0; k < 5 && status == 0; k++) {
            plan.rule = k == 4 ? PAGED_HEURISTIC : PAGED_FIXED;
            plan.splits = k == 4 ? 32 : splits[k];
            struct entrant *e = enter_slab(c, cache, plan, shape, &like, "");
            if (e && one)
                entrant_over(e, one, "one split");
            one = k == 0 ? e : one;
            status = e ? 0 : -1;
        }
    }
    status = status == 0 ? contest_measure(c) : -1;
    contest_close(c);
    return status;
}

int sweep_decode(struct lab_run *run, struct device *device) {
    struct room room = room_open(run, device);
    int status = 0;
    if (!lab_stopping(run) && (sweep_roof(&room, PAGED_F32) != 0 ||
                               sweep_roof(&room, PAGED_BF16) != 0 || sweep_prefetch(&room) != 0 ||
                               sweep_shapes(&room) != 0 || sweep_groups(&room, PAGED_F32) != 0 ||
                               sweep_groups(&room, PAGED_BF16) != 0 || sweep_splits(&room) != 0))
        status = -1;
    room_close(&room);
    return status;
}
