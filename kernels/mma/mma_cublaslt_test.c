/*
 * mma_cublaslt_test.c: levers as plans; choices as text and records; the published rules from
 * invented choices, and the sums they mean. What needs the library or a GPU is skipped where it is
 * not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "kernels/mma/mma_cublaslt.h"
#include "kernels/mma/mma_cublaslt_order.h"

/* --- plans and choices -------------------------------------------------------------------------
 */

static void test_plans(void **state) {
    (void)state;
    struct mma_cublaslt_plan plan = mma_cublaslt_plan_default(), again, mutant;
    char text[PLAN_TEXT], why[PLAN_WHY];
    assert_int_equal(mma_cublaslt_plan_check(&plan, why), 0);
    assert_string_equal(mma_cublaslt_plan_text(&plan, text),
                        "ws32m.any-reduction.any-unit.sm-all.waves-any.align-true.promote.h0");
    assert_int_equal(mma_cublaslt_plan_parse("align2.cuda-cores.sm108.h3", &plan, why), 0);
    assert_true(plan.alignment == 2 && plan.unit == MMA_CUBLASLT_FMA && plan.sms == 108 &&
                plan.index == 3 && plan.workspace == 32768);
    again = mma_cublaslt_plan_default();
    assert_int_equal(mma_cublaslt_plan_parse(mma_cublaslt_plan_text(&plan, text), &again, why), 0);
    assert_true(plan_equal(mma_cublaslt_family(), &plan, &again));
    assert_int_equal(mma_cublaslt_plan_parse("ws0.in-place", &plan, why), -1);
    assert_non_null(strstr(why, "workspace"));
    assert_int_equal(mma_cublaslt_plan_parse("h9", &plan, why), -1);
    plan = mma_cublaslt_plan_default();
    for (size_t field = 0; field < MMA_CUBLASLT_FIELDS; field++)
        assert_true(plan_mutant(mma_cublaslt_family(), &plan, field, &mutant));
    json_t *record = mma_cublaslt_plan_json(&plan);
    assert_int_equal(json_object_size(record), MMA_CUBLASLT_FIELDS);
    json_decref(record);
}

static void test_choices(void **state) {
    (void)state;
    struct mma_cublaslt_choice choice = {.id = 66,
                                         .tile = 128,
                                         .stages = 35,
                                         .split = 4,
                                         .reduction = 2,
                                         .cluster = 3,
                                         .workspace = 65536,
                                         .waves = 0.5F,
                                         .impl = 0x020202,
                                         .version = 130101,
                                         .arch = 90,
                                         .sms = 132};
    char text[MMA_CUBLASLT_TEXT];
    assert_string_equal(mma_cublaslt_choice_text(&choice, text), "a66.t128.s35.k4.r2.w0.o0.i0.c3");
    assert_string_equal(mma_cublaslt_unit(&choice), "hmma");
    assert_string_equal(mma_cublaslt_accumulator(&choice), "f32");
    json_t *record = mma_cublaslt_choice_json(&choice);
    assert_non_null(record);
    assert_string_equal(json_string_value(json_object_get(record, "version")), "13.1.1");
    assert_string_equal(json_string_value(json_object_get(record, "algorithm")), text);
    assert_int_equal(json_integer_value(json_object_get(record, "workspace")), 65536);
    assert_int_equal(json_integer_value(json_object_get(record, "sms")), 132);
    json_t *inputs = json_object_get(record, "inputs");
    assert_int_equal(json_array_size(inputs), 1);
    assert_string_equal(json_string_value(json_array_get(inputs, 0)), "bf16");
    json_decref(record);
    choice.impl = 0x080201; /* "fell back to scalar" */
    assert_string_equal(mma_cublaslt_unit(&choice), "fma");
    choice.impl = 0;
    assert_string_equal(mma_cublaslt_unit(&choice), "?");
}

/* --- the rules ---------------------------------------------------------------------------------
 */

struct invented {
    int id, stages, split, reduction, custom;
    size_t workspace;
    struct mma_shape shape;
    enum element in;
    const char *text; /* of the order, or part of the reason to decline */
};

static struct mma_problem problem_of(const struct invented *c) {
    return (struct mma_problem){.shape = c->shape, .in = c->in, .out = ELEMENT_F16};
}

