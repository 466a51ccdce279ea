/*
 * kv_maps_test.c: every map is what its name says, for many shapes, and the same everywhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/kv_pool/kv_table.h"
#include "kernels/rng/philox.h"

/* A table of random lengths, some of them 0. */
struct shape {
    struct kv_table table;
    unsigned page_blocks;
    size_t total;
};

static struct shape random_shape(uint64_t seed, bool tight) {
    int32_t tokens[6];
    unsigned sequences = 1 + (unsigned)philox_below(philox_u64(seed, 1, 0), 6);
    for (unsigned s = 0; s < sequences; s++)
        tokens[s] = (int32_t)philox_below(philox_u64(seed, 2, s), 400);
    struct shape shape = {.page_blocks = 1 + (unsigned)philox_below(philox_u64(seed, 1, 1), 20)};
    unsigned block_tokens = 1 + (unsigned)philox_below(philox_u64(seed, 1, 2), 16);
    size_t total = 0;
    for (unsigned s = 0; s < sequences; s++)
        total += (size_t)(tokens[s] + (int32_t)block_tokens - 1) / block_tokens;
    size_t spare = tight ? 0 : philox_below(philox_u64(seed, 1, 3), 2000);
    unsigned pool = (unsigned)(total + spare ? total + spare : 1);
    assert_int_equal(kv_table_open(&shape.table, sequences, tokens, block_tokens, pool), 0);
    shape.total = total;
    return shape;
}

static void map(struct kv_table *t, enum kv_map kind, unsigned page_blocks, uint64_t seed) {
    char why[KV_WHY] = "";
    assert_int_equal(kv_table_map(t, kind, page_blocks, seed, why), 0);
    assert_int_equal(kv_table_check(t, kind == KV_MAP_ALIASED, why), 0);
}

/* Named blocks in order; the caller frees them. */
static int32_t *flat(const struct shape *shape) {
    int32_t *ids = malloc((shape->total + 1) * sizeof *ids);
    size_t n = 0;
    for (unsigned s = 0; s < shape->table.sequences; s++)
        for (unsigned b = 0; b < kv_table_blocks_of(&shape->table, s); b++)
            ids[n++] = shape->table.ids[(size_t)s * shape->table.row_blocks + b];
    assert_int_equal(n, shape->total);
    return ids;
}

static void check_clustered(const struct shape *shape, const int32_t *ids) {
    for (size_t i = 1; i < shape->total; i++) {
        bool starts = (unsigned)ids[i] % shape->page_blocks == 0;
        bool ended = ((unsigned)ids[i - 1] + 1) % shape->page_blocks == 0 ||
                     (unsigned)ids[i - 1] + 1 == shape->table.pool_blocks;
        assert_true(starts ? ended : ids[i] == ids[i - 1] + 1);
    }
}

/* Each next block lies in another page, as long as a page of another number still has one: only
 * where one page alone is left (two pages, the last one short) that cannot be. */
static void check_spread(const struct shape *shape, const int32_t *ids) {
    unsigned pages = (shape->table.pool_blocks - 1) / shape->page_blocks + 1;
    unsigned rest = shape->table.pool_blocks % shape->page_blocks;
    size_t until = shape->total;
    if (pages == 1)
        return;
    if (pages == 2 && rest && until > 2 * (size_t)rest)
        until = 2 * (size_t)rest;
    bool *seen = calloc(pages, sizeof *seen);
    for (size_t i = 0; i < until; i++) {
        unsigned page = (unsigned)ids[i] / shape->page_blocks;
        if (i > 0)
            assert_int_not_equal(page, (unsigned)ids[i - 1] / shape->page_blocks);
        if (i < pages)
            assert_false(seen[page]); /* the first round visits every page */
        seen[page] = true;
    }
    free(seen);
}

static void check_within(const struct shape *shape, const int32_t *ids) {
    for (size_t s = 0, at = 0; s < shape->table.sequences; s++) {
        size_t end = at + kv_table_blocks_of(&shape->table, (unsigned)s);
        for (size_t i = at; i < end; i++)
            assert_in_range(ids[i], at, end - 1);
        at = end;
    }
}

static void test_maps_are_what_they_say(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct shape shape = random_shape(seed, seed % 2);
        for (int kind = 0; kind < KV_MAP_COUNT; kind++) {
            map(&shape.table, (enum kv_map)kind, shape.page_blocks, seed);
            int32_t *ids = flat(&shape);
            for (size_t i = 0; i < shape.total; i++) {
                if (kind == KV_MAP_IDENTITY)
                    assert_int_equal(ids[i], i);
                if (kind == KV_MAP_REVERSED)
                    assert_int_equal(ids[i], shape.total - 1 - i);
            }
            if (kind == KV_MAP_WITHIN)
                check_within(&shape, ids);
            if (kind == KV_MAP_CLUSTERED)
                check_clustered(&shape, ids);
            if (kind == KV_MAP_SPREAD)
                check_spread(&shape, ids);
            free(ids);
        }
        kv_table_close(&shape.table);
    }
}

static void test_full_pools_are_permuted(void **state) {
    (void)state;
    /* All blocks of a tight pool are named: kv_table_check has seen that none is twice. */
    struct shape shape = random_shape(3, true);
    for (int kind = 0; kind < KV_MAP_ALIASED; kind++) {
        map(&shape.table, (enum kv_map)kind, 7, 1);
        assert_int_equal(kv_table_blocks(&shape.table), shape.table.pool_blocks);
    }
    kv_table_close(&shape.table);
}

