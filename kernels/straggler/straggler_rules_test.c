/*
 * straggler_rules_test.c: each rule on logs made by hand: what it names, and where it cannot tell.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/straggler/straggler_inside.h"

enum { RANKS = 4, STEPS = 12 };

static struct straggler_log log_;
static struct straggler_verdict verdict;

/* Steps in which every rank computes 100 us and communicates 20. */
static int set_up(void **state) {
    (void)state;
    if (straggler_log_open(&log_, RANKS, STEPS) != 0 ||
        straggler_verdict_open(&verdict, RANKS) != 0)
        return -1;
    log_.has_compute = true;
    for (size_t k = 0; k < STEPS; k++)
        for (unsigned r = 0; r < RANKS; r++)
            *straggler_at(&log_, k, r) = (struct straggler_cell){100, 120.0 * (double)k + 100,
                                                                 120.0 * (double)k + 120, true};
    for (unsigned r = 0; r < RANKS; r++) {
        log_.launched[r] = STEPS;
        log_.present[r] = true;
    }
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    straggler_verdict_close(&verdict);
    straggler_log_close(&log_);
    return 0;
}

static void comm(size_t step, unsigned rank, double us) {
    struct straggler_cell *c = straggler_at(&log_, step, rank);
    c->start_us = c->end_us - us;
}

/* names: a digit for each named rank, in order. */
static void expect(enum straggler_rule_id rule, const char *names) {
    char got[RANKS + 1];
    size_t n = 0;
    assert_int_equal(straggler_rules[rule].judge(&log_, 0, log_.steps, &verdict), 0);
    for (unsigned r = 0; r < RANKS; r++)
        if (verdict.named[r])
            got[n++] = (char)('0' + r);
    got[n] = '\0';
    assert_int_equal(verdict.count, n);
    if (strcmp(got, names) != 0)
        fail_msg("%s names \"%s\", not \"%s\": %s", straggler_rules[rule].name, got, names,
                 verdict.why);
}

static void expect_cannot(enum straggler_rule_id rule, const char *why) {
    expect(rule, "");
    assert_true(verdict.cannot_tell);
    assert_true(strncmp(verdict.why, "cannot tell: ", 13) == 0);
    if (!strstr(verdict.why, why))
        fail_msg("\"%s\" does not say \"%s\"", verdict.why, why);
}

static void every_rule_is_whole(void **state) {
    (void)state;
    for (int k = 0; k < STRAGGLER_RULES; k++) {
        const struct straggler_rule *rule = straggler_rules + k;
        assert_true(rule->name && rule->source && rule->says && rule->judge);
        for (int j = 0; j < k; j++)
            assert_string_not_equal(rule->name, straggler_rules[j].name);
    }
}

static void slowest_time(void **state) {
    (void)state;
    expect(STRAGGLER_SLOWEST_TIME, "3"); /* all alike: the last one of a stable sort */
    assert_false(verdict.cannot_tell);
    comm(5, 1, 21);
    expect(STRAGGLER_SLOWEST_TIME, "1");
    for (size_t k = 0; k < 4; k++)
        log_.step[k].bytes = 4096;
    comm(2, 2, 20.5); /* of each size by itself */
    expect(STRAGGLER_SLOWEST_TIME, "12");
    for (size_t k = 0; k < STEPS; k++)
        straggler_at(&log_, k, 0)->end_us = NAN;
    expect_cannot(STRAGGLER_SLOWEST_TIME, "no step has a time of every rank");
}

static void lone_spike(void **state) {
    (void)state;
    expect(STRAGGLER_LONE_SPIKE, "");
    comm(3, 2, 40); /* the mean of the slowest is 21.67, and 1.5 times that 32.5 */
    expect(STRAGGLER_LONE_SPIKE, "2");
    comm(3, 0, 40);
    expect(STRAGGLER_LONE_SPIKE, ""); /* not alone */
    comm(3, 0, 20);
    comm(3, 2, 31);
    expect(STRAGGLER_LONE_SPIKE, "");
    for (size_t k = 0; k < 6; k++)
        for (unsigned r = 0; r < RANKS; r++) {
            log_.step[k].bytes = 4096;
            comm(k, r, r == 1 && k == 2 ? 90 : 60); /* 65 is the mean of this size */
        }
    expect(STRAGGLER_LONE_SPIKE, "");
    comm(2, 1, 105); /* over 1.5 times 67.5 */
    expect(STRAGGLER_LONE_SPIKE, "1");
}

