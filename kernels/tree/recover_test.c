/*
 * recover_test.c: functions built for the purpose, each with a known order and arithmetic: both
 * come out. recover_none_test.c has those without.
 */
#include <float.h>

#include "kernels/tree/recover_fixture.h"

typedef int dot_function(void *, const void *, const void *, size_t, double *);

static struct recovery run_dot(dot_function *dot, enum element type, size_t n) {
    struct recover_target target = {.type = type, .dot = dot};
    target.result = type == ELEMENT_F64 ? ELEMENT_F64 : ELEMENT_F32;
    struct recovery found;
    int status = recover(&target, n, NULL, &found);
    if (status)
        fail_msg("recover: %s", found.why);
    return found;
}

static void expect_tree(struct recovery *found, struct tree *expected, const char *rule) {
    expect_status(found, RECOVER_FOUND);
    if (!tree_equal(found->tree, expected)) {
        char *a = tree_text(found->tree), *b = tree_text(expected);
        fail_msg("found %s, expected %s", a, b);
    }
    if (rule && !strstr(found->rule, rule))
        fail_msg("rule: %s; expected: %s", found->rule, rule);
    tree_free(expected);
    recovery_free(found);
}

/* --- orders ----------------------------------------------------------------------------------- */

static struct tree *chain_tree(size_t n, bool reverse) {
    struct tree *tree = tree_new(n);
    tree_ref sum = TREE_NONE;
    for (size_t i = 0; i < n; i++)
        sum = tree_add(tree, sum, (tree_ref)(reverse ? n - 1 - i : i));
    tree_set_root(tree, sum);
    return tree;
}

static tree_ref halves(struct tree *tree, size_t from, size_t to) {
    if (to - from == 1)
        return (tree_ref)from;
    size_t middle = from + (to - from) / 2;
    tree_ref low = halves(tree, from, middle);
    return tree_add(tree, low, halves(tree, middle, to));
}

static struct tree *pairwise_tree(size_t n) {
    struct tree *tree = tree_new(n);
    tree_set_root(tree, halves(tree, 0, n));
    return tree;
}

static struct tree *lanes_tree(size_t n) {
    struct tree *tree = tree_new(n);
    tree_ref lane[LANES], sum;
    size_t i = 0;
    for (size_t l = 0; l < LANES; l++)
        lane[l] = TREE_NONE;
    for (; i + LANES <= n; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            lane[l] = tree_add(tree, lane[l], (tree_ref)(i + l));
    for (size_t step = LANES / 2; step; step /= 2)
        for (size_t l = 0; l < step; l++)
            lane[l] = tree_add(tree, lane[l], lane[l + step]);
    sum = lane[0];
    for (; i < n; i++)
        sum = tree_add(tree, sum, (tree_ref)i);
    tree_set_root(tree, sum);
    return tree;
}

static float pairwise_f32(const float *x, size_t n) {
    return n == 1 ? x[0] : pairwise_f32(x, n / 2) + pairwise_f32(x + n / 2, n - n / 2);
}

static int pairwise(void *context, const void *x, size_t n, double *result) {
    (void)context;
    *result = pairwise_f32(x, n);
    return 0;
}

static void plain_orders(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 2, 3, 8, 13, 64, 100, 257};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        size_t n = sizes[k];
        struct recovery found = run_sum(forward, ELEMENT_F32, ELEMENT_F32, n);
        assert_in_range(found.probes, n - 1, 4 * n);
        assert_int_equal(found.rechecked, found.probes);
        assert_int_equal(found.loses_negative_zero, 1);
        if (n > 1)
            assert_int_equal(found.weighted, 100);
        assert_true(found.calls > found.probes && found.data_sets > 0);
        expect_tree(&found, chain_tree(n, false), "f32");
        found = run_sum(backward, ELEMENT_F32, ELEMENT_F32, n);
        assert_in_range(found.probes, n - 1, 4 * n);
        assert_int_equal(found.loses_negative_zero, 0);
        expect_tree(&found, chain_tree(n, true), "f32");
        found = run_sum(pairwise, ELEMENT_F32, ELEMENT_F32, n);
        if (n == 8)
            assert_int_equal(found.probes, 12);
        if (n == 64)
            assert_int_equal(found.fresh, 100);
        expect_tree(&found, pairwise_tree(n), "f32");
        if (n >= LANES) {
            found = run_sum(lanes, ELEMENT_F32, ELEMENT_F32, n);
            assert_false(found.address_matters);
            expect_tree(&found, lanes_tree(n), "f32");
        }
    }
}

