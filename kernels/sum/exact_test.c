/*
 * exact_test.c: the superaccumulator against MPFR, to the last bit.
 */
#include "kernels/sum/exact.h"

#include <math.h>
#include <mpfr.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

#include <cmocka.h>

/* A small generator of its own, so that the oracle leans on nothing else. */
static uint64_t state = 0x9e3779b97f4a7c15u;

static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545f4914f6cdd1du;
}

/* Data of several kinds: 0 any finite bits, 1 near one, 2 denormals, 3 wide but cancelling in
 * pairs, 4 near the largest. */
#define KINDS 5

static float any_f32(int kind) {
    uint32_t bits = (uint32_t)(next() >> 32);
    uint32_t field = bits >> 23 & 255;
    if (kind == 1)
        field = 120 + field % 10;
    if (kind == 2)
        field = field % 3;
    if (kind == 4)
        field = 254 - field % 2;
    if (field == 255)
        field = 254;
    return round_f32_from((bits & 0x807fffffu) | field << 23);
}

static double any_f64(int kind) {
    uint64_t bits = next();
    uint64_t field = bits >> 52 & 2047;
    if (kind == 1)
        field = 1016 + field % 10;
    if (kind == 2)
        field = field % 3;
    if (kind == 4)
        field = 2046 - field % 2;
    if (field == 2047)
        field = 2046;
    return round_f64_from((bits & 0x800fffffffffffffu) | field << 52);
}

static void fill_f32(float *x, size_t n, int kind) {
    for (size_t i = 0; i < n; i++)
        x[i] = kind == 3 && i % 2 ? -x[i - 1] * (i % 5 ? 1.0f : 1.0000001f) : any_f32(kind);
    for (size_t i = 0; kind == 3 && i < n; i++)
        x[i] = isfinite(x[i]) ? x[i] : 1.0f;
}

static void fill_f64(double *x, size_t n, int kind) {
    for (size_t i = 0; i < n; i++)
        x[i] = kind == 3 && i % 2 ? -x[i - 1] * (i % 5 ? 1.0 : 1.0000001) : any_f64(kind);
    for (size_t i = 0; kind == 3 && i < n; i++)
        x[i] = isfinite(x[i]) ? x[i] : 1.0;
}

/* Rounds an MPFR number as the formats do, denormals and overflow included. */
static double to_f64(mpfr_t v) {
    return mpfr_zero_p(v) ? 0.0 : mpfr_get_d(v, MPFR_RNDN);
}

static float to_f32(mpfr_t v) {
    return mpfr_zero_p(v) ? 0.0f : mpfr_get_flt(v, MPFR_RNDN);
}

static const size_t sizes[] = {0, 1, 2, 3, 17, 511, 512, 513, 4099, 20011};
#define SIZES (sizeof sizes / sizeof *sizes)
#define LONGEST 20011

static void test_f32_sums(void **unused) {
    (void)unused;
    float *x = malloc(LONGEST * sizeof *x);
    mpfr_t sum, magnitude;
    mpfr_inits2(400, sum, magnitude, (mpfr_ptr)0);
    for (int kind = 0; kind < KINDS; kind++) {
        for (size_t s = 0; s < SIZES; s++) {
            size_t n = sizes[s];
            fill_f32(x, n, kind);
            mpfr_set_zero(sum, 1);
            mpfr_set_zero(magnitude, 1);
            for (size_t i = 0; i < n; i++) {
                assert_int_equal(mpfr_add_d(sum, sum, (double)x[i], MPFR_RNDN), 0);
                mpfr_add_d(magnitude, magnitude, fabs((double)x[i]), MPFR_RNDN);
            }
            assert_int_equal(round_f32_bits(exact_sum_f32(x, n)), round_f32_bits(to_f32(sum)));
            assert_int_equal(round_f64_bits(exact_sum_f32_as_f64(x, n)),
                             round_f64_bits(to_f64(sum)));
            double want = to_f64(magnitude) == 0 ? 1 : to_f64(magnitude) / fabs(to_f64(sum));
            assert_true(exact_condition_f32(x, n) == want);
        }
    }
    mpfr_clears(sum, magnitude, (mpfr_ptr)0);
    free(x);
}

static void test_f64_sums(void **unused) {
    (void)unused;
    double *x = malloc(LONGEST * sizeof *x);
    mpfr_t sum;
    mpfr_init2(sum, 2300);
    for (int kind = 0; kind < KINDS; kind++) {
        for (size_t s = 0; s < SIZES; s++) {
            size_t n = sizes[s];
            fill_f64(x, n, kind);
            mpfr_set_zero(sum, 1);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(mpfr_add_d(sum, sum, x[i], MPFR_RNDN), 0);
            assert_int_equal(round_f64_bits(exact_sum_f64(x, n)), round_f64_bits(to_f64(sum)));
        }
    }
    mpfr_clear(sum);
    free(x);
}

