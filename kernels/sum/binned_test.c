/*
 * binned_test.c: the reproducible sum does not depend on the order, keeps its bound, and treats
 * the ends of the number line as its header says.
 */
#include "kernels/sum/binned.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernels/sum/exact.h"

static uint64_t state = 0x2545f4914f6cdd1du;

static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545f4914f6cdd1du;
}

/* Kinds: 0 any finite bits, 1 near one, 2 denormals and zeros, 3 cancelling, 4 above 2^114,
 * 5 magnitudes 2^±60, 6 exactly on and beside the bins' limits, 7 ties of the first rounding. */
#define KINDS 8

static float any_f32(int kind) {
    uint32_t bits = (uint32_t)(next() >> 32);
    uint32_t field = bits >> 23 & 255;
    uint32_t fraction = bits & 0x7fffff;
    if (kind == 1 || kind == 3)
        field = 120 + field % 10;
    if (kind == 2)
        field = 0;
    if (kind == 4)
        field = 241 + field % 14;
    if (kind == 5)
        field = 67 + field % 121;
    if (kind == 6) {
        field = 21 + 22 * (field % 11);
        fraction = bits % 3 == 2 ? 0x7fffff : bits % 3;
    }
    if (kind == 7) {
        field = 130 + field % 3;
        fraction &= 0x7f8000;
    }
    if (field == 255)
        field = 254;
    return round_f32_from((bits & 0x80000000u) | field << 23 | fraction);
}

static double any_f64(int kind) {
    uint64_t bits = next();
    uint64_t field = bits >> 52 & 2047;
    uint64_t fraction = bits & 0xfffffffffffff;
    if (kind == 1 || kind == 3)
        field = 1016 + field % 10;
    if (kind == 2)
        field = 0;
    if (kind == 4)
        field = 2020 + field % 27;
    if (kind == 5)
        field = 963 + field % 121;
    if (kind == 6) {
        field = 68 + 40 * (field % 49);
        fraction = bits % 3 == 2 ? 0xfffffffffffff : bits % 3;
    }
    if (kind == 7) {
        field = 1030 + field % 3;
        fraction &= 0xfffff80000000;
    }
    if (field == 2047)
        field = 2046;
    return round_f64_from((bits & 0x8000000000000000u) | field << 52 | fraction);
}

static struct binned_f32 sum_f32(const float *x, size_t n) {
    struct binned_f32 sum = binned_f32_zero();
    for (size_t i = 0; i < n; i++)
        binned_f32_deposit(&sum, x[i]);
    return sum;
}

static struct binned_f64 sum_f64(const double *x, size_t n) {
    struct binned_f64 sum = binned_f64_zero();
    for (size_t i = 0; i < n; i++)
        binned_f64_deposit(&sum, x[i]);
    return sum;
}

/* How a compiled loop would do it: the bin of the largest element first, then int32 lanes. */
static struct binned_f32 sum_in_one_bin(const float *x, size_t n) {
    uint32_t largest = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t magnitude = round_f32_bits(x[i]) & 0x7fffffffu;
        if (magnitude > largest)
            largest = magnitude;
    }
    struct binned_f32 sum = {binned_f32_bin(largest), 0, 0, 0};
    struct binned_f32_cut cut = binned_f32_cut(sum.bin);
    assert_true(largest <= cut.limit_bits);
    for (size_t i = 0; i < n; i += BINNED_F32_FOLD) {
        int32_t a1 = 0, a2 = 0;
        for (size_t k = i; k < n && k < i + BINNED_F32_FOLD; k++) {
            int32_t q1, q2;
            binned_f32_split(&cut, x[k], &q1, &q2);
            assert_true(abs(q1) <= 1 << 21 && abs(q2) <= 1 << 21);
            assert_false(__builtin_add_overflow(a1, q1, &a1));
            assert_false(__builtin_add_overflow(a2, q2, &a2));
        }
        sum.a1 += a1;
        sum.a2 += a2;
    }
    return sum;
}

enum { n = 3000 };

