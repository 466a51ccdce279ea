/*
 * straggler_league_test.c: all rules on injected truth: ours names those who stalled and nobody
 * else; what the published ones get wrong is counted. And the step without the straggler, from the
 * log with it, against the same steps played without.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernels/straggler/straggler.h"

enum { WINDOW = 8 };

static const unsigned sizes[] = {2, 4, 32, 256};
static const double stalls[] = {300, 600, 1200, 2400};
static const struct {
    enum straggler_jitter kind;
    double us;
} jitters[] = {{STRAGGLER_STEADY, 0}, {STRAGGLER_EXPONENTIAL, 5}, {STRAGGLER_GAUSSIAN, 5}};

static struct straggler_score score(const struct straggler_synthetic *o,
                                    enum straggler_rule_id rule) {
    struct straggler_log log;
    struct straggler_score s;
    double *truth;
    assert_int_equal(straggler_synthesise(o, &log, &truth), 0);
    assert_int_equal(straggler_score(&log, truth, straggler_rules + rule, WINDOW, &s), 0);
    straggler_log_close(&log);
    free(truth);
    return s;
}

static struct straggler_synthetic options(enum straggler_kind kind, size_t n, size_t j, double d) {
    struct straggler_synthetic o = straggler_synthetic_default(sizes[n], 1000 + 10 * n + j);
    o.kind = kind;
    o.stall_us = d;
    o.jitter = jitters[j].kind;
    o.jitter_us = jitters[j].us;
    o.chance = 1.0 / (WINDOW * sizes[n]); /* rare: about one stall in a window, of anybody */
    return o;
}

#define ALL_LOGS                                                                                   \
    for (size_t n = 0; n < 4; n++)                                                                 \
        for (size_t j = 0; j < 3; j++)                                                             \
            for (size_t d = 0; d < 4; d++)

static void ours_is_right(void **state) {
    (void)state;
    static const enum straggler_kind kinds[] = {STRAGGLER_PERSISTENT, STRAGGLER_ROTATING,
                                                STRAGGLER_RARE, STRAGGLER_STOPPED};
    for (int k = 0; k < 4; k++)
        ALL_LOGS {
            const struct straggler_synthetic o = options(kinds[k], n, j, stalls[d]);
            struct straggler_score s = score(&o, STRAGGLER_LEAST_WAIT);
            if (s.exact != s.windows || s.hits == 0 || s.cannot > 0 || s.latency == 0 ||
                s.latency > (o.ranks == 2 ? 2 : 1)) /* of one peer little is known */
                fail_msg("%s, N = %u, jitter %zu, %g us: %zu of %zu windows, %zu hits, latency %zu",
                         straggler_kind_name(kinds[k]), o.ranks, j, stalls[d], s.exact, s.windows,
                         s.hits, s.latency);
            assert_true(straggler_precision(&s) == 1 && straggler_recall(&s) == 1);
        }
}

static void ours_at_1024_ranks(void **state) {
    (void)state;
    for (int k = STRAGGLER_PERSISTENT; k <= STRAGGLER_RARE; k++) {
        struct straggler_synthetic o = options((enum straggler_kind)k, 0, 1, 300);
        o.ranks = 1024;
        o.culprit = 777;
        o.chance = 0.001;
        struct straggler_score s = score(&o, STRAGGLER_LEAST_WAIT);
        assert_int_equal(s.exact, s.windows);
        assert_true(s.hits > 0);
    }
}

/* No stall, or none of a rank: whatever the jitter, ours names nobody. */
static void ours_names_nobody_without_a_stall(void **state) {
    (void)state;
    for (int late = 0; late < 2; late++)
        for (size_t n = 0; n < 4; n++)
            for (int kind = STRAGGLER_STEADY; kind <= STRAGGLER_GAUSSIAN; kind++)
                for (double us = 1; us <= 1000; us *= 10) {
                    struct straggler_synthetic o = options(STRAGGLER_PERSISTENT, n, 0, 0);
                    o.one_late = late;
                    o.jitter = (enum straggler_jitter)kind;
                    o.jitter_us = us;
                    struct straggler_score s = score(&o, STRAGGLER_LEAST_WAIT);
                    assert_int_equal(s.clean, s.windows);
                    assert_int_equal(s.alarms, 0);
                    o.kind = STRAGGLER_SLOW_LINK;
                    o.stall_us = 1200;
                    s = score(&o, STRAGGLER_LEAST_WAIT);
                    assert_int_equal(s.clean, s.windows);
                    assert_int_equal(s.alarms, 0);
                }
}

/* One step late, a rank that stalled once is behind for a while: it is named once. */
static void ours_with_overlap(void **state) {
    (void)state;
    for (int k = STRAGGLER_PERSISTENT; k <= STRAGGLER_ROTATING; k++)
        for (size_t n = 1; n < 4; n++)
            for (size_t d = 0; d < 4; d++) {
                struct straggler_synthetic o = options((enum straggler_kind)k, n, 1, stalls[d]);
                o.one_late = true;
                struct straggler_score s = score(&o, STRAGGLER_LEAST_WAIT);
                assert_int_equal(s.exact, s.windows);
            }
}

