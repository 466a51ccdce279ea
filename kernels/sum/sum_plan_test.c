/*
 * sum_plan_test.c: plans as such: text, record, rules, enumeration, arithmetic.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "kernels/sum/sum.h"

static struct sum_plan parsed(const char *text) {
    struct sum_plan plan;
    char why[SUM_WHY];
    if (sum_plan_parse(text, &plan, why))
        fail_msg("%s: %s", text, why);
    return plan;
}

static void every_text_parses_back(void **state) {
    (void)state;
    struct sum_choice choice = {0};
    struct sum_plan *plans, again;
    size_t count;
    char text[SUM_TEXT], why[SUM_WHY];
    assert_int_equal(sum_plans_pairs(&choice, &plans, &count), 0);
    for (size_t k = 0; k < count; k++) {
        assert_int_equal(sum_plan_parse(sum_plan_text(&plans[k], text), &again, why), 0);
        assert_true(sum_plan_equal(&plans[k], &again));
    }
    free(plans);
}

static void text_is_forgiving_in_order_only(void **state) {
    (void)state;
    char text[SUM_TEXT], why[SUM_WHY];
    struct sum_plan plan = parsed("b64.f64.g8");
    assert_string_equal(sum_plan_text(&plan, text), "f64.acc64.plain.sum.strided.v4.i8.b64.g8."
                                                    "shfl-down.warp.block");
    plan = parsed("i2");
    assert_int_equal(plan.vector, 2);
    const struct {
        const char *text, *why;
    } wrong[] = {
        {"", "'' is no word"},
        {"f32..v4", "'' is no word"},
        {"f32.", "'' is no word"},
        {"F32", "'F32' is no word"},
        {"f32.i3", "'i3' is no word"},
        {"f32.v4.v2", "'v2' is a second one"},
        {"f64.acc32", "do not fit an f32 accumulator"},
        {"i2.v4", "no whole number of 4-element loads"},
        {"exact.acc64.shared-seq.b64", "bytes of shared memory"},
    };
    for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
        plan = sum_plan_default();
        plan.items = 1;
        struct sum_plan before = plan;
        assert_int_equal(sum_plan_parse(wrong[k].text, &plan, why), -1);
        if (!strstr(why, wrong[k].why))
            fail_msg("%s: %s", wrong[k].text, why);
        assert_true(sum_plan_equal(&plan, &before));
    }
    char *endless = malloc(100001);
    memset(endless, 'x', 100000);
    endless[100000] = 0;
    assert_int_equal(sum_plan_parse(endless, &plan, why), -1);
    free(endless);
}

static void words_are_unique(void **state) {
    (void)state;
    for (enum sum_field_id f = 0; f < SUM_FIELDS; f++)
        for (size_t i = 0; i < sum_fields[f].count; i++)
            for (enum sum_field_id g = 0; g < SUM_FIELDS; g++)
                for (size_t j = 0; j < sum_fields[g].count; j++)
                    if (f != g || i != j)
                        assert_string_not_equal(sum_fields[f].values[i].word,
                                                sum_fields[g].values[j].word);
}

static void record_has_every_field(void **state) {
    (void)state;
    struct sum_plan plan = parsed("f16.acc64.dot.i16.v2.b192.g528.last");
    json_t *record = sum_plan_json(&plan);
    char *text = json_dumps(record, JSON_COMPACT);
    assert_string_equal(text, "{\"type\":\"f16\",\"acc\":\"acc64\",\"method\":\"plain\","
                              "\"input\":\"dot\",\"access\":\"strided\",\"vector\":2,"
                              "\"items\":16,\"block\":192,\"grid\":\"g528\","
                              "\"warp\":\"shfl-down\",\"merge\":\"warp\",\"final\":\"last\"}");
    free(text);
    json_decref(record);
}

static void rules_that_need_n(void **state) {
    (void)state;
    char why[SUM_WHY];
    struct sum_plan plan = parsed("i1.b32");
    assert_int_equal(sum_plan_check(&plan, (size_t)INT32_MAX * 32, why), 0);
    assert_int_equal(sum_plan_check(&plan, (size_t)INT32_MAX * 32 + 1, why), -1);
    assert_non_null(strstr(why, "use a fixed grid"));
    plan = parsed("i1.b32.thread");
    assert_int_equal(sum_plan_check(&plan, (size_t)32 << 24, why), 0);
    assert_int_equal(sum_plan_check(&plan, ((size_t)32 << 24) + 1, why), -1);
    assert_non_null(strstr(why, "too many for one thread"));
    plan.block = 48;
    assert_int_equal(sum_plan_check(&plan, 1, why), -1);
    assert_non_null(strstr(why, "48 is no value of the plan field 'block'"));
    assert_int_equal(sum_plan_check(&plan, 1, NULL), -1);
}

/* Marks the pairs of values that plans hold. */
static char *pairs_of(const struct sum_plan *plans, size_t count) {
    char *held = calloc(SUM_FIELDS * 8, SUM_FIELDS * 8);
    assert_non_null(held);
    for (size_t p = 0; p < count; p++) {
        size_t at[SUM_FIELDS];
        for (enum sum_field_id f = 0; f < SUM_FIELDS; f++)
            for (size_t k = 0; k < sum_fields[f].count; k++)
                if (sum_fields[f].values[k].value == sum_plan_get(&plans[p], f))
                    at[f] = 8 * f + k;
        for (enum sum_field_id f = 0; f < SUM_FIELDS; f++)
            for (enum sum_field_id g = 0; g < SUM_FIELDS; g++)
                held[at[f] * SUM_FIELDS * 8 + at[g]] = 1;
    }
    return held;
}

