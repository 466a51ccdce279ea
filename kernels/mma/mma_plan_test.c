/*
 * mma_plan_test.c: plans of mma.h as such: text, record, rules, enumeration, arithmetic.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "kernels/mma/mma.h"

static struct mma_plan parsed(const char *text) {
    struct mma_plan plan;
    char why[PLAN_WHY];
    if (mma_plan_parse(text, &plan, why) != 0)
        fail_msg("%s: %s", text, why);
    return plan;
}

static void every_text_parses_back(void **state) {
    (void)state;
    const struct mma_plan any = mma_plan_default();
    struct mma_plan *plans, again;
    size_t count;
    char text[MMA_TEXT], why[PLAN_WHY];
    assert_int_equal(mma_plans_pairs(0, &any, &plans, &count), 0);
    for (size_t k = 0; k < count; k++) {
        if (mma_plan_parse(mma_plan_text(&plans[k], text), &again, why) != 0)
            fail_msg("%s: %s", text, why);
        assert_true(mma_plan_equal(&plans[k], &again));
        assert_true(strlen(text) + 8 < MMA_TEXT);
    }
    free(plans);
}

static bool holds_pair(const struct mma_plan *plans, size_t count, const struct mma_plan *plan,
                       enum mma_field_id f, enum mma_field_id g) {
    for (size_t k = 0; k < count; k++)
        if (mma_plan_get(&plans[k], f) == mma_plan_get(plan, f) &&
            mma_plan_get(&plans[k], g) == mma_plan_get(plan, g))
            return true;
    return false;
}

/* Drawn plans that are legal: every pair of their values is in one of the few. */
static void pairs_leave_nothing_out(void **state) {
    (void)state;
    const struct mma_plan any = mma_plan_default();
    struct mma_plan *plans, drawn = any;
    size_t count, legal = 0;
    unsigned long random = 1;
    assert_int_equal(mma_plans_pairs(0, &any, &plans, &count), 0);
    for (int k = 0; k < 100000; k++) {
        for (enum mma_field_id f = 0; f < MMA_FIELDS; f++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            mma_plan_set(&drawn, f,
                         mma_fields[f].values[(random >> 33) % mma_fields[f].count].value);
        }
        if (mma_plan_check(&drawn, NULL, NULL) != 0)
            continue;
        legal++;
        for (enum mma_field_id f = 0; f < MMA_FIELDS; f++)
            for (enum mma_field_id g = f + 1; g < MMA_FIELDS; g++)
                assert_true(holds_pair(plans, count, &drawn, f, g));
    }
    print_message("%zu plans hold all pairs of %zu drawn ones\n", count, legal);
    assert_true(legal > 500);
    free(plans);
}

static void words_are_unique(void **state) {
    (void)state;
    for (size_t f = 0; f < MMA_FIELDS; f++)
        for (size_t i = 0; i < mma_fields[f].count; i++)
            for (size_t g = 0; g < MMA_FIELDS; g++)
                for (size_t j = 0; j < mma_fields[g].count; j++)
                    if (f != g || i != j)
                        assert_string_not_equal(mma_fields[f].values[i].word,
                                                mma_fields[g].values[j].word);
}

/* A kernel's or a format's word alone makes a plan. */
static void few_words_are_enough(void **state) {
    (void)state;
    char why[PLAN_WHY];
    struct mma_plan plan;
    for (size_t f = 0; f < MMA_FIELDS; f++)
        for (size_t v = 0; v < mma_fields[f].count; v++) {
            const char *word = mma_fields[f].values[v].word;
            bool alone = f == MMA_FIELD_kernel || f == MMA_FIELD_in || f == MMA_FIELD_out ||
                         f == MMA_FIELD_side || f == MMA_FIELD_split || f == MMA_FIELD_merge ||
                         f == MMA_FIELD_acc;
            if (alone && mma_plan_parse(word, &plan, why) != 0)
                fail_msg("%s: %s", word, why);
        }
    assert_int_equal(parsed("m16n8k32").in, ELEMENT_E4M3);
    assert_int_equal(parsed("tf32").kernel, MMA_M16N8K8);
    assert_int_equal(parsed("e5m2").kernel, MMA_M16N8K32);
    assert_int_equal(parsed("turns").split, 2);
    assert_int_equal(parsed("wgmma.e4m3").grain, 128);
    assert_int_equal(parsed("wmma-8x32x16.t8x128").warps, 4);
}

