/*
 * mma_rule_gemm_test.c: whole predicted products against dot products, for every rule, in orders of
 * all kinds.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/device/device.h"
#include "kernels/mma/mma_rule.h"

struct order {
    size_t count;
    struct mma_slice slices[5];
};
/* K = 77: in one; split in two; in three whose first two are one sum; the remainder first; with a
 * slice of nothing and a gap. */
static const struct order orders[] = {
    {1, {{0, 77, false}}},
    {2, {{0, 64, true}, {64, 77, true}}},
    {3, {{0, 20, true}, {20, 50, false}, {50, 77, true}}},
    {2, {{64, 77, true}, {0, 64, false}}},
    {4, {{0, 0, true}, {7, 31, true}, {31, 31, true}, {40, 77, true}}},
    {0, {{0, 0, false}}},
};

static void open_operands(struct mma_operands *operands, enum element in, enum element out,
                          size_t m, size_t n, size_t k, enum mma_fill fill) {
    struct mma_problem problem = {.shape = {m, n, k}, .in = in, .out = out, .lda = k + 3};
    assert_int_equal(mma_operands_open(operands, &problem, fill, 5), 0);
}

/* The order once more, from its description. */
static float by_description(const struct mma_rule *rule, const struct mma_operands *o,
                            const struct order *order, size_t m, size_t n) {
    float a[80], b[80], partial[5] = {0}, sum;
    int last = 0;
    mma_a_row(o, m, a);
    mma_b_row(o, n, b);
    for (size_t s = 0; s < order->count; s++) {
        const struct mma_slice *slice = &order->slices[s];
        last += s && slice->fresh;
        partial[last] = mma_dot(rule, a + slice->begin, b + slice->begin, slice->end - slice->begin,
                                partial[last]);
    }
    sum = partial[0];
    for (int i = 1; i <= last; i++)
        sum = sum + partial[i];
    double out = 0;
    element_set(o->problem.out, &out, 0, (double)sum);
    return (float)element_get(o->problem.out, &out, 0);
}

static void same(float got, float want) {
    if (isnan(want))
        assert_true(isnan(got));
    else
        assert_memory_equal(&got, &want, sizeof got);
}

static void products_are_dots(void **state) {
    (void)state;
    static const enum element outs[] = {ELEMENT_F32, ELEMENT_F16, ELEMENT_BF16};
    const struct mma_rule *rule;
    for (size_t r = 0; (rule = mma_rule_at(r)); r++)
        for (size_t o = 0; o < sizeof orders / sizeof *orders; o++) {
            enum { M = 3, N = 37 };
            struct mma_operands operands;
            float c[M * N], one;
            open_operands(&operands, rule->in, outs[(r + o) % 3], M + 1, N, 77,
                          (enum mma_fill)(o % MMA_FILLS));
            assert_int_equal(mma_gemm(rule, &operands, orders[o].slices, orders[o].count, 1, M, c),
                             0);
            for (size_t m = 0; m < M; m++)
                for (size_t n = 0; n < N; n++)
                    same(c[m * N + n], by_description(rule, &operands, &orders[o], m + 1, n));
            assert_int_equal(
                mma_gemm_element(rule, &operands, orders[o].slices, orders[o].count, 2, 36, &one),
                0);
            same(one, c[1 * N + 36]);
            mma_operands_close(&operands);
        }
}

/* Operands around 2^-64: sums around the least normal number, where chains round with care. */
static void products_of_tiny_numbers(void **state) {
    (void)state;
    const struct mma_rule *rule;
    for (size_t r = 0; (rule = mma_rule_at(r)); r++) {
        enum { M = 4, N = 48 };
        struct mma_operands operands;
        const struct order *order = &orders[r % 4];
        float c[M * N];
        size_t subnormal = 0;
        open_operands(&operands, rule->in, ELEMENT_F32, M, N, 77, MMA_FILL_LOG_UNIFORM);
        for (size_t m = 0; m < M; m++)
            for (size_t k = 0; k < 77; k++)
                element_set(rule->in, operands.a, m * 80 + k,
                            ldexp((double)mma_a(&operands, m, k), -64));
        for (size_t n = 0; n < N; n++)
            for (size_t k = 0; k < 77; k++)
                element_set(rule->in, operands.b, n * 77 + k,
                            ldexp((double)mma_b(&operands, n, k), n % 8 ? -64 : -70));
        assert_int_equal(mma_gemm(rule, &operands, order->slices, order->count, 0, M, c), 0);
        for (size_t m = 0; m < M; m++)
            for (size_t n = 0; n < N; n++) {
                same(c[m * N + n], by_description(rule, &operands, order, m, n));
                subnormal += fabsf(c[m * N + n]) < 0x1p-126f;
            }
        assert_true(subnormal > 10);
        mma_operands_close(&operands);
    }
}