static void test_aliased_blocks_repeat(void **state) {
    (void)state;
    static const int32_t tokens[] = {2000, 2000};
    struct kv_table t;
    struct kv_map_stats stats;
    assert_int_equal(kv_table_open(&t, 2, tokens, 1, 4000), 0);
    map(&t, KV_MAP_ALIASED, 1, 9);
    assert_int_equal(kv_table_check(&t, false, NULL), -1);
    assert_int_equal(kv_table_stats(&t, 4096, &stats), 0);
    /* Of n draws from n, 1 - 1/e are expected to be distinct: 2,528, deviation 31. */
    assert_in_range(stats.unique_blocks, 2528 - 5 * 31, 2528 + 5 * 31);
    kv_table_close(&t);
    assert_int_equal(kv_table_open(&t, 2, tokens, 1, 1), 0);
    map(&t, KV_MAP_ALIASED, 1, 9); /* also from a pool that is too small for all others */
    kv_table_close(&t);
}

static void test_what_does_not_fit_is_refused(void **state) {
    (void)state;
    static const int32_t tokens[] = {33, 16};
    struct kv_table t;
    char why[KV_WHY] = "";
    assert_int_equal(kv_table_open(&t, 2, tokens, 16, 3), 0);
    for (int kind = 0; kind < KV_MAP_ALIASED; kind++) {
        assert_int_equal(kv_table_map(&t, (enum kv_map)kind, 1, 0, why), -1);
        assert_non_null(strstr(why, "pool of 3 blocks is too small for 4"));
        assert_int_equal(t.ids[0], KV_NO_BLOCK);
    }
    assert_int_equal(kv_table_map(&t, KV_MAP_ALIASED, 0, 0, why), -1);
    assert_int_equal(kv_table_map(&t, KV_MAP_COUNT, 1, 0, NULL), -1);
    assert_int_equal(kv_table_map(&t, (enum kv_map) - 1, 1, 0, why), -1);
    kv_table_close(&t);
    assert_string_equal(kv_map_name(KV_MAP_WITHIN), "within-sequence");
    assert_string_equal(kv_map_name(KV_MAP_COUNT), "?");
    assert_non_null(strstr(kv_map_what(KV_MAP_SPREAD), "another 2 MiB"));
}

static uint64_t hash_ids(const struct kv_table *t) {
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < (size_t)t->sequences * t->row_blocks; i++)
        hash = (hash ^ (uint32_t)t->ids[i]) * 0x100000001b3u;
    return hash;
}

static void test_ids_are_pinned(void **state) {
    (void)state;
    static const uint64_t expected[KV_MAP_COUNT] = {
        0x43628dfe07af7f5c, 0xf51347db556fabac, 0xa5da12f5ba35078e, 0x3b21ac94d3b22090,
        0xee7079bfefc92c3c, 0xf80984d2a21a399b, 0xba48d2115a806c7e,
    };
    static const int32_t tokens[] = {1000, 333, 0, 517};
    struct kv_table t;
    assert_int_equal(kv_table_open(&t, 4, tokens, 16, 200), 0);
    for (int kind = 0; kind < KV_MAP_COUNT; kind++) {
        map(&t, (enum kv_map)kind, 24, 20240501);
        uint64_t first = hash_ids(&t);
        map(&t, (enum kv_map)kind, 24, 20240502);
        bool random = kind != KV_MAP_IDENTITY && kind != KV_MAP_REVERSED;
        assert_int_equal(hash_ids(&t) != first, random);
        assert_int_equal(first, expected[kind]);
    }
    kv_table_close(&t);
}

/* Where block 0…n-1 of n goes, over many seeds: chi-square of n × n cells against equal counts. Its
 * mean is (n-1)², its deviation sqrt(2) (n-1). */
static void test_shuffles_are_even(void **state) {
    (void)state;
    enum { N = 16, TRIALS = 8000 };
    static const int32_t tokens[] = {N};
    static const enum kv_map kinds[] = {KV_MAP_PERMUTED, KV_MAP_WITHIN};
    struct kv_table t;
    assert_int_equal(kv_table_open(&t, 1, tokens, 1, N), 0);
    for (unsigned k = 0; k < 2; k++) {
        unsigned counts[N][N] = {{0}};
        for (uint64_t seed = 0; seed < TRIALS; seed++) {
            assert_int_equal(kv_table_map(&t, kinds[k], 1, seed, NULL), 0);
            for (unsigned i = 0; i < N; i++)
                counts[i][t.ids[i]]++;
        }
        double chi = 0, mean = (double)TRIALS / N;
        for (unsigned i = 0; i < N; i++)
            for (unsigned j = 0; j < N; j++)
                chi += (counts[i][j] - mean) * (counts[i][j] - mean) / mean;
        double expected = (N - 1) * (N - 1), deviation = 1.4142 * (N - 1);
        assert_true(chi > expected - 4 * deviation && chi < expected + 4 * deviation);
    }
    kv_table_close(&t);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maps_are_what_they_say),
        cmocka_unit_test(test_full_pools_are_permuted),
        cmocka_unit_test(test_aliased_blocks_repeat),
        cmocka_unit_test(test_what_does_not_fit_is_refused),
        cmocka_unit_test(test_ids_are_pinned),
        cmocka_unit_test(test_shuffles_are_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