static int order_of(const struct invented *c, const char *levers, int arch,
                    struct mma_cublaslt_order *order, char *why) {
    struct mma_cublaslt_choice choice = {.id = c->id,
                                         .stages = c->stages,
                                         .split = c->split,
                                         .reduction = c->reduction,
                                         .custom = c->custom,
                                         .workspace = c->workspace,
                                         .arch = arch,
                                         .sms = 132};
    struct mma_cublaslt_plan plan = mma_cublaslt_plan_default();
    struct mma_problem problem = problem_of(c);
    assert_int_equal(mma_cublaslt_plan_parse(levers, &plan, why), 0);
    return mma_cublaslt_order(&choice, &plan, &problem, order, why);
}

static void test_orders(void **state) {
    (void)state;
    static const struct invented cases[] = {
        {66, 35, 1, 0, 0, 0, {64, 64, 4096}, ELEMENT_F16, "wgmma k16"},
        {66, 35, 4, 2, 0, 999, {64, 64, 4096}, ELEMENT_BF16, "wgmma k16, split 4 by 1024"},
        {66, 35, 3, 2, 0, 999, {64, 64, 1000}, ELEMENT_F16, "wgmma k16, split 3 by 384"},
        /* 11,528 = 180 · 64 + 8: 9 and 10 divide 180 and are more than 8; 7 does not, 6 is less */
        {66,
         35,
         9,
         2,
         0,
         999,
         {1, 8, 11528},
         ELEMENT_F16,
         "wgmma k16, split 9 by 1280, last 8 of 11528 left out"},
        {66, 35, 9, 2, 0, 0, {1, 8, 11528}, ELEMENT_F16, "wgmma k16, split 9 by 1344"},
        {66, 35, 6, 2, 0, 999, {1, 8, 11528}, ELEMENT_F16, "wgmma k16, split 6 by 1984"},
        {66, 35, 7, 2, 0, 999, {1, 8, 11528}, ELEMENT_F16, "wgmma k16, split 7 by 1664"},
        {66, 36, 1, 0, 0, 0, {64, 64, 4096}, ELEMENT_E4M3, "wgmma k32, closed every 128"},
        {66,
         36,
         2,
         2,
         0,
         9,
         {64, 64, 4096},
         ELEMENT_E4M3,
         "wgmma k32, closed every 128, split 2 by 2048"},
        {24, 13, 1, 0, 0, 0, {7, 33, 1000}, ELEMENT_F16, "mma.sync k16, remainder of 40 first"},
        {23, 0, 1, 0, 0, 0, {7, 33, 1001}, ELEMENT_BF16, "mma.sync k8, remainder of 9 first"},
        {21, 20, 1, 0, 0, 0, {7, 33, 1024}, ELEMENT_F16, "mma.sync k16"},
        {24, 13, 4, 2, 0, 9, {7, 33, 1000}, ELEMENT_F16, "mma.sync k16, split 4 by 256"},
        {24,
         13,
         4,
         4,
         0,
         9,
         {7, 33, 1001},
         ELEMENT_F16,
         "mma.sync k16, split 4 by 256, parts rounded"},
        {24,
         13,
         4,
         1,
         0,
         9,
         {7, 33, 1000},
         ELEMENT_F16,
         "mma.sync k16, split 4 by 256, rounded after each"},
        {24,
         13,
         4,
         0,
         0,
         9,
         {7, 33, 640},
         ELEMENT_F16,
         "mma.sync k16, split 4 by 192, rounded after each"},
        {12, 0, 1, 0, 0, 0, {7, 33, 1}, ELEMENT_F16, "mma.sync k8, remainder of 1 first"},
        {13, 0, 1, 0, 10, 0, {1, 4096, 4096}, ELEMENT_F16, "32 lanes of 4, as a tree"},
        {13, 0, 1, 0, 11, 0, {512, 1, 4096}, ELEMENT_BF16, "16 lanes of 1, in order"},
        {13, 0, 1, 0, 36, 0, {1, 64, 4096}, ELEMENT_F16, "32 lanes of 64, as a tree"},
        {13, 0, 2, 0, 36, 0, {1, 64, 70}, ELEMENT_F16, "32 lanes of 2, as a tree, split 2 by 35"},
        {14, 0, 6, 0, 0, 9, {1, 1, 9000}, ELEMENT_F16, "6 blocks of 128 threads"},
    };
    static const struct invented declined[] = {
        {11, 0, 1, 0, 1, 0, {4, 512, 512}, ELEMENT_F16, "where K is contiguous in both"},
        {16, 0, 1, 0, 0, 0, {8, 64, 40}, ELEMENT_F16, "where K is contiguous in both"},
        {41, 0, 1, 0, 0, 0, {64, 64, 64}, ELEMENT_F16, "algorithm 41"},
        {12, 0, 1, 0, 0, 0, {7, 33, 2}, ELEMENT_F16, "K = 1 alone"},
        {66, 35, -2, 0, 0, 0, {64, 64, 64}, ELEMENT_F16, "a scheduler of its own"},
        {66, 34, 1, 0, 0, 0, {64, 64, 64}, ELEMENT_F16, "stages 34"},
        {66, 36, 1, 0, 0, 0, {64, 64, 64}, ELEMENT_F16, "with f16 operands"},
        {66, 35, 1, 0, 0, 0, {64, 64, 64}, ELEMENT_E5M2, "with e5m2 operands"},
        {66, 35, 1, 0, 0, 0, {64, 64, 64}, ELEMENT_TF32, "tf32"},
        {13, 0, 1, 0, 5, 0, {1, 64, 512}, ELEMENT_F16, "option 5"},
        {13, 0, 1, 0, 10, 0, {1, 8449, 512}, ELEMENT_F16, "beyond 8448 outputs"},
        {13, 0, 1, 0, 10, 0, {2, 64, 512}, ELEMENT_F16, "M or N of 1"},
        {14, 0, 1, 0, 0, 0, {1, 1, 512}, ELEMENT_E4M3, "8-bit"},
    };
    struct mma_cublaslt_order order;
    char text[MMA_CUBLASLT_ORDER_TEXT], why[MMA_WHY];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (order_of(&cases[i], "h0", 90, &order, why) != 0)
            fail_msg("%s: declined: %s", cases[i].text, why);
        assert_string_equal(mma_cublaslt_order_text(&order, cases[i].shape.k, text), cases[i].text);
    }
    for (size_t i = 0; i < sizeof declined / sizeof *declined; i++) {
        assert_int_equal(order_of(&declined[i], "h0", 90, &order, why), -1);
        if (!strstr(why, declined[i].text))
            fail_msg("\"%s\" is not in \"%s\"", declined[i].text, why);
    }
    /* Another card; and 8-bit sums that are told to stay where they are. */
    assert_int_equal(order_of(&cases[0], "h0", 100, &order, why), -1);
    assert_non_null(strstr(why, "sm_100"));
    assert_int_equal(order_of(&cases[7], "fast", 90, &order, why), 0);
    assert_string_equal(mma_cublaslt_order_text(&order, 4096, text), "wgmma k32");
}

