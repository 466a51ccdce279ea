/*
 * allreduce_tree_test.c: orders against orders written by hand, properties against all sizes, plans
 * as text, what is legal, and the numbers that follow from a plan.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "kernels/allreduce/allreduce_fixture.h"
#include "kernels/tree/tree.h"

/* --- orders ------------------------------------------------------------------------------------
 */

static struct allreduce_order order_of(const struct allreduce_plan *plan, size_t n, size_t i) {
    struct allreduce_order order;
    char why[PLAN_WHY], text[PLAN_TEXT];
    if (allreduce_order(plan, n, i, NULL, &order, why) != 0)
        fail_msg("%s: %s", allreduce_plan_text(plan, text), why);
    return order;
}

static void expect_tree(const char *plan_text, size_t n, size_t i, const char *expected) {
    struct allreduce_plan plan = plan_of(plan_text);
    struct allreduce_order order = order_of(&plan, n, i);
    struct tree *tree = allreduce_order_tree(&order);
    assert_non_null(tree);
    assert_true(tree_is_complete(tree));
    char *text = tree_text(tree);
    if (strcmp(text, expected) != 0)
        fail_msg("%s, element %zu of %zu: %s, not %s", plan_text, i, n, text, expected);
    free(text);
    tree_free(tree);
}

static void test_orders(void **state) {
    (void)state;
    /* Rank 1 begins chunk 0, rank 0 ends it; and so on. 10 elements, 4 ranks: chunks of 3. */
    expect_tree("ring.r4", 10, 0, "(0 ((1 2) 3))");
    expect_tree("ring.r4", 10, 2, "(0 ((1 2) 3))");
    expect_tree("ring.r4", 10, 3, "((0 (2 3)) 1)");
    expect_tree("ring.r4", 10, 6, "(((0 3) 1) 2)");
    expect_tree("ring.r4", 10, 9, "(((0 1) 2) 3)");
    /* The odd channel goes backwards: the place of rank r is 3 - r. Its chunk 0 begins with rank 2.
     */
    expect_tree("ring.r4.ch2", 16, 8, "((0 (1 2)) 3)");
    expect_tree("ring.r4.ch2", 16, 15, "(0 (1 (2 3)))");
    expect_tree("ring.r3.chunk64.cut", 1000, 192, "(0 (1 2))");
    expect_tree("ring.r3.chunk64.cut", 1000, 128, "((0 1) 2)");
    /* The last loop is 1000 - 5 × 192 = 40 elements: chunks of 14 if it is spread. */
    expect_tree("ring.r3.chunk64.cut", 1000, 999, "(0 (1 2))");
    expect_tree("ring.r3.chunk64.spread", 1000, 999, "((0 1) 2)");
    expect_tree("ring.r3.chunk64.spread", 1000, 974, "((0 2) 1)");
    expect_tree("tree.r1", 1, 0, "0");
    expect_tree("tree.r2", 1, 0, "(0 1)");
    expect_tree("tree.r3", 1, 0, "((0 1) 2)");
    expect_tree("tree.r6", 1, 0, "((0 ((1 3) 4)) (2 5))");
    expect_tree("tree.r3.ch2", 2, 1, "(0 (1 2))");
    expect_tree("doubling.r4", 1, 0, "((0 1) (2 3))");
    /* 5 = 4 + 1: rank 0 hands over to 1, then {0, 1}, 2, 3, 4. */
    expect_tree("doubling.r5", 1, 0, "(((0 1) 2) (3 4))");
    expect_tree("doubling.r7", 1, 0, "(((0 1) (2 3)) ((4 5) 6))");
    expect_tree("oneshot.r4.serial", 1, 0, "(((0 1) 2) 3)");
    expect_tree("oneshot.r5.pairwise", 1, 0, "(((0 1) (2 3)) 4)");
    expect_tree("twoshot.r6.pairwise", 9, 8, "(((0 1) (2 3)) (4 5))");
    expect_tree("doubling.r2.split8.pairwise", 1, 0, "(((0 1) (2 3)) ((4 5) (6 7)))");
    expect_tree("doubling.r4.split8.serial", 1, 0, "(((0 1) (2 3)) ((4 5) (6 7)))");
    expect_tree("ring.r2.split8.serial", 1, 0, "((((0 1) 2) 3) (((4 5) 6) 7))");
}