static void test_f32_orders(void **unused) {
    (void)unused;
    float *x = malloc(n * sizeof *x);
    for (int kind = 0; kind < KINDS; kind++) {
        for (int i = 0; i < n; i++)
            x[i] = kind == 3 && i % 2 ? -x[i - 1] : any_f32(kind);
        struct binned_f32 first = sum_f32(x, n), one_bin = sum_in_one_bin(x, n);
        assert_memory_equal(&first, &one_bin, sizeof first);
        for (int trial = 0; trial < 40; trial++) {
            for (int i = n - 1; i > 0; i--) {
                int j = (int)(next() % (uint64_t)(i + 1));
                float t = x[i];
                x[i] = x[j];
                x[j] = t;
            }
            /* Split into parts of random length, merged in random order. */
            struct binned_f32 parts[12];
            int count = 0;
            for (size_t at = 0; at < n;) {
                size_t take = count == 11 ? n - at : next() % (n / 4);
                take = take > n - at ? n - at : take;
                parts[count++] = sum_f32(x + at, take);
                at += take;
            }
            while (count > 1) {
                int a = (int)(next() % (uint64_t)count);
                struct binned_f32 t = parts[a];
                parts[a] = parts[--count];
                int b = (int)(next() % (uint64_t)count);
                binned_f32_merge(&parts[b], t);
            }
            assert_memory_equal(&parts[0], &first, sizeof first);
        }
    }
    free(x);
}

static void test_f64_orders(void **unused) {
    (void)unused;
    double *x = malloc(n * sizeof *x);
    for (int kind = 0; kind < KINDS; kind++) {
        for (int i = 0; i < n; i++)
            x[i] = kind == 3 && i % 2 ? -x[i - 1] : any_f64(kind);
        struct binned_f64 first = sum_f64(x, n);
        for (int trial = 0; trial < 20; trial++) {
            for (int i = n - 1; i > 0; i--) {
                int j = (int)(next() % (uint64_t)(i + 1));
                double t = x[i];
                x[i] = x[j];
                x[j] = t;
            }
            size_t cut = next() % n;
            struct binned_f64 a = sum_f64(x, cut), b = sum_f64(x + cut, n - cut);
            binned_f64_merge(trial % 2 ? &a : &b, trial % 2 ? b : a);
            assert_memory_equal(trial % 2 ? &a : &b, &first, sizeof first);
        }
    }
    free(x);
}

/* |state - exact| within the bound, compared exactly: the exact sum of the elements and of minus
 * the state's parts is the error itself. */
static void test_f32_bound(void **unused) {
    (void)unused;
    float x[n];
    for (int kind = 0; kind < KINDS; kind++) {
        for (int trial = 0; trial < 50; trial++) {
            size_t count = trial < 10 ? (size_t)trial : next() % n;
            float most = 0;
            struct exact_f64 error = {{0}, 0};
            for (size_t i = 0; i < count; i++) {
                x[i] = kind == 3 && i % 2 ? -x[i - 1] : any_f32(kind);
                most = fmaxf(most, fabsf(x[i]));
                exact_f64_add(&error, &(double){(double)x[i]}, 1);
            }
            struct binned_f32 sum = sum_f32(x, count);
            assert_int_equal(sum.bin, binned_f32_bin(round_f32_bits(most)));
            double parts[2] = {-ldexp((double)sum.a1, binned_f32_unit(sum.bin)),
                               -ldexp((double)sum.a2, binned_f32_unit(sum.bin) - 22)};
            exact_f64_add(&error, parts, 2);
            double bound = binned_f32_error_bound(count, most);
            assert_true(fabs(exact_f64_value(&error)) <= bound);
            if (sum.bin == 0)
                assert_true(bound == 0.0);
            /* The bound is what the header says in terms of the largest element. */
            if (sum.bin > 0) {
                assert_true(bound <= (double)count * most * 0x1p-22);
                assert_true(bound >= (double)count * most * 0x1p-44);
            }
            /* And the rounding at the end is that of the state's value, once. */
            struct exact_f64 value = {{0}, 0};
            parts[0] = -parts[0];
            parts[1] = -parts[1];
            exact_f64_add(&value, parts, 2);
            assert_int_equal(round_f32_bits(binned_f32_value(&sum)),
                             round_f32_bits(exact_f64_value_f32(&value)));
            assert_int_equal(round_f64_bits(binned_f32_value_f64(&sum)),
                             round_f64_bits(exact_f64_value(&value)));
        }
    }
}

