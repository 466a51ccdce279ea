/*
 * stats_test.c: known values, hostile values, and whether 95 % intervals hold what they promise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "harness/measure/stats.h"
#include "kernels/rng/philox.h"

#define near(a, b) assert_true(fabs((a) - (b)) <= 1e-12 * fabs(b))

static void test_known_values(void **state) {
    (void)state;
    const double odd[] = {9, 1, 4}, even[] = {4, 1, 9, 2}, one[] = {7};
    assert_true(stats_median(odd, 3) == 4);
    assert_true(stats_median(even, 4) == 3);
    assert_true(stats_median(one, 1) == 7);
    float odd_floats[] = {9, 1, 4}, even_floats[] = {8, 1, 2, 4}, no_float[] = {1, NAN, 2};
    assert_true(stats_quantile_floats(odd_floats, 3, 0.5) == 4);
    assert_true(stats_quantile_floats(even_floats, 4, 0.5) == 3);
    assert_true(stats_quantile_floats(odd_floats, 1, 0.5) == odd_floats[0]);
    assert_true(isnan(stats_quantile_floats(no_float, 3, 0.5)) &&
                isnan(stats_quantile_floats(NULL, 0, 0.5)));
    assert_true(odd[0] == 9 && even[0] == 4); /* inputs keep their order */

    const double ten[] = {10, 3, 5, 7, 1, 9, 2, 8, 4, 6};
    assert_true(stats_quantile(ten, 10, 0.0) == 1);
    assert_true(stats_quantile(ten, 10, 1.0) == 10);
    assert_true(stats_quantile(ten, 10, 0.5) == 5.5);
    near(stats_quantile(ten, 10, 0.25), 3.25); /* as R's default */
    near(stats_quantile(ten, 10, 0.9), 9.1);
    assert_true(stats_quantile(one, 1, 0.3) == 7);

    const double skew[] = {1, 1, 2, 2, 4, 6, 9}; /* median 2, deviations 1 1 0 0 2 4 7 */
    assert_true(stats_mad(skew, 7) == 1);
    const double far[] = {101, 101, 102, 102, 104, 106}, same[] = {8, 8, 8, 8};
    assert_true(stats_mad(far, 6) == 1); /* deviations 1 1 0 0 2 4 */
    assert_true(stats_mad(same, 4) == 0);
    assert_true(stats_relative_spread(same, 3) == 0);
    near(stats_relative_spread(skew, 7), 1.482602218505602 / 2);
}

static void test_hostile_values(void **state) {
    (void)state;
    const double nan_in[] = {1, NAN, 3}, inf_in[] = {1, INFINITY, 2}, zeros[] = {0, 0, 0};
    assert_true(isnan(stats_median(nan_in, 3)) && isnan(stats_mad(nan_in, 3)));
    assert_true(isnan(stats_quantile(nan_in, 3, 0.5)));
    assert_true(isnan(stats_median(NULL, 0)) && isnan(stats_quantile(NULL, 0, 0.5)));
    assert_true(isnan(stats_quantile(inf_in, 3, 1.5)) && isnan(stats_quantile(inf_in, 3, NAN)));
    assert_true(stats_median(inf_in, 3) == 2);
    assert_true(stats_quantile(inf_in, 3, 1.0) == INFINITY);
    assert_true(stats_relative_spread(zeros, 3) == 0);
    const double about_zero[] = {-1, 0, 1};
    assert_true(isinf(stats_relative_spread(about_zero, 3)));

    struct stats_interval out = {5, 6, 7};
    assert_int_equal(stats_median_interval(nan_in, 3, 0.95, 1, &out), -1);
    assert_int_equal(stats_median_interval(inf_in, 3, 0.95, 1, &out), -1);
    assert_int_equal(stats_median_interval(NULL, 0, 0.95, 1, &out), -1);
    assert_int_equal(stats_median_interval(zeros, 3, 1.0, 1, &out), -1);
    assert_int_equal(stats_ratio_interval(zeros, 3, zeros, 3, 0.95, 1, &out), -1);
    assert_int_equal(stats_paired_ratio_interval(about_zero, about_zero, 3, 0.95, 1, &out), -1);
    assert_true(out.value == 5 && out.low == 6 && out.high == 7);

    const double one[] = {3};
    assert_int_equal(stats_median_interval(one, 1, 0.95, 1, &out), 0);
    assert_true(out.value == 3 && out.low == 3 && out.high == 3);
}

static void draw(double *x, size_t n, uint64_t stream, double mean, double deviation) {
    for (size_t i = 0; i < n; ++i)
        x[i] = mean + deviation * philox_normal(1234, stream, i);
}

/* Coverage of nominally 95 % intervals over many data sets. The percentile bootstrap of a median
 * is known to cover a little less or more at such sizes, hence the wide band; an interval twice
 * too short or too long falls out of it. */
