/*
 * kv_churn_test.c: the workload keeps its books, and its tables have exactly the shape and the free
 * memory that were asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/kv_pool/kv_inside.h"

/* --- workload ----------------------------------------------------------------------------------
 */

static struct kv_churn *aged(const struct kv_churn_options *options, uint64_t steps) {
    struct kv_churn *churn;
    char why[KV_WHY] = "";
    assert_int_equal(kv_churn_open(&churn, options), 0);
    if (kv_churn_run(churn, steps, why) != 0)
        fail_msg("%s", why);
    return churn;
}

/* Every block is held once by each running request that lists it, and by nobody else. */
static void check_holders(const struct kv_churn *churn) {
    static unsigned holders[4096];
    const struct serving_sequence *q;
    memset(holders, 0, sizeof holders);
    for (size_t i = 0; (q = serving_running(churn->loop, i)); i++) {
        const struct kv_blocks *held = q->memory;
        unsigned n = churn->options.block_tokens;
        assert_int_equal(held->blocks, (q->tokens + n - 1) / n);
        assert_true(q->tokens < q->request.prompt + q->request.output);
        for (unsigned b = 0; b < held->blocks; b++)
            holders[held->ids[b]]++;
    }
    for (unsigned id = 0; id < kv_pool_blocks(churn->pool); id++)
        assert_int_equal(kv_pool_holders(churn->pool, (int32_t)id), holders[id]);
    for (size_t i = 0; (q = serving_waiting(churn->loop, i)); i++)
        assert_true(!q->memory || ((const struct kv_blocks *)q->memory)->blocks == 0);
}

static void test_books_balance(void **state) {
    (void)state;
    for (int p = 0; p < KV_POLICY_COUNT; p++) {
        struct kv_churn_options o = kv_churn_default(1000, 16, 5);
        o.policy = (enum kv_policy)p;
        struct kv_churn *churn = aged(&o, 0);
        for (unsigned round = 0; round < 40; round++) {
            assert_int_equal(kv_churn_run(churn, 50, NULL), 0);
            check_holders(churn);
        }
        struct kv_churn_counts n;
        struct serving_counts serving;
        kv_churn_counts(churn, &n);
        serving_counts(churn->loop, &serving);
        assert_int_equal(n.steps, 2000);
        assert_int_equal(n.admitted, n.finished + n.preempted + serving.running);
        assert_true(n.finished > 100 && n.preempted > 10 && n.blocks_found > 100);
        assert_ptr_equal(kv_churn_pool(churn), churn->pool);
        char why[KV_WHY] = "";
        churn->pool->free_blocks++; /* a run ends with an audit */
        assert_int_equal(kv_churn_run(churn, 0, why), -1);
        assert_non_null(strstr(why, "are counted"));
        kv_churn_close(churn);
    }
    kv_churn_close(NULL);
}

static void test_one_request_by_hand(void **state) {
    (void)state;
    /* Prompt 8, output 4, blocks of 4: two blocks on admission, the third for token 9. */
    struct kv_churn_options o = {
        .policy = KV_FIFO,
        .pool_blocks = 8,
        .block_tokens = 4,
        .running = 1,
        .trace = {.seed = 1, .prompt_mean = 8, .output_mean = 4, .length_most = 12}};
    struct kv_churn *churn = aged(&o, 1);
    struct kv_churn_counts n;
    kv_churn_counts(churn, &n);
    assert_true(n.admitted == 1 && n.blocks_taken == 3 && n.blocks_found == 0 && n.finished == 0);
    assert_int_equal(kv_pool_free_blocks(churn->pool), 5);
    const struct serving_sequence *q = serving_running(churn->loop, 0);
    const struct kv_blocks *held = q->memory;
    uint32_t tokens[8];
    serving_trace_tokens(&o.trace, &q->request, 0, 8, tokens);
    assert_int_equal(held->chained, 2);
    assert_true(held->hashes[0] == kv_hash_chain(0, tokens, 4));
    assert_true(held->hashes[1] == kv_hash_chain(held->hashes[0], tokens + 4, 4));
    assert_int_equal(kv_churn_run(churn, 3, NULL), 0);
    kv_churn_counts(churn, &n);
    assert_true(n.finished == 1 && n.operations == 6);
    assert_int_equal(kv_pool_free_blocks(churn->pool), 8);
    assert_int_equal(churn->pool->known, 3); /* full ones stay findable */
    kv_churn_close(churn);
}

