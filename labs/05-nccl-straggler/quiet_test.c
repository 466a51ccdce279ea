/*
 * quiet_test.c: of logs with stalls, those steps are left out in which somebody else was late, or
 * left late, or the sum took long; and none for a stall, or for clocks that are apart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "labs/05-nccl-straggler/league.h"

enum { RANKS = 4, STEPS = 32 };

struct made {
    struct straggler_log log;
    double *stall;
};

static struct made make(bool one_late) {
    struct straggler_synthetic o = straggler_synthetic_default(RANKS, 5);
    struct made m;
    o.steps = STEPS;
    o.onset = 8;
    o.stall_us = 1200;
    o.jitter = STRAGGLER_EXPONENTIAL;
    o.jitter_us = 10;
    o.one_late = one_late;
    assert_int_equal(straggler_synthesise(&o, &m.log, &m.stall), 0);
    return m;
}

static struct straggler_cell *at(struct made *m, size_t step, unsigned rank) {
    return straggler_at(&m->log, step, rank);
}

/* How many steps are left, after the checks that all else fits together. */
static size_t left(struct made *m) {
    assert_int_equal(quiet_steps(&m->log, m->stall), 0);
    size_t steps = m->log.steps;
    for (size_t k = 0; k < steps; k++) {
        size_t number = m->log.step[k].sequence; /* from 0, one by one, before */
        for (unsigned r = 0; r < RANKS; r++)
            assert_true(m->stall[k * RANKS + r] == (r == RANKS / 2 && number >= 8 ? 1200 : 0));
        for (size_t before = 0; before < k; before++)
            assert_true(m->log.step[before].sequence < number);
    }
    for (unsigned r = 0; r < RANKS; r++)
        assert_int_equal(m->log.launched[r], steps);
    straggler_log_close(&m->log);
    free(m->stall);
    return steps;
}

static void a_stall_is_no_disturbance(void **state) {
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct made m = make(late);
        assert_int_equal(left(&m), STEPS);
    }
}

static void whoever_comes_late_is(void **state) {
    (void)state;
    struct made m = make(false);
    at(&m, 3, 0)->start_us += 100; /* no more than can be */
    assert_int_equal(left(&m), STEPS);
    m = make(false);
    at(&m, 3, 0)->start_us += 200;
    at(&m, 20, 1)->start_us += 200;
    assert_int_equal(left(&m), STEPS - 2);
    m = make(false);
    at(&m, 20, RANKS / 2)->start_us += 200; /* the culprit, by more than it was given */
    assert_int_equal(left(&m), STEPS - 1);
    m = make(false);
    at(&m, 20, RANKS / 2)->start_us -= 1200; /* and by less */
    assert_int_equal(left(&m), STEPS - 1);
}

static void whoever_leaves_late_is(void **state) {
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct made m = make(late);
        at(&m, 9, 1)->end_us += 200;
        at(&m, 31, 3)->end_us += 200;
        assert_int_equal(left(&m), STEPS - 2);
    }
}

static void a_sum_that_takes_long_is(void **state) {
    (void)state;
    struct made m = make(false);
    for (unsigned r = 0; r < RANKS; r++)
        at(&m, 12, r)->end_us += 200;
    assert_int_equal(left(&m), STEPS - 1);
}

static void all_that_were_put_aside_are(void **state) {
    (void)state;
    struct made m = make(false);
    for (size_t k = 12; k < STEPS; k++)
        for (unsigned r = 0; r < RANKS; r++) {
            at(&m, k, r)->start_us += 200;
            at(&m, k, r)->end_us += 200;
        }
    assert_int_equal(left(&m), STEPS - 1);
    m = make(true);
    for (unsigned r = 0; r < RANKS; r++)
        at(&m, 12, r)->compute_us += 200;
    assert_int_equal(left(&m), STEPS - 1);
}

/* One late, a rank that was late once comes later than its stall for some steps. */
static void one_late_its_computing_tells(void **state) {
    (void)state;
    struct made m = make(true);
    at(&m, 12, 0)->start_us += 100000;
    at(&m, 12, 0)->end_us += 100000;
    at(&m, 13, 0)->compute_us += 200;
    assert_int_equal(left(&m), STEPS - 2); /* number 12 by its end */
}

static void a_round_that_was_mostly_disturbed_is_none(void **state) {
    (void)state;
    struct made m = make(false);
    for (size_t k = 0; k < STEPS / 2; k++)
        at(&m, 2 * k, k % RANKS)->start_us += 200;
    assert_int_equal(left(&m), STEPS / 2);
    m = make(false);
    for (size_t k = 0; k < STEPS / 2; k++)
        at(&m, 2 * k, k % RANKS)->start_us += 200;
    at(&m, 1, 1)->start_us += 200;
    assert_int_equal(left(&m), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stall_is_no_disturbance),
        cmocka_unit_test(whoever_comes_late_is),
        cmocka_unit_test(whoever_leaves_late_is),
        cmocka_unit_test(a_sum_that_takes_long_is),
        cmocka_unit_test(all_that_were_put_aside_are),
        cmocka_unit_test(one_late_its_computing_tells),
        cmocka_unit_test(a_round_that_was_mostly_disturbed_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
