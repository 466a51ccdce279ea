/*
 * ranks_run_test.c: runs under engines. Of simulated ones times are known, of real ones only what
 * every clock must say; sums are known of both.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernels/ranks/ranks.h"

static char why[RANKS_WHY];

/* Where an engine is missing, nothing can be said of it. */
static void run(const struct ranks_plan *plan, struct ranks_log *log) {
    struct ranks_failure failure;
    if (ranks_engine_check(plan->engine, why) != 0) {
        print_message("not tested: %s\n", why);
        skip();
    }
    if (ranks_run(plan, NULL, log, &failure, why) != 0)
        fail_msg("%s", why);
    assert_int_equal(log->steps, plan->rounds * plan->arms * plan->steps);
    assert_true(log->wall_s > 0);
    assert_int_equal(log->machines, 1);
}

static uint64_t fnv1a(const void *data, size_t bytes) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ ((const unsigned char *)data)[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static bool is_near(double a, double b, double relative) {
    return fabs(a - b) <= relative * fabs(b);
}

static struct ranks_plan two_arms(enum ranks_engine engine, unsigned ranks, double stall_us) {
    struct ranks_plan plan = ranks_plan_default(engine, ranks);
    plan.algorithm = RANKS_DOUBLING;
    plan.arms = 2;
    plan.arm[1] = plan.arm[0];
    plan.arm[1].stall_us = stall_us;
    plan.arm[1].culprit = ranks / 2;
    return plan;
}

/* --- processes ---------------------------------------------------------------------------------
 */

/* What any clock must say of a log in which computing is slept. */
static void check_clocks(const struct ranks_log *log) {
    for (size_t k = 0; k < log->steps; k++)
        for (unsigned r = 0; r < log->plan.ranks; r++) {
            const struct ranks_cell *c = ranks_at(log, k, r);
            const struct ranks_arm *arm = &log->plan.arm[log->step[k].arm];
            assert_true(c->stall_us == (r == arm->culprit ? arm->stall_us : 0));
            assert_true(c->compute_us > (arm->compute_us + c->stall_us) * (1 - 1e-6));
            assert_true(c->end_us >= c->start_us);
            if (log->step[k].step > 0 && !arm->one_late)
                assert_true(c->start_us - c->compute_us >= ranks_at(log, k - 1, r)->end_us - 1e-3);
        }
}

static void check_bits(const struct ranks_log *log, uint64_t hash) {
    for (size_t k = 0; k < log->steps; k++)
        for (unsigned r = 0; r < log->plan.ranks; r++)
            assert_true(ranks_at(log, k, r)->hash == hash);
}

/* Two ranks can only add one number to the other. */
static void test_two_processes(void **state) {
    (void)state;
    struct ranks_log log;
    struct ranks_plan plan = two_arms(RANKS_OPENMPI, 2, 300);
    plan.rounds = 2, plan.steps = 4;
    plan.arm[0].keep_output = true;
    run(&plan, &log);
    check_clocks(&log);
    for (size_t i = 0; i < plan.arm[0].bytes / sizeof(float); i++)
        assert_true(log.output[0][i] ==
                    ranks_input(plan.seed, 0, i) + ranks_input(plan.seed, 1, i));
    assert_null(log.output[1]);
    check_bits(&log, fnv1a(log.output[0], plan.arm[0].bytes));
    ranks_log_close(&log);
}

static void test_processes_spin(void **state) {
    (void)state;
    struct ranks_log log;
    struct ranks_plan plan = two_arms(RANKS_OPENMPI, 2, 100);
    plan.compute = RANKS_SPIN;
    plan.steps = 3, plan.arm[0].compute_us = plan.arm[1].compute_us = 50;
    run(&plan, &log);
    check_clocks(&log);
    check_bits(&log, ranks_at(&log, 0, 0)->hash);
    ranks_log_close(&log);
}

static void test_processes_one_late(void **state) {
    (void)state;
    struct ranks_log log;
    struct ranks_plan plan = two_arms(RANKS_OPENMPI, 2, 300);
    plan.arm[1].one_late = true;
    run(&plan, &log);
    check_clocks(&log);
    check_bits(&log, ranks_at(&log, 0, 0)->hash);
    /* A step's computing is over at the earliest when it has lasted its time since the last sum
     * began, and its sum begins after the one before has ended. */
    for (size_t k = 1; k < log.steps; k++)
        for (unsigned r = 0; r < 2 && log.step[k].step > 0; r++)
            assert_true(ranks_at(&log, k, r)->end_us >= ranks_at(&log, k - 1, r)->end_us);
    ranks_log_close(&log);
}

/* The same algorithm of two libraries, and in groups, which here add in the same order. */
static void test_same_bits(void **state) {
    (void)state;
    struct ranks_log real, simulated, groups;
    struct ranks_plan plan = two_arms(RANKS_OPENMPI, 4, 0);
    plan.steps = 2, plan.arms = 1;
    run(&plan, &real);
    check_bits(&real, ranks_at(&real, 0, 0)->hash);
    plan.group = 2;
    run(&plan, &groups);
    check_bits(&groups, ranks_at(&real, 0, 0)->hash);
    plan.group = 0;
    plan.engine = RANKS_SMPI;
    run(&plan, &simulated);
    check_bits(&simulated, ranks_at(&real, 0, 0)->hash);
    ranks_log_close(&real);
    ranks_log_close(&groups);
    ranks_log_close(&simulated);
}

/* --- simulated ranks ---------------------------------------------------------------------------
 */

/* Of one sum where all come together. A message takes 2 × latency and its bytes over the bandwidth;
 * SimGrid adds an envelope to each, 16 bytes in 3.32, which 2e-3 leaves room for. */
static void check_sum(unsigned ranks, enum ranks_algorithm algorithm, uint64_t bytes,
                      double theory_us) {
    struct ranks_log log;
    struct ranks_plan plan = ranks_plan_default(RANKS_SMPI, ranks);
    plan.algorithm = algorithm;
    plan.steps = 2;
    plan.arm[0].bytes = bytes;
    run(&plan, &log);
    for (unsigned r = 0; r < ranks; r++) {
        const struct ranks_cell *c = ranks_at(&log, 1, r);
        if (!is_near(c->end_us - c->start_us, theory_us, 2e-3))
            fail_msg("%u ranks, %s: %.9g us, not %.9g", ranks, ranks_algorithm_name(algorithm),
                     c->end_us - c->start_us, theory_us);
        assert_true(is_near(c->compute_us, plan.arm[0].compute_us, 1e-9));
    }
    check_bits(&log, ranks_at(&log, 0, 0)->hash);
    ranks_log_close(&log);
}

static void test_alpha_beta(void **state) {
    (void)state;
    check_sum(4, RANKS_DOUBLING, 4096, 2 * (2 + 4096 / 25e3));
    check_sum(8, RANKS_DOUBLING, 4096, 3 * (2 + 4096 / 25e3));
    check_sum(32, RANKS_DOUBLING, 4096, 5 * (2 + 4096 / 25e3));
    check_sum(8, RANKS_DOUBLING, 1 << 20, 3 * (2 + 1048576 / 25e3));
    check_sum(8, RANKS_RING, 1 << 20, 14 * (2 + 131072 / 25e3));
}

/* A stall is all in the step, whose end all others wait for: the culprit waits least. */
static void test_stalls(void **state) {
    (void)state;
    static const double stalls[] = {150, 1200, 2400};
    for (size_t s = 0; s < sizeof stalls / sizeof *stalls; s++) {
        struct ranks_log log;
        struct ranks_plan plan = two_arms(RANKS_SMPI, 32, stalls[s]);
        plan.steps = 8;
        run(&plan, &log);
        check_clocks(&log);
        check_bits(&log, ranks_at(&log, 0, 0)->hash);
        size_t count[2];
        double *without = ranks_step_times(&log, 0, &count[0]);
        double *with = ranks_step_times(&log, 1, &count[1]);
        assert_true(count[0] == 8 && count[1] == 8);
        for (unsigned k = 0; k < 8; k++)
            if (!is_near(with[k] - without[k], stalls[s], 1e-6))
                fail_msg("%.9g us of stall: %.9g more", stalls[s], with[k] - without[k]);
        free(without);
        free(with);
        struct straggler_log judged;
        struct straggler_verdict verdict;
        assert_int_equal(ranks_straggler_log(&log, 1, -1, false, 0, &judged, NULL), 0);
        assert_int_equal(straggler_verdict_open(&verdict, 32), 0);
        const struct straggler_rule *rule = &straggler_rules[STRAGGLER_LEAST_WAIT];
        assert_int_equal(rule->judge(&judged, 0, judged.steps, &verdict), 0);
        if (verdict.count != 1)
            fail_msg("%u named: %s", verdict.count, verdict.why);
        assert_true(verdict.named[plan.arm[1].culprit]);
        straggler_verdict_close(&verdict);
        straggler_log_close(&judged);
        ranks_log_close(&log);
    }
}

/* Computing lasts as drawn; and nothing in a simulation is left to chance. */
static void test_jitter(void **state) {
    (void)state;
    struct ranks_log log, again;
    struct ranks_plan plan = two_arms(RANKS_SMPI, 8, 500);
    plan.rounds = 2;
    plan.arm[0].jitter = plan.arm[1].jitter = STRAGGLER_EXPONENTIAL;
    plan.arm[0].jitter_us = plan.arm[1].jitter_us = 100;
    plan.arm[1].stall = STRAGGLER_RARE;
    plan.arm[1].chance = 0.2;
    run(&plan, &log);
    for (size_t k = 0; k < log.steps; k++)
        for (unsigned r = 0; r < 8; r++) {
            const struct ranks_step *s = &log.step[k];
            const struct ranks_cell *c = ranks_at(&log, k, r);
            if (s->arm == 0)
                assert_true(c->stall_us == 0);
            assert_true(c->stall_us == 0 || c->stall_us == 500);
            assert_true(c->compute_us >= 500 + c->stall_us);
        }
    run(&plan, &again);
    assert_memory_equal(log.step, again.step, log.steps * sizeof *log.step);
    assert_memory_equal(log.cell, again.cell, log.steps * 8 * sizeof *log.cell);
    ranks_log_close(&log);
    ranks_log_close(&again);
}

static double total(const struct ranks_log *log, unsigned arm) {
    size_t count;
    double sum = 0, *times = ranks_step_times(log, arm, &count);
    for (size_t k = 0; k < count; k++)
        sum += times[k];
    free(times);
    return sum;
}

/* Each rank is late once. One late, the others wait for nobody: a step on, they have caught up. A
 * rank that is always late is waited for all the same. */
static void test_one_late(void **state) {
    (void)state;
    struct ranks_log log;
    struct ranks_plan plan = ranks_plan_default(RANKS_SMPI, 8);
    enum { STRICT, STRICT_ROTATING, LATE, LATE_ROTATING, LATE_PERSISTENT };
    plan.algorithm = RANKS_DOUBLING;
    plan.arms = 5, plan.steps = 16;
    for (unsigned k = 1; k < plan.arms; k++) {
        plan.arm[k] = plan.arm[0];
        plan.arm[k].one_late = k >= LATE;
    }
    plan.arm[STRICT_ROTATING].stall = plan.arm[LATE_ROTATING].stall = STRAGGLER_ROTATING;
    plan.arm[STRICT_ROTATING].stall_us = plan.arm[LATE_ROTATING].stall_us = 400;
    plan.arm[LATE_PERSISTENT].stall_us = 400;
    run(&plan, &log);
    double message = 2 + (4096 + 16) / 25e3, strict = 500 + 3 * message;
    assert_true(is_near(total(&log, STRICT), 16 * strict, 1e-6));
    assert_true(is_near(total(&log, STRICT_ROTATING), 16 * (strict + 400), 1e-6));
    assert_true(is_near(total(&log, LATE), 15 * 500.0, 1e-6)); /* the sum costs nothing */
    assert_true(is_near(total(&log, LATE_PERSISTENT), 15 * 900.0, 1e-2));
    /* Step k begins with its own computing of 500 and what a rank that was late has left to do. */
    assert_true(total(&log, LATE_ROTATING) < 0.8 * total(&log, STRICT_ROTATING));
    check_bits(&log, ranks_at(&log, 0, 0)->hash);
    ranks_log_close(&log);
}

/* 4 groups of 2, rank 5 late: its group waits in its own sum, the others in the sum across. */
static void test_groups(void **state) {
    (void)state;
    struct ranks_log log;
    struct ranks_plan plan = two_arms(RANKS_SMPI, 8, 1000);
    plan.group = 2;
    plan.steps = 3, plan.warmup = 1;
    plan.arm[1].culprit = 5;
    run(&plan, &log);
    double message = 2 + (4096 + 16) / 25e3;
    for (size_t k = 0; k < log.steps; k++)
        for (unsigned r = 0; r < 8; r++) {
            const struct ranks_cell *c = ranks_at(&log, k, r);
            double inner = c->end_us - c->start_us, outer = c->outer_end_us - c->outer_start_us;
            double late = log.step[k].arm == 1 ? 1000 : 0;
            assert_true(c->outer_start_us == c->end_us);
            /* The step takes as much longer for all; a part of it can be in the computing. */
            assert_true(is_near(c->compute_us + inner + outer, 500 + late + 3 * message, 5e-3));
            if (log.step[k].arm == 1 && r == 4)
                assert_true(inner > 1000 && outer < 10);
            if (log.step[k].arm == 1 && r / 2 != 2)
                assert_true(inner < 10 && outer > 990);
        }
    check_bits(&log, ranks_at(&log, 0, 0)->hash);
    ranks_log_close(&log);
}

/* Ranks of a thousand, within what a small machine has. */
static void test_many(void **state) {
    (void)state;
    struct ranks_log log;
    struct ranks_plan plan = ranks_plan_default(RANKS_SMPI, 1024);
    plan.algorithm = RANKS_DOUBLING;
    plan.warmup = 0;
    run(&plan, &log);
    check_bits(&log, ranks_at(&log, 0, 0)->hash);
    const struct ranks_cell *c = ranks_at(&log, 19, 1023);
    assert_true(is_near(c->end_us - c->start_us, 10 * (2 + 4096 / 25e3), 2e-3));
    assert_true(log.peak_bytes > 0 && log.peak_bytes < 0x1p30);
    ranks_log_close(&log);
}

/* --- what is left ------------------------------------------------------------------------------
 */

static unsigned files_in(const char *folder) {
    unsigned count = 0;
    DIR *all = opendir(folder);
    assert_non_null(all);
    for (struct dirent *one; (one = readdir(all));)
        count += one->d_name[0] != '.';
    closedir(all);
    return count;
}

static void test_leaves_nothing(void **state) {
    (void)state;
    char folder[] = "/tmp/nanolab-ranks-test-XXXXXX";
    struct ranks_log log;
    struct ranks_plan plan = ranks_plan_default(RANKS_SMPI, 4);
    if (ranks_engine_check(RANKS_SMPI, why) != 0)
        skip();
    assert_non_null(mkdtemp(folder));
    setenv("TMPDIR", folder, 1);
    assert_int_equal(ranks_run(&plan, NULL, &log, NULL, why), 0);
    assert_int_equal(files_in(folder), 0);
    ranks_log_close(&log);
    plan.fault.kind = RANKS_FULL_DISK;
    assert_int_equal(ranks_run(&plan, NULL, &log, NULL, why), -1);
    assert_int_equal(files_in(folder), 0);
    plan.ranks = 0;
    assert_int_equal(ranks_run(&plan, NULL, &log, NULL, why), -1);
    assert_non_null(strstr(why, "0 ranks"));
    assert_int_equal(files_in(folder), 0);
    plan.ranks = 4;
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(ranks_run(&plan, NULL, &log, NULL, why), -1);
    assert_non_null(strstr(why, folder));
    unsetenv("TMPDIR");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_processes),
        cmocka_unit_test(test_processes_spin),
        cmocka_unit_test(test_processes_one_late),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_alpha_beta),
        cmocka_unit_test(test_stalls),
        cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_one_late),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