/* --- the sums ----------------------------------------------------------------------------------
 */

enum { K = 1000 };
static float a[16384], b[16384];

static void draw(enum element in, size_t k) {
    struct mma_problem problem = {{1, 1, k}, in, ELEMENT_F32, 0, 0, 0, 0, 0, 0};
    struct mma_operands operands;
    assert_int_equal(mma_operands_open(&operands, &problem, MMA_FILL_NORMAL, 7), 0);
    mma_a_row(&operands, 0, a);
    mma_b_row(&operands, 0, b);
    mma_operands_close(&operands);
}

static float sum_of(const struct invented *c, const char *levers, enum element out) {
    struct mma_cublaslt_order order;
    struct mma_rule rule;
    char why[MMA_WHY];
    if (order_of(c, levers, 90, &order, why) != 0)
        fail_msg("%s", why);
    assert_int_equal(mma_cublaslt_rule(&order, 90, c->in, &rule), 0);
    return mma_cublaslt_sum(&order, &rule, a, b, c->shape.k, out);
}

static float plain(const struct mma_rule *rule, size_t begin, size_t end, float c) {
    return mma_dot(rule, a + begin, b + begin, end - begin, c);
}

static float to_f16(float value) {
    return element_from_f16(element_to_f16((double)value));
}

static void test_matrix_sums(void **state) {
    (void)state;
    const struct mma_rule *wgmma = mma_rule_find("sm_90", MMA_WGMMA, ELEMENT_F16, ELEMENT_F32);
    struct mma_rule sync = *mma_rule_find("sm_90", MMA_SYNC, ELEMENT_F16, ELEMENT_F32);
    draw(ELEMENT_F16, K);
    struct invented c = {66, 35, 1, 0, 0, 0, {9, 9, K}, ELEMENT_F16, NULL};
    assert_true(sum_of(&c, "h0", ELEMENT_F32) == plain(wgmma, 0, K, 0));
    c.split = 3;
    assert_true(sum_of(&c, "h0", ELEMENT_F32) ==
                plain(wgmma, 0, 384, 0) + plain(wgmma, 384, 768, 0) + plain(wgmma, 768, K, 0));
    assert_true(sum_of(&c, "h0", ELEMENT_F32) != plain(wgmma, 0, K, 0));
    assert_true(sum_of(&c, "h0", ELEMENT_F16) == to_f16(sum_of(&c, "h0", ELEMENT_F32)));
    /* The tail that is left out. */
    c = (struct invented){66, 35, 3, 2, 0, 64, {9, 9, 962}, ELEMENT_F16, NULL};
    assert_true(sum_of(&c, "h0", ELEMENT_F32) ==
                plain(wgmma, 0, 320, 0) + plain(wgmma, 320, 640, 0) + plain(wgmma, 640, 960, 0));
    /* By instructions: 40 = 16 + 16 + 8 first, then 16 at a time. */
    c = (struct invented){24, 13, 1, 0, 0, 0, {9, 9, K}, ELEMENT_F16, NULL};
    assert_true(sum_of(&c, "h0", ELEMENT_F32) == plain(&sync, 40, K, plain(&sync, 0, 40, 0)));
    assert_true(sum_of(&c, "h0", ELEMENT_F32) != plain(&sync, 0, K, 0));
    c.stages = 0; /* remainder of 8, instructions of 8 */
    sync.k = 8, sync.block = 8;
    assert_true(sum_of(&c, "h0", ELEMENT_F32) == plain(&sync, 0, K, 0));
    sync.k = 16, sync.block = 16;
    assert_true(sum_of(&c, "h0", ELEMENT_F32) != plain(&sync, 0, K, 0));
    /* The three merges of 4 × 256 (256: whole stages; 232: 40 first). */
    c = (struct invented){24, 13, 4, 2, 0, 9, {9, 9, K}, ELEMENT_F16, NULL};
    float part[4] = {plain(&sync, 0, 256, 0), plain(&sync, 256, 512, 0), plain(&sync, 512, 768, 0),
                     plain(&sync, 808, K, plain(&sync, 768, 808, 0))};
    assert_true(sum_of(&c, "h0", ELEMENT_F16) == to_f16(part[0] + part[1] + part[2] + part[3]));
    c.reduction = 4;
    assert_true(sum_of(&c, "h0", ELEMENT_F16) ==
                to_f16(to_f16(part[0]) + to_f16(part[1]) + to_f16(part[2]) + to_f16(part[3])));
    c.reduction = 1;
    assert_true(sum_of(&c, "h0", ELEMENT_F16) ==
                to_f16(to_f16(to_f16(to_f16(part[0]) + part[1]) + part[2]) + part[3]));
}