static int forward_f64(void *context, const void *x, size_t n, double *result) {
    (void)context;
    const double *v = x;
    double sum = v[0];
    for (size_t i = 1; i < n; i++)
        sum += v[i];
    *result = sum;
    return 0;
}

static float from_bf16(uint16_t bits) {
    uint32_t wide = (uint32_t)bits << 16;
    float v;
    memcpy(&v, &wide, sizeof v);
    return v;
}

static float from_f16(uint16_t bits) {
    int e = bits >> 10 & 31, m = bits & 1023;
    float v = e ? ldexpf((float)(1024 + m), e - 25) : ldexpf((float)m, -24);
    return bits >> 15 ? -v : v;
}

static int lanes_bf16(void *context, const void *x, size_t n, double *result) {
    const uint16_t *v = x;
    float wide[256];
    for (size_t i = 0; i < n; i++)
        wide[i] = from_bf16(v[i]);
    return lanes(context, wide, n, result);
}

static int lanes_f16(void *context, const void *x, size_t n, double *result) {
    const uint16_t *v = x;
    float wide[256];
    for (size_t i = 0; i < n; i++)
        wide[i] = from_f16(v[i]);
    return lanes(context, wide, n, result);
}

static void other_types(void **state) {
    (void)state;
    struct recovery found = run_sum(forward_f64, ELEMENT_F64, ELEMENT_F64, 100);
    expect_tree(&found, chain_tree(100, false), "f64");
    found = run_sum(lanes_bf16, ELEMENT_BF16, ELEMENT_F32, 100);
    expect_tree(&found, lanes_tree(100), "f32");
    found = run_sum(lanes_f16, ELEMENT_F16, ELEMENT_F32, 100);
    expect_tree(&found, lanes_tree(100), "f32");
}

/* --- wider partial sums, products, fused nodes ------------------------------------------------ */

static int wide_f64(void *context, const void *x, size_t n, double *result) {
    (void)context;
    const float *v = x;
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += v[i];
    *result = (float)sum;
    return 0;
}

static int wide_x87(void *context, const void *x, size_t n, double *result) {
    (void)context;
    const double *v = x;
    long double sum = 0.0L;
    for (size_t i = 0; i < n; i++)
        sum += v[i];
    *result = (double)sum;
    return 0;
}

/* f64 inputs and result, but the loop's sum is a float. */
static int narrow(void *context, const void *x, size_t n, double *result) {
    (void)context;
    const double *v = x;
    float sum = 0.0f;
    for (size_t i = 0; i + 1 < n; i++)
        sum = (float)(sum + v[i]);
    *result = sum + v[n - 1];
    return 0;
}

static void widths(void **state) {
    (void)state;
    struct recovery found = run_sum(wide_f64, ELEMENT_F32, ELEMENT_F32, 100);
    expect_tree(&found, chain_tree(100, false),
                "each partial sum rounded to f64, the result to f32");
    found = run_sum(wide_x87, ELEMENT_F64, ELEMENT_F64, 100);
    expect_tree(&found, chain_tree(100, false), "x87");
    found = run_sum(narrow, ELEMENT_F64, ELEMENT_F64, 40);
    expect_tree(&found, chain_tree(40, false), "rounded to f32");
}

static int dot_plain(void *context, const void *x, const void *y, size_t n, double *result) {
    (void)context;
    const float *v = x, *w = y;
    float sum = 0.0f;
    for (size_t i = 0; i < n; i++)
        sum += v[i] * w[i];
    *result = sum;
    return 0;
}

static int dot_fused(void *context, const void *x, const void *y, size_t n, double *result) {
    (void)context;
    const float *v = x, *w = y;
    float sum = 0.0f;
    for (size_t i = 0; i < n; i++)
        sum = fmaf(v[i], w[i], sum);
    *result = sum;
    return 0;
}

static int dot_fused_backward(void *context, const void *x, const void *y, size_t n,
                              double *result) {
    (void)context;
    const double *v = x, *w = y;
    double sum = 0.0;
    for (size_t i = n; i-- > 0;)
        sum = fma(v[i], w[i], sum);
    *result = sum;
    return 0;
}

