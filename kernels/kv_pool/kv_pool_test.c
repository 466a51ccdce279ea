/*
 * kv_pool_test.c: every policy against a naive model, over millions of random operations, right and
 * wrong ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/kv_pool/kv_inside.h"
#include "kernels/rng/philox.h"

/* --- the model ---------------------------------------------------------------------------------
 */

enum { MOST = 1000, HASHES = 90 };

/* The same pool in plain arrays. `line` has the free blocks as they would be taken; a buddy pool's
 * order follows from which blocks are free. */
struct model {
    enum kv_policy policy;
    unsigned blocks, free_blocks;
    unsigned holders[MOST], pins[MOST];
    int hash[MOST];     /* number of the hash that finds the block, or -1 */
    int32_t by[HASHES]; /* and the other way round */
    int32_t line[MOST]; /* [free_blocks] */
};

static bool model_free(const struct model *m, int32_t id) {
    return m->holders[id] == 0 && m->pins[id] == 0;
}

static void model_open(struct model *m, enum kv_policy policy, unsigned blocks) {
    *m = (struct model){.policy = policy, .blocks = blocks, .free_blocks = blocks};
    for (unsigned i = 0; i < blocks; i++) {
        m->line[i] = (int32_t)i;
        m->hash[i] = -1;
    }
    for (unsigned h = 0; h < HASHES; h++)
        m->by[h] = KV_NO_BLOCK;
}

static void model_put(struct model *m, int32_t id) {
    unsigned at = m->free_blocks;
    if (m->policy == KV_LIFO)
        at = 0;
    if (m->policy == KV_ADDRESS || m->policy == KV_BUDDY)
        while (at > 0 && m->line[at - 1] > id)
            at--;
    memmove(m->line + at + 1, m->line + at, (m->free_blocks - at) * sizeof *m->line);
    m->line[at] = id;
    m->free_blocks++;
}

static void model_remove(struct model *m, int32_t id) {
    unsigned at = 0;
    while (m->line[at] != id)
        at++;
    m->free_blocks--;
    memmove(m->line + at, m->line + at + 1, (m->free_blocks - at) * sizeof *m->line);
}

static bool all_free(const struct model *m, unsigned start, unsigned length) {
    if (start + length > m->blocks)
        return false;
    for (unsigned i = start; i < start + length; i++)
        if (!model_free(m, (int32_t)i))
            return false;
    return true;
}

/* The length of the free run that begins at `start`: aligned and all free, and not half of one
 * that is; 0 if none begins there. */
static unsigned run_at(const struct model *m, unsigned start) {
    unsigned length = 0;
    for (unsigned n = 1; start % n == 0 && all_free(m, start, n); n *= 2)
        length = n;
    unsigned whole = start / (2 * length + !length) * 2 * length;
    return length && !all_free(m, whole, 2 * length) ? length : 0;
}

/* A buddy pool's next run for `count` blocks: the shortest that is long enough for the largest
 * power of two in it, else the longest; the lowest of these. */
static unsigned model_run(const struct model *m, unsigned count, unsigned *start) {
    unsigned wanted = 1, best = 0;
    while (wanted * 2 <= count)
        wanted *= 2;
    for (unsigned i = 0; i < m->blocks;) {
        unsigned n = run_at(m, i);
        bool better = best == 0 || (best < wanted ? n > best : n >= wanted && n < best);
        if (n && better) {
            best = n;
            *start = i;
        }
        i += n ? n : 1;
    }
    return best < wanted ? best : wanted;
}

static int32_t model_take_one(struct model *m, int32_t id) {
    model_remove(m, id);
    m->holders[id] = 1;
    if (m->hash[id] >= 0) {
        m->by[m->hash[id]] = KV_NO_BLOCK;
        m->hash[id] = -1;
    }
    return id;
}

static int model_take(struct model *m, unsigned count, int32_t *ids) {
    if (count > m->free_blocks)
        return -1;
    for (unsigned i = 0; i < count;) {
        unsigned start = (unsigned)m->line[0], n = 1;
        if (m->policy == KV_BUDDY)
            n = model_run(m, count - i, &start);
        for (unsigned k = 0; k < n; k++)
            ids[i++] = model_take_one(m, (int32_t)(start + k));
    }
    return 0;
}

static bool model_has(const struct model *m, int32_t id) {
    return id >= 0 && (unsigned)id < m->blocks;
}

static int model_drop(struct model *m, unsigned *counts, int32_t id) {
    if (!model_has(m, id) || counts[id] == 0)
        return -1;
    counts[id]--;
    if (model_free(m, id))
        model_put(m, id);
    return 0;
}