static void test_f64_bound(void **unused) {
    (void)unused;
    double x[n];
    for (int kind = 0; kind < KINDS; kind++) {
        for (int trial = 0; trial < 50; trial++) {
            size_t count = trial < 10 ? (size_t)trial : next() % n;
            double most = 0;
            struct exact_f64 error = {{0}, 0}, value = {{0}, 0};
            for (size_t i = 0; i < count; i++) {
                x[i] = kind == 3 && i % 2 ? -x[i - 1] : any_f64(kind);
                most = fmax(most, fabs(x[i]));
            }
            exact_f64_add(&error, x, count);
            struct binned_f64 sum = sum_f64(x, count);
            /* hi can exceed what a double times 2^40 carries in the top bin: use halves. */
            int unit = binned_f64_unit(sum.bin);
            for (int j = 0; j < BINNED_F64_BINS; j++) {
                double hi = ldexp((double)sum.hi[j], unit - 40 * j + 40);
                double lo = ldexp((double)sum.lo[j], unit - 40 * j);
                if (!isfinite(hi) || !isfinite(lo))
                    goto next_trial;
                exact_f64_add(&value, (double[]){hi, lo}, 2);
                exact_f64_add(&error, (double[]){-hi, -lo}, 2);
            }
            assert_true(fabs(exact_f64_value(&error)) <= binned_f64_error_bound(count, most));
            assert_int_equal(round_f64_bits(binned_f64_value(&sum)),
                             round_f64_bits(exact_f64_value(&value)));
        next_trial:;
        }
    }
}

static void test_f32_ends(void **unused) {
    (void)unused;
    /* The largest float, both signs, whichever way round: never an intermediate overflow. */
    float most = 0x1.fffffep127f;
    float x[] = {most, most, -most, -most, most};
    struct binned_f32 sum = sum_f32(x, 5);
    assert_int_equal(sum.bin, BINNED_F32_TOP);
    assert_true(binned_f32_value(&sum) == most);
    sum = sum_f32(x, 2);
    assert_true(binned_f32_value(&sum) == INFINITY);
    sum = sum_f32(x + 2, 2);
    assert_true(binned_f32_value(&sum) == -INFINITY);
    assert_true(binned_f32_value_f64(&sum) == -2.0 * (double)most);

    /* A bin's limit belongs to the bin, what comes after it does not. */
    for (int32_t k = 0; k < BINNED_F32_TOP; k++) {
        uint32_t limit = binned_f32_cut(k).limit_bits;
        assert_int_equal(binned_f32_bin(limit), k);
        assert_int_equal(binned_f32_bin(limit + 1), k + 1);
        assert_true(round_f32_from(limit) == ldexpf(1.0f, binned_f32_unit(k) + 21));
    }
    assert_int_equal(binned_f32_bin(0x7f7fffff), BINNED_F32_TOP);
    for (int32_t k = 0; k < BINNED_F64_TOP; k++) {
        uint64_t limit = binned_f64_cut(k).limit_bits;
        assert_int_equal(binned_f64_bin(limit), k);
        assert_int_equal(binned_f64_bin(limit + 1), k + 1);
        assert_true(round_f64_from(limit) == ldexp(1.0, binned_f64_unit(k) + 39));
    }
    assert_int_equal(binned_f64_bin(0x7fefffffffffffff), BINNED_F64_TOP);

    /* Denormals are summed exactly. */
    float tiny[] = {0x1p-149f, 0x1p-149f, 0x1p-126f, -0x1p-148f};
    sum = sum_f32(tiny, 4);
    assert_true(binned_f32_value(&sum) == 0x1p-126f);
    sum = sum_f32(tiny, 2);
    assert_true(binned_f32_value(&sum) == 0x1p-148f);

    /* Zeros: +0, whatever their signs. */
    float zeros[] = {-0.0f, -0.0f, 0.0f};
    sum = sum_f32(zeros, 3);
    assert_int_equal(round_f32_bits(binned_f32_value(&sum)), 0);
    sum = sum_f32(zeros, 2);
    assert_int_equal(round_f32_bits(binned_f32_value(&sum)), 0);
    sum = binned_f32_zero();
    assert_int_equal(round_f32_bits(binned_f32_value(&sum)), 0);
}

