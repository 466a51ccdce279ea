/*
 * paged_plan_test.c: plans and steps without a kernel: text, rules, splits, bytes, and what a cache
 * is filled with.
 */
#include "kernels/paged_attention/paged_fixture.h"

#include <jansson.h>

#include "kernels/paged_attention/paged_read.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void texts_parse_back(void **state) {
    (void)state;
    char text[PLAN_TEXT], why[PLAN_WHY];
    struct paged_plan plan = paged_plan_default();
    assert_string_equal(paged_plan_text(&plan, text),
                        "attention.table.nhd.bf16.b16.d128.g1.fixed.s1");
    plan = fixture_plan("g8.hnd.slab.f16.heuristic.s32");
    assert_string_equal(paged_plan_text(&plan, text),
                        "attention.slab.hnd.f16.b1.d128.g8.heuristic.s32");
    struct plan_list list;
    assert_int_equal(plan_pairs(&paged_family, 0, &plan, &list), 0);
    for (size_t p = 0; p < list.count; p++) {
        struct paged_plan *one = (struct paged_plan *)list.plans + p, again;
        assert_int_equal(paged_plan_parse(paged_plan_text(one, text), &again, why), 0);
        assert_true(plan_equal(&paged_family, one, &again));
    }
    free(list.plans);
}

static void a_record_has_every_field(void **state) {
    (void)state;
    struct paged_plan plan = fixture_plan("gather.vllm.b32.s4");
    json_t *record = paged_plan_json(&plan);
    char *text = json_dumps(record, JSON_COMPACT);
    assert_string_equal(text, "{\"op\":\"gather\",\"mapping\":\"table\",\"layout\":\"vllm\","
                              "\"element\":\"bf16\",\"block\":32,\"head\":128,\"group\":1,"
                              "\"rule\":\"fixed\",\"splits\":4}");
    free(text);
    json_decref(record);
}

static void illegal_plans_say_why(void **state) {
    (void)state;
    static const struct {
        const char *text, *why;
    } wrong[] = {
        {"slab.vllm", "vllm is a layout of blocks"},
        {"slab.b16", "slabs have no blocks of 16 tokens"},
        {"slab.walk", "a walk reads the block table"},
        {"b3", "'b3' is no word"},
    };
    for (size_t k = 0; k < COUNT(wrong); k++) {
        struct paged_plan plan = paged_plan_default(), before = plan;
        char why[PLAN_WHY];
        assert_int_equal(paged_plan_parse(wrong[k].text, &plan, why), -1);
        if (!strstr(why, wrong[k].why))
            fail_msg("%s: %s", wrong[k].text, why);
        assert_true(plan_equal(&paged_family, &plan, &before));
    }
}

/* --- shapes ------------------------------------------------------------------------------------
 */

/* Sequences of 70, 0 and 139 tokens in blocks of 16: 5 + 0 + 9 blocks. */
static const int32_t lengths[] = {70, 0, 139};

static void open_table(struct kv_table *table, unsigned block, enum kv_map map) {
    assert_int_equal(kv_table_open(table, 3, lengths, block, 40), 0);
    assert_int_equal(kv_table_map(table, map, 4, 5, NULL), 0);
}

static void steps_that_do_not_fit_say_why(void **state) {
    (void)state;
    char why[PLAN_WHY];
    struct kv_table table;
    open_table(&table, 16, KV_MAP_PERMUTED);
    struct paged_plan plan = paged_plan_default();
    struct paged_shape shape = {.kv_heads = 8, .table = &table};
    assert_int_equal(paged_check(&plan, &shape, false, why), 0);
    plan.block = 32;
    assert_int_equal(paged_check(&plan, &shape, false, why), -1);
    assert_non_null(strstr(why, "use b16"));
    plan.block = 16;
    shape.kv_heads = 65;
    assert_int_equal(paged_check(&plan, &shape, false, why), -1);
    assert_non_null(strstr(why, "use 1 to 64"));
    shape.kv_heads = 8;
    int32_t other = table.ids[0];
    table.ids[0] = table.ids[1];
    assert_int_equal(paged_check(&plan, &shape, false, why), -1);
    assert_int_equal(paged_check(&plan, &shape, true, why), 0);
    table.ids[0] = 40;
    assert_int_equal(paged_check(&plan, &shape, true, why), -1);
    plan = fixture_plan("slab"); /* where ids are not read */
    assert_int_equal(paged_check(&plan, &shape, false, why), 0);
    table.tokens[1] = -1;
    assert_int_equal(paged_check(&plan, &shape, false, why), -1);
    assert_non_null(strstr(why, "sequence 1 has -1 tokens"));
    table.tokens[1] = 0;
    plan = paged_plan_default();
    table.ids[0] = other;
    table.pool_blocks = 1u << 22; /* × 32 KiB */
    assert_int_equal(paged_check(&plan, &shape, false, why), -1);
    assert_non_null(strstr(why, "128 GiB of keys"));
    kv_table_close(&table);
}

