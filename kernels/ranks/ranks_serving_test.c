/*
 * ranks_serving_test.c: a serving loop whose steps are those of simulated ranks: what a late rank
 * does to the batches, step by step. Times are simulated, so they are known.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/ranks/ranks.h"

#define STEPS 40
#define LATE 16 /* the step in which a rank is */

/* 4 ranks whose steps of 32 rows take 7.3 to 7.5 ms: one arm with nobody late, one with rank 2
 * 1.2 ms late once. */
static struct ranks_plan plan_of(void) {
    struct ranks_plan plan = ranks_plan_default(RANKS_SMPI, 4);
    plan.serves = true;
    plan.algorithm = RANKS_DOUBLING;
    plan.row_bytes = 64;
    plan.step_budget_us = 8000;
    plan.steps = STEPS;
    plan.warmup = 0;
    plan.arm[1] = plan.arm[0];
    plan.arm[1].stall_us = 1200;
    plan.arm[1].culprit = 2;
    plan.arm[1].from = LATE;
    plan.arm[1].to = LATE + 1;
    plan.arms = 2;
    return plan;
}

static struct ranks_log run(const struct ranks_plan *plan) {
    struct ranks_log log;
    char why[RANKS_WHY];
    if (ranks_engine_check(RANKS_SMPI, why) != 0) {
        print_message("%s\n", why);
        skip();
    }
    if (ranks_run(plan, NULL, &log, NULL, why) != 0)
        fail_msg("%s", why);
    return log;
}

static const struct ranks_step *step_of(const struct ranks_log *log, unsigned arm, unsigned step) {
    for (size_t k = 0; k < log->steps; k++)
        if (log->step[k].arm == arm && log->step[k].step == step)
            return &log->step[k];
    fail_msg("no step %u of arm %u", step, arm);
    return NULL;
}

/* All steps of an arm but [first, end) have 32 rows, and these have 12. */
static void rows_are_cut(const struct ranks_log *log, unsigned arm, unsigned first, unsigned end) {
    for (unsigned k = 0; k < STEPS; k++) {
        const struct ranks_step *step = step_of(log, arm, k);
        bool cut = k >= first && k < end;
        assert_int_equal(step->rows, cut ? 12 : 32);
        assert_int_equal(step->waiting, cut ? 20 : 0);
        assert_int_equal(step->limit, cut ? 12 : 32);
        assert_int_equal(step->cut, k == first && cut ? 20 : 0);
        assert_int_equal(step->bytes, 64 * step->rows);
        if (k > 0)
            assert_int_equal(step->joined, k == end ? 20 : 0);
    }
}

static void a_late_rank_cuts_the_batch(void **state) {
    struct ranks_plan plan = plan_of();
    struct ranks_log log = run(&plan);
    (void)state;
    rows_are_cut(&log, 0, STEPS, STEPS);
    rows_are_cut(&log, 1, LATE + 1, LATE + 9);
    assert_int_equal(step_of(&log, 1, LATE)->shape_class, step_of(&log, 0, LATE)->shape_class);
    assert_int_not_equal(step_of(&log, 1, LATE + 1)->shape_class,
                         step_of(&log, 0, LATE + 1)->shape_class);
    ranks_log_close(&log);
}

static void how_long_is_the_batcher_s_wish(void **state) {
    struct ranks_plan plan = plan_of();
    plan.restore_steps = 13;
    struct ranks_log log = run(&plan);
    (void)state;
    rows_are_cut(&log, 1, LATE + 1, LATE + 14);
    ranks_log_close(&log);
}

static void a_static_budget_cuts_nothing(void **state) {
    struct ranks_plan plan = plan_of();
    plan.batcher = SERVING_BUDGET_ONLY;
    struct ranks_log log = run(&plan);
    (void)state;
    rows_are_cut(&log, 1, STEPS, STEPS);
    ranks_log_close(&log);
}

/* One late, the loop learns how long ago a batch was formed. The others are up to a step ahead of
 * the late rank: once 1.2 ms is within that. */
static void overlap_hides_one_stall(void **state) {
    struct ranks_plan plan = plan_of();
    plan.arm[0].one_late = plan.arm[1].one_late = true;
    struct ranks_log log = run(&plan);
    (void)state;
    rows_are_cut(&log, 0, STEPS, STEPS);
    rows_are_cut(&log, 1, STEPS, STEPS);
    for (unsigned k = 0; k < STEPS; k++)
        assert_true(step_of(&log, 1, k)->rows_hash == step_of(&log, 1, 0)->rows_hash);
    ranks_log_close(&log);
}

/* But not one in every step: after 7.4 / 1.2 steps the lead is gone. */
static void overlap_delays_many(void **state) {
    struct ranks_plan plan = plan_of();
    plan.arm[0].one_late = plan.arm[1].one_late = true;
    plan.arm[1].to = 0;
    struct ranks_log log = run(&plan);
    (void)state;
    unsigned first = LATE;
    while (first < STEPS && step_of(&log, 1, first)->rows == 32)
        first++;
    assert_in_range(first, LATE + 7, LATE + 9);
    ranks_log_close(&log);
}

static void requests_come_and_go(void **state) {
    struct ranks_plan plan = plan_of();
    plan.churning = true;
    plan.cost_scale = 0.5;
    plan.warmup = 60;
    struct ranks_log log = run(&plan);
    (void)state;
    uint32_t least = 1000, most = 0;
    for (unsigned k = 0; k < STEPS; k++) {
        uint32_t rows = step_of(&log, 0, k)->rows;
        least = rows < least ? rows : least;
        most = rows > most ? rows : most;
    }
    assert_true(least < most && least > 0 && most <= 32);
    ranks_log_close(&log);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_late_rank_cuts_the_batch),
        cmocka_unit_test(how_long_is_the_batcher_s_wish),
        cmocka_unit_test(a_static_budget_cuts_nothing),
        cmocka_unit_test(overlap_hides_one_stall),
        cmocka_unit_test(overlap_delays_many),
        cmocka_unit_test(requests_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