static void made_plans_are_legal(void **state) {
    (void)state;
    size_t legal = 0;
    char why[PLAN_WHY], text[MMA_TEXT];
    for (size_t k = 0; k < mma_fields[MMA_FIELD_kernel].count; k++)
        for (size_t in = 0; in < mma_fields[MMA_FIELD_in].count; in++)
            for (int way = 0; way < 4; way++) {
                struct mma_plan plan =
                    mma_plan_for((enum mma_kernel)mma_fields[MMA_FIELD_kernel].values[k].value,
                                 (enum element)mma_fields[MMA_FIELD_in].values[in].value,
                                 ELEMENT_BF16, way % 2, way / 2 ? MMA_BATCH_ON_N : MMA_BATCH_ON_M);
                if (mma_plan_check(&plan, NULL, why) == 0)
                    legal++;
                else if (!strstr(why, "does not multiply") && !strstr(why, "no sides"))
                    fail_msg("%s: %s", mma_plan_text(&plan, text), why);
            }
    /* scalar's five formats on one side; three shapes of wmma and two of mma.sync with two formats
     * and one more, on two; m16n8k32's two; wgmma's four. */
    assert_int_equal(legal, 5 * 2 + (3 * 2 + 2 * 2 + 1 + 2 + 4) * 4);
}

static void senseless_plans_are_refused_by_name(void **state) {
    (void)state;
    static const struct {
        const char *text, *why;
    } wrong[] = {
        {"", "is no word"},
        {"m16n8k16.f16.bf16", "is a second one"},
        {"m16n8k16.tf32", "m16n8k16 does not multiply tf32"},
        {"m16n8k32.f16", "does not multiply f16"},
        {"wmma-16x16x16.e4m3", "does not multiply e4m3"},
        {"bf16.acc16", "in FP32: use acc32"},
        {"scalar.f16.acc16", "in FP32: use acc32"},
        {"scalar.batch-n", "no sides"},
        {"scalar.st4", "at most two stages"},
        {"wgmma.f16.load8", "16-byte units"},
        {"wgmma.f16.st1", "work ahead"},
        {"wgmma.e4m3.g64", "use g128"},
        {"m16n8k16.t8x128", "there is no m16n8k16 kernel"},
        {"wmma-16x16x16.t128x256", "there is no wmma-16x16x16 kernel"},
        {"m16n8k16.t64x64.w8", "kernel of 8 warps with tiles of 64 x 64"},
        {"s1.turns", "nothing to merge"},
    };
    struct mma_plan plan;
    char why[PLAN_WHY];
    for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
        assert_int_equal(mma_plan_parse(wrong[k].text, &plan, why), -1);
        if (!strstr(why, wrong[k].why))
            fail_msg("%s: %s", wrong[k].text, why);
    }
}

static void problems_are_looked_at(void **state) {
    (void)state;
    static const struct {
        struct mma_problem problem;
        const char *why;
    } wrong[] = {
        {{.shape = {4, 4, 4}, .in = ELEMENT_F16, .out = ELEMENT_F32}, "the problem is of f16"},
        {{.shape = {4, 4, 4}, .in = ELEMENT_BF16, .out = ELEMENT_F16}, "the problem is of bf16"},
        {{.shape = {4, 4, 8}, .in = ELEMENT_BF16, .a_offset = 8}, "at most 8 bytes"},
        {{.shape = {4, 4, 9}, .in = ELEMENT_BF16}, "at most 2 bytes"},
        {{.shape = {4, 4, 8}, .in = ELEMENT_BF16, .ldb = 10}, "at most 4 bytes"},
        {{.shape = {4, 4, 8}, .in = ELEMENT_BF16, .ldb = 7}, "are only 7 apart"},
        {{.shape = {1, 1, (size_t)1 << 31}, .in = ELEMENT_BF16}, "have at most"},
        {{.shape = {(size_t)1 << 25, (size_t)1 << 20, 1}, .in = ELEMENT_BF16, .lda = 8, .ldb = 8},
         "more blocks than a grid has"},
    };
    struct mma_plan plan = parsed("m16n8k16.load16.t64x64");
    char why[PLAN_WHY];
    for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
        assert_int_equal(mma_plan_check(&plan, &wrong[k].problem, why), -1);
        if (!strstr(why, wrong[k].why))
            fail_msg("%zu: %s", k, why);
    }
    /* One row has no row behind it that could be misaligned. */
    struct mma_problem one = {.shape = {1, 1, 9}, .in = ELEMENT_BF16};
    assert_int_equal(mma_plan_check(&plan, &one, why), 0);
}