static void bytes_follow_the_formulas(void **state) {
    (void)state;
    struct kv_table table;
    open_table(&table, 16, KV_MAP_PERMUTED);
    struct paged_plan plan = fixture_plan("b16.bf16.d128.g4");
    struct paged_shape shape = {.kv_heads = 2, .table = &table};
    assert_int_equal(paged_token_bytes(&plan, &shape), 512);
    assert_int_equal(paged_block_bytes(&plan, &shape), 8192);
    assert_int_equal(paged_cache_bytes(&plan, &shape), 40 * 8192);
    assert_true(paged_kv_bytes(&plan, &shape) == 2 * 209 * 512);
    assert_true(paged_unique_bytes(&plan, &shape) == 2 * 209 * 512);
    assert_true(paged_flops(&plan, &shape) == 4.0 * 209 * 2 * 4 * 128);
    assert_int_equal(paged_query_elements(&plan, &shape), 3 * 2 * 4 * 128);
    /* 14 ids and 3 lengths for each head, queries of 2 bytes, output of 4. */
    assert_true(paged_other_bytes(&plan, &shape) == 4 * 14 * 2 + 4 * 3 * 2 + 3072 * 6);
    /* The third sequence begins with the second block of the first: 16 of its tokens are shared. */
    table.ids[2 * table.row_blocks] = table.ids[1];
    assert_true(paged_unique_bytes(&plan, &shape) == 2 * (209 - 16) * 512);
    /* … and with its last one, of which it fills ten slots more. */
    table.ids[2 * table.row_blocks] = table.ids[4];
    assert_true(paged_unique_bytes(&plan, &shape) == 2 * (209 - 6) * 512);
    plan = fixture_plan("slab.bf16.d128");
    assert_int_equal(paged_cache_bytes(&plan, &shape), 3 * 139 * 512);
    plan = fixture_plan("walk");
    assert_true(paged_kv_bytes(&plan, &shape) == 0);
    kv_table_close(&table);
}

/* --- splits ------------------------------------------------------------------------------------
 */

static void the_heuristic_by_hand(void **state) {
    (void)state;
    /* 106 blocks fill 0.8 of 132 processors; 105 do not. */
    assert_int_equal(paged_split_heuristic(106, 132, 128, 32), 1);
    assert_int_equal(paged_split_heuristic(1, 132, 4, 32), 1);
    /* One wave of 64 is 0.485 full, of 128 0.970; more splits make at best 1.0 (33 × 64 in 16
     * waves), 0.85 of which two splits have. */
    assert_int_equal(paged_split_heuristic(64, 132, 128, 32), 2);
    /* 8 s blocks: 16 splits fill 128/132 = 0.970, the best of one wave; 0.85 of it is 0.824, which
     * 14 (112/132 = 0.848) is the first to reach; 13 is 0.788. 14 cut 128 tiles by 10 as 13 do, so
     * 14 is not asked; 15 (0.909) cuts by 9. */
    assert_int_equal(paged_split_heuristic(8, 132, 128, 32), 15);
    /* All in one wave, so the most is the best: 32, by 4 tiles; 0.85 of it is 27.2, and 28 to 31
     * cut by 5 tiles as 26 do. */
    assert_int_equal(paged_split_heuristic(1, 132, 128, 32), 32);
    /* At most as many as allowed, and as there are tiles. */
    assert_int_equal(paged_split_heuristic(1, 132, 128, 4), 4);
    assert_int_equal(paged_split_heuristic(1, 132, 5, 32), 5);
    /* 8 of 8 is a full wave, of which 7 are 0.875. */
    assert_int_equal(paged_split_heuristic(1, 8, 64, 32), 7);
}

static void splits_follow_the_batch(void **state) {
    (void)state;
    int32_t tokens[64];
    for (int s = 0; s < 64; s++)
        tokens[s] = 8192 - s;
    struct paged_plan plan = fixture_plan("heuristic.s32.slab");
    for (unsigned n = 1; n <= 64; n *= 8) {
        struct kv_table table = {.sequences = n, .tokens = tokens};
        struct paged_shape shape = {.kv_heads = 8, .table = &table};
        unsigned want = n == 1 ? 15 : n == 8 ? 2 : 1;
        assert_int_equal(paged_splits(&plan, &shape), want);
        shape.processors = 10;
        assert_int_equal(paged_splits(&plan, &shape), 1);
    }
}

static void split_ranges_cover_all_tiles(void **state) {
    (void)state;
    for (unsigned tiles = 0; tiles < 70; tiles++)
        for (unsigned splits = 1; splits <= 32; splits++) {
            unsigned at = 0, first, end;
            for (unsigned s = 0; s < splits; s++) {
                paged_split_range(tiles, splits, s, &first, &end);
                assert_int_equal(first, at);
                assert_true(end >= first && end <= tiles);
                assert_true(end - first <= (tiles + splits - 1) / splits);
                at = end;
            }
            assert_int_equal(at, tiles);
        }
}

