/*
 * atomics_plan_test.c: plans as text, what is legal, and the numbers that follow from a plan.
 */
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/atomics/atomics_model.h"

static void test_text(void **state) {
    (void)state;
    const unsigned mask = ATOMICS_FIELD_BIT(items) | ATOMICS_FIELD_BIT(block);
    struct atomics_plan fixed = atomics_plan_default();
    struct plan_list list;
    struct atomics_plan parsed;
    char text[PLAN_TEXT], again[PLAN_TEXT], why[PLAN_WHY];
    assert_int_equal(atomics_plans_all(mask, &fixed, &list), 0);
    struct atomics_plan *plans = list.plans;
    size_t count = list.count;
    /* 9 addresses, 11 grids; per type and merge: plain and logged 4 merges each, ordered 3, ticket
     * 1 for four types, fixed and binned 4 each for two. */
    assert_int_equal(count, 9 * 11 * (4 * (4 + 4 + 3 + 1) + 2 * (4 + 4)));
    for (size_t k = 0; k < count; k++) {
        atomics_plan_text(&plans[k], text);
        assert_int_equal(atomics_plan_parse(text, &parsed, why), 0);
        assert_memory_equal(&parsed, &plans[k], sizeof parsed);
        assert_true(strlen(text) + 1 < PLAN_TEXT);
    }
    free(plans);
    assert_int_equal(atomics_plan_parse("g8.block.a4096", &parsed, why), 0);
    assert_string_equal(atomics_plan_text(&parsed, again), "f32.block.plain.a4096.i4.b256.g8");
    assert_int_equal(atomics_plan_parse("f32.f64", &parsed, why), -1);
    assert_non_null(strstr(why, "second"));
    assert_int_equal(atomics_plan_parse("f32..a1", &parsed, why), -1);
    assert_int_equal(atomics_plan_parse("nonsense", &parsed, why), -1);
    assert_non_null(strstr(why, "nonsense"));
}

static void test_json(void **state) {
    (void)state;
    struct atomics_plan plan = atomics_plan_default();
    json_t *record = atomics_plan_json(&plan);
    assert_non_null(record);
    assert_string_equal(json_string_value(json_object_get(record, "cure")), "plain");
    assert_int_equal(json_integer_value(json_object_get(record, "addresses")), 1);
    assert_int_equal(json_integer_value(json_object_get(record, "block")), 256);
    assert_string_equal(json_string_value(json_object_get(record, "grid")), "tiles");
    json_decref(record);
}

static void test_legal(void **state) {
    (void)state;
    struct atomics_plan plan = atomics_plan_default();
    char why[PLAN_WHY];
    plan.type = ATOMICS_F16X2;
    plan.cure = ATOMICS_FIXED;
    assert_int_equal(atomics_plan_check(&plan, 0, why), -1);
    plan.type = ATOMICS_F64;
    assert_int_equal(atomics_plan_check(&plan, 0, why), 0);
    plan.cure = ATOMICS_ORDERED;
    assert_int_equal(atomics_plan_check(&plan, 0, why), -1);
    plan.cure = ATOMICS_TICKET;
    plan.merge = ATOMICS_WARP;
    assert_int_equal(atomics_plan_check(&plan, 0, why), -1);
    plan.addresses = 3;
    assert_int_equal(atomics_plan_check(&plan, 0, why), -1);
    assert_non_null(strstr(why, "addresses"));
    plan = atomics_plan_default();
    assert_int_equal(atomics_plan_check(&plan, (size_t)1 << 31, why), -1);
    plan.type = ATOMICS_F64;
    plan.cure = ATOMICS_BINNED;
    assert_int_equal(atomics_plan_check(&plan, 8388607, why), 0);
    assert_int_equal(atomics_plan_check(&plan, 8388608, why), -1);
    plan.addresses = 2;
    assert_int_equal(atomics_plan_check(&plan, 8388608, why), 0);
}

