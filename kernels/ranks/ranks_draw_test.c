/*
 * ranks_draw_test.c: what is drawn is a function of the plan alone, and has the distribution that
 * it says.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/ranks/ranks_inside.h"

/* Element i does not depend on how many there are, nor on who asks; ranks and seeds differ. */
static void test_inputs(void **state) {
    (void)state;
    enum { N = 4096 };
    static float x[N];
    double sum = 0, squares = 0, across = 0;
    for (size_t i = 0; i < N; i++) {
        x[i] = ranks_input(7, 3, i);
        sum += x[i];
        squares += (double)x[i] * x[i];
        across += (double)x[i] * ranks_input(7, 4, i);
    }
    for (size_t i = N; i-- > 0;)
        assert_true(ranks_input(7, 3, i) == x[i]);
    /* Of N numbers of deviation 1, five deviations of a mean, of a mean square, of a product. */
    assert_true(fabs(sum / N) < 5 / sqrt(N));
    assert_true(fabs(squares / N - 1) < 5 * sqrt(2.0 / N));
    assert_true(fabs(across / N) < 5 / sqrt(N));
    assert_true(ranks_input(8, 3, 0) != x[0]);
}

static struct ranks_plan plan_of(enum straggler_kind kind) {
    struct ranks_plan plan = ranks_plan_default(RANKS_SMPI, 5);
    plan.rounds = 3, plan.steps = 200, plan.arms = 2;
    plan.arm[0].stall = kind;
    plan.arm[0].stall_us = 1200;
    plan.arm[0].culprit = 3;
    plan.arm[0].chance = 0.1;
    plan.arm[1] = plan.arm[0];
    return plan;
}

static void test_stalls(void **state) {
    (void)state;
    struct ranks_plan plan = plan_of(STRAGGLER_PERSISTENT);
    plan.arm[1].from = 10, plan.arm[1].to = 12;
    for (unsigned step = 0; step < 20; step++)
        for (unsigned rank = 0; rank < 5; rank++) {
            bool window = step >= 10 && step < 12;
            assert_true(ranks_stall_us(&plan, 0, 1, step, rank) == (rank == 3 ? 1200 : 0));
            assert_true(ranks_stall_us(&plan, 1, 1, step, rank) ==
                        (rank == 3 && window ? 1200 : 0));
        }
    plan = plan_of(STRAGGLER_ROTATING);
    plan.arm[1].from = 10;
    for (unsigned step = 0; step < 20; step++)
        for (unsigned rank = 0; rank < 5; rank++) {
            assert_true(ranks_stall_us(&plan, 0, 0, step, rank) ==
                        (rank == (3 + step) % 5 ? 1200 : 0));
            assert_true(ranks_stall_us(&plan, 1, 0, step, rank) ==
                        (step >= 10 && rank == (3 + step - 10) % 5 ? 1200 : 0));
        }
    plan.arm[1].period = 4;
    for (unsigned step = 0; step < 40; step++)
        for (unsigned rank = 0; rank < 5; rank++)
            assert_true(ranks_stall_us(&plan, 1, 0, step, rank) ==
                        (step >= 10 && rank == (3 + (step - 10) / 4) % 5 ? 1200 : 0));
}

/* As often as the chance says, the same in all arms, not the same in all rounds and ranks. */
static void test_rare(void **state) {
    (void)state;
    struct ranks_plan plan = plan_of(STRAGGLER_RARE);
    unsigned late = 0, differ = 0, all = 3 * 200 * 5;
    for (unsigned round = 0; round < 3; round++)
        for (unsigned step = 0; step < 200; step++)
            for (unsigned rank = 0; rank < 5; rank++) {
                double stall = ranks_stall_us(&plan, 0, round, step, rank);
                assert_true(stall == 0 || stall == 1200);
                assert_true(stall == ranks_stall_us(&plan, 1, round, step, rank));
                late += stall > 0;
                differ += stall != ranks_stall_us(&plan, 0, round, step, (rank + 1) % 5);
                differ += stall != ranks_stall_us(&plan, 0, (round + 1) % 3, step, rank);
            }
    assert_true(fabs(late - 0.1 * all) < 5 * sqrt(0.09 * all));
    assert_true(differ > all / 10);
    plan.arm[0].chance = 0;
    plan.arm[1].chance = 1;
    for (unsigned step = 0; step < 200; step++) {
        assert_true(ranks_stall_us(&plan, 0, 0, step, 0) == 0);
        assert_true(ranks_stall_us(&plan, 1, 0, step, 0) == 1200);
    }
}

static void test_jitter(void **state) {
    (void)state;
    struct ranks_plan plan = plan_of(STRAGGLER_PERSISTENT);
    double sum[2] = {0}, squares[2] = {0};
    unsigned all = 3 * 200 * 5;
    assert_true(ranks_jitter_us(&plan, 0, 0, 0, 0) == 0);
    plan.arm[0].jitter = STRAGGLER_EXPONENTIAL;
    plan.arm[1].jitter = STRAGGLER_GAUSSIAN;
    plan.arm[0].jitter_us = plan.arm[1].jitter_us = 100;
    for (unsigned k = 0; k < all; k++)
        for (unsigned arm = 0; arm < 2; arm++) {
            double jitter = ranks_jitter_us(&plan, arm, k / 1000, k / 5 % 200, k % 5);
            assert_true(arm == 1 || jitter >= 0);
            sum[arm] += jitter / all;
            squares[arm] += jitter * jitter / all;
        }
    /* The mean of an exponential is its deviation; its square's mean is twice that squared. */
    assert_true(fabs(sum[0] - 100) < 500 / sqrt(all));
    assert_true(fabs(squares[0] - 20000) < 5 * 10000 * sqrt(20.0 / all));
    assert_true(fabs(sum[1]) < 500 / sqrt(all));
    assert_true(fabs(squares[1] - 10000) < 5 * 10000 * sqrt(2.0 / all));
}

static void test_order(void **state) {
    (void)state;
    struct ranks_plan plan = ranks_plan_default(RANKS_SMPI, 2);
    unsigned order[RANKS_ARMS_MOST], again[RANKS_ARMS_MOST], first[4] = {0};
    plan.arms = 4;
    for (unsigned round = 0; round < 400; round++) {
        unsigned seen = 0;
        ranks_order(&plan, round, order);
        ranks_order(&plan, round, again);
        assert_memory_equal(order, again, 4 * sizeof *order);
        for (unsigned k = 0; k < 4; k++)
            seen |= 1u << order[k];
        assert_int_equal(seen, 15);
        first[order[0]]++;
    }
    for (unsigned k = 0; k < 4; k++)
        assert_true(fabs(first[k] - 100.0) < 5 * sqrt(75));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inputs), cmocka_unit_test(test_stalls), cmocka_unit_test(test_rare),
        cmocka_unit_test(test_jitter), cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
