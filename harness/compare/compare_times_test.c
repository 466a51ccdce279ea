/*
 * compare_times_test.c: sessions whose truth is known, drawn by the thousand: how often the
 * interval holds it, how often equal sides are called different, how often planted differences are
 * found.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "harness/compare/compare_times.h"
#include "harness/measure/stats.h"
#include "kernels/rng/philox.h"

#define CASES 1000
#define SESSIONS 5

/* A session's median about 1 ms: its logarithm's deviation is `spread`; with `tails`, one session
 * in ten was disturbed and took up to a tenth longer. */
static double draw(uint64_t seed, uint64_t stream, uint64_t k, double spread, bool tails) {
    double log_time = spread * philox_normal(seed, stream, k);
    if (tails && philox_unit(philox_u64(seed, stream + 1000000, k)) < 0.1)
        log_time += 0.1 * philox_unit(philox_u64(seed, stream + 2000000, k));
    return 1e-3 * exp(log_time);
}

static struct compare_time same(double seconds) {
    return (struct compare_time){seconds, seconds};
}

static void fill(struct compare_time *x, uint64_t stream, double spread, bool tails,
                 double slower) {
    for (size_t k = 0; k < SESSIONS; k++)
        x[k] = same(slower * draw(7, stream, k, spread, tails));
}

struct outcome {
    size_t verdicts[COMPARE_VERDICTS];
    double held; /* share of intervals with the truth in them */
};

/* Many cases, of which every `each` is slower by a factor. */
static struct outcome compare_many(double spread, bool tails, double slower, size_t each) {
    struct compare_rule rule = compare_rule_default();
    struct compare_times *list = calloc(CASES, sizeof *list);
    struct outcome out = {0};
    for (size_t k = 0; k < CASES; k++) {
        struct compare_time a[SESSIONS], b[SESSIONS];
        double truth = k % each == 0 ? slower : 1;
        fill(a, 2 * k, spread, tails, 1);
        fill(b, 2 * k + 1, spread, tails, truth);
        compare_times(a, SESSIONS, b, SESSIONS, NULL, &rule, &list[k]);
        out.held += (list[k].ratio.low <= truth && truth <= list[k].ratio.high) / (double)CASES;
    }
    assert_int_equal(compare_settle(list, CASES, &rule), 0);
    for (size_t k = 0; k < CASES; k += each)
        out.verdicts[list[k].verdict]++;
    free(list);
    return out;
}

static void intervals_hold_the_truth(void **state) {
    (void)state;
    double held = compare_many(0.01, false, 1, 1).held;
    if (held < 0.93 || held > 0.975)
        fail_msg("%.3f of intervals hold the truth, not 0.95", held);
    held = compare_many(0.01, true, 1, 1).held;
    if (held < 0.93)
        fail_msg("%.3f of intervals hold the truth, with disturbed sessions", held);
    held = compare_many(0.002, false, 1.05, 1).held;
    if (held < 0.93 || held > 0.975)
        fail_msg("%.3f of intervals hold the truth, planted", held);
}

/* What compare_times.h says of resampling so few sessions. */
static void resampled_intervals_are_too_short(void **state) {
    (void)state;
    double held = 0;
    for (size_t k = 0; k < 400; k++) {
        struct compare_time a[SESSIONS], b[SESSIONS];
        struct stats_interval i;
        fill(a, 2 * k, 0.01, false, 1);
        fill(b, 2 * k + 1, 0.01, false, 1);
        double low[1000], high = 0;
        for (size_t r = 0; r < 1000; r++) {
            double sum = 0;
            for (size_t s = 0; s < SESSIONS; s++)
                sum += log(b[philox_below(philox_u64(k, 2 * r, s), SESSIONS)].low) -
                       log(a[philox_below(philox_u64(k, 2 * r + 1, s), SESSIONS)].low);
            low[r] = sum / SESSIONS;
        }
        i.low = stats_quantile(low, 1000, 0.025);
        high = stats_quantile(low, 1000, 0.975);
        held += (i.low <= 0 && 0 <= high) / 400.0;
    }

    if (held < 0.86 || held > 0.91)
        fail_msg("%.3f of resampled intervals hold the truth: say so in compare_times.h", held);
}

static void equal_sides_are_not_called_different(void **state) {
    (void)state;
    static const double spreads[] = {0.001, 0.01, 0.05};
    for (size_t k = 0; k < 6; k++) {
        struct outcome o = compare_many(spreads[k % 3], k >= 3, 1, 1);
        size_t alarms = o.verdicts[COMPARE_FASTER] + o.verdicts[COMPARE_SLOWER];
        if (alarms > CASES / 100)
            fail_msg("%zu of %d equal cases are called different", alarms, CASES);
    }
    assert_true(compare_many(0.001, false, 1, 1).verdicts[COMPARE_SAME] > 990);
    assert_true(compare_many(0.05, false, 1, 1).verdicts[COMPARE_SAME] < 200);
}

static void planted_differences_are_found(void **state) {
    (void)state;
    /* All cases slower, then one in ten: then chance among many counts for more. */
    assert_true(compare_many(0.005, false, 1.02, 1).verdicts[COMPARE_SLOWER] >= 900);
    assert_true(compare_many(0.005, false, 1.05, 1).verdicts[COMPARE_SLOWER] >= 990);
    assert_true(compare_many(0.01, false, 1.05, 1).verdicts[COMPARE_SLOWER] >= 990);
    assert_true(compare_many(0.005, false, 1 / 1.05, 10).verdicts[COMPARE_FASTER] >= 95);
    /* Below what counts, however certain. */
    struct outcome little = compare_many(0.0001, false, 1.004, 1);
    assert_int_equal(little.verdicts[COMPARE_SAME], CASES);
}