static int model_cache(struct model *m, int32_t id, int hash) {
    if (!model_has(m, id) || m->holders[id] == 0 || (m->hash[id] >= 0 && m->hash[id] != hash))
        return -1;
    if (m->by[hash] == KV_NO_BLOCK) {
        m->by[hash] = id;
        m->hash[id] = hash;
    }
    return 0;
}

static int32_t model_find(struct model *m, int hash) {
    int32_t id = m->by[hash];
    if (id != KV_NO_BLOCK && model_free(m, id))
        model_remove(m, id);
    if (id != KV_NO_BLOCK)
        m->holders[id]++;
    return id;
}

/* --- random operations -------------------------------------------------------------------------
 */

/* Hash 0 is as good as any; neighbours make clusters. */
static uint64_t hash_value(int hash) {
    return (uint64_t)hash;
}

enum { TAKE, RELEASE, HOLD, PIN, UNPIN, CACHE }; /* else: find */
static const unsigned mixes[2][6] = {{14, 52, 60, 67, 78, 92}, {2, 74, 75, 76, 94, 98}};

/* One operation on both; what they say must be equal. The mix fills the pool or empties
 * it. */
static void operate(struct kv_pool *pool, struct model *m, struct philox_block draw,
                    const unsigned *mix) {
    int32_t id = (int32_t)philox_below((uint64_t)draw.v[0] << 32, m->blocks + 4) - 2;
    int hash = (int)(draw.v[1] % HASHES);
    unsigned kind = draw.v[2] % 100;
    if (kind < mix[TAKE]) {
        static int32_t got[2 * MOST], expected[2 * MOST];
        unsigned most = draw.v[3] % 50 ? 6 : m->blocks + 2;
        unsigned count = draw.v[1] % (most + 1);
        int status = model_take(m, count, expected);
        assert_int_equal(kv_pool_take(pool, count, got), status);
        if (status == 0)
            assert_memory_equal(got, expected, count * sizeof *got);
    } else if (kind < mix[RELEASE]) {
        assert_int_equal(kv_pool_release(pool, id), model_drop(m, m->holders, id));
    } else if (kind < mix[HOLD]) {
        int status = model_has(m, id) && m->holders[id] ? 0 : -1;
        assert_int_equal(kv_pool_hold(pool, id), status);
        m->holders[status == 0 ? id : 0] += status == 0;
    } else if (kind < mix[PIN]) {
        int status = model_has(m, id) && !model_free(m, id) ? 0 : -1;
        assert_int_equal(kv_pool_pin(pool, id), status);
        m->pins[status == 0 ? id : 0] += status == 0;
    } else if (kind < mix[UNPIN]) {
        assert_int_equal(kv_pool_unpin(pool, id), model_drop(m, m->pins, id));
    } else if (kind < mix[CACHE]) {
        assert_int_equal(kv_pool_cache(pool, id, hash_value(hash)), model_cache(m, id, hash));
    } else {
        assert_int_equal(kv_pool_find(pool, hash_value(hash)), model_find(m, hash));
    }
    assert_int_equal(kv_pool_free_blocks(pool), m->free_blocks);
}

static void compare_all(const struct kv_pool *pool, const struct model *m) {
    char why[KV_WHY] = "";
    if (kv_pool_audit(pool, why) != 0)
        fail_msg("%s", why);
    for (unsigned i = 0; i < m->blocks; i++) {
        assert_int_equal(kv_pool_holders(pool, (int32_t)i), m->holders[i]);
        assert_int_equal(kv_pool_pins(pool, (int32_t)i), m->pins[i]);
    }
    for (int h = 0; h < HASHES; h++)
        assert_int_equal(kv_known_look(pool, hash_value(h)), m->by[h]);
}

static void run_policy(enum kv_policy policy) {
    static const unsigned sizes[] = {1, 2, 3, 7, 16, 64, 65, 100, 129, MOST};
    static struct model model;
    for (unsigned s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        unsigned operations = sizes[s] == MOST ? 100000 : 220000;
        struct kv_pool *pool;
        assert_int_equal(kv_pool_open(&pool, policy, sizes[s]), 0);
        assert_int_equal(kv_pool_blocks(pool), sizes[s]);
        model_open(&model, policy, sizes[s]);
        double filled = 0, squares = 0;
        for (unsigned i = 0; i < operations; i++) {
            /* Fills and empties in turns, so that every amount of free blocks is come by. */
            const unsigned *mix = mixes[i / (8 * sizes[s]) % 2];
            operate(pool, &model, philox_at(sizes[s], policy, i), mix);
            double part = 1 - (double)model.free_blocks / sizes[s];
            filled += part / operations;
            squares += part * part / operations;
            if (i % 1024 == 0)
                compare_all(pool, &model);
        }
        compare_all(pool, &model);
        kv_pool_close(pool);
        assert_true(squares - filled * filled > 0.05); /* of at most 0.25 */
    }
}