static void test_equal_prompts_share_blocks(void **state) {
    (void)state;
    /* All start with the one prefix of 64 tokens: 4 blocks, found by all but the first. */
    struct kv_churn_options o = {.policy = KV_FIFO,
                                 .pool_blocks = 256,
                                 .block_tokens = 16,
                                 .running = 8,
                                 .trace = {.seed = 1,
                                           .prompt_mean = 20,
                                           .output_mean = 100,
                                           .length_most = 400,
                                           .share = 1,
                                           .prefixes = 1,
                                           .prefix_tokens = 64}};
    struct kv_churn *churn = aged(&o, 1);
    struct kv_churn_counts n;
    kv_churn_counts(churn, &n);
    assert_int_equal(n.blocks_found, 7 * 4);
    assert_int_equal(kv_pool_holders(churn->pool, 0), 8);
    check_holders(churn);
    kv_churn_close(churn);
    o.trace.share = 0;
    churn = aged(&o, 500);
    kv_churn_counts(churn, &n);
    assert_true(n.preempted == 0 && n.blocks_found == 0);
    kv_churn_close(churn);
}

/* Two requests of one token fill the pool, and only one of them can have its second: it ends with
 * the step, the other one is pre-empted, and nobody runs in the step after. */
static void test_a_step_with_nobody_counts(void **state) {
    (void)state;
    struct kv_churn_options o = {
        .policy = KV_FIFO,
        .pool_blocks = 2,
        .block_tokens = 1,
        .trace = {.seed = 1, .prompt_mean = 1, .output_mean = 1, .length_most = 2}};
    struct kv_churn *churn = aged(&o, 1000);
    struct kv_churn_counts n;
    kv_churn_counts(churn, &n);
    assert_true(n.steps == 1000 && n.finished == 500 && n.preempted == 500);
    kv_churn_close(churn);
}

/* A pre-empted request finds what is left of its blocks when it comes back. */
static void test_recomputation_finds_blocks(void **state) {
    (void)state;
    struct kv_churn_options o = kv_churn_default(300, 16, 2);
    o.trace.share = 0;
    struct kv_churn *churn = aged(&o, 2000);
    struct kv_churn_counts n;
    kv_churn_counts(churn, &n);
    assert_true(n.preempted > 10 && n.blocks_found > 10);
    kv_churn_close(churn);
}

/* --- tables ------------------------------------------------------------------------------------
 */

static uint64_t hash_ids(const struct kv_table *t) {
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < (size_t)t->sequences * t->row_blocks; i++)
        hash = (hash ^ (uint32_t)t->ids[i]) * 0x100000001b3u;
    return hash;
}

static struct kv_table table_of(const struct kv_churn_options *o, uint64_t steps,
                                unsigned sequences, unsigned prompt, unsigned tokens,
                                unsigned free_blocks) {
    struct kv_churn *churn = aged(o, steps);
    struct kv_table t;
    char why[KV_WHY] = "";
    if (kv_churn_table(churn, sequences, prompt, tokens, free_blocks, &t, why) != 0 ||
        kv_table_check(&t, false, why) != 0)
        fail_msg("%s", why);
    assert_int_equal(kv_pool_free_blocks(kv_churn_pool(churn)), free_blocks);
    assert_true(t.sequences == sequences && t.block_tokens == o->block_tokens &&
                t.pool_blocks == o->pool_blocks &&
                t.row_blocks == (tokens + o->block_tokens - 1) / o->block_tokens);
    for (unsigned s = 0; s < sequences; s++)
        assert_int_equal(t.tokens[s], tokens);
    for (size_t i = 0; i < (size_t)sequences * t.row_blocks; i++) /* the batch shares nothing */
        assert_int_equal(kv_pool_holders(kv_churn_pool(churn), t.ids[i]), 1);
    assert_int_equal(kv_churn_run(churn, 1, why), -1); /* it can only be closed now */
    assert_non_null(strstr(why, "open another"));
    struct kv_table again;
    assert_int_equal(kv_churn_table(churn, 1, 1, 1, 0, &again, NULL), -1);
    kv_churn_close(churn);
    return t;
}

