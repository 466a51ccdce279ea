/*
 * data_test.c: the rounding against the hardware's and by exhaustion, the condition numbers that
 * were asked for, and that thread counts change nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/rng/data.h"
#include "kernels/rng/philox.h"

static double nearest_by_search(enum element type, double value) {
    /* The format's numbers of one sign are ordered as their bit patterns. */
    uint16_t low = 0, high = type == ELEMENT_F16 ? 0x7c00 : 0x7f80;
    double magnitude = fabs(value);
    while (high - low > 1) {
        uint16_t middle = (uint16_t)((low + high) / 2);
        if (element_get(type, &middle, 0) <= magnitude)
            low = middle;
        else
            high = middle;
    }
    double below = element_get(type, &low, 0), above = element_get(type, &high, 0);
    if (isinf(above)) /* as if the format went on: one more step of the same size */
        above = below + ldexp(1, type == ELEMENT_F16 ? 5 : 120);
    double down = magnitude - below, up = above - magnitude;
    double chosen = down < up || (down == up && !(low & 1)) ? below : above;
    if (chosen == above && high == (type == ELEMENT_F16 ? 0x7c00 : 0x7f80))
        chosen = INFINITY;
    return copysign(chosen, value);
}

static void test_rounding_to_16_bits(void **state) {
    (void)state;
    for (int t = 0; t < 2; ++t) {
        enum element type = t ? ELEMENT_F16 : ELEMENT_BF16;
        /* Every number of the format comes back unchanged, and so do halves between neighbours
         * to the even one. */
        for (uint32_t bits = 0; bits < 0x10000; ++bits) {
            uint16_t in = (uint16_t)bits, out;
            double value = element_get(type, &in, 0);
            element_set(type, &out, 0, value);
            if (isnan(value))
                assert_true(isnan(element_get(type, &out, 0)));
            else
                assert_int_equal(in, out);
            uint16_t next = (uint16_t)(bits + 1);
            double above = element_get(type, &next, 0);
            if (isfinite(value) && isfinite(above) && bits != 0x7fff) {
                element_set(type, &out, 0, 0.5 * (value + above));
                assert_int_equal(out, in & 1 ? next : in);
            }
        }
        double low = t ? -26 : -135, high = t ? 17 : 128;
        for (uint64_t k = 0; k < 200000; ++k) {
            double value = philox_log_uniform(3, 1, k, low, high);
            uint16_t out;
            element_set(type, &out, 0, value);
            assert_true(element_get(type, &out, 0) == nearest_by_search(type, value));
        }
    }
    uint16_t out;
    element_set(ELEMENT_F16, &out, 0, 65519.999);
    assert_int_equal(out, 0x7bff);
    element_set(ELEMENT_F16, &out, 0, 65520.0);
    assert_int_equal(out, 0x7c00);
    element_set(ELEMENT_BF16, &out, 0, -1e300);
    assert_int_equal(out, 0xff80);
    element_set(ELEMENT_F16, &out, 0, -0x1p-26);
    assert_int_equal(out, 0x8000);
}

static const enum element types[] = {ELEMENT_F32, ELEMENT_F64, ELEMENT_BF16, ELEMENT_F16,
                                     ELEMENT_TF32};

static void test_conditions(void **state) {
    (void)state;
    static const double conditions[] = {1.5, 10, 1e3, 1e6, 1e10};
    static const size_t sizes[] = {3, 4, 5, 64, 1001, 4096};
    double *x = malloc(4096 * sizeof *x);
    for (int t = 0; t < 5; ++t)
        for (int c = 0; c < 5; ++c)
            for (int s = 0; s < 6; ++s) {
                struct data_options o = {.seed = 5, .condition = conditions[c]};
                size_t n = sizes[s];
                assert_int_equal(data_fill(DATA_CANCELLING, types[t], &o, x, n), 0);
                long double sum = 0, magnitude = 0;
                for (size_t i = 0; i < n; ++i) {
                    sum += element_get(types[t], x, i);
                    magnitude += fabs(element_get(types[t], x, i));
                }
                double got = (double)(magnitude / fabsl(sum));
                /* r is rounded to the type: half of its epsilon, unless r is subnormal (f16). */
                double slack = types[t] == ELEMENT_BF16 ? 0.01 : 0.001;
                if (types[t] == ELEMENT_F16)
                    slack = 0.01 + 0x1p-25 * conditions[c] * (double)n / (double)magnitude;
                if (types[t] == ELEMENT_F16 && magnitude / conditions[c] < 0x1p-24)
                    continue; /* below the smallest number: stated in data.h */
                assert_true(fabs(got / conditions[c] - 1) < slack);
            }
    struct data_options o = {.seed = 5};
    assert_int_equal(data_fill(DATA_CANCELLING, ELEMENT_F64, &o, x, 2), 0);
    assert_true(x[0] == 1 && x[1] == 1);
    assert_int_equal(data_fill(DATA_CANCELLING, ELEMENT_F64, &o, x, 0), 0);
    free(x);
}