static void relative_score(void **state) {
    (void)state;
    for (size_t k = 0; k < STEPS; k++) {
        straggler_at(&log_, k, 1)->compute_us = 133.3; /* 0.7502 */
        straggler_at(&log_, k, 2)->compute_us = 133.4; /* 0.7496 */
    }
    expect(STRAGGLER_RELATIVE_SCORE, "2");
    straggler_at(&log_, 0, 3)->compute_us = 1e6; /* a median does not see one step */
    expect(STRAGGLER_RELATIVE_SCORE, "2");
    for (size_t k = 0; k < STEPS; k++)
        straggler_at(&log_, k, 0)->compute_us = NAN;
    expect_cannot(STRAGGLER_RELATIVE_SCORE, "no computing times");
}

static void count_lags(void **state) {
    (void)state;
    expect(STRAGGLER_COUNT_LAGS, "");
    log_.launched[2] = STEPS - 1;
    expect(STRAGGLER_COUNT_LAGS, "2");
    log_.launched[0] = STEPS - 1; /* half of all are no outliers */
    expect(STRAGGLER_COUNT_LAGS, "");
    log_.launched[0] = STEPS - 2;
    expect(STRAGGLER_COUNT_LAGS, "0");
    log_.launched[1] = STRAGGLER_UNKNOWN;
    expect_cannot(STRAGGLER_COUNT_LAGS, "does not count");
}

static void last_arrival(void **state) {
    (void)state;
    comm(4, 1, 5);
    expect_cannot(STRAGGLER_LAST_ARRIVAL, "clocks are not one clock");
    log_.common_clock = true;
    expect(STRAGGLER_LAST_ARRIVAL, "1");
    for (size_t k = 0; k < STEPS; k++)
        log_.step[k].collective = STRAGGLER_REDUCE;
    expect_cannot(STRAGGLER_LAST_ARRIVAL, "no step");
}

static void missing_rank(void **state) {
    (void)state;
    expect_cannot(STRAGGLER_MISSING_RANK, "every rank has left");
    log_.has_pending = true;
    expect(STRAGGLER_MISSING_RANK, "");
    for (unsigned r = 0; r < RANKS; r++) {
        straggler_at(&log_, STEPS - 1, r)->joined = r != 1;
        straggler_at(&log_, STEPS - 1, r)->end_us = NAN;
    }
    expect(STRAGGLER_MISSING_RANK, "1");
    expect(STRAGGLER_LEAST_WAIT, "1"); /* late without end */
    assert_true(isinf(verdict.late_us[1]));
    log_.present[1] = false;
    expect_cannot(STRAGGLER_MISSING_RANK, "has no log");
    expect(STRAGGLER_LEAST_WAIT, "");
}

static void twice_median(void **state) {
    (void)state;
    expect(STRAGGLER_TWICE_MEDIAN, "");
    for (unsigned r = 0; r < RANKS; r++)
        comm(6, r, r == 2 ? 20 : 41);
    expect(STRAGGLER_TWICE_MEDIAN, "013"); /* who waited */
    for (unsigned r = 0; r < RANKS; r++)
        comm(6, r, r == 2 ? 20 : 40);
    expect(STRAGGLER_TWICE_MEDIAN, "");
    log_.steps = 1;
    expect_cannot(STRAGGLER_TWICE_MEDIAN, "no step before");
    log_.steps = STEPS;
}