static void test_stored(void **state) {
    (void)state;
    struct allreduce_plan plan = allreduce_plan_default();
    char why[PLAN_WHY];
    assert_int_equal(allreduce_plan_parse("bf16.tree.r3.split16", &plan, why), -1);
    plan = plan_of("bf16.tree.r4.split8");
    struct allreduce_order order = order_of(&plan, 1, 0);
    /* Four ranks' values, then 1 + 3, then (0 + 1) + 2, which is stored at its end alone. */
    static const bool stored[] = {true, true, true, true, true, false, true};
    assert_int_equal(order.adds, 7);
    for (int k = 0; k < order.adds; k++)
        assert_int_equal(order.add[k].stored, stored[k]);
    struct allreduce_order other = order;
    assert_true(allreduce_order_equal(&order, &other));
    other.add[5].stored = true;
    assert_false(allreduce_order_equal(&order, &other));
    other = order;
    other.add[5] = (struct allreduce_add){order.add[5].b, order.add[5].a, false};
    assert_true(allreduce_order_equal(&order, &other));
    plan.type = ALLREDUCE_F32;
    order = order_of(&plan, 1, 0);
    for (int k = 0; k < order.adds; k++)
        assert_true(order.add[k].stored);
}

/* Equal exactly where the trees are. */
static void test_equal(void **state) {
    (void)state;
    static const char *const plans[] = {
        "ring.r5",           "ring.r5.ch2",        "tree.r5", "tree.r5.ch2", "doubling.r5",
        "oneshot.r5.serial", "oneshot.r5.pairwise"};
    enum { ALL = sizeof plans / sizeof *plans };
    struct allreduce_order orders[3 * ALL];
    for (size_t k = 0; k < 3 * ALL; k++) {
        struct allreduce_plan plan = plan_of(plans[k / 3]);
        orders[k] = order_of(&plan, 30, k % 3 * 14);
    }
    size_t equal = 0;
    for (size_t a = 0; a < 3 * ALL; a++)
        for (size_t b = 0; b < 3 * ALL; b++) {
            struct tree *one = allreduce_order_tree(&orders[a]);
            struct tree *two = allreduce_order_tree(&orders[b]);
            bool same = tree_equal(one, two);
            assert_true(allreduce_order_equal(&orders[a], &orders[b]) == same);
            equal += same;
            tree_free(one);
            tree_free(two);
        }
    assert_in_range(equal, 3 * ALL + 1, 9 * ALL * ALL / 2);
}

/* Runs of places cover a message without a gap, each with one order, each unit once. */
static void test_places(void **state) {
    (void)state;
    static const char *const plans[] = {"ring.r3.ch2.chunk64.cut",  "ring.r5.ch4.chunk64.spread",
                                        "tree.ch2.chunk256.spread", "arrival.r3.ch2.chunk256.seg64",
                                        "arrival.r3.whole.seg64",   "twoshot.r7.whole"};
    for (size_t p = 0; p < sizeof plans / sizeof *plans; p++)
        for (size_t n = 1; n < 1600; n += n < 10 ? 1 : 97) {
            struct allreduce_plan plan = plan_of(plans[p]);
            struct allreduce_layout layout = allreduce_layout(&plan, n);
            size_t units = 0;
            for (size_t i = 0; i < n;) {
                struct allreduce_place place = allreduce_place(&plan, n, i), last;
                assert_int_equal(place.first, i);
                assert_in_range(place.count, 1, n - i);
                assert_in_range(place.channel, 0, plan.channels - 1);
                assert_in_range(place.chunk, 0, layout.shares - 1);
                last = allreduce_place(&plan, n, i + place.count - 1);
                assert_memory_equal(&place, &last, sizeof place);
                if (plan.algorithm == ALLREDUCE_ARRIVAL) {
                    assert_true(place.unit >= units);
                    units = place.unit + 1;
                }
                i += place.count;
            }
            assert_true(units <= layout.units);
        }
}

/* --- properties --------------------------------------------------------------------------------
 */

/* The order of every element in messages of these sizes is what the property says. */
static bool changes_with_size(const struct allreduce_plan *plan) {
    static const size_t sizes[] = {1, 2, 9, 64, 200, 500, 777, 1000, 2500};
    for (size_t a = 0; a < sizeof sizes / sizeof *sizes; a++)
        for (size_t b = 0; b < a; b++)
            for (size_t i = 0; i < sizes[b]; i += 1 + sizes[b] / 40) {
                struct allreduce_order one = order_of(plan, sizes[a], i);
                struct allreduce_order two = order_of(plan, sizes[b], i);
                if (!allreduce_order_equal(&one, &two))
                    return true;
            }
    return false;
}