static void test_8_bit_sums(void **state) {
    (void)state;
    const struct mma_rule *wgmma = mma_rule_find("sm_90", MMA_WGMMA, ELEMENT_E4M3, ELEMENT_F32);
    draw(ELEMENT_E4M3, K);
    struct invented c = {66, 36, 1, 0, 0, 0, {16, 16, K}, ELEMENT_E4M3, NULL};
    float closed = plain(wgmma, 0, 128, 0);
    for (size_t k = 128; k < K; k += 128)
        closed += plain(wgmma, k, k + 128 < K ? k + 128 : K, 0);
    assert_true(sum_of(&c, "h0", ELEMENT_F32) == closed);
    assert_true(sum_of(&c, "fast", ELEMENT_F32) == plain(wgmma, 0, K, 0));
    assert_true(closed != plain(wgmma, 0, K, 0));
}

/* What mma_gemm() makes of the slices is what the order says. */
static void test_slices(void **state) {
    (void)state;
    static const struct invented cases[] = {
        {66, 35, 1, 0, 0, 0, {2, 2, K}, ELEMENT_BF16, NULL},
        {66, 35, 3, 2, 0, 9, {2, 2, 962}, ELEMENT_BF16, NULL},
        {66, 36, 1, 0, 0, 0, {2, 2, K}, ELEMENT_E5M2, NULL},
        {24, 13, 1, 0, 0, 0, {2, 2, K}, ELEMENT_F16, NULL},
        {24, 13, 4, 2, 0, 9, {2, 2, K}, ELEMENT_F16, NULL},
        {24, 13, 4, 1, 0, 9, {2, 2, K}, ELEMENT_F16, NULL},
    };
    struct mma_cublaslt_order order;
    struct mma_slice slices[64];
    struct mma_rule rule;
    char why[MMA_WHY];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mma_problem problem = problem_of(&cases[i]);
        struct mma_operands operands;
        float value;
        problem.out = ELEMENT_F32;
        assert_int_equal(order_of(&cases[i], "h0", 90, &order, why), 0);
        assert_int_equal(mma_cublaslt_rule(&order, 90, cases[i].in, &rule), 0);
        size_t count = mma_cublaslt_slices(&order, problem.shape.k, problem.out, slices, 64);
        assert_in_range(count, 1, 64);
        assert_int_equal(mma_operands_open(&operands, &problem, MMA_FILL_NORMAL, 3), 0);
        mma_a_row(&operands, 1, a);
        mma_b_row(&operands, 1, b);
        assert_int_equal(mma_gemm_element(&rule, &operands, slices, count, 1, 1, &value), 0);
        assert_true(value == mma_cublaslt_sum(&order, &rule, a, b, problem.shape.k, problem.out));
        mma_operands_close(&operands);
    }
    /* Rounded between slices, they are none of mma_gemm's. */
    assert_int_equal(mma_cublaslt_slices(&order, K, ELEMENT_F16, slices, 64), 0);
}