static void test_dots(void **unused) {
    (void)unused;
    enum { n = 5003 };
    float *x = malloc(n * sizeof *x), *y = malloc(n * sizeof *y);
    double *u = malloc(n * sizeof *u), *v = malloc(n * sizeof *v);
    mpfr_t sum, product;
    mpfr_init2(sum, 4500);
    mpfr_init2(product, 128);
    for (int kind = 0; kind < KINDS; kind++) {
        fill_f32(x, n, kind);
        fill_f32(y, n, kind == 2 ? 1 : kind);
        fill_f64(u, n, kind);
        fill_f64(v, n, kind == 4 ? 1 : kind);
        mpfr_set_zero(sum, 1);
        for (int i = 0; i < n; i++)
            assert_int_equal(mpfr_add_d(sum, sum, (double)x[i] * (double)y[i], MPFR_RNDN), 0);
        assert_int_equal(round_f32_bits(exact_dot_f32(x, y, n)), round_f32_bits(to_f32(sum)));
        assert_int_equal(round_f64_bits(exact_dot_f32_as_f64(x, y, n)),
                         round_f64_bits(to_f64(sum)));
        mpfr_set_zero(sum, 1);
        for (int i = 0; i < n; i++) {
            mpfr_set_d(product, u[i], MPFR_RNDN);
            assert_int_equal(mpfr_mul_d(product, product, v[i], MPFR_RNDN), 0);
            assert_int_equal(mpfr_add(sum, sum, product, MPFR_RNDN), 0);
        }
        assert_int_equal(round_f64_bits(exact_dot_f64(u, v, n)), round_f64_bits(to_f64(sum)));
    }
    mpfr_clears(sum, product, (mpfr_ptr)0);
    free(x);
    free(y);
    free(u);
    free(v);
}

/* Halves of a unit in the last place, on both sides and exactly on the tie; the largest float. */
static void test_ties(void **unused) {
    (void)unused;
    float even[] = {1.0f, 0x1p-24f}, odd[] = {0x1.000002p0f, 0x1p-24f};
    float over[] = {1.0f, 0x1p-24f, 0x1p-149f}, under[] = {1.0f, 0x1p-24f, -0x1p-149f};
    assert_true(exact_sum_f32(even, 2) == 1.0f);
    assert_true(exact_sum_f32(odd, 2) == 0x1.000004p0f);
    assert_true(exact_sum_f32(over, 3) == 0x1.000002p0f);
    assert_true(exact_sum_f32(under, 3) == 1.0f);
    float most[] = {0x1.fffffep127f, 0x1p103f}, below[] = {0x1.fffffep127f, 0x1p103f, -0x1p-149f};
    assert_true(isinf(exact_sum_f32(most, 2)));
    assert_true(exact_sum_f32(below, 3) == 0x1.fffffep127f);
    float back[] = {0x1.fffffep127f, 0x1.fffffep127f, -0x1.fffffep127f};
    assert_true(exact_sum_f32(back, 3) == 0x1.fffffep127f);
    float minus[] = {-0.0f, -0.0f};
    assert_int_equal(round_f32_bits(exact_sum_f32(minus, 2)), 0);
}

static void test_specials(void **unused) {
    (void)unused;
    float *x = malloc(5000 * sizeof *x);
    double *y = malloc(5000 * sizeof *y);
    for (size_t n = 3; n <= 5000; n += 4997) {
        for (size_t i = 0; i < n; i++)
            y[i] = x[i] = 1.0f;
        y[1] = x[1] = INFINITY;
        assert_true(exact_sum_f32(x, n) == INFINITY && exact_sum_f64(y, n) == INFINITY);
        assert_true(isnan(exact_condition_f32(x, n)) && isnan(exact_condition_f64(y, n)));
        y[1] = x[1] = -INFINITY;
        assert_true(exact_sum_f32(x, n) == -INFINITY && exact_sum_f64(y, n) == -INFINITY);
        y[2] = x[2] = INFINITY;
        assert_true(isnan(exact_sum_f32(x, n)) && isnan(exact_sum_f64(y, n)));
        y[1] = x[1] = 1.0f;
        y[2] = x[2] = NAN;
        assert_true(isnan(exact_sum_f32(x, n)) && isnan(exact_sum_f64(y, n)));
        y[0] = 0.0;
        y[2] = 1.0;
        double z[5000];
        for (size_t i = 0; i < n; i++)
            z[i] = 1.0;
        assert_true(exact_dot_f64(y, z, n) == (double)(n - 1));
        z[0] = INFINITY;
        assert_true(isnan(exact_dot_f64(y, z, n)));
        y[0] = -1.0;
        assert_true(exact_dot_f64(y, z, n) == -INFINITY);
    }
    free(x);
    free(y);
}

static void test_merge(void **unused) {
    (void)unused;
    enum { n = 3001 };
    float x[n];
    double y[n];
    fill_f32(x, n, 0);
    fill_f64(y, n, 0);
    struct exact_f32 whole = {{0}, 0}, parts32[3] = {{{0}, 0}, {{0}, 0}, {{0}, 0}};
    struct exact_f64 whole64 = {{0}, 0}, parts64[3] = {{{0}, 0}, {{0}, 0}, {{0}, 0}};
    exact_f32_add(&whole, x, n);
    exact_f64_add(&whole64, y, n);
    for (int i = 0; i < n; i++) {
        exact_f32_add(&parts32[i % 3], x + n - 1 - i, 1);
        exact_f64_add(&parts64[i % 3], y + n - 1 - i, 1);
    }
    exact_f32_merge(&parts32[2], &parts32[0]);
    exact_f32_merge(&parts32[2], &parts32[1]);
    exact_f64_merge(&parts64[2], &parts64[0]);
    exact_f64_merge(&parts64[2], &parts64[1]);
    assert_memory_equal(parts32[2].limb, whole.limb, sizeof whole.limb);
    assert_memory_equal(parts64[2].limb, whole64.limb, sizeof whole64.limb);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f32_sums), cmocka_unit_test(test_f64_sums),
        cmocka_unit_test(test_dots),     cmocka_unit_test(test_ties),
        cmocka_unit_test(test_specials), cmocka_unit_test(test_merge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