/* Few plans hold every pair that any legal plan holds, and every plan of the list is legal. */
static void pairs_are_covered(void **state) {
    (void)state;
    struct sum_choice choices[] = {
        {0, sum_plan_default()},
        {SUM_FIELD_BIT(type) | SUM_FIELD_BIT(acc), sum_plan_default()},
        {SUM_FIELD_BIT(items) | SUM_FIELD_BIT(method), parsed("i2.compensated")},
    };
    for (size_t c = 0; c < sizeof choices / sizeof choices[0]; c++) {
        struct sum_plan *all, *few, *again;
        size_t all_count, few_count, again_count;
        assert_int_equal(sum_plans_all(&choices[c], &all, &all_count), 0);
        assert_int_equal(sum_plans_pairs(&choices[c], &few, &few_count), 0);
        char *wanted = pairs_of(all, all_count), *held = pairs_of(few, few_count);
        assert_memory_equal(wanted, held, SUM_FIELDS * 8 * SUM_FIELDS * 8);
        assert_true(few_count < 80 && few_count * 20 < all_count);
        for (size_t k = 0; k < few_count; k++)
            assert_int_equal(sum_plan_check(&few[k], 0, NULL), 0);
        assert_int_equal(sum_plans_pairs(&choices[c], &again, &again_count), 0);
        assert_int_equal(few_count, again_count);
        assert_memory_equal(few, again, few_count * sizeof *few);
        free(wanted);
        free(held);
        free(all);
        free(few);
        free(again);
    }
}

/* Every field has a mutant of the default plan, and it moves that field alone. */
static void a_mutant_moves_one_field(void **state) {
    (void)state;
    struct sum_plan plan = parsed("f32.acc32.v2.i4"), mutant;
    for (enum sum_field_id f = 0; f < SUM_FIELDS; f++) {
        /* type moves on to bf16: f64 does not fit the accumulator. */
        assert_true(sum_plan_mutant(&plan, f, &mutant));
        assert_int_equal(sum_plan_check(&mutant, 0, NULL), 0);
        for (enum sum_field_id g = 0; g < SUM_FIELDS; g++)
            assert_int_equal(sum_plan_get(&plan, g) != sum_plan_get(&mutant, g), f == g);
    }
    /* f64 admits one accumulator only. */
    plan = parsed("f64");
    assert_false(sum_plan_mutant(&plan, SUM_FIELD_acc, &mutant));
}

static void counts_by_hand(void **state) {
    (void)state;
    struct sum_plan plan = parsed("f32.i4.b64.kernel"); /* tiles of 256 */
    assert_int_equal(sum_grid(&plan, 1), 1);
    assert_int_equal(sum_grid(&plan, 256), 1);
    assert_int_equal(sum_grid(&plan, 257), 2);
    assert_int_equal(sum_launches(&plan, 256), 1);
    assert_int_equal(sum_launches(&plan, 257), 2);
    assert_int_equal(sum_launches(&plan, 65536), 2); /* 256 values, one more pass */
    assert_int_equal(sum_launches(&plan, 65537), 3); /* 257, 2, 1 */
    assert_int_equal(sum_workspace_bytes(&plan, 65537), 256 + (257 + 2) * 4);
    assert_true(sum_bytes_moved(&plan, 65537) == 65537 * 4.0 + 2 * (257 + 2) * 4.0 + 4);
    assert_true(sum_flops(&plan, 1000) == 999);
    plan = parsed("f64.dot.i4.b64.g8.block");
    assert_int_equal(sum_grid(&plan, 1000000), 8);
    assert_int_equal(sum_launches(&plan, 1000000), 2);
    assert_true(sum_bytes_moved(&plan, 1000000) == 16e6 + 2 * 8 * 8 + 8);
    assert_true(sum_flops(&plan, 1000) == 1999);
    plan = parsed("f32.compensated.last.shared-seq.b64.i1.v1");
    assert_int_equal(sum_launches(&plan, 1000000), 1);
    assert_int_equal(sum_state_bytes(&plan), 8);
    assert_int_equal(sum_shared_bytes(&plan), (32 + 64) * 8);
    assert_int_equal(sum_workspace_bytes(&plan, 640), 256 + 10 * 8);
    assert_true(sum_flops(&plan, 3) == 14);
}

static void nan_is_one_class(void **state) {
    (void)state;
    assert_true(sum_same_bits(SUM_ACC32, 0x7fffffff, 0xffc00000));
    assert_false(sum_same_bits(SUM_ACC32, 0x7fffffff, 0x7f800000));
    assert_false(sum_same_bits(SUM_ACC32, 0, 0x80000000));
    assert_true(sum_same_bits(SUM_ACC64, 0x7ff8000000000000, 0xfff0000000000001));
    assert_false(sum_same_bits(SUM_ACC64, 0xfff0000000000000, 0xfff0000000000001));
}

static void no_kernels_for_the_cpu(void **state) {
    (void)state;
    assert_null(sum_ops_for(DEVICE_CPU, false));
    assert_non_null(strstr(device_error(), "sum_cpu.h"));
    assert_non_null(sum_ops_for(DEVICE_SIMT, false));
    assert_ptr_not_equal(sum_ops_for(DEVICE_SIMT, false), sum_ops_for(DEVICE_SIMT, true));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_text_parses_back),
        cmocka_unit_test(text_is_forgiving_in_order_only),
        cmocka_unit_test(words_are_unique),
        cmocka_unit_test(record_has_every_field),
        cmocka_unit_test(rules_that_need_n),
        cmocka_unit_test(pairs_are_covered),
        cmocka_unit_test(a_mutant_moves_one_field),
        cmocka_unit_test(counts_by_hand),
        cmocka_unit_test(nan_is_one_class),
        cmocka_unit_test(no_kernels_for_the_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
