/*
 * kv_pool.c: blocks, their holders and pins. Which free block comes next is the policy's business
 * (kv_free.c, kv_buddy.c), which block is known by a hash the table's (kv_known.c).
 */
#include <stdlib.h>
#include <string.h>

#include "kernels/kv_pool/kv_inside.h"

#define NAME(value, word, what) word,
#define WHAT(value, word, what) what,
static const char *const names[] = {KV_POLICIES(NAME)};
static const char *const whats[] = {KV_POLICIES(WHAT)};

const char *kv_policy_name(enum kv_policy policy) {
    return (unsigned)policy < KV_POLICY_COUNT ? names[policy] : "?";
}

const char *kv_policy_what(enum kv_policy policy) {
    return (unsigned)policy < KV_POLICY_COUNT ? whats[policy] : "?";
}

int kv_policy_parse(const char *word, enum kv_policy *policy) {
    for (int p = 0; p < KV_POLICY_COUNT; p++)
        if (strcmp(word, names[p]) == 0) {
            *policy = (enum kv_policy)p;
            return 0;
        }
    return -1;
}

int kv_pool_open(struct kv_pool **out, enum kv_policy policy, unsigned blocks) {
    static const struct kv_free_ops *const ops[KV_POLICY_COUNT] = {
        [KV_FIFO] = &kv_free_fifo,
        [KV_LIFO] = &kv_free_lifo,
        [KV_ADDRESS] = &kv_free_address,
        [KV_BUDDY] = &kv_free_buddy,
    };
    *out = NULL;
    if ((unsigned)policy >= KV_POLICY_COUNT || blocks < 1 || blocks > INT32_MAX)
        return -1;
    struct kv_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return -1;
    pool->policy = policy;
    pool->ops = ops[policy];
    pool->blocks = pool->free_blocks = blocks;
    pool->block = calloc((size_t)blocks + 1, sizeof *pool->block);
    if (!pool->block || kv_known_open(pool) != 0 || pool->ops->open(pool) != 0) {
        kv_pool_close(pool);
        return -1;
    }
    *out = pool;
    return 0;
}

void kv_pool_close(struct kv_pool *pool) {
    if (!pool)
        return;
    for (unsigned k = 0; k < KV_ORDERS; k++)
        kv_bits_close(&pool->runs[k]);
    free(pool->slots);
    free(pool->block);
    free(pool);
}

/* --- taking and giving back --------------------------------------------------------------------
 */

static struct kv_block *block_at(const struct kv_pool *pool, int32_t id) {
    return id >= 0 && (unsigned)id < pool->blocks ? &pool->block[id] : NULL;
}

static bool is_free(const struct kv_block *block) {
    return block->holders == 0 && block->pins == 0;
}

static void put_if_free(struct kv_pool *pool, int32_t id) {
    if (!is_free(&pool->block[id]))
        return;
    pool->ops->put(pool, id);
    pool->free_blocks++;
}

int kv_pool_take(struct kv_pool *pool, unsigned count, int32_t *ids) {
    if (count > pool->free_blocks)
        return -1;
    pool->ops->pop(pool, count, ids);
    pool->free_blocks -= count;
    for (unsigned i = 0; i < count; i++) {
        pool->block[ids[i]].holders = 1;
        if (pool->block[ids[i]].known)
            kv_known_drop(pool, ids[i]);
    }
    return 0;
}

int kv_pool_hold(struct kv_pool *pool, int32_t id) {
    struct kv_block *block = block_at(pool, id);
    if (!block || block->holders == 0 || block->holders == UINT32_MAX)
        return -1;
    block->holders++;
    return 0;
}

int kv_pool_release(struct kv_pool *pool, int32_t id) {
    struct kv_block *block = block_at(pool, id);
    if (!block || block->holders == 0)
        return -1;
    block->holders--;
    put_if_free(pool, id);
    return 0;
}

