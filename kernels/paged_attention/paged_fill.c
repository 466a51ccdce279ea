/*
 * paged_fill.c: what a cache and the queries hold.
 *
 * A token's row of D channels is a stretch of one random array of normal numbers, at an offset
 * drawn for (seed, keys or values, sequence, token, head): a row of its own for a memcpy, so that
 * gigabytes take seconds.
 */
#include <stdlib.h>
#include <string.h>

#include "kernels/paged_attention/paged_layout.h"
#include "kernels/rng/data.h"
#include "kernels/rng/philox.h"
#include "kernels/threads/threads.h"

#define FILL_OFFSETS 32768     /* a power of two: offsets are low bits of a random number */
#define FILL_STREAM 0x70616765 /* and the two after it: one each for keys, values, queries */
#define FILL_ROW (128 * 4)     /* bytes of the longest row */
/* Tokens that a worker fills at a time; slabs are longer. */
#define FILL_TOKENS 256

enum fill_use { FILL_KEYS, FILL_VALUES, FILL_QUERIES };

/* One stretch of slots of one block or slab: content of `sequence` from `token` on. */
struct fill_unit {
    unsigned sequence;
    uint64_t token; /* of the block's first slot */
    size_t filled;  /* slots from the first that hold a token; 0: nobody names the block */
};

struct fill {
    const struct paged_plan *plan;
    const struct paged_shape *shape;
    uint64_t seed;
    const struct fill_unit *units; /* one per block or slab */
    size_t unit_count;
    size_t n;       /* slots of one */
    size_t stretch; /* slots that a worker takes at a time */
    size_t stretches;
    char *random;
    char nan[FILL_ROW]; /* the row of a slot without a token */
    void *cache[2];
};

/* FILL_OFFSETS + D normal numbers of the plan's type; malloc'ed. */
static char *random_array(const struct paged_plan *plan, uint64_t seed) {
    size_t count = FILL_OFFSETS + (size_t)plan->head;
    char *array = malloc(count * element_bytes((enum element)plan->element));
    struct data_options options = {.seed = seed};
    if (array && data_fill(DATA_NORMAL, (enum element)plan->element, &options, array, count)) {
        free(array);
        return NULL;
    }
    return array;
}

static const char *row_of(const struct fill *fill, enum fill_use use, unsigned sequence,
                          uint64_t token, unsigned head) {
    uint64_t z = philox_u64(fill->seed, FILL_STREAM + use,
                            (uint64_t)sequence << 40 | (uint64_t)head << 32 | token);
    return fill->random + z % FILL_OFFSETS * element_bytes((enum element)fill->plan->element);
}

/* D channels of one token and head in the vllm layout, where keys are scattered by 16 bytes and
 * values by elements. */
static void put_scattered(const struct fill *fill, enum fill_use use, struct paged_place place,
                          unsigned head, const char *row) {
    size_t bytes = element_bytes((enum element)fill->plan->element), D = (size_t)fill->plan->head;
    if (use == FILL_KEYS) {
        char *to =
            (char *)fill->cache[use] + paged_k_at(fill->plan, fill->shape, place, head, 0) * bytes;
        for (size_t piece = 0; piece < D * bytes / 16; piece++)
            memcpy(to + piece * place.n * 16, row + piece * 16, 16);
        return;
    }
    char *to =
        (char *)fill->cache[use] + paged_v_at(fill->plan, fill->shape, place, head, 0) * bytes;
    for (size_t d = 0; d < D; d++)
        if (bytes == 4)
            memcpy(to + d * place.n * 4, row + d * 4, 4);
        else
            memcpy(to + d * place.n * 2, row + d * 2, 2);
}

static void put_row(const struct fill *fill, enum fill_use use, struct paged_place place,
                    unsigned head, const char *row) {
    if (fill->plan->layout == PAGED_VLLM) {
        put_scattered(fill, use, place, head, row);
        return;
    }
    size_t bytes = element_bytes((enum element)fill->plan->element);
    char *to =
        (char *)fill->cache[use] + paged_k_at(fill->plan, fill->shape, place, head, 0) * bytes;
    memcpy(to, row, (size_t)fill->plan->head * bytes);
}