static void test_cancelling_is_mixed(void **state) {
    (void)state;
    /* A pair's members must be spread: were they neighbours, any pairwise tree would cancel them
     * at once. Random places of a pair are within 16 of 10,000 with chance 0.3 %. */
    enum { N = 10000 };
    double *x = malloc(N * sizeof *x);
    struct data_options o = {.seed = 11, .condition = 1e8};
    assert_int_equal(data_fill(DATA_CANCELLING, ELEMENT_F64, &o, x, N), 0);
    size_t close = 0, found = 0;
    for (size_t i = 0; i < N; ++i)
        for (size_t j = i + 1; j < N; ++j)
            if (x[i] == -x[j] && x[i] != 0) {
                ++found;
                close += j - i <= 16;
            }
    assert_int_equal(found, (N - 1) / 2);
    assert_true(close < 40);
    free(x);
}

static void test_ranges(void **state) {
    (void)state;
    enum { N = 5000 };
    double *x = malloc(N * sizeof *x), *y = malloc(N * sizeof *y);
    for (int t = 0; t < 4; ++t) {
        struct data_options o = {.seed = 21};
        double low, high;
        data_octaves(types[t], &low, &high);
        assert_int_equal(data_fill(DATA_LOG_UNIFORM, types[t], &o, x, N), 0);
        double least = INFINITY, most = 0;
        for (size_t i = 0; i < N; ++i) {
            least = fmin(least, fabs(element_get(types[t], x, i)));
            most = fmax(most, fabs(element_get(types[t], x, i)));
        }
        assert_true(least >= exp2(low) && least < exp2(low + 0.2));
        assert_true(most <= exp2(high) && most > exp2(high - 0.2));
        assert_int_equal(data_fill(DATA_UNIFORM, types[t], &o, x, N), 0);
        for (size_t i = 0; i < N; ++i)
            assert_in_range(element_get(types[t], x, i) * 1000, 0, 1000);
        /* The products are those of the operands. */
        o.head = 64;
        assert_int_equal(data_attention(types[t], &o, x, y, N), 0);
        double *p = malloc(N * sizeof *p);
        assert_int_equal(data_fill(DATA_ATTENTION, types[t], &o, p, N), 0);
        for (size_t i = 0; i < N; ++i) {
            double product = 0;
            element_set(types[t], &product, 0,
                        element_get(types[t], x, i) * element_get(types[t], y, i));
            assert_true(element_get(types[t], p, i) == element_get(types[t], &product, 0));
        }
        free(p);
    }
    free(x);
    free(y);
}

static void test_threads_change_nothing(void **state) {
    (void)state;
    /* Long enough to be filled by several threads; a shorter array of the same seed is its
     * beginning, filled by one. (Cancelling depends on n, so it is compared with itself.) */
    enum { LONG = 1 << 18, SHORT = 1000 };
    float *x = malloc(LONG * sizeof *x), *y = malloc(LONG * sizeof *y);
    for (int kind = 0; kind < DATA_KINDS; ++kind) {
        struct data_options o = {.seed = 31};
        size_t n = kind == DATA_CANCELLING ? LONG : SHORT;
        assert_int_equal(data_fill((enum data_kind)kind, ELEMENT_F32, &o, x, LONG), 0);
        assert_int_equal(data_fill((enum data_kind)kind, ELEMENT_F32, &o, y, n), 0);
        assert_memory_equal(x, y, n * sizeof *x);
        o.seed = 32;
        assert_int_equal(data_fill((enum data_kind)kind, ELEMENT_F32, &o, y, n), 0);
        assert_memory_not_equal(x, y, n * sizeof *x);
    }
    free(x);
    free(y);
}

static void test_bad_options(void **state) {
    (void)state;
    float x[4];
    struct data_options o = {.seed = 1, .condition = 0.5};
    assert_int_equal(data_fill(DATA_CANCELLING, ELEMENT_F32, &o, x, 4), -1);
    o = (struct data_options){.condition = INFINITY};
    assert_int_equal(data_fill(DATA_CANCELLING, ELEMENT_F32, &o, x, 4), -1);
    o = (struct data_options){.low = 3, .high = 2};
    assert_int_equal(data_fill(DATA_LOG_UNIFORM, ELEMENT_F32, &o, x, 4), -1);
    o = (struct data_options){.low = NAN, .high = 2};
    assert_int_equal(data_fill(DATA_LOG_UNIFORM, ELEMENT_F32, &o, x, 4), -1);
    o = (struct data_options){.seed = 1};
    assert_int_equal(data_fill((enum data_kind)99, ELEMENT_F32, &o, x, 4), -1);
    assert_string_equal(data_kind_name(DATA_LOG_UNIFORM), "log-uniform");
    assert_string_equal(data_kind_name((enum data_kind)99), "unknown");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounding_to_16_bits),    cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_cancelling_is_mixed),    cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_threads_change_nothing), cmocka_unit_test(test_bad_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