/* A row and a column with NaN and infinities, and sums that overflow: no other element notices. */
static void what_is_not_finite_stays_where_it_is(void **state) {
    (void)state;
    const struct mma_rule *rule;
    for (size_t r = 0; (rule = mma_rule_at(r)); r++) {
        enum { M = 4, N = 20 };
        struct mma_operands operands;
        float before[M * N], c[M * N];
        const struct order *order = &orders[2];
        open_operands(&operands, rule->in, ELEMENT_F32, M, N, 77, MMA_FILL_NORMAL);
        assert_int_equal(mma_gemm(rule, &operands, order->slices, order->count, 0, M, before), 0);
        element_set(rule->in, operands.a, 1 * 80 + 60, (double)NAN);
        element_set(rule->in, operands.b, 7 * 77 + 5, (double)INFINITY); /* largest, if none */
        for (size_t k = 0; k < 77; k++) {
            element_set(rule->in, operands.a, 2 * 80 + k, 1e38);
            element_set(rule->in, operands.b, 9 * 77 + k, k < 70 ? 1e38 : 1.0);
        }
        assert_int_equal(mma_gemm(rule, &operands, order->slices, order->count, 0, M, c), 0);
        for (size_t m = 0; m < M; m++)
            for (size_t n = 0; n < N; n++) {
                if (m != 1 && m != 2 && n != 7 && n != 9)
                    same(c[m * N + n], before[m * N + n]);
                same(c[m * N + n], by_description(rule, &operands, order, m, n));
            }
        assert_true(isnan(c[1 * N + 3]));
        mma_operands_close(&operands);
    }
}

static void edges(void **state) {
    (void)state;
    const struct mma_rule *rule = mma_rule_find("sm_90", MMA_SYNC, ELEMENT_F16, ELEMENT_F32);
    struct mma_operands operands;
    float c[64] = {5};
    struct mma_slice slice = {0, 0, false};
    open_operands(&operands, ELEMENT_F16, ELEMENT_F32, 2, 3, 0, MMA_FILL_NORMAL);
    assert_int_equal(mma_gemm(rule, &operands, &slice, 1, 0, 2, c), 0);
    for (int i = 0; i < 6; i++)
        same(c[i], 0);
    slice.end = 1;
    assert_int_equal(mma_gemm(rule, &operands, &slice, 1, 0, 2, c), -1);
    assert_non_null(strstr(device_error(), "K is 0"));
    mma_operands_close(&operands);
    open_operands(&operands, ELEMENT_BF16, ELEMENT_F32, 2, 3, 5, MMA_FILL_ONES);
    assert_int_equal(mma_gemm(rule, &operands, &slice, 1, 0, 2, c), -1);
    assert_non_null(strstr(device_error(), "bf16"));
    assert_int_equal(mma_gemm_element(rule, &operands, &slice, 1, 0, 0, c), -1);
    rule = mma_rule_find("H200", MMA_WGMMA, ELEMENT_BF16, ELEMENT_F32);
    slice.end = 5;
    c[0] = 7;
    assert_int_equal(mma_gemm(rule, &operands, &slice, 1, 0, 0, c), 0);
    assert_true(c[0] == 7);
    assert_int_equal(mma_gemm(rule, &operands, &slice, 1, 1, 1, c), 0);
    assert_true(c[0] == 5 && c[2] == 5);
    mma_operands_close(&operands);
    open_operands(&operands, ELEMENT_BF16, ELEMENT_F32, 1, 0, 5, MMA_FILL_ONES);
    assert_int_equal(mma_gemm(rule, &operands, &slice, 1, 0, 1, c), 0);
    mma_operands_close(&operands);
}

static void names(void **state) {
    (void)state;
    assert_string_equal(mma_rule_card("sm_90"), "H100");
    assert_string_equal(mma_rule_card("H200"), "H200");
    assert_string_equal(mma_rule_arch("H200"), "sm_90");
    assert_null(mma_rule_card("sm_91"));
    assert_null(mma_rule_arch(""));
    assert_string_equal(mma_form_name(MMA_WGMMA), "wgmma");
    assert_string_equal(mma_form_name(MMA_FORMS), "?");
    assert_null(mma_rule_find("sm_80", MMA_SYNC, ELEMENT_E4M3, ELEMENT_F32));
    assert_null(mma_rule_find("sm_75", MMA_SYNC, ELEMENT_BF16, ELEMENT_F32));
    assert_null(mma_rule_find("sm_100", MMA_WGMMA, ELEMENT_F16, ELEMENT_F32));
    /* No two rows answer one question, and the fields make sense. */
    const struct mma_rule *rule;
    for (size_t i = 0; (rule = mma_rule_at(i)); i++) {
        assert_ptr_equal(mma_rule_find(rule->card, rule->form, rule->in, rule->out), rule);
        assert_true(rule->sum == MMA_CHAIN || rule->k % rule->block == 0);
        assert_true(rule->sum != MMA_CHAIN || rule->chains == 1 || rule->chains == 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_dots),
        cmocka_unit_test(products_of_tiny_numbers),
        cmocka_unit_test(what_is_not_finite_stays_where_it_is),
        cmocka_unit_test(edges),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests_name("mma_rule_gemm", tests, NULL, NULL);
}