static void test_counts(void **state) {
    (void)state;
    struct atomics_plan plan;
    char why[PLAN_WHY];
    assert_int_equal(atomics_plan_parse("f32.warp.logged.a4.i2.b64.g8", &plan, why), 0);
    assert_int_equal(atomics_grid(&plan, 1), 1);
    assert_int_equal(atomics_grid(&plan, 129), 2);
    assert_int_equal(atomics_grid(&plan, 100000), 8);
    assert_int_equal(atomics_updates(&plan, 100000), 16);
    assert_int_equal(atomics_updates_at(&plan, 129, 0), 1);
    plan.merge = ATOMICS_NONE;
    assert_int_equal(atomics_updates(&plan, 129), 129);
    assert_int_equal(atomics_updates_at(&plan, 129, 0), 33);
    assert_int_equal(atomics_updates_at(&plan, 129, 1), 32);
    assert_int_equal(atomics_updates_at(&plan, 2, 3), 0);
    assert_int_equal(atomics_workspace_bytes(&plan, 129), ATOMICS_WORKSPACE_HEAD + 129 * 4);
}

static void test_fixed_range(void **state) {
    (void)state;
    static const double most[] = {1, 0.75, 1024, 1025, 1e-30, 1e30, 0x1p-140, 0};
    static const size_t counts[] = {1, 2, 3, 1000, 1024, 1025, (size_t)1 << 40};
    for (size_t m = 0; m < sizeof most / sizeof *most; m++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            int unit = atomics_fixed_unit(counts[c], most[m]);
            double limit = atomics_fixed_limit(counts[c], unit);
            assert_true(most[m] <= limit);
            /* One unit finer would not do. */
            if (unit > ATOMICS_UNIT_LEAST)
                assert_true(most[m] > limit / 2);
            /* n elements at the limit stay inside 2^62. */
            assert_true((double)counts[c] * ldexp(limit, -unit) <= 0x1p62);
        }
    assert_int_equal(atomics_fixed_unit(10, INFINITY), ATOMICS_UNIT_LEAST);
}

/* The full range used: nothing wraps, and the rounding is to the nearest. */
static void test_fixed_full(void **state) {
    (void)state;
    struct atomics_plan plan;
    char why[PLAN_WHY];
    float x[5] = {0x1p30f, 0x1p30f, 0x1p30f, 0x1p30f, 1.5f}, result;
    double wide[4] = {0x1p30, 0x1p30, 0x1p30, -0x1.8p-32}, sum;
    uint32_t status;
    assert_int_equal(atomics_plan_parse("f32.none.fixed.a1", &plan, why), 0);
    int unit = atomics_fixed_unit(4, 0x1p30);
    assert_int_equal(unit, -30);
    assert_int_equal(atomics_model(&plan, DEVICE_SIMT, x, 4, unit, &result, &status, why), 0);
    assert_true(result == 0x1p32f && status == 0);
    assert_int_equal(atomics_model(&plan, DEVICE_SIMT, x, 5, unit, &result, &status, why), 0);
    assert_true(isnan(result) && status == ATOMICS_RANGE); /* five need a coarser unit */
    plan.type = ATOMICS_F64;
    assert_int_equal(atomics_model(&plan, DEVICE_SIMT, wide, 4, unit, &sum, &status, why), 0);
    assert_true(sum == 0x1.8p31 && status == 0); /* 3/8 of a unit is 0 */
    wide[3] = -0x1.8p-31;                        /* 3/4 of one is one */
    assert_int_equal(atomics_model(&plan, DEVICE_SIMT, wide, 4, unit, &sum, &status, why), 0);
    assert_true(sum == 0x1.8p31 - 0x1p-30);
}

static void test_no_prediction(void **state) {
    (void)state;
    struct atomics_plan plan = atomics_plan_default();
    float x[3] = {1, 2, 3}, result[4];
    char why[PLAN_WHY];
    assert_int_equal(atomics_model(&plan, DEVICE_SIMT, x, 3, 0, result, NULL, why), -1);
    assert_non_null(strstr(why, "order"));
    plan.addresses = 4;
    assert_int_equal(atomics_model(&plan, DEVICE_SIMT, x, 3, 0, result, NULL, why), 0);
    assert_true(result[0] == 1 && result[2] == 3 && result[3] == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),          cmocka_unit_test(test_json),
        cmocka_unit_test(test_legal),         cmocka_unit_test(test_counts),
        cmocka_unit_test(test_fixed_range),   cmocka_unit_test(test_fixed_full),
        cmocka_unit_test(test_no_prediction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