static void one_session_is_not_enough(void **state) {
    (void)state;
    struct compare_rule rule = compare_rule_default();
    const struct compare_time a[] = {same(1e-3), same(1.001e-3), same(0.999e-3)},
                              b[] = {same(2e-3)};
    struct compare_times t;
    compare_times(a, 3, b, 1, NULL, &rule, &t);
    assert_int_equal(compare_settle(&t, 1, &rule), 0);
    assert_int_equal(t.verdict, COMPARE_AMBIGUOUS);
    assert_int_equal(t.reason, COMPARE_ONE_SESSION);
    assert_true(fabs(t.ratio.value - 2) < 1e-2 && isnan(t.ratio.low));
    /* A band says what the spread is. */
    const struct compare_band narrow = {0.002, 20}, wide = {0.5, 20};
    compare_times(a, 1, b, 1, &narrow, &rule, &t);
    assert_int_equal(compare_settle(&t, 1, &rule), 0);
    assert_int_equal(t.verdict, COMPARE_SLOWER);
    compare_times(a, 1, b, 1, &wide, &rule, &t);
    assert_int_equal(compare_settle(&t, 1, &rule), 0);
    assert_int_equal(t.verdict, COMPARE_AMBIGUOUS);
    assert_int_equal(t.reason, COMPARE_WIDE);
    assert_true(t.more > 100);
    compare_times(a, 3, b, 0, NULL, &rule, &t);
    assert_int_equal(t.verdict, COMPARE_NOT_COMPARABLE);
    assert_int_equal(t.reason, COMPARE_NO_TIME);
}

/* Of each side one session of five took up to half as long again, and a third of all samples. */
static void disturbances_hide_nothing(void **state) {
    (void)state;
    struct compare_rule rule = compare_rule_default();
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct compare_time x[3][SESSIONS]; /* A, the same, 2 % slower */
        struct compare_times t[2];
        for (size_t side = 0; side < 3; side++)
            for (size_t k = 0; k < SESSIONS; k++) {
                double samples[30], place = (k == seed % SESSIONS ? 1.2 + 0.3 * (double)side : 1);
                for (size_t s = 0; s < 30; s++)
                    samples[s] = draw(seed, 100 * side + k, s, 0.002, false) * place *
                                 (side == 2 ? 1.02 : 1) * ((s + k) % 3 == 0 ? 1.3 : 1);
                x[side][k] = compare_time_of(samples, 30);
            }
        compare_times(x[0], SESSIONS, x[1], SESSIONS, NULL, &rule, &t[0]);
        compare_times(x[0], SESSIONS, x[2], SESSIONS, NULL, &rule, &t[1]);
        assert_int_equal(compare_settle(t, 2, &rule), 0);
        assert_int_equal(t[0].verdict, COMPARE_SAME);
        assert_int_equal(t[1].verdict, COMPARE_SLOWER);
        assert_true(fabs(t[1].ratio.value - 1.02) < 0.004);
    }
    assert_true(isnan(compare_time_of(NULL, 0).low));
}

/* Sessions that were said to be enough are about enough. */
static void sessions_needed_decide(void **state) {
    (void)state;
    struct compare_rule rule = compare_rule_default();
    struct compare_time a[100], b[100];
    struct compare_times t;
    for (size_t k = 0; k < 100; k++) {
        a[k] = same(draw(7, 1, k, 0.05, false));
        b[k] = same(draw(7, 2, k, 0.05, false));
    }
    compare_times(a, 10, b, 10, NULL, &rule, &t);
    assert_int_equal(compare_settle(&t, 1, &rule), 0);
    assert_int_equal(t.verdict, COMPARE_AMBIGUOUS);
    assert_true(t.more > 10 && t.more < 80);
    compare_times(a, 100, b, 100, NULL, &rule, &t);
    assert_int_equal(t.more, 0);
}

static void counted_times(void **state) {
    (void)state;
    struct compare_rule rule = compare_rule_default();
    const struct compare_time a[] = {same(1), same(1), same(1)}, c[] = {same(2), same(2), same(2)};
    struct compare_times t[2];
    compare_times(a, 3, a, 3, NULL, &rule, &t[0]);
    compare_times(a, 3, c, 3, NULL, &rule, &t[1]);
    assert_int_equal(compare_settle(t, 2, &rule), 0);
    assert_int_equal(t[0].verdict, COMPARE_SAME);
    assert_int_equal(t[1].verdict, COMPARE_SLOWER);
}

static void one_case_does_not_decide_the_mean(void **state) {
    (void)state;
    double ratios[21];
    for (size_t k = 0; k < 21; k++)
        ratios[k] = 1;
    ratios[3] = 1e6;
    assert_true(compare_mean(ratios, 21) < 1.0001);
    for (size_t k = 0; k < 21; k++)
        ratios[k] = k % 2 ? 2 : 0.5;
    assert_true(fabs(log(compare_mean(ratios, 20))) < 1e-9);
    assert_true(isnan(compare_mean(NULL, 0)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_hold_the_truth),
        cmocka_unit_test(resampled_intervals_are_too_short),
        cmocka_unit_test(equal_sides_are_not_called_different),
        cmocka_unit_test(planted_differences_are_found),
        cmocka_unit_test(one_session_is_not_enough),
        cmocka_unit_test(disturbances_hide_nothing),
        cmocka_unit_test(sessions_needed_decide),
        cmocka_unit_test(counted_times),
        cmocka_unit_test(one_case_does_not_decide_the_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