/* It names a victim in every window with a stall, and somebody in every one without. */
static void slowest_time_names_victims(void **state) {
    (void)state;
    size_t windows = 0;
    ALL_LOGS {
        for (int k = STRAGGLER_PERSISTENT; k <= STRAGGLER_ROTATING; k++) {
            const struct straggler_synthetic o = options((enum straggler_kind)k, n, j, stalls[d]);
            struct straggler_score s = score(&o, STRAGGLER_SLOWEST_TIME);
            assert_int_equal(s.windows, 8);
            assert_int_equal(s.clean, 2);
            assert_int_equal(s.hits, 0);
            assert_int_equal(s.false_, 8);
            assert_int_equal(s.alarms, 2);
            assert_int_equal(s.latency, 0);
            windows += s.windows;
        }
    }
    assert_int_equal(windows, 768);
}

/* It flags all who wait and spares the culprit, until the median has got used to it. */
static void twice_the_median_names_victims(void **state) {
    (void)state;
    size_t flagged = 0;
    for (size_t n = 0; n < 4; n++)
        for (size_t d = 0; d < 4; d++) {
            struct straggler_synthetic o = options(STRAGGLER_PERSISTENT, n, 0, stalls[d]);
            struct straggler_score s = score(&o, STRAGGLER_TWICE_MEDIAN);
            assert_int_equal(s.hits, 0);
            assert_int_equal(s.misses, 6); /* the culprit, in each window of the stall */
            assert_true(s.false_ > 0 && s.false_ % (o.ranks - 1) == 0);
            flagged += s.false_;
        }
    /* From step 16 the others take long. More than half of the 32 steps before are short ones until
     * step 32, in the third window; of two ranks', of which one is short, until step 47. */
    assert_int_equal(flagged, 4 * (4 * 1 + 3 * 3 + 3 * 31 + 3 * 255));
}

static void the_others_see_what_they_see(void **state) {
    (void)state;
    struct straggler_synthetic o = options(STRAGGLER_PERSISTENT, 2, 0, 300);
    o.common_clock = true;
    /* 1300 us of computing over 1000 scores 0.77: passes for healthy. At 1350, it does not. */
    assert_int_equal(score(&o, STRAGGLER_RELATIVE_SCORE).hits, 0);
    o.stall_us = 350;
    assert_int_equal(score(&o, STRAGGLER_RELATIVE_SCORE).exact, 8);
    /* By one clock, and with no floor: right in a stall, and a name without one. */
    struct straggler_score s = score(&o, STRAGGLER_LAST_ARRIVAL);
    assert_int_equal(s.hits, 6);
    assert_int_equal(s.alarms, 2);
    o.common_clock = false;
    assert_int_equal(score(&o, STRAGGLER_LAST_ARRIVAL).cannot, 8);
    assert_int_equal(score(&o, STRAGGLER_COUNT_LAGS).hits, 0);
    assert_int_equal(score(&o, STRAGGLER_MISSING_RANK).hits, 0);
    assert_int_equal(score(&o, STRAGGLER_LONE_SPIKE).hits, 0);
    o.kind = STRAGGLER_STOPPED;
    s = score(&o, STRAGGLER_COUNT_LAGS);
    assert_true(s.exact == s.windows && s.hits == 1);
    s = score(&o, STRAGGLER_MISSING_RANK);
    assert_true(s.exact == s.windows && s.hits == 1);
    /* A stall that comes and goes: the median of the computing times does not see it. */
    o = options(STRAGGLER_RARE, 2, 0, 1200);
    assert_int_equal(score(&o, STRAGGLER_RELATIVE_SCORE).hits, 0);
    /* With two ranks, the one that waits is alone in its spike: a victim. */
    o = options(STRAGGLER_RARE, 0, 0, 1200);
    s = score(&o, STRAGGLER_LONE_SPIKE);
    assert_int_equal(s.hits, 0);
    /* A slow link delays all alike. */
    o = options(STRAGGLER_SLOW_LINK, 1, 0, 1200);
    assert_int_equal(score(&o, STRAGGLER_SLOWEST_TIME).alarms, 8);
    assert_int_equal(score(&o, STRAGGLER_TWICE_MEDIAN).alarms, 2);
}

/* --- without the straggler ---------------------------------------------------------------------
 */

static double mean_step(const struct straggler_synthetic *o) {
    struct straggler_log log;
    struct straggler_times times;
    double *truth;
    assert_int_equal(straggler_synthesise(o, &log, &truth), 0);
    assert_int_equal(straggler_times(&log, &times), 0);
    straggler_log_close(&log);
    free(truth);
    return times.step.mean;
}

static struct straggler_without predict(const struct straggler_synthetic *o) {
    struct straggler_log log;
    struct straggler_verdict v;
    struct straggler_without w;
    char why[STRAGGLER_WHY];
    double *truth;
    assert_int_equal(straggler_synthesise(o, &log, &truth), 0);
    assert_int_equal(straggler_verdict_open(&v, log.ranks), 0);
    assert_int_equal(straggler_rules[STRAGGLER_LEAST_WAIT].judge(&log, 0, log.steps, &v), 0);
    assert_int_equal(straggler_without(&log, &v, &w, why), 0);
    straggler_verdict_close(&v);
    straggler_log_close(&log);
    free(truth);
    return w;
}