static void test_coverage(void **state) {
    (void)state;
    enum { TRIALS = 300, N = 25 };
    double a[N], b[N];
    int median_in = 0, ratio_in = 0, paired_in = 0;
    double wide_unpaired = 0, wide_paired = 0;
    for (uint64_t t = 0; t < TRIALS; ++t) {
        struct stats_interval out;
        draw(a, N, 2 * t, 10.0, 1.0);
        draw(b, N, 2 * t + 1, 5.0, 0.5);
        assert_int_equal(stats_median_interval(a, N, 0.95, t, &out), 0);
        assert_true(out.low <= out.value && out.value <= out.high);
        median_in += out.low <= 10.0 && 10.0 <= out.high;
        assert_int_equal(stats_ratio_interval(a, N, b, N, 0.95, t, &out), 0);
        ratio_in += out.low <= 2.0 && 2.0 <= out.high;
        wide_unpaired += out.high - out.low;

        /* A shared slow-down of 10 % that pairing takes out, and 1 % of noise that it cannot. */
        for (size_t i = 0; i < N; ++i) {
            double shared = 1.0 + 0.1 * fabs(philox_normal(99, t, i));
            a[i] = 2.0 * shared * (1.0 + 0.01 * philox_normal(98, t, i));
            b[i] = shared;
        }
        assert_int_equal(stats_paired_ratio_interval(a, b, N, 0.95, t, &out), 0);
        paired_in += out.low <= 2.0 && 2.0 <= out.high;
        wide_paired += out.high - out.low;
    }
    print_message("coverage of 95 %%: median %d, ratio %d, paired ratio %d of %d\n", median_in,
                  ratio_in, paired_in, TRIALS);
    const int low = TRIALS * 90 / 100, high = TRIALS * 995 / 1000;
    assert_in_range(median_in, low, high);
    assert_in_range(ratio_in, low, high);
    assert_in_range(paired_in, low, high);
    assert_true(wide_paired < 0.2 * wide_unpaired);
}

static void test_seed_decides(void **state) {
    (void)state;
    double x[31];
    draw(x, 31, 7, 1.0, 0.1);
    struct stats_interval first, again, other;
    assert_int_equal(stats_median_interval(x, 31, 0.95, 1, &first), 0);
    assert_int_equal(stats_median_interval(x, 31, 0.95, 1, &again), 0);
    assert_int_equal(stats_median_interval(x, 31, 0.95, 2, &other), 0);
    assert_memory_equal(&first, &again, sizeof first);
    assert_true(other.value == first.value);
    struct stats_interval narrow;
    assert_int_equal(stats_median_interval(x, 31, 0.5, 1, &narrow), 0);
    assert_true(narrow.high - narrow.low < first.high - first.low);
}

static void test_histograms(void **state) {
    (void)state;
    const uint64_t even[4] = {5, 5, 5, 5}, one[4] = {0, 9, 0, 0}, none[4] = {0};
    /* Shares 0.992 and 0.008; 0.613, 0.221 and 0.166: entropies worked out by hand. */
    const uint64_t calm[3] = {992, 8, 0}, churning[3] = {613, 221, 166};
    assert_true(stats_entropy(even, 4) == 2);
    assert_true(stats_entropy(one, 4) == 0);
    assert_true(isnan(stats_entropy(none, 4)));
    assert_true(isnan(stats_entropy(NULL, 0)));
    assert_true(fabs(stats_entropy(calm, 3) - 0.0672) < 1e-4);
    assert_true(fabs(stats_entropy(churning, 3) - 1.3442) < 1e-4);
    assert_true(stats_total_variation(even, even, 4) == 0);
    assert_true(stats_total_variation(even, one, 4) == 0.75);
    assert_true(fabs(stats_total_variation(calm, churning, 3) - 0.379) < 1e-12);
    assert_true(isnan(stats_total_variation(even, none, 4)));
    assert_true(isnan(stats_total_variation(none, even, 4)));
}

/* Of printed tables. */
static void test_student(void **state) {
    (void)state;
    assert_true(fabs(stats_t_quantile(0.975, 4) - 2.776445) < 1e-6);
    assert_true(fabs(stats_t_quantile(0.975, 1e7) - 1.959964) < 1e-5);
    assert_true(fabs(stats_t_chance(2.776445, 4) - 0.05) < 1e-7);
    assert_true(stats_t_chance(0, 3.5) == 1);
    assert_true(stats_t_chance(INFINITY, 3.5) == 0);
    assert_true(isnan(stats_t_quantile(1, 4)) && isnan(stats_t_quantile(0.5, 0)));
    assert_true(isnan(stats_t_chance(NAN, 4)) && isnan(stats_t_chance(1, NAN)));
}

/* No hit in n: up to 1 - (1 - c)/2 to the power 1/n (worked out by hand); half of them: both sides
 * alike. */
static void test_shares(void **state) {
    (void)state;
    struct stats_interval i, j;
    assert_int_equal(stats_share_interval(0, 100, 0.95, &i), 0);
    assert_true(i.value == 0 && i.low == 0 && fabs(i.high - (1 - pow(0.025, 0.01))) < 1e-12);
    assert_int_equal(stats_share_interval(100, 100, 0.95, &j), 0);
    assert_true(j.value == 1 && j.high == 1 && fabs(j.low - (1 - i.high)) < 1e-12);
    assert_int_equal(stats_share_interval(4, 8, 0.95, &i), 0);
    assert_true(i.value == 0.5 && fabs(i.low + i.high - 1) < 1e-12 && i.low > 0.15 && i.low < 0.16);
    assert_int_equal(stats_share_interval(0, 0, 0.95, &i), -1);
    assert_int_equal(stats_share_interval(3, 2, 0.95, &i), -1);
    assert_int_equal(stats_share_interval(1, 2, 1, &i), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_values), cmocka_unit_test(test_hostile_values),
        cmocka_unit_test(test_coverage),     cmocka_unit_test(test_seed_decides),
        cmocka_unit_test(test_histograms),   cmocka_unit_test(test_student),
        cmocka_unit_test(test_shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