static void least_wait(void **state) {
    (void)state;
    expect(STRAGGLER_LEAST_WAIT, "");
    assert_false(verdict.cannot_tell);
    assert_non_null(strstr(verdict.why, "nobody is late by more than 2 us in one step"));
    comm(6, 2, 17.5); /* a tenth of the collective, 2 us, is no matter */
    expect(STRAGGLER_LEAST_WAIT, "2");
    assert_true(fabs(verdict.late_us[2] - 2.5) < 1e-9);
    comm(6, 2, 18.5);
    expect(STRAGGLER_LEAST_WAIT, "");
    comm(6, 1, 10);
    comm(9, 3, 10); /* two, in steps of their own */
    expect(STRAGGLER_LEAST_WAIT, "13");
    comm(9, 1, 10); /* … and in one step */
    expect(STRAGGLER_LEAST_WAIT, "13");
    log_.floor_us = 11; /* measured before: so much comes without a stall */
    expect(STRAGGLER_LEAST_WAIT, "");
    log_.floor_us = 0;
    log_.resolution_us = 6;
    expect(STRAGGLER_LEAST_WAIT, "");
    log_.resolution_us = 0;
    log_.floor_mean_us = 11; /* so much in the mean of steps, and in one of them */
    expect(STRAGGLER_LEAST_WAIT, "");
    log_.floor_mean_us = 9;
    expect(STRAGGLER_LEAST_WAIT, "13");
}

/* What is not alike is not compared: a collective of 4 ms makes 200 us no matter in itself only. */
static void sizes_are_apart(void **state) {
    (void)state;
    comm(6, 2, 10);
    for (size_t k = 0; k < 4; k++)
        for (unsigned r = 0; r < RANKS; r++) {
            log_.step[k].bytes = 1 << 20;
            comm(k, r, r == 1 ? 3800 : 4000);
        }
    expect(STRAGGLER_LEAST_WAIT, "2"); /* four of one size are too few to say */
    log_.floor_us = 3;
    expect(STRAGGLER_LEAST_WAIT, "2"); /* 200 us are less than a tenth of 3800 */
    for (size_t k = 0; k < 4; k++)
        comm(k, 1, 3500);
    expect(STRAGGLER_LEAST_WAIT, "12");
    log_.floor_us = 0;
    for (size_t k = 0; k < STEPS; k++)
        log_.step[k].bytes = k;
    expect_cannot(STRAGGLER_LEAST_WAIT, "fewer than eight collectives of one size");
}

static void least_wait_cannot_tell(void **state) {
    (void)state;
    comm(6, 2, 5);
    log_.blind = "these are not its times";
    expect_cannot(STRAGGLER_LEAST_WAIT, "these are not its times");
    log_.blind = NULL;
    log_.overlapped = true;
    log_.has_compute = false;
    expect_cannot(STRAGGLER_LEAST_WAIT, "steps overlap");
    log_.overlapped = false;
    for (size_t k = 0; k < STEPS; k++)
        log_.step[k].collective = STRAGGLER_BROADCAST;
    expect_cannot(STRAGGLER_LEAST_WAIT, "nobody leaves before all have entered");
    struct straggler_log one;
    struct straggler_verdict v;
    assert_int_equal(straggler_log_open(&one, 1, 1), 0);
    assert_int_equal(straggler_verdict_open(&v, 1), 0);
    assert_int_equal(straggler_rules[STRAGGLER_LEAST_WAIT].judge(&one, 0, 1, &v), 0);
    assert_true(v.cannot_tell && strstr(v.why, "one rank"));
    straggler_verdict_close(&v);
    straggler_log_close(&one);
}

/* The chance that is stated and the threshold are one curve. */
static void chances(void **state) {
    (void)state;
    const struct straggler_noise noise = {.scale_us = 10, .least_us = 0, .looks = 640};
    for (size_t n = 1; n <= 64; n *= 2) {
        double at = straggler_threshold(&noise, n);
        assert_true(fabs(log(straggler_chance(&noise, at, n)) + 7) < 1e-9);
        assert_true(straggler_chance(&noise, 2 * at, n) < straggler_chance(&noise, at, n));
        assert_true(n == 1 || at < straggler_threshold(&noise, n / 2));
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_rule_is_whole),
        TEST(slowest_time),
        TEST(lone_spike),
        TEST(relative_score),
        TEST(count_lags),
        TEST(last_arrival),
        TEST(missing_rank),
        TEST(twice_median),
        TEST(least_wait),
        TEST(sizes_are_apart),
        TEST(least_wait_cannot_tell),
        TEST(chances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