/* --- content -----------------------------------------------------------------------------------
 */

struct cache {
    struct paged_plan plan;
    struct paged_shape shape;
    size_t bytes;
    void *k, *v;
};

static struct cache filled(const char *text, const struct kv_table *table, unsigned threads) {
    struct cache cache = {.plan = fixture_plan(text), .shape = {.kv_heads = 3, .table = table}};
    cache.bytes = paged_cache_bytes(&cache.plan, &cache.shape);
    cache.k = malloc(cache.bytes);
    cache.v = malloc(cache.bytes);
    assert_true(cache.k && cache.v);
    assert_int_equal(paged_fill_cache(&cache.plan, &cache.shape, 9, threads, cache.k, cache.v), 0);
    return cache;
}

static void close_cache(struct cache *cache) {
    free(cache->k);
    free(cache->v);
}

static void expect_same_tokens(const struct cache *a, const struct cache *b) {
    struct paged_reader from[2] = {paged_reader(&a->plan, &a->shape, a->k, a->v),
                                   paged_reader(&b->plan, &b->shape, b->k, b->v)};
    float x[2][128];
    size_t row = (size_t)a->plan.head * sizeof(float);
    for (unsigned s = 0; s < 3; s++)
        for (int t = 0; t < lengths[s]; t++)
            for (unsigned h = 0; h < 3; h++) {
                for (int i = 0; i < 2; i++)
                    paged_read_key(&from[i], s, (size_t)t, h, x[i]);
                assert_memory_equal(x[0], x[1], row);
                for (int i = 0; i < 2; i++)
                    paged_read_value(&from[i], s, (size_t)t, h, x[i]);
                assert_memory_equal(x[0], x[1], row);
            }
}

static void content_does_not_depend_on_its_place(void **state) {
    (void)state;
    static const struct {
        const char *text;
        unsigned block;
    } others[] = {{"table.hnd.b16", 16},  {"table.vllm.b4", 4}, {"table.nhd.b128", 128},
                  {"table.vllm.b16", 16}, {"slab.hnd", 1},      {"slab.nhd", 1}};
    struct kv_table table, other;
    assert_int_equal(kv_table_open(&table, 3, lengths, 16, 40), 0);
    assert_int_equal(kv_table_map(&table, KV_MAP_IDENTITY, 4, 5, NULL), 0);
    struct cache first = filled("table.nhd.b16", &table, 1);
    for (size_t k = 0; k < COUNT(others); k++) {
        assert_int_equal(kv_table_open(&other, 3, lengths, others[k].block, 250), 0);
        assert_int_equal(kv_table_map(&other, KV_MAP_PERMUTED, 4, 6, NULL), 0);
        struct cache second = filled(others[k].text, &other, 3);
        expect_same_tokens(&first, &second);
        /* What is not a token is NaN: all bytes 0xff, and as many as the tokens leave. */
        size_t blank = 0;
        for (size_t i = 0; i < second.bytes / 2; i++)
            blank += ((uint16_t *)second.k)[i] == 0xffff;
        assert_int_equal(blank, second.bytes / 2 - 209 * 3 * 128);
        close_cache(&second);
        kv_table_close(&other);
    }
    close_cache(&first);
    kv_table_close(&table);
}

static void shared_blocks_hold_their_first_sequence(void **state) {
    (void)state;
    struct kv_table table;
    open_table(&table, 16, KV_MAP_IDENTITY);
    struct cache before = filled("nhd.b16.f32", &table, 1);
    /* The last sequence's second block is the first one's last, of which that fills 6 slots. */
    table.ids[2 * table.row_blocks + 1] = table.ids[4];
    struct cache after = filled("nhd.b16.f32", &table, 2);
    struct paged_reader from[2] = {paged_reader(&before.plan, &before.shape, before.k, before.v),
                                   paged_reader(&after.plan, &after.shape, after.k, after.v)};
    float x[2][128];
    for (size_t slot = 0; slot < 16; slot++) {
        paged_read_key(&from[1], 2, 16 + slot, 1, x[1]);
        if (slot < 6) {
            paged_read_key(&from[0], 0, 64 + slot, 1, x[0]);
            assert_memory_equal(x[0], x[1], sizeof x[0]);
        }
        assert_true(x[1][0] == x[1][0]); /* the others' slots are no NaN either */
    }
    close_cache(&before);
    close_cache(&after);
    kv_table_close(&table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_parse_back),
        cmocka_unit_test(a_record_has_every_field),
        cmocka_unit_test(illegal_plans_say_why),
        cmocka_unit_test(steps_that_do_not_fit_say_why),
        cmocka_unit_test(bytes_follow_the_formulas),
        cmocka_unit_test(the_heuristic_by_hand),
        cmocka_unit_test(splits_follow_the_batch),
        cmocka_unit_test(split_ranges_cover_all_tiles),
        cmocka_unit_test(content_does_not_depend_on_its_place),
        cmocka_unit_test(shared_blocks_hold_their_first_sequence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