static void slices_cover_k(void **state) {
    (void)state;
    const struct mma_plan any = mma_plan_default();
    struct mma_plan *plans;
    size_t count;
    assert_int_equal(mma_plans_pairs(0, &any, &plans, &count), 0);
    for (size_t p = 0; p < count; p++)
        for (size_t k = 0; k < 1500; k += 7) {
            size_t slice = mma_plan_slice(&plans[p], k), slices = mma_plan_slices(&plans[p], k);
            assert_true(slices >= 1 && slices <= (size_t)plans[p].split);
            assert_true(slices * slice >= k && (slices - 1) * slice < k + (k == 0));
            assert_int_equal(slice % mma_plan_depth(&plans[p]), 0);
        }
    free(plans);
    /* The published rule: slices of ⌈⌈K/G⌉/s⌉ G. */
    struct mma_plan plan = parsed("m16n8k16.s4.g64");
    assert_int_equal(mma_plan_slice(&plan, 1000), 256);
    assert_int_equal(mma_plan_slices(&plan, 1000), 4);
    assert_int_equal(mma_plan_slices(&plan, 130), 3);
}

/* The figures of claim F2, by arithmetic. */
static void utilisation_by_shape(void **state) {
    (void)state;
    const struct mma_shape before = {16, 2048, 4096}, after = {17, 2047, 4096};
    struct mma_plan m = mma_plan_for(MMA_M16N8K16, ELEMENT_BF16, ELEMENT_F32, true, MMA_BATCH_ON_M);
    struct mma_plan n = mma_plan_for(MMA_M16N8K16, ELEMENT_BF16, ELEMENT_F32, true, MMA_BATCH_ON_N);
    struct mma_plan w =
        mma_plan_for(MMA_WARPGROUP, ELEMENT_BF16, ELEMENT_F32, true, MMA_BATCH_ON_M);
    struct mma_plan square =
        mma_plan_for(MMA_WMMA_16X16, ELEMENT_BF16, ELEMENT_F32, true, MMA_BATCH_ON_M);
    struct {
        const struct mma_plan *plan;
        double before, after;
    } f2[] = {{&square, 1, .531}, {&m, 1, .531}, {&n, 1, .708}, {&w, .25, .265}};
    for (size_t k = 0; k < sizeof f2 / sizeof f2[0]; k++) {
        assert_int_equal(mma_plan_check(f2[k].plan, NULL, NULL), 0);
        struct mma_shape unit = mma_plan_fragment(f2[k].plan);
        assert_float_equal(mma_utilisation(unit, &before, false), f2[k].before, 1e-9);
        assert_float_equal(mma_utilisation(unit, &after, false), f2[k].after, 2e-3);
    }
    assert_float_equal(mma_utilisation(mma_plan_fragment(&m), &(struct mma_shape){16, 8, 17}, true),
                       17. / 32, 1e-9);
    assert_float_equal(mma_utilisation(mma_plan_tile(&n), &(struct mma_shape){8, 128, 5}, false), 1,
                       1e-9);
}

static void sizes_follow_the_plan(void **state) {
    (void)state;
    struct mma_shape s = {100, 200, 1000};
    struct mma_plan plan = parsed("m16n8k16.t64x64.st3.s4");
    assert_int_equal(mma_tiles(&plan, &s), 2 * 4);
    assert_int_equal(mma_launches(&plan, &s), 2);
    assert_int_equal(mma_workspace_bytes(&plan, &s), 256 + 4 * 100 * 200 * 4);
    assert_int_equal(mma_shared_bytes(&plan), 3 * 128 * 64);
    plan = parsed("m16n8k16.t64x64.s4.turns");
    assert_int_equal(mma_launches(&plan, &s), 1);
    assert_int_equal(mma_workspace_bytes(&plan, &s), 256 + 256 + 100 * 200 * 4);
    plan = parsed("m16n8k16.t64x64.s4.in-place");
    assert_int_equal(mma_workspace_bytes(&plan, &s), 256 + 256);
    plan = parsed("m16n8k16");
    assert_int_equal(mma_workspace_bytes(&plan, &s), 0);
    assert_int_equal(mma_launches(&plan, &(struct mma_shape){0, 5, 5}), 0);
    json_t *record = mma_plan_json(&plan);
    assert_int_equal(json_object_size(record), MMA_FIELDS);
    assert_int_equal(json_integer_value(json_object_get(record, "warps")), 4);
    assert_string_equal(json_string_value(json_object_get(record, "tile")), "t128x128");
    json_decref(record);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_text_parses_back),
        cmocka_unit_test(pairs_leave_nothing_out),
        cmocka_unit_test(words_are_unique),
        cmocka_unit_test(few_words_are_enough),
        cmocka_unit_test(made_plans_are_legal),
        cmocka_unit_test(senseless_plans_are_refused_by_name),
        cmocka_unit_test(problems_are_looked_at),
        cmocka_unit_test(slices_cover_k),
        cmocka_unit_test(utilisation_by_shape),
        cmocka_unit_test(sizes_follow_the_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
