/*
 * philox_test.c: the published vectors, the functions against MPFR, and the moments of what is
 * drawn from them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <mpfr.h>

#include "kernels/rng/philox.h"

/* From the file of known answers that its authors publish with the generator. */
static void test_known_answers(void **state) {
    (void)state;
    static const struct {
        struct philox_block counter;
        struct philox_key key;
        struct philox_block expected;
    } known[] = {
        {{{0, 0, 0, 0}}, {{0, 0}}, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}}},
        {{{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}},
         {{0xffffffff, 0xffffffff}},
         {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}}},
        {{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
         {{0xa4093822, 0x299f31d0}},
         {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}},
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; ++k) {
        struct philox_block got = philox_4x32_10(known[k].counter, known[k].key);
        assert_memory_equal(&got, &known[k].expected, sizeof got);
    }
    /* The seed is the key, the index and the stream are the counter, low words first. */
    struct philox_block got =
        philox_at(0x299f31d0a4093822u, 0x0370734413198a2eu, 0x85a308d3243f6a88u);
    assert_memory_equal(&got, &known[2].expected, sizeof got);
    assert_true(philox_half(got, 0) == 0x94fdccebd16cfe09u);
    assert_true(philox_half(got, 1) == 0x24126ea15001e420u);
}

/* |got - want| in units of the last place of `want`'s binade. */
static double error_in_ulps(double got, mpfr_t want) {
    if (mpfr_zero_p(want))
        return got == 0.0 ? 0.0 : INFINITY;
    mpfr_t difference;
    mpfr_init2(difference, 200);
    mpfr_sub_d(difference, want, got, MPFR_RNDN);
    mpfr_mul_2si(difference, difference, 53 - mpfr_get_exp(want), MPFR_RNDN);
    double ulps = fabs(mpfr_get_d(difference, MPFR_RNDN));
    mpfr_clear(difference);
    return ulps;
}

static void test_functions_against_mpfr(void **state) {
    (void)state;
    double worst_log = 0, worst_exp2 = 0, worst_cos = 0;
    mpfr_t x, y, turn;
    mpfr_inits2(200, x, y, turn, (mpfr_ptr)0);
    mpfr_const_pi(turn, MPFR_RNDN);
    mpfr_mul_ui(turn, turn, 2, MPFR_RNDN);
    for (uint64_t k = 0; k < 20000; ++k) {
        uint64_t bits = philox_u64(7, 1, k);
        /* Arguments near 0, near 1 and in between. */
        double u = philox_unit_above(k % 3 == 0   ? bits >> (bits & 31)
                                     : k % 3 == 1 ? ~(bits >> (bits & 31))
                                                  : bits);
        mpfr_set_d(x, u, MPFR_RNDN);
        mpfr_log(y, x, MPFR_RNDN);
        worst_log = fmax(worst_log, error_in_ulps(philox_log(u), y));

        double e = (philox_unit(bits) - 0.5) * 2000.0;
        mpfr_set_d(x, e, MPFR_RNDN);
        mpfr_exp2(y, x, MPFR_RNDN);
        worst_exp2 = fmax(worst_exp2, error_in_ulps(philox_exp2(e), y));

        double t = philox_unit(bits), c, s;
        philox_cos_sin(t, &c, &s);
        mpfr_mul_d(x, turn, t, MPFR_RNDN);
        /* Absolute error here: near a zero of the cosine the last place is meaningless. */
        mpfr_cos(y, x, MPFR_RNDN);
        worst_cos = fmax(worst_cos, fabs(mpfr_get_d(y, MPFR_RNDN) - c));
        mpfr_sin(y, x, MPFR_RNDN);
        worst_cos = fmax(worst_cos, fabs(mpfr_get_d(y, MPFR_RNDN) - s));
    }
    mpfr_clears(x, y, turn, (mpfr_ptr)0);
    print_message("log %.2f ulp, exp2 %.2f ulp, cos and sin %.1e\n", worst_log, worst_exp2,
                  worst_cos);
    assert_true(worst_log < 4.0);
    assert_true(worst_exp2 < 4.0);
    assert_true(worst_cos < 1e-15);
}

static void test_range_ends(void **state) {
    (void)state;
    assert_true(philox_unit(0) == 0.0);
    assert_true(philox_unit(UINT64_MAX) == 1.0 - 0x1p-53);
    assert_true(philox_unit_above(0) == 0x1p-53);
    assert_true(philox_unit_above(UINT64_MAX) == 1.0);
    assert_true(philox_below(UINT64_MAX, 10) == 9);
    assert_true(philox_below(0, 10) == 0);
    assert_true(philox_below(UINT64_MAX, UINT64_MAX) == UINT64_MAX - 1);
    for (uint64_t k = 0; k < 1000; ++k) {
        uint64_t a = philox_u64(1, 2, k), n = philox_u64(1, 3, k);
        assert_true(philox_below(a, n) == (uint64_t)((unsigned __int128)a * n >> 64));
    }
    double c, s;
    philox_cos_sin(0.5, &c, &s);
    assert_true(c == -1.0 && s == 0.0);
    assert_true(philox_exp2(0.0) == 1.0 && philox_exp2(10.0) == 1024.0);
    assert_true(philox_exp2(-3.0) == 0.125);
    assert_true(philox_log(1.0) == 0.0);
}

static void test_normal_moments(void **state) {
    (void)state;
    enum { N = 200000 };
    double sum[5] = {0};
    for (uint64_t k = 0; k < N; ++k) {
        double x = philox_normal(42, 5, k), power = 1;
        for (int p = 1; p <= 4; ++p)
            sum[p] += power *= x;
    }
    /* Five standard errors: variances of the moments' estimators are 1, 2, 15 and 96 over N. */
    static const double mean[5] = {0, 0, 1, 0, 3}, variance[5] = {0, 1, 2, 15, 96};
    for (int p = 1; p <= 4; ++p)
        assert_true(fabs(sum[p] / N - mean[p]) < 5.0 * sqrt(variance[p] / N));
}

static void test_log_uniform(void **state) {
    (void)state;
    enum { N = 100000, OCTAVES = 20 };
    unsigned octave[OCTAVES] = {0}, negative = 0;
    for (uint64_t k = 0; k < N; ++k) {
        double x = philox_log_uniform(9, 0, k, -10, 10);
        int e = (int)floor(log2(fabs(x)));
        assert_true(e >= -10 && e < 10);
        ++octave[e + 10];
        negative += x < 0;
    }
    double expected = (double)N / OCTAVES;
    for (int e = 0; e < OCTAVES; ++e)
        assert_true(fabs(octave[e] - expected) < 5.0 * sqrt(expected));
    assert_true(fabs(negative - N / 2.0) < 5.0 * sqrt(N / 4.0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers), cmocka_unit_test(test_functions_against_mpfr),
        cmocka_unit_test(test_range_ends),    cmocka_unit_test(test_normal_moments),
        cmocka_unit_test(test_log_uniform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
