/*
 * kv_maps.c: maps made by rule. Each is an order of the pool's blocks, in which the table's blocks
 * (sequence by sequence, in the order of their tokens) take their ids.
 */
#include <stdlib.h>

#include "kernels/kv_pool/kv_inside.h"
#include "kernels/rng/philox.h"

#define NAME(value, word, what) word,
#define WHAT(value, word, what) what,
static const char *const names[] = {KV_MAPS(NAME)};
static const char *const whats[] = {KV_MAPS(WHAT)};

const char *kv_map_name(enum kv_map map) {
    return (unsigned)map < KV_MAP_COUNT ? names[map] : "?";
}

const char *kv_map_what(enum kv_map map) {
    return (unsigned)map < KV_MAP_COUNT ? whats[map] : "?";
}

/* Fisher and Yates's shuffle; `from` sets one shuffle's random numbers off from another's. */
static void shuffle(int32_t *ids, size_t count, uint64_t seed, uint64_t from) {
    for (size_t i = count; i-- > 1;) {
        uint64_t bits = philox_u64(seed, KV_STREAM_SHUFFLE, from + i);
        size_t j = (size_t)philox_below(bits, i + 1);
        int32_t other = ids[j];
        ids[j] = ids[i];
        ids[i] = other;
    }
}

/* 0…count-1 in random order. NULL: no memory. */
static int32_t *shuffled(size_t count, uint64_t seed) {
    int32_t *ids = malloc(count * sizeof *ids);
    for (size_t i = 0; ids && i < count; i++)
        ids[i] = (int32_t)i;
    if (ids)
        shuffle(ids, count, seed, 0);
    return ids;
}

/* What the orders are made from: `total` blocks of `pool` are wanted in order[0…total-1]. */
struct making {
    int32_t *order;
    size_t total, pool, page_blocks, pages; /* pages: the last one may be short */
};

static size_t page_size(const struct making *m, size_t page) {
    size_t rest = m->pool - page * m->page_blocks;
    return rest < m->page_blocks ? rest : m->page_blocks;
}

static void clustered(const struct making *m, const int32_t *pages) {
    size_t made = 0;
    for (size_t p = 0; made < m->total; p++) {
        size_t size = page_size(m, (size_t)pages[p]);
        for (size_t slot = 0; slot < size && made < m->total; slot++)
            m->order[made++] = (int32_t)((size_t)pages[p] * m->page_blocks + slot);
    }
}

/* Round after round over all pages in a random order, one block of each. The slot inside a page is
 * turned by the page's number: were it the same one in every page, the blocks would also compete
 * for the same sets of the caches, which is not what this map is for. */
static void spread(const struct making *m, const int32_t *pages) {
    size_t made = 0;
    for (size_t round = 0; made < m->total; round++)
        for (size_t p = 0; p < m->pages && made < m->total; p++) {
            size_t page = (size_t)pages[p], size = page_size(m, page);
            if (round < size)
                m->order[made++] = (int32_t)(page * m->page_blocks + (round + page) % size);
        }
}

static int make_order(const struct kv_table *table, enum kv_map map, uint64_t seed,
                      const struct making *m) {
    int32_t *order = m->order;
    for (size_t i = 0; i < m->total; i++) {
        uint64_t bits = map == KV_MAP_ALIASED ? philox_u64(seed, KV_STREAM_SHUFFLE, i) : 0;
        order[i] = map == KV_MAP_ALIASED    ? (int32_t)philox_below(bits, m->pool)
                   : map == KV_MAP_REVERSED ? (int32_t)(m->total - 1 - i)
                                            : (int32_t)i;
    }
    if (map == KV_MAP_WITHIN)
        for (size_t s = 0, at = 0; s < table->sequences; s++) {
            unsigned blocks = kv_table_blocks_of(table, (unsigned)s);
            shuffle(order + at, blocks, seed, at);
            at += blocks;
        }
    if (map != KV_MAP_PERMUTED && map != KV_MAP_CLUSTERED && map != KV_MAP_SPREAD)
        return 0;
    int32_t *random = shuffled(map == KV_MAP_PERMUTED ? m->pool : m->pages, seed);
    if (!random)
        return -1;
    for (size_t i = 0; map == KV_MAP_PERMUTED && i < m->total; i++)
        order[i] = random[i];
    if (map == KV_MAP_CLUSTERED)
        clustered(m, random);
    if (map == KV_MAP_SPREAD)
        spread(m, random);
    free(random);
    return 0;
}

int kv_table_map(struct kv_table *table, enum kv_map map, unsigned page_blocks, uint64_t seed,
                 char *why) {
    if ((unsigned)map >= KV_MAP_COUNT)
        return kv_fail(why, "map %d does not exist; there are 0 to %d", (int)map, KV_MAP_COUNT - 1);
    if (page_blocks < 1)
        return kv_fail(why, "0 blocks in 2 MiB; larger blocks count as 1");
    size_t total = kv_table_blocks(table), pool = table->pool_blocks;
    if (map != KV_MAP_ALIASED && total > pool)
        return kv_fail(why,
                       "a pool of %zu blocks is too small for %zu; enlarge it, or let blocks be "
                       "shared (%s)",
                       pool, total, kv_map_name(KV_MAP_ALIASED));
    struct making making = {.order = calloc(total ? total : 1, sizeof *making.order),
                            .total = total,
                            .pool = pool,
                            .page_blocks = page_blocks,
                            .pages = (pool - 1) / page_blocks + 1};
    if (!making.order || make_order(table, map, seed, &making) != 0) {
        free(making.order);
        return kv_fail(why, "no memory for an order of %zu blocks", pool);
    }
    const int32_t *next = making.order;
    for (unsigned s = 0; s < table->sequences; s++) {
        int32_t *row = table->ids + (size_t)s * table->row_blocks;
        unsigned blocks = kv_table_blocks_of(table, s);
        for (unsigned b = 0; b < table->row_blocks; b++)
            row[b] = b < blocks ? *next++ : KV_NO_BLOCK;
    }
    free(making.order);
    return 0;
}