static void test_f64_ends(void **unused) {
    (void)unused;
    double most = 0x1.fffffffffffffp1023;
    double x[] = {most, most, -most, -most, most};
    struct binned_f64 sum = sum_f64(x, 5);
    assert_int_equal(sum.bin, BINNED_F64_TOP);
    assert_true(binned_f64_value(&sum) == most);
    sum = sum_f64(x + 2, 2);
    assert_true(binned_f64_value(&sum) == -INFINITY);
    double tiny[] = {0x1p-1074, 0x1p-1022, -0x1p-1073};
    sum = sum_f64(tiny, 3);
    assert_true(binned_f64_value(&sum) == 0x1p-1022 - 0x1p-1074);
    double zero = -0.0;
    sum = sum_f64(&zero, 1);
    assert_int_equal(round_f64_bits(binned_f64_value(&sum)), 0);
}

static void test_specials(void **unused) {
    (void)unused;
    static const struct {
        float x[4];
        uint32_t bits;
    } cases[] = {
        {{1.0f, INFINITY, 2.0f, 0x1.fffffep127f}, 0x7f800000u},
        {{1.0f, -INFINITY, 2.0f, 0x1.fffffep127f}, 0xff800000u},
        {{INFINITY, -INFINITY, 2.0f, 3.0f}, 0x7fc00000u},
        {{INFINITY, 1.0f, 2.0f, NAN}, 0x7fc00000u},
        {{-NAN, 1.0f, 2.0f, 3.0f}, 0x7fc00000u},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        for (int turn = 0; turn < 4; turn++) {
            float x[4];
            double y[4];
            for (int i = 0; i < 4; i++)
                y[i] = x[i] = cases[c].x[(i + turn) % 4];
            struct binned_f32 sum = sum_f32(x, 4);
            assert_int_equal(round_f32_bits(binned_f32_value(&sum)), cases[c].bits);
            struct binned_f64 wide = sum_f64(y, 4);
            double want = (double)round_f32_from(cases[c].bits);
            assert_int_equal(round_f64_bits(binned_f64_value(&wide)), round_f64_bits(want));
            /* The pieces are those of the finite elements alone. */
            struct binned_f32 finite = binned_f32_zero();
            for (int i = 0; i < 4; i++) {
                if (isfinite(x[i]))
                    binned_f32_deposit(&finite, x[i]);
            }
            finite.flags = sum.flags;
            assert_memory_equal(&finite, &sum, sizeof sum);
        }
    }
}

/* A float sum of the same data in two orders does differ: else the tests above show nothing. */
static void test_data_discriminates(void **unused) {
    (void)unused;
    float x[n], up = 0, down = 0;
    for (int i = 0; i < n; i++)
        x[i] = any_f32(5);
    for (int i = 0; i < n; i++) {
        up += x[i];
        down += x[n - 1 - i];
    }
    assert_true(up != down);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f32_orders), cmocka_unit_test(test_f64_orders),
        cmocka_unit_test(test_f32_bound),  cmocka_unit_test(test_f64_bound),
        cmocka_unit_test(test_f32_ends),   cmocka_unit_test(test_f64_ends),
        cmocka_unit_test(test_specials),   cmocka_unit_test(test_data_discriminates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