static void test_shape_and_free_memory_are_exact(void **state) {
    (void)state;
    static const struct {
        unsigned sequences, prompt, tokens, free_blocks;
    } batches[] = {
        {8, 100, 333, 50}, {1, 0, 1, 0}, {62, 256, 256, 8}, {10, 160, 1600, 0}, {1, 1, 16, 999}};
    for (unsigned b = 0; b < 5; b++)
        for (int p = 0; p < KV_POLICY_COUNT; p++) {
            uint64_t seen[4];
            for (uint64_t seed = 0; seed < 4; seed++) {
                struct kv_churn_options o = kv_churn_default(1000, 16, seed);
                o.policy = (enum kv_policy)p;
                struct kv_table t = table_of(&o, 700, batches[b].sequences, batches[b].prompt,
                                             batches[b].tokens, batches[b].free_blocks);
                seen[seed] = hash_ids(&t);
                for (uint64_t other = 0; other < seed && b == 0; other++)
                    assert_true(seen[seed] != seen[other]);
                kv_table_close(&t);
            }
        }
}

static void test_fresh_pools_give_rows_in_order(void **state) {
    (void)state;
    for (int p = 0; p < KV_POLICY_COUNT; p++) {
        struct kv_churn_options o = kv_churn_default(1024, 16, 1);
        o.policy = (enum kv_policy)p;
        /* All of it prompt: the identity; 32 blocks are one run to a buddy allocator too. */
        struct kv_table t = table_of(&o, 0, 20, 512, 512, 100);
        for (size_t i = 0; i < 20 * 32; i++)
            assert_int_equal(t.ids[i], i);
        kv_table_close(&t);
        /* Nothing but growth: a block for each in turn. */
        t = table_of(&o, 0, 20, 0, 512, 100);
        for (unsigned s = 0; s < 20; s++)
            for (unsigned b = 0; b < 32; b++)
                assert_int_equal(t.ids[s * 32 + b], b * 20 + s);
        kv_table_close(&t);
    }
}

static void test_what_does_not_fit_is_refused(void **state) {
    (void)state;
    struct kv_churn_options o = kv_churn_default(100, 16, 1);
    struct kv_churn *churn = aged(&o, 100);
    static const struct {
        unsigned sequences, prompt, tokens, free_blocks;
        const char *words;
    } wrong[] = {
        {10, 1, 161, 0, "batch of 110 blocks and 0 free ones"},
        {10, 1, 160, 1, "batch of 100 blocks and 1 free ones"},
        {UINT32_MAX, INT32_MAX, INT32_MAX, UINT32_MAX, "do not fit"},
        {1, 1, 16, 100, "do not fit"},
        {0, 1, 1, 0, "at least 1"},
        {1, 0, 0, 0, "at least 1"},
        {1, 17, 16, 0, "no longer prompts"},
        {1, 1, UINT32_MAX, 0, "4294967295"},
    };
    struct kv_table t;
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char why[KV_WHY] = "";
        assert_int_equal(kv_churn_table(churn, wrong[i].sequences, wrong[i].prompt, wrong[i].tokens,
                                        wrong[i].free_blocks, &t, why),
                         -1);
        if (!strstr(why, wrong[i].words))
            fail_msg("\"%s\" does not say \"%s\"", why, wrong[i].words);
        assert_null(t.ids);
    }
    assert_int_equal(kv_churn_run(churn, 1, NULL), 0); /* and nothing has happened */
    assert_int_equal(kv_churn_table(churn, 10, 1, 160, 0, &t, NULL), 0);
    kv_table_close(&t);
    kv_churn_close(churn);
}