static void test_fifo_like_its_model(void **state) {
    (void)state;
    run_policy(KV_FIFO);
}
static void test_lifo_like_its_model(void **state) {
    (void)state;
    run_policy(KV_LIFO);
}
static void test_address_like_its_model(void **state) {
    (void)state;
    run_policy(KV_ADDRESS);
}
static void test_buddy_like_its_model(void **state) {
    (void)state;
    run_policy(KV_BUDDY);
}

/* --- single facts ------------------------------------------------------------------------------
 */

/* vLLM's way: the tail of a freed sequence goes first, its head stays longest. */
static void test_a_freed_sequence_keeps_its_head_longest(void **state) {
    (void)state;
    struct kv_pool *pool;
    int32_t ids[8];
    assert_int_equal(kv_pool_open(&pool, KV_FIFO, 8), 0);
    assert_int_equal(kv_pool_take(pool, 4, ids), 0);
    static const int32_t first[] = {0, 1, 2, 3}, then[] = {4, 5, 6, 7, 3, 2, 0};
    assert_memory_equal(ids, first, sizeof first);
    for (int i = 4; i-- > 0;) {
        assert_int_equal(kv_pool_cache(pool, ids[i], 100 + (uint64_t)i), 0);
        assert_int_equal(kv_pool_release(pool, ids[i]), 0);
    }
    assert_int_equal(kv_pool_find(pool, 101), 1); /* out of the middle */
    assert_int_equal(kv_pool_holders(pool, 1), 1);
    assert_int_equal(kv_pool_take(pool, 7, ids), 0);
    assert_memory_equal(ids, then, sizeof then);
    assert_int_equal(kv_pool_find(pool, 100), KV_NO_BLOCK); /* evicted by being taken */
    assert_int_equal(kv_pool_find(pool, 101), 1);
    assert_int_equal(kv_pool_take(pool, 1, ids), -1);
    kv_pool_close(pool);
}

static void test_hashes_depend_on_all_before(void **state) {
    (void)state;
    static const uint32_t a[] = {1, 2, 3, 4}, b[] = {1, 2, 4, 3};
    uint64_t hash = kv_hash_chain(0, a, 4);
    assert_true(hash == kv_hash_chain(0, a, 4));
    assert_true(hash != kv_hash_chain(0, b, 4) && hash != kv_hash_chain(1, a, 4) &&
                hash != kv_hash_chain(0, a, 3));
    assert_true(kv_hash_chain(hash, a, 4) != hash);
    assert_true(kv_hash_chain(kv_hash_chain(0, a, 2), a + 2, 2) != hash); /* blocks of 2 and of 4 */
}

static void test_words_name_policies(void **state) {
    (void)state;
    for (int p = 0; p < KV_POLICY_COUNT; p++) {
        enum kv_policy policy = KV_POLICY_COUNT;
        assert_int_equal(kv_policy_parse(kv_policy_name((enum kv_policy)p), &policy), 0);
        assert_int_equal(policy, p);
        assert_true(strlen(kv_policy_what((enum kv_policy)p)) > 10);
    }
    enum kv_policy policy = KV_LIFO;
    assert_int_equal(kv_policy_parse("fif", &policy), -1);
    assert_int_equal(policy, KV_LIFO);
    assert_string_equal(kv_policy_name(KV_POLICY_COUNT), "?");
    struct kv_pool *pool;
    assert_int_equal(kv_pool_open(&pool, KV_POLICY_COUNT, 8), -1);
    assert_int_equal(kv_pool_open(&pool, KV_FIFO, 0), -1);
    assert_int_equal(kv_pool_open(&pool, KV_FIFO, (unsigned)INT32_MAX + 1), -1);
    assert_null(pool);
    kv_pool_close(NULL);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fifo_like_its_model),
        cmocka_unit_test(test_lifo_like_its_model),
        cmocka_unit_test(test_address_like_its_model),
        cmocka_unit_test(test_buddy_like_its_model),
        cmocka_unit_test(test_a_freed_sequence_keeps_its_head_longest),
        cmocka_unit_test(test_hashes_depend_on_all_before),
        cmocka_unit_test(test_words_name_policies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
