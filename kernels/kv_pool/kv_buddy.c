/*
 * kv_buddy.c: the buddy free list (K. C. Knowlton, "A fast storage allocator", CACM 8, 1965). Free
 * runs are 2^k blocks long and start at a multiple of 2^k; a run's buddy is the other half of the
 * run of twice the length. Two free buddies are always merged. The pool may have any size: a run
 * whose buddy reaches beyond the end has none.
 */
#include "kernels/kv_pool/kv_inside.h"

/* Orders that a pool has: 2^k <= blocks. */
static unsigned orders(const struct kv_pool *pool) {
    return 32 - (unsigned)__builtin_clz(pool->blocks);
}

static int buddy_open(struct kv_pool *pool) {
    for (unsigned k = 0; k < orders(pool); k++)
        if (kv_bits_open(&pool->runs[k], pool->blocks >> k) != 0)
            return -1;
    /* The binary digits of the size, the longest run first: each start is a multiple of it. */
    for (unsigned k = orders(pool), start = 0; k-- > 0;)
        if (pool->blocks >> k & 1) {
            kv_bits_add(&pool->runs[k], start >> k);
            start += 1u << k;
        }
    return 0;
}

static void buddy_put(struct kv_pool *pool, int32_t id) {
    size_t run = (size_t)id;
    unsigned k = 0;
    /* A buddy beyond the pool is in no set, and the longest run has none in the pool. */
    while (kv_bits_has(&pool->runs[k], run ^ 1)) {
        kv_bits_drop(&pool->runs[k], run ^ 1);
        run >>= 1;
        k++;
    }
    kv_bits_add(&pool->runs[k], run);
}

/* Takes run `run` of order `from` apart until its part of order `to` that holds block `id` is left
 * over; the other parts are free. */
static void split(struct kv_pool *pool, unsigned from, unsigned to, int32_t id) {
    for (unsigned k = from; k-- > to;)
        kv_bits_add(&pool->runs[k], ((size_t)id >> k) ^ 1);
}

static void buddy_remove(struct kv_pool *pool, int32_t id) {
    unsigned k = 0;
    while (!kv_bits_has(&pool->runs[k], (size_t)id >> k))
        k++;
    kv_bits_drop(&pool->runs[k], (size_t)id >> k);
    split(pool, k, 0, id);
}

/* The lowest run of the shortest sufficient order, or else of the longest there is. */
static unsigned find_order(const struct kv_pool *pool, unsigned wanted) {
    for (unsigned k = wanted; k < orders(pool); k++)
        if (kv_bits_lowest(&pool->runs[k]) >= 0)
            return k;
    while (kv_bits_lowest(&pool->runs[wanted]) < 0)
        wanted--;
    return wanted;
}

static void buddy_pop(struct kv_pool *pool, unsigned count, int32_t *ids) {
    while (count > 0) {
        unsigned wanted = 31 - (unsigned)__builtin_clz(count);
        unsigned from = find_order(pool, wanted), to = from < wanted ? from : wanted;
        int64_t run = kv_bits_lowest(&pool->runs[from]);
        int32_t start = (int32_t)(run << from);
        kv_bits_drop(&pool->runs[from], (size_t)run);
        split(pool, from, to, start);
        for (int32_t i = 0; i < 1 << to; i++)
            *ids++ = start + i;
        count -= 1u << to;
    }
}

static int buddy_audit(const struct kv_pool *pool, unsigned char *seen, char *why) {
    for (unsigned k = 0; k < orders(pool); k++)
        for (size_t run = 0; run < pool->runs[k].count; run++) {
            if (!kv_bits_has(&pool->runs[k], run))
                continue;
            if (kv_bits_has(&pool->runs[k], run ^ 1))
                return kv_fail(why, "free runs of %u blocks at %zu and %zu are not merged", 1u << k,
                               (run & ~(size_t)1) << k, (run | 1) << k);
            for (size_t i = run << k; i < (run + 1) << k; i++)
                seen[i] += seen[i] < 2;
        }
    return 0;
}

const struct kv_free_ops kv_free_buddy = {buddy_open, buddy_put, buddy_pop, buddy_remove,
                                          buddy_audit};