static void test_maps_are_pinned(void **state) {
    (void)state;
    static const uint64_t expected[KV_POLICY_COUNT] = {
        0xe1bb65d9ece1c2fe,
        0xd31562680a336704,
        0x7bd138b6837e69e0,
        0xa3de6bf110503d03,
    };
    for (int p = 0; p < KV_POLICY_COUNT; p++) {
        struct kv_churn_options o = kv_churn_default(1000, 16, 20240501);
        o.policy = (enum kv_policy)p;
        struct kv_table t = table_of(&o, 1000, 8, 100, 333, 50);
        assert_int_equal(hash_ids(&t), expected[p]);
        kv_table_close(&t);
    }
}

/* Use scatters: after it, a first-in first-out pool has hardly a run left. */
static void test_use_scatters(void **state) {
    (void)state;
    struct kv_churn_options o = kv_churn_default(4096, 16, 1);
    struct kv_map_stats fresh, used;
    struct kv_table t = table_of(&o, 0, 16, 512, 512, 512);
    assert_int_equal(kv_table_stats(&t, 65536, &fresh), 0);
    kv_table_close(&t);
    t = table_of(&o, 3000, 16, 512, 512, 512);
    assert_int_equal(kv_table_stats(&t, 65536, &used), 0);
    kv_table_close(&t);
    assert_true(fresh.run_mean == 32 && used.run_mean < 2);
    assert_true(fresh.pages_over_ideal == 1 && used.pages_over_ideal > 3);
}

static void test_wrong_options_are_named(void **state) {
    (void)state;
    const struct kv_churn_options good = kv_churn_default(4096, 16, 1);
    assert_int_equal(kv_churn_check(&good, NULL), 0);
    struct kv_churn_options o[8];
    for (unsigned i = 0; i < 8; i++)
        o[i] = good;
    o[0].policy = KV_POLICY_COUNT;
    o[1].block_tokens = 257;
    o[2].pool_blocks = 0;
    o[3].trace.prompt_mean = 0;
    o[4].pool_blocks = 127;
    o[5].trace.prefix_tokens = UINT32_MAX;
    o[6].running = UINT32_MAX;
    o[7].block_tokens = 0;
    static const char *const words[8] = {"policy 4",
                                         "257",
                                         "pool of 0",
                                         "prompts of 0",
                                         "127 blocks",
                                         "4294967295",
                                         "running is 4294967295",
                                         "of 0"};
    for (unsigned i = 0; i < 8; i++) {
        char why[KV_WHY] = "";
        struct kv_churn *churn;
        assert_int_equal(kv_churn_check(&o[i], why), -1);
        if (!strstr(why, words[i]))
            fail_msg("\"%s\" does not say \"%s\"", why, words[i]);
        assert_int_equal(kv_churn_open(&churn, &o[i]), -1);
        assert_null(churn);
    }
    /* The default suits every pool that has room for anything. */
    for (unsigned blocks = 2; blocks < 5000; blocks += 1 + blocks / 3)
        for (unsigned n = 1; n <= 256; n *= 2) {
            struct kv_churn_options d = kv_churn_default(blocks, n, 1);
            assert_int_equal(kv_churn_check(&d, NULL), 0);
        }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_books_balance),
        cmocka_unit_test(test_one_request_by_hand),
        cmocka_unit_test(test_equal_prompts_share_blocks),
        cmocka_unit_test(test_a_step_with_nobody_counts),
        cmocka_unit_test(test_recomputation_finds_blocks),
        cmocka_unit_test(test_shape_and_free_memory_are_exact),
        cmocka_unit_test(test_fresh_pools_give_rows_in_order),
        cmocka_unit_test(test_what_does_not_fit_is_refused),
        cmocka_unit_test(test_maps_are_pinned),
        cmocka_unit_test(test_use_scatters),
        cmocka_unit_test(test_wrong_options_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
