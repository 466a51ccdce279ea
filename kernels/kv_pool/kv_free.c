/*
 * kv_free.c: the free lists fifo and lifo, a doubly linked queue as in vLLM V1, so that a block
 * found by its hash leaves the middle in O(1); and address, a bitmap that knows its lowest bit.
 */
#include "kernels/kv_pool/kv_inside.h"

/* --- queue -------------------------------------------------------------------------------------
 */

/* The element after the last block is before the first one and after the last one. */
static void link_between(struct kv_pool *pool, int32_t before, int32_t id, int32_t after) {
    pool->block[id].before = before;
    pool->block[id].after = after;
    pool->block[before].after = id;
    pool->block[after].before = id;
}

static void queue_remove(struct kv_pool *pool, int32_t id) {
    struct kv_block *block = &pool->block[id];
    pool->block[block->before].after = block->after;
    pool->block[block->after].before = block->before;
}

static void fifo_put(struct kv_pool *pool, int32_t id) {
    int32_t end = (int32_t)pool->blocks;
    link_between(pool, pool->block[end].before, id, end);
}

static void lifo_put(struct kv_pool *pool, int32_t id) {
    int32_t end = (int32_t)pool->blocks;
    link_between(pool, end, id, pool->block[end].after);
}

static void queue_pop(struct kv_pool *pool, unsigned count, int32_t *ids) {
    for (unsigned i = 0; i < count; i++) {
        ids[i] = pool->block[pool->blocks].after;
        queue_remove(pool, ids[i]);
    }
}

/* In the order of the ids. */
static int queue_open(struct kv_pool *pool) {
    int32_t end = (int32_t)pool->blocks;
    pool->block[end].before = pool->block[end].after = end;
    for (int32_t id = 0; id < end; id++)
        fifo_put(pool, id);
    return 0;
}

static int queue_audit(const struct kv_pool *pool, unsigned char *seen, char *why) {
    int32_t end = (int32_t)pool->blocks, last = end;
    for (int32_t id = pool->block[end].after; id != end; last = id, id = pool->block[id].after) {
        if (id < 0 || id > end)
            return kv_fail(why, "the free queue goes from block %d to %d, which does not exist",
                           last, id);
        if (pool->block[id].before != last)
            return kv_fail(why, "the free queue goes from block %d to %d but not back", last, id);
        if (seen[id]++)
            return kv_fail(why, "block %d is on the free list twice", id);
    }
    if (pool->block[end].before != last)
        return kv_fail(why, "the free queue ends at block %d but not backwards", last);
    return 0;
}

const struct kv_free_ops kv_free_fifo = {queue_open, fifo_put, queue_pop, queue_remove,
                                         queue_audit};
const struct kv_free_ops kv_free_lifo = {queue_open, lifo_put, queue_pop, queue_remove,
                                         queue_audit};

/* --- address -----------------------------------------------------------------------------------
 */

static void address_put(struct kv_pool *pool, int32_t id) {
    kv_bits_add(&pool->runs[0], (size_t)id);
}

static void address_remove(struct kv_pool *pool, int32_t id) {
    kv_bits_drop(&pool->runs[0], (size_t)id);
}

static void address_pop(struct kv_pool *pool, unsigned count, int32_t *ids) {
    for (unsigned i = 0; i < count; i++) {
        ids[i] = (int32_t)kv_bits_lowest(&pool->runs[0]);
        address_remove(pool, ids[i]);
    }
}

static int address_open(struct kv_pool *pool) {
    if (kv_bits_open(&pool->runs[0], pool->blocks) != 0)
        return -1;
    for (unsigned id = 0; id < pool->blocks; id++)
        address_put(pool, (int32_t)id);
    return 0;
}

static int address_audit(const struct kv_pool *pool, unsigned char *seen, char *why) {
    int64_t lowest = -1;
    for (size_t id = pool->blocks; id-- > 0;)
        if (kv_bits_has(&pool->runs[0], id)) {
            seen[id] = 1;
            lowest = (int64_t)id;
        }
    if (kv_bits_lowest(&pool->runs[0]) != lowest)
        return kv_fail(why, "block %lld is said to be the lowest free one, and it is %lld",
                       (long long)kv_bits_lowest(&pool->runs[0]), (long long)lowest);
    return 0;
}

const struct kv_free_ops kv_free_address = {address_open, address_put, address_pop, address_remove,
                                            address_audit};