static void test_size_invariant(void **state) {
    (void)state;
    struct allreduce_plan fixed = allreduce_plan_default();
    unsigned mask = ALLREDUCE_FIELD_BIT(threads) | ALLREDUCE_FIELD_BIT(segment);
    struct plan_list list;
    size_t invariant = 0;
    assert_int_equal(plan_pairs(&allreduce_plans, mask, &fixed, &list), 0);
    const struct allreduce_plan *plans = list.plans;
    for (size_t k = 0; k < list.count; k++) {
        char text[PLAN_TEXT];
        /* Larger chunks need larger messages to show. */
        if (!allreduce_run_to_run(&plans[k]) || plans[k].chunk > 256)
            continue;
        bool holds = allreduce_size_invariant(&plans[k]);
        if (holds == changes_with_size(&plans[k]))
            fail_msg("%s is %ssize-invariant", allreduce_plan_text(&plans[k], text),
                     holds ? "not " : "");
        invariant += holds;
    }
    assert_in_range(invariant, 10, list.count - 10);
    free(list.plans);
    struct allreduce_plan large = plan_of("ring.r3.chunk131072.spread");
    assert_false(allreduce_size_invariant(&large));
    large.tail = ALLREDUCE_CUT;
    assert_true(allreduce_size_invariant(&large));
}

static void test_rank_invariant(void **state) {
    (void)state;
    static const struct {
        const char *plan;
        bool holds;
    } cases[] = {
        {"doubling.r8.split8.pairwise", true},
        {"doubling.r2.split16.pairwise", true},
        {"oneshot.r4.split8.pairwise", true},
        {"twoshot.r16.split16.pairwise", true},
        {"ring.r2.split8.pairwise", true},
        {"ring.r4.split8.pairwise", false},
        {"tree.r4.split8.pairwise", false},
        {"tree.r2.split16.pairwise.ch2", true},
        {"doubling.r4.split8.serial", false},
        {"oneshot.r8.split8.serial", true},
        {"oneshot.r4.split8.serial", false},
        {"doubling.r1.split8.serial", true},
        {"oneshot.r8.pairwise", false},
        {"arrival.r4.split8.pairwise", false},
        {"arrival.r2.split8.pairwise", true},
        {"bf16.doubling.r8.split8.pairwise", false},
        {"bf16.oneshot.r8.split8.pairwise", true},
        {"bf16.oneshot.r4.split8.pairwise", false},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct allreduce_plan plan = plan_of(cases[k].plan);
        if (allreduce_rank_invariant(&plan) != cases[k].holds)
            fail_msg("%s", cases[k].plan);
    }
}

static void test_run_to_run(void **state) {
    (void)state;
    struct allreduce_plan plan = plan_of("arrival.r3");
    struct allreduce_order order;
    char why[PLAN_WHY];
    float x[6] = {1, 2, 3, 4, 5, 6}, y[2];
    assert_false(allreduce_run_to_run(&plan));
    assert_false(allreduce_size_invariant(&plan));
    assert_int_equal(allreduce_order(&plan, 2, 0, NULL, &order, why), -1);
    assert_non_null(strstr(why, "arrive"));
    assert_int_equal(allreduce_model(&plan, x, 2, NULL, y, why), -1);
    assert_int_equal(allreduce_model(&plan, x, 2, (const uint8_t[]){2, 0, 1}, y, why), 0);
    assert_true(y[0] == 9 && y[1] == 12);
    assert_int_equal(allreduce_order(&plan, 2, 1, (const uint8_t[]){2, 0, 1}, &order, why), 0);
    assert_int_equal(order.add[0].a, 2);
    assert_int_equal(allreduce_model(&plan, x, 2, (const uint8_t[]){2, 0, 2}, y, why), -1);
    assert_int_equal(allreduce_model(&plan, x, 2, (const uint8_t[]){0, 1, 255}, y, why), -1);
    plan.ranks = 2;
    assert_true(allreduce_run_to_run(&plan));
    assert_int_equal(allreduce_model(&plan, x, 2, NULL, y, why), 0);
    assert_true(y[0] == 4 && y[1] == 6);
    plan = plan_of("ring.r3");
    assert_int_equal(allreduce_order(&plan, 2, 2, NULL, &order, why), -1);
}

/* --- plans -------------------------------------------------------------------------------------
 */