static void fill_stretch(const struct fill *fill, size_t index) {
    size_t unit = index / fill->stretches, from = index % fill->stretches * fill->stretch;
    size_t end = from + fill->stretch < fill->n ? from + fill->stretch : fill->n;
    const struct fill_unit *of = &fill->units[unit];
    unsigned heads = fill->shape->kv_heads;
    size_t start = unit * fill->n * heads * (size_t)fill->plan->head;
    for (enum fill_use use = FILL_KEYS; use <= FILL_VALUES; use++)
        for (size_t slot = from; slot < end; slot++)
            for (unsigned head = 0; head < heads; head++) {
                struct paged_place place = {start, fill->n, slot};
                const char *row = fill->nan;
                if (slot < of->filled)
                    row = row_of(fill, use, of->sequence, of->token + slot, head);
                put_row(fill, use, place, head, row);
            }
}

static void fill_part(void *context, unsigned index, unsigned count) {
    const struct fill *fill = context;
    size_t all = fill->unit_count * fill->stretches;
    for (size_t k = all * index / count; k < all * (index + 1) / count; k++)
        fill_stretch(fill, k);
}

/* Which sequence and token each block or slab begins with; malloc'ed. */
static struct fill_unit *units_of(const struct paged_plan *plan, const struct kv_table *table,
                                  size_t count) {
    struct fill_unit *units = calloc(count ? count : 1, sizeof *units);
    if (!units)
        return NULL;
    size_t n = plan->mapping == PAGED_SLAB ? paged_slab_tokens(table) : (size_t)plan->block;
    for (unsigned s = 0; s < table->sequences; s++)
        for (size_t left = (size_t)table->tokens[s], b = 0; left; b++) {
            size_t here = left < n ? left : n, id = s;
            if (plan->mapping == PAGED_TABLE)
                id = (size_t)table->ids[(size_t)s * table->row_blocks + b];
            if (!units[id].filled) {
                units[id].sequence = s;
                units[id].token = b * n;
            }
            units[id].filled = units[id].filled > here ? units[id].filled : here;
            left -= here;
        }
    return units;
}

int paged_fill_cache(const struct paged_plan *plan, const struct paged_shape *shape, uint64_t seed,
                     unsigned threads, void *k, void *v) {
    const struct kv_table *table = shape->table;
    bool slab = plan->mapping == PAGED_SLAB;
    struct fill fill = {.plan = plan,
                        .shape = shape,
                        .seed = seed,
                        .unit_count = slab ? table->sequences : table->pool_blocks,
                        .n = slab ? paged_slab_tokens(table) : (size_t)plan->block,
                        .cache = {k, v}};
    memset(fill.nan, 0xff, sizeof fill.nan);
    fill.stretch = fill.n < FILL_TOKENS ? fill.n : FILL_TOKENS;
    fill.stretches = fill.n ? (fill.n + fill.stretch - 1) / fill.stretch : 0;
    struct fill_unit *units = units_of(plan, table, fill.unit_count);
    fill.units = units;
    fill.random = random_array(plan, seed);
    struct pool *pool = pool_shared(threads);
    int status = units && fill.random && pool ? 0 : -1;
    if (status == 0)
        pool_run_on(pool, threads, fill_part, &fill);
    free(fill.random);
    free(units);
    return status;
}

int paged_fill_queries(const struct paged_plan *plan, const struct paged_shape *shape,
                       uint64_t seed, void *q) {
    struct fill fill = {.plan = plan, .shape = shape, .seed = seed};
    fill.random = random_array(plan, seed);
    if (!fill.random)
        return -1;
    size_t bytes = (size_t)plan->head * element_bytes((enum element)plan->element);
    char *to = q;
    for (unsigned s = 0; s < shape->table->sequences; s++)
        for (unsigned h = 0; h < shape->kv_heads; h++)
            for (unsigned g = 0; g < (unsigned)plan->group; g++, to += bytes)
                memcpy(to, row_of(&fill, FILL_QUERIES, s, g, h), bytes);
    free(fill.random);
    return 0;
}