/* Ones, but a huge number at i and its opposite at j: what has met one of them before they meet is
 * lost, all else is counted. */
static float counted(const struct invented *c, size_t i, size_t j) {
    struct mma_cublaslt_order order;
    char why[MMA_WHY];
    if (order_of(c, "h0", 90, &order, why) != 0)
        fail_msg("%s", why);
    for (size_t k = 0; k < c->shape.k; k++)
        a[k] = b[k] = 1;
    if (i != j)
        a[i] = 0x1p40F, a[j] = -0x1p40F;
    return mma_cublaslt_sum(&order, NULL, a, b, c->shape.k, ELEMENT_F32);
}

static void test_vector_sums(void **state) {
    (void)state;
    /* Two lanes of one: {0, 2, 4, 6} and {1, 3, 5, 7}. */
    struct invented c = {13, 0, 1, 0, 49, 0, {1, 4, 8}, ELEMENT_F16, NULL};
    assert_true(counted(&c, 0, 0) == 8);
    assert_true(counted(&c, 0, 2) == 6);
    assert_true(counted(&c, 0, 6) == 4);
    assert_true(counted(&c, 0, 1) == 0);
    /* 32 lanes of 4: lane 0 has 0…3 and 128…131; it meets lane 16 first, lane 1 last. */
    c = (struct invented){13, 0, 1, 0, 10, 0, {1, 4, 256}, ELEMENT_F16, NULL};
    assert_true(counted(&c, 0, 0) == 256);
    assert_true(counted(&c, 0, 3) == 252);
    assert_true(counted(&c, 0, 128) == 251);
    assert_true(counted(&c, 0, 64) == 240);
    assert_true(counted(&c, 0, 4) == 0);
    /* 16 lanes of 1 in order, a lane's sum closed every 32 tiles: 0…31 of its own, then others. */
    c = (struct invented){13, 0, 1, 0, 11, 0, {1, 4, 1024}, ELEMENT_F16, NULL};
    assert_true(counted(&c, 0, 16) == 1022);
    assert_true(counted(&c, 0, 496) == 992);
    assert_true(counted(&c, 512, 528) == 1022);
    assert_true(counted(&c, 0, 512) == 960); /* both halves of lane 0 */
    assert_true(counted(&c, 0, 1) == 896);
    /* Each lane its own neighbours; the slices of a split meet at the end. */
    c = (struct invented){13, 0, 2, 0, 36, 0, {1, 4, 128}, ELEMENT_F16, NULL};
    assert_true(counted(&c, 0, 1) == 126);
    assert_true(counted(&c, 0, 64) == 0);
    assert_true(counted(&c, 64, 65) == 126);
    /* Two blocks of 128 threads with two chains each: tiles of 256, every second one. */
    c = (struct invented){14, 0, 2, 0, 0, 0, {1, 1, 1024}, ELEMENT_F16, NULL};
    assert_true(counted(&c, 0, 0) == 1024);
    assert_true(counted(&c, 0, 512) == 1022);
    assert_true(counted(&c, 0, 1) == 1020);
    assert_true(counted(&c, 0, 128) == 1016); /* thread 64 */
    assert_true(counted(&c, 0, 256) == 0);
    /* Parts 0 and 64 meet before 0 and 1 do; 4 and 0 are of one group. */
    c = (struct invented){14, 0, 65, 0, 0, 0, {1, 1, 16384}, ELEMENT_F16, NULL};
    assert_true(counted(&c, 0, 0) == 16384);
    assert_true(counted(&c, 0, 64 * 256 - 1) < counted(&c, 0, 2));
    c.split = 64;
    assert_true(counted(&c, 0, 32 * 256) == 16384 - 512);
    assert_true(counted(&c, 0, 4 * 256) == 16384 - 1024);
    /* Every product once, whatever K and the split. */
    for (size_t k = 1; k < 700; k += 13)
        for (int split = 1; split < 9; split++) {
            struct invented one = {14, 0, split, 0, 0, 0, {1, 1, k}, ELEMENT_F16, NULL};
            assert_true(counted(&one, 0, 0) == (float)k);
            one.id = 13, one.custom = split % 2 ? 90 : 12;
            assert_true(counted(&one, 0, 0) == (float)k);
        }
}