static void predicts_the_step_without(void **state) {
    (void)state;
    double worst = 0;
    for (int late = 0; late < 2; late++)
        for (int k = STRAGGLER_PERSISTENT; k <= STRAGGLER_RARE; k++)
            ALL_LOGS {
                struct straggler_synthetic o = options((enum straggler_kind)k, n, j, stalls[d]);
                if (late && o.ranks == 2)
                    continue; /* who is behind its only peer is ahead of nobody */
                o.one_late = late;
                struct straggler_without w = predict(&o);
                double with = mean_step(&o);
                o.stall_us = 0;
                double error = fabs(w.without_us / mean_step(&o) - 1);
                assert_true(fabs(w.with_us / with - 1) < 1e-6);
                worst = fmax(worst, error);
                if (error > 0.03)
                    fail_msg("%s, N = %u, jitter %zu, %g us, %s: %.2f us, truth %.2f",
                             straggler_kind_name((enum straggler_kind)k), o.ranks, j, stalls[d],
                             late ? "one late" : "blocking", w.without_us, mean_step(&o));
            }
    struct straggler_synthetic o = options(STRAGGLER_PERSISTENT, 1, 0, 2400);
    o.one_late = true; /* collectives that wait for the one before */
    o.alpha_us = 1500;
    struct straggler_without w = predict(&o);
    o.stall_us = 0;
    worst = fmax(worst, fabs(w.without_us / mean_step(&o) - 1));
    assert_true(worst < 0.03);
    print_message("largest error of a prediction: %.2f %%\n", 100 * worst);
}

/* What a rank does between a collective's end and computing is in no log, and not all steps follow
 * on another: of those that do, the difference is that of a log without both. */
static void predicts_from_a_log_with_gaps(void **state) {
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct straggler_synthetic o = options(STRAGGLER_PERSISTENT, 1, 0, 600);
        struct straggler_log log;
        struct straggler_verdict v;
        struct straggler_without w;
        char why[STRAGGLER_WHY];
        double *truth;
        o.one_late = late;
        o.onset = 0;
        assert_int_equal(straggler_synthesise(&o, &log, &truth), 0);
        for (size_t k = 0; k < log.steps; k++) {
            log.step[k].sequence = k + k / 16; /* 16 steps in a row; then others ran */
            for (unsigned r = 0; r < log.ranks; r++) {
                straggler_at(&log, k, r)->start_us += 50.0 * (double)k + 1e6 * (double)(k / 16);
                straggler_at(&log, k, r)->end_us += 50.0 * (double)k + 1e6 * (double)(k / 16);
            }
        }
        assert_int_equal(straggler_verdict_open(&v, log.ranks), 0);
        assert_int_equal(straggler_rules[STRAGGLER_LEAST_WAIT].judge(&log, 0, log.steps, &v), 0);
        assert_int_equal(straggler_without(&log, &v, &w, why), 0);
        assert_int_equal(w.steps, log.steps);
        /* Blocking, the first of 16 is known without what came before its computing. */
        double gap = late ? 50 : 50.0 * 15 / 16;
        double o_with = mean_step(&o);
        o.stall_us = 0;
        double o_without = mean_step(&o);
        assert_true(fabs(w.with_us - (o_with + gap)) < 0.01 * o_with);
        assert_true(fabs(w.without_us - (o_without + gap)) < 0.01 * o_without);
        straggler_verdict_close(&v);
        straggler_log_close(&log);
        free(truth);
    }
}

static void does_not_predict_what_it_cannot(void **state) {
    (void)state;
    struct straggler_synthetic o = options(STRAGGLER_PERSISTENT, 1, 0, 300);
    struct straggler_log log;
    struct straggler_verdict v;
    struct straggler_without w;
    char why[STRAGGLER_WHY];
    double *truth;
    o.one_late = true;
    assert_int_equal(straggler_synthesise(&o, &log, &truth), 0);
    assert_int_equal(straggler_verdict_open(&v, log.ranks), 0);
    log.has_compute = false;
    assert_int_equal(straggler_without(&log, &v, &w, why), -1);
    log.has_compute = true;
    log.blind = "so";
    assert_int_equal(straggler_without(&log, &v, &w, why), -1);
    assert_string_equal(why, "cannot tell: so");
    straggler_verdict_close(&v);
    straggler_log_close(&log);
    free(truth);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ours_is_right),
        cmocka_unit_test(ours_at_1024_ranks),
        cmocka_unit_test(ours_names_nobody_without_a_stall),
        cmocka_unit_test(ours_with_overlap),
        cmocka_unit_test(slowest_time_names_victims),
        cmocka_unit_test(twice_the_median_names_victims),
        cmocka_unit_test(the_others_see_what_they_see),
        cmocka_unit_test(predicts_the_step_without),
        cmocka_unit_test(predicts_from_a_log_with_gaps),
        cmocka_unit_test(does_not_predict_what_it_cannot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
