/*
 * kv_trace_test.c: requests are what the options say, and options that make no sense are named.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/kv_pool/kv_inside.h"

static void test_lengths_keep_their_limits_and_means(void **state) {
    (void)state;
    enum { REQUESTS = 20000 };
    struct kv_churn_options o = kv_churn_default(4096, 16, 11);
    o.length_sigma = 0.5;
    double own = 0, output = 0;
    unsigned shared = 0, by_prefix[4] = {0};
    for (uint64_t r = 0; r < REQUESTS; r++) {
        struct kv_request q = kv_trace_request(&o, r);
        assert_int_equal(q.number, r);
        assert_true(q.prompt >= 1 && q.output >= 1 && q.output <= o.output_most);
        assert_true(q.prompt + q.output <= q.reserve && q.reserve <= o.length_most);
        unsigned most = q.prompt + o.output_most;
        assert_int_equal(q.reserve, most < o.length_most ? most : o.length_most);
        if (q.prefix >= 0) {
            assert_true(q.prompt > o.prefix_tokens);
            by_prefix[q.prefix]++;
        }
        shared += q.prefix >= 0;
        own += q.prompt - (q.prefix >= 0 ? o.prefix_tokens : 0);
        output += q.output;
    }
    /* Deviation of a mean: mean × sqrt(e^(sigma²) - 1) / sqrt(REQUESTS) = 0.0038 of it. */
    assert_true(own / REQUESTS > 161 * 0.98 && own / REQUESTS < 161 * 1.02);
    assert_true(output / REQUESTS > 338 * 0.98 && output / REQUESTS < 338 * 1.02);
    assert_in_range(shared, REQUESTS / 2 - 350, REQUESTS / 2 + 350); /* 5 deviations */
    for (unsigned k = 0; k < 4; k++)
        assert_in_range(by_prefix[k], REQUESTS / 8 - 240, REQUESTS / 8 + 240);
    o.length_sigma = 0;
    o.share = 0;
    for (uint64_t r = 0; r < 100; r++) {
        struct kv_request q = kv_trace_request(&o, r);
        assert_true(q.prompt == 161 && q.output == 338 && q.prefix == -1);
    }
}

static void test_tokens_are_shared_by_prefix_alone(void **state) {
    (void)state;
    struct kv_churn_options o = kv_churn_default(4096, 16, 11);
    struct kv_request a = {.number = 1, .prefix = 2}, b = {.number = 9, .prefix = 2},
                      c = {.number = 1, .prefix = 3}, d = {.number = 2, .prefix = -1};
    unsigned n = o.prefix_tokens;
    uint32_t x[256], y[256], part[5];
    assert_in_range(n, 16, 128);
    kv_trace_tokens(&o, &a, 0, 2 * n, x);
    kv_trace_tokens(&o, &b, 0, 2 * n, y);
    assert_memory_equal(x, y, n * sizeof *x);
    for (unsigned i = n; i < 2 * n; i++)
        assert_int_not_equal(x[i], y[i]);
    kv_trace_tokens(&o, &c, 0, 2 * n, y);
    assert_memory_not_equal(x, y, n * sizeof *x);
    kv_trace_tokens(&o, &d, 0, 2 * n, y);
    assert_memory_not_equal(x, y, n * sizeof *x);
    kv_trace_tokens(&o, &a, n - 2, 5, part);
    assert_memory_equal(part, x + n - 2, sizeof part);
}

static void test_wrong_options_are_named(void **state) {
    (void)state;
    const struct kv_churn_options good = kv_churn_default(4096, 16, 1);
    assert_int_equal(kv_churn_check(&good, NULL), 0);
    struct kv_churn_options o[12];
    for (unsigned i = 0; i < 12; i++)
        o[i] = good;
    o[0].policy = KV_POLICY_COUNT;
    o[1].block_tokens = 257;
    o[2].pool_blocks = 0;
    o[3].prompt_mean = 0;
    o[4].output_mean = 0;
    o[5].length_sigma = 0.0 / 0.0;
    o[6].length_most = UINT32_MAX;
    o[7].pool_blocks = 127;
    o[8].share = 1.5;
    o[9].prefixes = 0;
    o[10].prefix_tokens = UINT32_MAX;
    o[11].length_sigma = 4.5;
    static const char *const words[12] = {
        "policy 4",       "257",        "pool of 0",    "prompts of 0", "outputs of 0", "nan",
        "length_most is", "127 blocks", "share is 1.5", "0 prefixes",   "4294967295",   "4.5"};
    for (unsigned i = 0; i < 12; i++) {
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
        cmocka_unit_test(test_lengths_keep_their_limits_and_means),
        cmocka_unit_test(test_tokens_are_shared_by_prefix_alone),
        cmocka_unit_test(test_wrong_options_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