/* --- the library -------------------------------------------------------------------------------
 */

static void test_where_it_does_not_run(void **state) {
    (void)state;
    struct mma_problem problem = {{4, 4, 4}, ELEMENT_F16, ELEMENT_F32, 0, 0, 0, 0, 0, 0};
    struct mma_cublaslt_plan plan = mma_cublaslt_plan_default();
    struct mma_operands operands;
    struct device *device;
    struct job job;
    assert_int_equal(mma_operands_open(&operands, &problem, MMA_FILL_ONES, 1), 0);
    for (int kind = 0; kind < 2; kind++) {
        assert_int_equal(device_open(&device, kind ? DEVICE_SIMT : DEVICE_CPU, 0), 0);
        assert_int_equal(mma_cublaslt_job_open(&job, device, &operands, &plan), -1);
        assert_non_null(strstr(device_error(), "it wants a GPU"));
        device_close(device);
    }
    mma_operands_close(&operands);
}

static void test_version(void **state) {
    (void)state;
    size_t version = 0;
    if (mma_cublaslt_version(&version) != 0) {
        assert_true(strstr(device_error(), "no CUDA kernels") ||
                    strstr(device_error(), "NANOLAB_CUBLASLT"));
        print_message("%s\n", device_error());
        skip();
    }
    assert_in_range(version, 120000, 999999);
}

/* Predicted and measured, where a GPU is. */
static void test_on_a_gpu(void **state) {
    (void)state;
    static const struct mma_shape shapes[] = {{1, 64, 4096}, {17, 2047, 128}, {64, 512, 1024},
                                              {33, 71, 333}, {5, 8, 11528},   {256, 256, 4096},
                                              {0, 4, 4},     {3, 4, 0}};
    struct device *device;
    if (device_count(DEVICE_CUDA) == 0) {
        print_message("%s\n", device_error());
        skip();
    }
    assert_int_equal(device_open(&device, DEVICE_CUDA, 0), 0);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct mma_problem problem = {shapes[i], ELEMENT_BF16, ELEMENT_F32, 0, 0, 0, 0, 0, 0};
        struct mma_cublaslt_plan plan = mma_cublaslt_plan_default();
        struct mma_operands operands;
        struct job job;
        size_t m = shapes[i].m, n = shapes[i].n;
        float *c = calloc(m * n + 1, sizeof *c), value;
        assert_non_null(c);
        assert_int_equal(mma_operands_open(&operands, &problem, MMA_FILL_NORMAL, i), 0);
        if (mma_cublaslt_job_open(&job, device, &operands, &plan) != 0)
            fail_msg("%s", device_error());
        assert_int_equal(job_prove(&job), 0);
        assert_int_equal(mma_job_output(&job, c), 0);
        for (size_t e = 0; mma_job_has_model(&job) && e < m * n; e += 1 + m * n / 50) {
            assert_int_equal(mma_job_element(&job, e / n, e % n, &value), 0);
            assert_true(memcmp(&value, &c[e], sizeof value) == 0);
        }
        if (!mma_job_has_model(&job))
            print_message("%s\n", mma_cublaslt_job_declines(&job));
        job_close(&job);
        mma_operands_close(&operands);
        free(c);
    }
    device_close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plans),       cmocka_unit_test(test_choices),
        cmocka_unit_test(test_orders),      cmocka_unit_test(test_matrix_sums),
        cmocka_unit_test(test_8_bit_sums),  cmocka_unit_test(test_slices),
        cmocka_unit_test(test_vector_sums), cmocka_unit_test(test_where_it_does_not_run),
        cmocka_unit_test(test_version),     cmocka_unit_test(test_on_a_gpu),
    };
    return cmocka_run_group_tests_name("mma_cublaslt", tests, NULL, NULL);
}