/* Fused lanes of floats, then a tail of rounded products in double: an order of three kinds. */
static int dot_mixed(void *context, const void *x, const void *y, size_t n, double *result) {
    (void)context;
    const float *v = x, *w = y;
    float lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            lane[l] = fmaf(v[i + l], w[i + l], lane[l]);
    for (size_t step = LANES / 2; step; step /= 2)
        for (size_t l = 0; l < step; l++)
            lane[l] += lane[l + step];
    double tail = 0.0;
    for (; i < n; i++)
        tail += v[i] * w[i];
    *result = (float)(tail + lane[0]);
    return 0;
}

static struct tree *mixed_tree(size_t n) {
    struct tree *tree = tree_new(n);
    tree_ref lane[LANES], tail = TREE_NONE;
    size_t i = 0;
    for (size_t l = 0; l < LANES; l++)
        lane[l] = TREE_NONE;
    for (; i + LANES <= n; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            lane[l] = tree_add(tree, lane[l], (tree_ref)(i + l));
    for (size_t step = LANES / 2; step; step /= 2)
        for (size_t l = 0; l < step; l++)
            lane[l] = tree_add(tree, lane[l], lane[l + step]);
    for (; i < n; i++)
        tail = tree_add(tree, tail, (tree_ref)i);
    tree_set_root(tree, tree_add(tree, tail, lane[0]));
    return tree;
}

static void products(void **state) {
    (void)state;
    struct recovery found = run_dot(dot_plain, ELEMENT_F32, 50);
    expect_tree(&found, chain_tree(50, false), "; products rounded before they are added");
    found = run_dot(dot_fused, ELEMENT_F32, 50);
    expect_tree(&found, chain_tree(50, false), "; 49 of 50 products added unrounded");
    found = run_dot(dot_fused_backward, ELEMENT_F64, 50);
    expect_tree(&found, chain_tree(50, true), "; 49 of 50 products added unrounded");
    found = run_dot(dot_mixed, ELEMENT_F32, 45);
    expect_tree(&found, mixed_tree(45), "f32 (39 of 43) or f64 (4 of 43)");
}

/* A matrix unit: `width` terms and the sum so far, cut below 2^(E-25), added exactly, rounded
 * toward zero. Written with doubles: 17 terms of at most 26 bits fit. */
static float unit_sum(const float *term, size_t count) {
    int top = -1000;
    for (size_t k = 0; k < count; k++)
        if (term[k] != 0.0f && ilogbf(term[k]) > top)
            top = ilogbf(term[k]);
    double sum = 0.0;
    for (size_t k = 0; k < count; k++)
        sum += ldexp(trunc(ldexp((double)term[k], 25 - top)), top - 25);
    float nearest = (float)sum;
    return fabs((double)nearest) > fabs(sum) ? nextafterf(nearest, 0.0f) : nearest;
}

static int unit_loop(const float *x, size_t n, size_t width, double *result) {
    float term[17], sum = 0.0f;
    for (size_t i = 0; i < n; i += width) {
        size_t count = 0;
        for (size_t k = i; k < n && k < i + width; k++)
            term[count++] = x[k];
        term[count++] = sum;
        sum = unit_sum(term, count);
    }
    *result = sum;
    return 0;
}

static struct tree *unit_tree(size_t n, size_t width) {
    struct tree *tree = tree_new(n);
    tree_ref sum = TREE_NONE, child[17];
    for (size_t i = 0; i < n; i += width) {
        size_t count = 0;
        for (size_t k = i; k < n && k < i + width; k++)
            child[count++] = (tree_ref)k;
        if (sum != TREE_NONE)
            child[count++] = sum;
        sum = tree_add_n(tree, child, count);
    }
    tree_set_root(tree, sum);
    return tree;
}

static int unit4(void *context, const void *x, size_t n, double *result) {
    (void)context;
    return unit_loop(x, n, 4, result);
}

static int unit16(void *context, const void *x, size_t n, double *result) {
    (void)context;
    return unit_loop(x, n, 16, result);
}

static void fused_nodes(void **state) {
    (void)state;
    struct recovery found = run_sum(unit4, ELEMENT_F32, ELEMENT_F32, 4);
    expect_tree(&found, unit_tree(4, 4), "cut to 25 fraction bits, then rounded toward zero");
    found = run_sum(unit4, ELEMENT_F32, ELEMENT_F32, 24);
    expect_tree(&found, unit_tree(24, 4), "; 6 fused nodes: terms cut to 25 fraction bits");
    found = run_sum(unit16, ELEMENT_F32, ELEMENT_F32, 48);
    expect_tree(&found, unit_tree(48, 16), "; 3 fused nodes: terms cut to 25 fraction bits");
    found = run_sum(unit16, ELEMENT_F32, ELEMENT_F32, 16);
    expect_tree(&found, unit_tree(16, 16), "; 1 fused node: terms cut to 25 fraction bits");
}

static float flush(float v) {
    return fabsf(v) < FLT_MIN ? 0.0f : v;
}

static int flushing(void *context, const void *x, size_t n, double *result) {
    (void)context;
    const float *v = x;
    float sum = 0.0f;
    for (size_t i = 0; i < n; i++)
        sum = flush(sum + flush(v[i]));
    *result = sum;
    return 0;
}

/* Peels until the address is aligned to 32 bytes, as vector loops do. */
static int peeling(void *context, const void *x, size_t n, double *result) {
    const float *v = x;
    float head = 0.0f;
    double rest = 0.0;
    while (n && (uintptr_t)v % 32) {
        head += *v++;
        n--;
    }
    if (n)
        lanes(context, v, n, &rest);
    *result = head + (float)rest;
    return 0;
}

static void found_with_a_note(void **state) {
    (void)state;
    struct recovery found = run_sum(flushing, ELEMENT_F32, ELEMENT_F32, 40);
    assert_true(found.subnormals_flushed);
    expect_tree(&found, chain_tree(40, false), "subnormals are zero");
    found = run_sum(peeling, ELEMENT_F32, ELEMENT_F32, 40);
    assert_true(found.address_matters);
    expect_tree(&found, lanes_tree(40), NULL);
}

static void masks_of_ones_own(void **state) {
    (void)state;
    struct recover_target target = {.type = ELEMENT_F32, .sum = doubling};
    struct recover_options options = {.unit = 0.25, .mask = 0x1p120, .pairs = 17, .seed = 3};
    struct recovery found;
    assert_int_equal(recover(&target, 30, &options, &found), 0);
    assert_int_equal(found.weighted, 17);
    expect_tree(&found, chain_tree(30, false), NULL);
}

/* --- many at once ------------------------------------------------------------------------------
 */

static size_t rows_at_most;

static int dots_fused(void *context, const void *x, const void *y, size_t n, size_t count,
                      double *results) {
    const float *xs = x, *ys = y;
    rows_at_most = count > rows_at_most ? count : rows_at_most;
    for (size_t k = 0; k < count; k++)
        dot_fused(context, xs + k * n, ys + k * n, n, &results[k]);
    return 0;
}

/* The same answer as one by one; and values that the recovery gives for other inputs. */
static void many_at_once(void **state) {
    (void)state;
    enum { N = 57 };
    struct recover_target target = {.type = ELEMENT_F32,
                                    .result = ELEMENT_F32,
                                    .dot = dot_fused,
                                    .dots = dots_fused,
                                    .at_once = 7,
                                    .copies = true};
    struct recovery found, single = run_dot(dot_fused, ELEMENT_F32, N);
    rows_at_most = 0;
    assert_int_equal(recover(&target, N, NULL, &found), 0);
    assert_int_equal(rows_at_most, 7);
    assert_string_equal(found.rule, single.rule);
    assert_memory_equal(found.arithmetic.whole, single.arithmetic.whole, N);
    assert_false(found.address_matters);
    for (int set = 0; set < 100; set++) {
        float x[N], y[N];
        double xv[N], yv[N], expected, value;
        for (int i = 0; i < N; i++) {
            xv[i] = x[i] = (float)sin(1.0 + i * i + set);
            yv[i] = y[i] = (float)cos(2.0 * i - 3.0 * set);
        }
        dot_fused(NULL, x, y, N, &expected);
        assert_int_equal(recovery_value(&found, &target, xv, yv, &value), 0);
        assert_true(value == expected);
    }
    expect_tree(&found, single.tree, NULL);
    single.tree = NULL;
    recovery_free(&single);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_orders),
        cmocka_unit_test(other_types),
        cmocka_unit_test(widths),
        cmocka_unit_test(products),
        cmocka_unit_test(fused_nodes),
        cmocka_unit_test(found_with_a_note),
        cmocka_unit_test(masks_of_ones_own),
        cmocka_unit_test(many_at_once),
    };
    return cmocka_run_group_tests_name("recover", tests, NULL, NULL);
}
