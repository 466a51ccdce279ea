/*
 * kv_audit_test.c: faults planted in a pool, which its audit must find; and the sets of numbers on
 * which two policies rest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/kv_pool/kv_inside.h"
#include "kernels/rng/philox.h"

/* Sets of up to four levels, nearly empty most of the time, against one byte per member. */
static void test_sets_know_their_lowest(void **state) {
    (void)state;
    static const unsigned sizes[] = {1, 63, 64, 65, 4096, 4097, 262144 + 70};
    static unsigned char has[262144 + 70];
    for (unsigned s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        struct kv_bits bits;
        assert_int_equal(kv_bits_open(&bits, sizes[s]), 0);
        memset(has, 0, sizeof has);
        assert_int_equal(kv_bits_lowest(&bits), -1);
        for (uint64_t i = 0; i < 5000; i++) {
            struct philox_block draw = philox_at(sizes[s], 1, i);
            size_t at = draw.v[0] % sizes[s];
            const unsigned char *first = memchr(has, 1, sizes[s]);
            if (first && draw.v[1] % 2)
                at = (size_t)(first - has);
            has[at] = draw.v[2] % 2;
            (has[at] ? kv_bits_add : kv_bits_drop)(&bits, at);
            first = memchr(has, 1, sizes[s]);
            assert_int_equal(kv_bits_lowest(&bits), first ? first - has : -1);
            assert_int_equal(kv_bits_has(&bits, at), has[at]);
        }
        assert_false(kv_bits_has(&bits, sizes[s]));
        kv_bits_close(&bits);
    }
}

/* A pool of 16: 0 to 3 held, 1 pinned too, 4 pinned only, the others free; 0, 2 and 9 known. */
static struct kv_pool *worn(enum kv_policy policy) {
    struct kv_pool *pool;
    int32_t ids[16];
    assert_int_equal(kv_pool_open(&pool, policy, 16), 0);
    assert_int_equal(kv_pool_take(pool, 16, ids), 0);
    for (int32_t id = 0; id < 16; id++) {
        if (id == 1 || id == 4)
            assert_int_equal(kv_pool_pin(pool, id), 0);
        if (id == 0 || id == 2 || id == 9)
            assert_int_equal(kv_pool_cache(pool, id, 7 + (uint64_t)id), 0);
        if (id > 3)
            assert_int_equal(kv_pool_release(pool, id), 0);
    }
    assert_int_equal(kv_pool_audit(pool, NULL), 0);
    return pool;
}

static void found(struct kv_pool *pool, const char *words) {
    char why[KV_WHY] = "";
    assert_int_equal(kv_pool_audit(pool, why), -1);
    if (!strstr(why, words))
        fail_msg("\"%s\" does not say \"%s\"", why, words);
    kv_pool_close(pool);
}

static size_t slot_with(const struct kv_pool *pool, int32_t id) {
    size_t slot = 0;
    while (pool->slots[slot] != id)
        slot++;
    return slot;
}

static void test_faults_of_any_policy_are_found(void **state) {
    (void)state;
    for (int p = 0; p < KV_POLICY_COUNT; p++) {
        struct kv_pool *pool = worn((enum kv_policy)p);
        pool->free_blocks++;
        found(pool, "11 blocks are on the free list but 12 are counted");
        pool = worn((enum kv_policy)p);
        pool->block[3].holders = 0;
        found(pool, "block 3 is lost");
        pool = worn((enum kv_policy)p);
        pool->block[4].pins = 0;
        found(pool, "block 4 is lost");
        pool = worn((enum kv_policy)p);
        pool->block[12].holders = 1;
        found(pool, "block 12 is on the free list with 1 holders");
        pool = worn((enum kv_policy)p);
        pool->block[12].pins = 2;
        found(pool, "and 2 pins");
        pool = worn((enum kv_policy)p);
        pool->known--;
        found(pool, "3 blocks are known, 3 are listed by hash, 2 are counted");
        pool = worn((enum kv_policy)p);
        pool->block[9].known = false;
        found(pool, "2 blocks are known, 3 are listed");
        pool = worn((enum kv_policy)p);
        pool->block[9].hash++;
        found(pool, "block 9 is not found by its hash");
        pool = worn((enum kv_policy)p);
        pool->slots[slot_with(pool, 2)] = KV_NO_BLOCK;
        found(pool, "is not found by its hash");
        pool = worn((enum kv_policy)p);
        pool->slots[slot_with(pool, 2)] = 9;
        found(pool, "is not found by its hash");
    }
}

static void test_faults_of_queues_are_found(void **state) {
    (void)state;
    for (int p = KV_FIFO; p <= KV_LIFO; p++) {
        struct kv_pool *pool = worn((enum kv_policy)p);
        pool->ops->remove(pool, 9); /* cut out and forgotten */
        found(pool, "block 9 is lost");
        pool = worn((enum kv_policy)p);
        pool->ops->put(pool, 2); /* put in although held */
        found(pool, "block 2 is on the free list with 1 holders");
        pool = worn((enum kv_policy)p);
        pool->block[9].before = 2;
        found(pool, "but not back");
        pool = worn((enum kv_policy)p);
        pool->block[9].after = 99;
        found(pool, "which does not exist");
        pool = worn((enum kv_policy)p);
        pool->block[9].after = 9; /* goes round for ever */
        pool->block[9].before = 9;
        found(pool, "free queue");
        pool = worn((enum kv_policy)p);
        pool->block[16].before = 2;
        found(pool, "not backwards");
    }
}

static void test_faults_of_bitmaps_are_found(void **state) {
    (void)state;
    struct kv_pool *pool = worn(KV_ADDRESS);
    kv_bits_drop(&pool->runs[0], 5);
    found(pool, "block 5 is lost");
    pool = worn(KV_ADDRESS);
    kv_bits_add(&pool->runs[0], 3);
    found(pool, "block 3 is on the free list with");

    assert_int_equal(kv_pool_open(&pool, KV_ADDRESS, 300), 0);
    pool->runs[0].words[pool->runs[0].level[1]] &= ~1ull; /* the upper level misses 0…63 */
    found(pool, "block 64 is said to be the lowest free one, and it is 0");

    /* Of worn's free blocks 5…15, runs are 5, 6 and 8. */
    pool = worn(KV_BUDDY);
    kv_bits_drop(&pool->runs[3], 1);
    kv_bits_add(&pool->runs[2], 2);
    kv_bits_add(&pool->runs[2], 3);
    found(pool, "free runs of 4 blocks at 8 and 12 are not merged");
    pool = worn(KV_BUDDY);
    kv_bits_add(&pool->runs[1], 5);
    found(pool, "block 10 is on the free list twice");
    pool = worn(KV_BUDDY);
    kv_bits_drop(&pool->runs[1], 3);
    found(pool, "block 6 is lost");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets_know_their_lowest),
        cmocka_unit_test(test_faults_of_any_policy_are_found),
        cmocka_unit_test(test_faults_of_queues_are_found),
        cmocka_unit_test(test_faults_of_bitmaps_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
