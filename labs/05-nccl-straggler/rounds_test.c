/*
 * rounds_test.c: what rounds.c makes of a log made by hand: 2 rounds of 3 steps of 2 arms on 3
 * ranks, and slopes that one disturbed arm does not turn.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "labs/05-nccl-straggler/rounds.h"

enum { ARMS = 2, ROUNDS = 2, STEPS = 3, RANKS = 3 };

/* Rank r computes 100 + r, in arm 1 rank 2 computes 50 more; all leave 10 after the last came, in
 * round 1 20, but in the last step of each round 1,000: a disturbed step. Arm 1 runs first. */
static struct ranks_log made(void) {
    struct ranks_log log = {
        .plan = {.ranks = RANKS, .arms = ARMS, .rounds = ROUNDS, .steps = STEPS},
        .steps = (size_t)ARMS * ROUNDS * STEPS};
    log.step = calloc(log.steps, sizeof *log.step);
    log.cell = calloc(log.steps * RANKS, sizeof *log.cell);
    assert_non_null(log.step);
    assert_non_null(log.cell);
    for (size_t k = 0; k < log.steps; k++) {
        unsigned round = (unsigned)k / STEPS / ARMS, step = (unsigned)k % STEPS;
        unsigned arm = 1 - (unsigned)k / STEPS % ARMS;
        double begin = 10000.0 * (double)k, last = begin + 102 + 50 * arm;
        log.step[k] = (struct ranks_step){.arm = arm, .round = round, .step = step};
        for (unsigned r = 0; r < RANKS; r++) {
            struct ranks_cell *cell = ranks_at(&log, k, r);
            double clock = 77.0 * r; /* of its own */
            cell->compute_us = 100 + r + (arm == 1 && r == 2 ? 50 : 0);
            cell->start_us = begin + clock + cell->compute_us;
            cell->end_us = clock + last + (step == STEPS - 1 ? 1000 : round == 0 ? 10 : 20);
        }
    }
    return log;
}

static void medians_are_those_of_each_round(void **state) {
    (void)state;
    struct ranks_log log = made();
    double least[ROUNDS], step[ARMS][ROUNDS];
    assert_int_equal(rounds_medians(&log, 0, ROUNDS_LEAST, least), 0);
    assert_true(least[0] == 10 && least[1] == 20);
    for (unsigned arm = 0; arm < ARMS; arm++)
        assert_int_equal(rounds_medians(&log, arm, ROUNDS_STEP, step[arm]), 0);
    assert_true(step[0][0] == 112 && step[0][1] == 122);
    assert_true(step[1][0] == 162 && step[1][1] == 172);
    double most[ROUNDS]; /* of rank 0, who comes first: 2 before the last */
    assert_int_equal(rounds_medians(&log, 0, ROUNDS_MOST, most), 0);
    assert_true(most[0] == 12 && most[1] == 22);
    double wasted[ROUNDS]; /* ranks 0 and 1 wait for rank 2: 52 + 51 */
    assert_int_equal(rounds_medians(&log, 1, ROUNDS_WASTED, wasted), 0);
    assert_true(wasted[0] == 103 && wasted[1] == 103);
    struct ratio added = rounds_added(step[1], step[0], ROUNDS, 1);
    assert_true(added.value == 50 && added.low == 50 && added.high == 50);
    ranks_log_close(&log);
}

static void steps_are_all_of_an_arm_in_order(void **state) {
    (void)state;
    static const double want[] = {10, 10, 1000, 20, 20, 1000};
    struct ranks_log log = made();
    size_t count;
    double *least = rounds_steps(&log, 1, ROUNDS_LEAST, &count);
    assert_int_equal(count, ROUNDS * STEPS);
    for (size_t k = 0; k < count; k++)
        assert_true(least[k] == want[k]);
    free(least);
    ranks_log_close(&log);
}

static void a_slope_is_not_turned_by_one_arm(void **state) {
    (void)state;
    static const double x[] = {0, 150, 300, 600, 1200};
    double y[5][3];
    for (size_t p = 0; p < 5; p++)
        for (size_t k = 0; k < 3; k++)
            y[p][k] = 500 + 100 * (double)k + 2 * x[p];
    struct ratio slope = rounds_slope(x, y[0], 5, 3, 1);
    assert_true(slope.value == 2 && slope.low == 2 && slope.high == 2);
    y[4][0] = y[4][1] = y[4][2] = 90000;
    slope = rounds_slope(x, y[0], 5, 3, 1);
    assert_true(slope.value == 2 && slope.low == 2 && slope.high == 2);
}

static void what_is_not_finite_has_no_interval(void **state) {
    (void)state;
    const double x[] = {1, NAN, 3};
    assert_true(isnan(rounds_median(x, 3, 1).value));
    assert_true(isnan(rounds_median(x, 0, 1).value));
    struct ratio r = ratio_over((struct ratio){-3, -4, 2}, 2);
    assert_true(r.value == -1.5 && r.low == -2 && r.high == 1 && ratio_reach(r) == 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(medians_are_those_of_each_round),
        cmocka_unit_test(steps_are_all_of_an_arm_in_order),
        cmocka_unit_test(a_slope_is_not_turned_by_one_arm),
        cmocka_unit_test(what_is_not_finite_has_no_interval),
    };
    return cmocka_run_group_tests_name("rounds", tests, NULL, NULL);
}