static void test_plans(void **state) {
    (void)state;
    struct allreduce_plan plan = allreduce_plan_default(), parsed;
    char text[PLAN_TEXT], why[PLAN_WHY];
    assert_string_equal(allreduce_plan_text(&plan, text),
                        "f32.ring.r4.own.serial.ch1.whole.spread.seg1024.t256");
    plan = plan_of("chunk131072.cut.ch8.r16.split16.pairwise.doubling.bf16.seg16384.t512");
    allreduce_plan_text(&plan, text);
    assert_true(strlen(text) + 1 < PLAN_TEXT);
    assert_int_equal(allreduce_plan_parse(text, &parsed, why), 0);
    assert_memory_equal(&plan, &parsed, sizeof plan);
    static const struct {
        const char *text, *why;
    } refused[] = {
        {"r3.split8", "evenly"}, {"ring.pairwise", "pairwise"},
        {"whole.cut", "spread"}, {"ring.tree", "second"},
        {"r17", "r17"},          {"arrival.pairwise", "parts"},
    };
    for (size_t k = 0; k < sizeof refused / sizeof *refused; k++) {
        parsed = plan;
        assert_int_equal(allreduce_plan_parse(refused[k].text, &parsed, why), -1);
        if (!strstr(why, refused[k].why))
            fail_msg("%s: %s", refused[k].text, why);
        assert_memory_equal(&plan, &parsed, sizeof plan);
    }
    assert_int_equal(allreduce_plan_check(&plan, ALLREDUCE_N_MOST, why), 0);
    assert_int_equal(allreduce_plan_check(&plan, ALLREDUCE_N_MOST + 1, why), -1);
    json_t *record = allreduce_plan_json(&plan);
    assert_string_equal(json_string_value(json_object_get(record, "algorithm")), "doubling");
    assert_int_equal(json_integer_value(json_object_get(record, "ranks")), 16);
    assert_string_equal(json_string_value(json_object_get(record, "chunk")), "chunk131072");
    json_decref(record);
}

static void test_counts(void **state) {
    (void)state;
    static const struct {
        const char *plan;
        int accesses, adds; /* of an element */
    } cases[] = {
        {"oneshot.r1", 2, 0},
        {"ring.r4", 3 * 3 + 3 * 2, 3},
        {"tree.r4", 1 + 2 + 1 + 1 + 1 + 1 + 3 * 2, 3}, /* rank 0 has two children, rank 1 one */
        {"doubling.r4", 2 * 4 * 3, 8},
        {"doubling.r6", 2 * 3 + 2 * 4 * 3 + 2 * 2, 10},
        {"oneshot.r4", 4 * 5, 12},
        {"twoshot.r4", 5 + 3 * 2, 3},
        {"arrival.r3", 2 + 2 * 3 + 3 * 2, 2},
        {"oneshot.r4.split8", 4 * 3 + 4 * 5, 4 + 12},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct allreduce_plan plan = plan_of(cases[k].plan);
        assert_true(allreduce_bytes(&plan, 100) == 400.0 * cases[k].accesses);
        assert_true(allreduce_flops(&plan, 100) == 100.0 * cases[k].adds);
    }
    struct allreduce_plan plan = plan_of("arrival.r3.ch2.chunk256.cut.seg64");
    struct allreduce_layout layout = allreduce_layout(&plan, 1025);
    assert_int_equal(layout.loops, 3);
    assert_int_equal(layout.units, 3 * 2 * 4);
    assert_int_equal(allreduce_layout(&plan, 0).units, 0);
    plan = plan_of("ring.r3.ch2.chunk256.spread.seg64");
    layout = allreduce_layout(&plan, 1537);
    assert_int_equal(layout.loops, 2);
    assert_int_equal(layout.chunk, 256);
    assert_int_equal(layout.last, 1);
    assert_int_equal(layout.segments, 4);
}

/* Numbers of pieces fit below the number of the call, however a message is cut. */
static void test_numbers(void **state) {
    (void)state;
    struct allreduce_plan fixed = plan_of("ring.r16"), *plans;
    struct plan_list list;
    unsigned mask = ALLREDUCE_FIELD_BIT(ranks) | ALLREDUCE_FIELD_BIT(type) |
                    ALLREDUCE_FIELD_BIT(split) | ALLREDUCE_FIELD_BIT(merge) |
                    ALLREDUCE_FIELD_BIT(threads) | ALLREDUCE_FIELD_BIT(algorithm);
    assert_int_equal(plan_all(&allreduce_plans, mask, &fixed, &list), 0);
    plans = list.plans;
    for (size_t k = 0; k < list.count; k++) {
        struct allreduce_layout l = allreduce_layout(&plans[k], ALLREDUCE_N_MOST);
        assert_true(2 + l.loops * 31 * l.segments < (uint64_t)1 << ALLREDUCE_CALL_SHIFT);
    }
    free(list.plans);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),         cmocka_unit_test(test_stored),
        cmocka_unit_test(test_equal),          cmocka_unit_test(test_places),
        cmocka_unit_test(test_size_invariant), cmocka_unit_test(test_rank_invariant),
        cmocka_unit_test(test_run_to_run),     cmocka_unit_test(test_plans),
        cmocka_unit_test(test_counts),         cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