int kv_pool_pin(struct kv_pool *pool, int32_t id) {
    struct kv_block *block = block_at(pool, id);
    if (!block || is_free(block) || block->pins == UINT32_MAX)
        return -1;
    block->pins++;
    return 0;
}

int kv_pool_unpin(struct kv_pool *pool, int32_t id) {
    struct kv_block *block = block_at(pool, id);
    if (!block || block->pins == 0)
        return -1;
    block->pins--;
    put_if_free(pool, id);
    return 0;
}

/* --- prefix caching ----------------------------------------------------------------------------
 */

int kv_pool_cache(struct kv_pool *pool, int32_t id, uint64_t hash) {
    struct kv_block *block = block_at(pool, id);
    if (!block || block->holders == 0 || (block->known && block->hash != hash))
        return -1;
    if (kv_known_look(pool, hash) == KV_NO_BLOCK)
        kv_known_add(pool, id, hash);
    return 0;
}

int32_t kv_pool_find(struct kv_pool *pool, uint64_t hash) {
    int32_t id = kv_known_look(pool, hash);
    if (id == KV_NO_BLOCK || pool->block[id].holders == UINT32_MAX)
        return KV_NO_BLOCK;
    if (is_free(&pool->block[id])) {
        pool->ops->remove(pool, id);
        pool->free_blocks--;
    }
    pool->block[id].holders++;
    return id;
}

/* --- questions ---------------------------------------------------------------------------------
 */

unsigned kv_pool_blocks(const struct kv_pool *pool) {
    return pool->blocks;
}

unsigned kv_pool_free_blocks(const struct kv_pool *pool) {
    return pool->free_blocks;
}

unsigned kv_pool_holders(const struct kv_pool *pool, int32_t id) {
    const struct kv_block *block = block_at(pool, id);
    return block ? block->holders : 0;
}

unsigned kv_pool_pins(const struct kv_pool *pool, int32_t id) {
    const struct kv_block *block = block_at(pool, id);
    return block ? block->pins : 0;
}

/* Free blocks are on the list once, others not at all. */
static int audit_free(const struct kv_pool *pool, const unsigned char *seen, char *why) {
    unsigned count = 0;
    for (unsigned id = 0; id < pool->blocks; id++) {
        const struct kv_block *block = &pool->block[id];
        if (seen[id] > 1)
            return kv_fail(why, "block %u is on the free list twice", id);
        if (seen[id] && !is_free(block))
            return kv_fail(why, "block %u is on the free list with %u holders and %u pins", id,
                           block->holders, block->pins);
        if (!seen[id] && is_free(block))
            return kv_fail(why, "block %u is lost: nobody holds it and it is not free", id);
        count += seen[id];
    }
    if (count != pool->free_blocks)
        return kv_fail(why, "%u blocks are on the free list but %u are counted", count,
                       pool->free_blocks);
    return 0;
}

static int audit_known(const struct kv_pool *pool, char *why) {
    unsigned known = 0, listed = 0;
    for (unsigned id = 0; id < pool->blocks; id++) {
        known += pool->block[id].known;
        if (pool->block[id].known && kv_known_look(pool, pool->block[id].hash) != (int32_t)id)
            return kv_fail(why, "block %u is not found by its hash", id);
    }
    for (size_t i = 0; i < (size_t)1 << pool->slot_bits; i++)
        listed += pool->slots[i] != KV_NO_BLOCK;
    if (known != pool->known || listed != known)
        return kv_fail(why, "%u blocks are known, %u are listed by hash, %u are counted", known,
                       listed, pool->known);
    return 0;
}

int kv_pool_audit(const struct kv_pool *pool, char *why) {
    unsigned char *seen = calloc(pool->blocks, 1);
    if (!seen)
        return kv_fail(why, "no memory to audit %u blocks", pool->blocks);
    int status = pool->ops->audit(pool, seen, why);
    if (status == 0)
        status = audit_free(pool, seen, why);
    free(seen);
    return status == 0 ? audit_known(pool, why) : -1;
}
