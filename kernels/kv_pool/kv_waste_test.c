/*
 * kv_waste_test.c: waste against cases worked out by hand, and what holds on any workload.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/kv_pool/kv_inside.h"

static struct kv_waste paged(const struct kv_churn_options *options, uint64_t steps) {
    struct kv_waste waste;
    char why[KV_WHY] = "";
    if (kv_waste_paged(options, steps, &waste, why) != 0)
        fail_msg("%s", why);
    return waste;
}

static struct kv_waste contiguous(const struct kv_churn_options *options, enum kv_fit fit,
                                  uint64_t steps) {
    struct kv_waste waste;
    char why[KV_WHY] = "";
    if (kv_waste_contiguous(options, fit, steps, &waste, why) != 0)
        fail_msg("%s", why);
    return waste;
}

/* Equal requests of 8 tokens and then 4 more, one at a time; 12 may be generated. */
static struct kv_churn_options plain(void) {
    return (struct kv_churn_options){
        .policy = KV_FIFO,
        .pool_blocks = 8,
        .block_tokens = 4,
        .running = 1,
        .trace = {
            .seed = 1, .prompt_mean = 8, .output_mean = 4, .length_most = 30, .output_most = 12}};
}

static void near(double x, double y) {
    assert_true(fabs(x - y) < 1e-12);
}

/* After steps 1, 2, 3 there are 9, 10, 11 tokens; after step 4 the request is gone. */
static void test_one_request_at_a_time(void **state) {
    (void)state;
    struct kv_churn_options o = plain();
    struct kv_waste w = paged(&o, 8);
    near(w.inner_mean, (3.0 / 12 + 2.0 / 12 + 1.0 / 12) / 4);
    near(w.inner_worst, 3.0 / 12);
    near(w.inner_per_sequence, 2);
    near(w.running_mean, 0.75);
    near(w.tokens_mean, (9 + 10 + 11) / 32.0 / 4);
    assert_true(w.outer_mean == 0 && w.outer_worst == 0 && w.refused == 0);
    assert_int_equal(w.finished, 2);
    assert_int_equal(w.steps, 8);

    w = contiguous(&o, KV_FIRST_FIT, 8); /* 8 + 12 slots reserved */
    near(w.inner_mean, (11.0 / 20 + 10.0 / 20 + 9.0 / 20) / 4);
    near(w.inner_worst, 11.0 / 20);
    near(w.inner_per_sequence, 10);
    near(w.running_mean, 0.75);
    near(w.tokens_mean, (9 + 10 + 11) / 32.0 / 4);
    assert_true(w.outer_mean == 0 && w.refused == 0);
    assert_int_equal(w.finished, 2);

    o.trace.output_most = 0; /* up to length_most, which is all that can be reserved */
    near(contiguous(&o, KV_FIRST_FIT, 8).inner_worst, 21.0 / 30);
    o.trace.output_most = 1000;
    near(contiguous(&o, KV_FIRST_FIT, 8).inner_worst, 21.0 / 30);
}

/* Equal ranges leave no hole that the next one could not have: refused, but not by holes. */
static void test_equal_ranges_leave_no_holes(void **state) {
    (void)state;
    struct kv_churn_options o = plain();
    o.running = 0;
    struct kv_waste w = contiguous(&o, KV_BEST_FIT, 40);
    assert_int_equal(w.refused, 40);
    assert_true(w.outer_worst == 0 && w.refused_by_holes == 0);
    near(w.running_mean, 0.75); /* the second one's 20 slots do not fit into 32 */
    assert_true(paged(&o, 40).running_mean > 1);
}

static void test_pages_waste_only_inside(void **state) {
    (void)state;
    static const unsigned sizes[] = {1, 2, 16, 64};
    for (unsigned k = 0; k < 4; k++)
        for (int p = 0; p < KV_POLICY_COUNT; p++) {
            struct kv_churn_options o = kv_churn_default(4096 * 16 / sizes[k] / 8, sizes[k], k);
            o.policy = (enum kv_policy)p;
            struct kv_waste w = paged(&o, 600);
            assert_true(w.outer_mean == 0 && w.outer_worst == 0);
            assert_int_equal(w.refused_by_holes, 0);
            assert_true(w.refused > 100); /* it was put to the test */
            assert_true(w.inner_per_sequence < sizes[k]);
            assert_true(sizes[k] == 1 ? w.inner_worst == 0 : w.inner_mean > 0);
            assert_true(w.inner_mean <= w.inner_worst && w.inner_worst < 1);
            assert_true(w.tokens_mean > 0.5 && w.tokens_mean <= 1);
        }
}

static void test_contiguous_ranges_waste_inside_and_outside(void **state) {
    (void)state;
    struct kv_churn_options o = kv_churn_default(4096, 16, 3);
    struct kv_waste p = paged(&o, 10000);
    for (int fit = 0; fit < KV_FIT_COUNT; fit++) {
        struct kv_waste w = contiguous(&o, (enum kv_fit)fit, 10000);
        assert_int_equal(w.steps, 10000);
        assert_true(w.inner_mean > 0.2 && w.inner_worst < 1);
        assert_true(w.outer_mean > 0 && w.outer_mean <= w.outer_worst && w.outer_worst < 1);
        assert_true(w.refused_by_holes > 0 && w.refused_by_holes <= w.refused);
        assert_true(w.inner_per_sequence > 16);
        assert_true(w.running_mean < p.running_mean && w.tokens_mean < p.tokens_mean);
        assert_true(w.finished > 0 && w.finished < p.finished);
    }
}

static void test_equal_seeds_give_equal_waste(void **state) {
    (void)state;
    struct kv_churn_options o = kv_churn_default(512, 16, 3);
    struct kv_waste a = paged(&o, 500), b = paged(&o, 500);
    assert_memory_equal(&a, &b, sizeof a);
    struct kv_waste c = contiguous(&o, KV_BEST_FIT, 500), d = contiguous(&o, KV_BEST_FIT, 500);
    assert_memory_equal(&c, &d, sizeof c);
    o.trace.seed = 4;
    b = paged(&o, 500);
    assert_memory_not_equal(&a, &b, sizeof a);
}

static void test_wrong_options_are_named(void **state) {
    (void)state;
    struct kv_churn_options o = kv_churn_default(512, 16, 3);
    struct kv_waste w;
    char why[KV_WHY] = "";
    o.pool_blocks = 8;
    assert_int_equal(kv_waste_paged(&o, 1, &w, why), -1);
    assert_non_null(strstr(why, "8 blocks of 16 tokens cannot hold"));
    assert_int_equal(kv_waste_contiguous(&o, KV_FIRST_FIT, 1, &w, NULL), -1);
    o = kv_churn_default(512, 16, 3);
    assert_int_equal(kv_waste_contiguous(&o, KV_FIT_COUNT, 1, &w, why), -1);
    assert_non_null(strstr(why, "fit 2 does not exist"));
    w = paged(&o, 0);
    assert_true(w.steps == 0 && w.inner_mean == 0);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_request_at_a_time),
        cmocka_unit_test(test_equal_ranges_leave_no_holes),
        cmocka_unit_test(test_pages_waste_only_inside),
        cmocka_unit_test(test_contiguous_ranges_waste_inside_and_outside),
        cmocka_unit_test(test_equal_seeds_give_equal_waste),
        cmocka_unit_test(test_wrong_options_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
