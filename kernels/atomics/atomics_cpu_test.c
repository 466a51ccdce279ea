/*
 * atomics_cpu_test.c: real threads: logs that replay, results that differ, cures that do not.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/atomics/atomics_cpu.h"
#include "kernels/atomics/atomics_explore.h"
#include "kernels/atomics/atomics_order.h"
#include "kernels/rng/data.h"
#include "kernels/threads/threads.h"

#define N_MOST 10000
#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static uint64_t x[N_MOST], result[4096], expected[4096], values[N_MOST], olds[N_MOST];

static struct atomics_cpu_plan plan_of(const char *text) {
    struct atomics_cpu_plan plan;
    char why[PLAN_WHY];
    if (atomics_cpu_plan_parse(text, &plan, why))
        fail_msg("%s: %s", text, why);
    return plan;
}

static void fill(const struct atomics_cpu_plan *plan, enum data_kind kind, size_t n) {
    struct data_options options = {.seed = 3, .condition = 1e4};
    assert_int_equal(
        data_fill(kind, plan->type == ATOMICS_F64 ? ELEMENT_F64 : ELEMENT_F32, &options, x, n), 0);
}

static void run(const struct atomics_cpu_plan *plan, struct atomics_cpu_job *job) {
    char text[PLAN_TEXT];
    job->x = x;
    job->result = result;
    job->log = olds;
    if (atomics_cpu_run(plan, job))
        fail_msg("%s: %s", atomics_cpu_plan_text(plan, text), device_error());
}

static void expect_same(const struct atomics_cpu_plan *plan, size_t n) {
    enum atomics_type type = (enum atomics_type)plan->type;
    char text[PLAN_TEXT];
    for (size_t a = 0; a < (size_t)plan->addresses; a++) {
        uint64_t got = atomics_get(type, result, a, 0), want = atomics_get(type, expected, a, 0);
        if (!atomics_same_bits(atomics_add_plain(type), got, want))
            fail_msg("%s: n %zu: address %zu: %llx is not the predicted %llx",
                     atomics_cpu_plan_text(plan, text), n, a, (unsigned long long)got,
                     (unsigned long long)want);
    }
}

static const char *const cures[] = {
    "f32.none.fixed.a1.t2",      "f32.none.fixed.a64.t3",    "f64.none.fixed.a2.t4",
    "f32.thread.fixed.a1.t2",    "f64.thread.fixed.a4.t8",   "f32.thread.ordered.a1.t2",
    "f32.thread.ordered.a2.t16", "f64.thread.ordered.a1.t4", "f32.thread.ticket.a1.t2",
    "f32.thread.ticket.a4.t8",   "f64.thread.ticket.a1.t4",  "f32.none.binned.a1.t2",
    "f32.none.binned.a16.t3",    "f64.none.binned.a1.t2",    "f32.thread.binned.a1.t2",
    "f64.thread.binned.a2.t4",   "f32.thread.plain.a16.t8",  "f32.none.plain.a4096.t4",
};

static void check_cure(const char *name, size_t n, enum data_kind kind, unsigned contenders,
                       unsigned runs) {
    struct atomics_cpu_plan plan = plan_of(name);
    struct atomics_cpu_job job = {.n = n, .contenders = contenders};
    uint32_t status;
    char why[PLAN_WHY];
    if (plan.cure == ATOMICS_PLAIN)
        n = job.n = n < 1000 ? n : 1000; /* no address is updated twice, so order cannot matter */
    fill(&plan, kind, n);
    job.unit = atomics_fixed_unit(n, 4096);
    if (atomics_cpu_model(&plan, x, n, job.unit, expected, &status, why))
        fail_msg("%s: %s", name, why);
    for (unsigned k = 0; k < runs; k++) {
        run(&plan, &job);
        expect_same(&plan, n);
        assert_int_equal(job.status, status);
    }
    atomics_cpu_job_end(&job);
}

static void test_cures(void **state) {
    (void)state;
    for (size_t p = 0; p < COUNT(cures); p++) {
        check_cure(cures[p], 2000, DATA_NORMAL, 0, 20);
        check_cure(cures[p], 1777, DATA_CANCELLING, 1, 5);
        check_cure(cures[p], 3, DATA_NORMAL, 0, 5);
    }
}

/* The issue of the matter: 1,000 runs each, one result each. */
static void test_thousand(void **state) {
    (void)state;
    static const char *const each[] = {"f32.none.fixed.a1.t2", "f32.thread.ordered.a1.t2",
                                       "f32.thread.ticket.a1.t2", "f32.none.binned.a1.t2"};
    for (size_t p = 0; p < COUNT(each); p++)
        check_cure(each[p], 1000, DATA_CANCELLING, 0, 1000);
}

static void test_replay(void **state) {
    (void)state;
    static const char *const plans[] = {"f32.none.logged.a1.t2",   "f64.none.logged.a1.t2",
                                        "f32.none.logged.a16.t3",  "f32.none.logged.a1.t4",
                                        "f32.thread.logged.a1.t8", "f64.thread.logged.a2.t16",
                                        "f32.none.logged.a64.t2",  "f32.none.logged.a1.t1"};
    size_t held = 0, chains = 0, differ = 0;
    for (size_t p = 0; p < COUNT(plans); p++) {
        struct atomics_cpu_plan plan = plan_of(plans[p]);
        struct atomics_cpu_job job = {.n = 4000};
        fill(&plan, p % 2 ? DATA_CANCELLING : DATA_NORMAL, job.n);
        atomics_cpu_update_values(&plan, x, job.n, values);
        struct atomics_log log = {.type = (enum atomics_type)plan.type,
                                  .add = atomics_add_rule((enum atomics_type)plan.type, DEVICE_CPU),
                                  .addresses = (size_t)plan.addresses,
                                  .updates = atomics_cpu_updates(&plan, job.n),
                                  .values = values,
                                  .olds = olds,
                                  .results = result};
        for (unsigned k = 0; k < 60; k++) {
            struct atomics_log_check check;
            job.contenders = k % 8 == 7;
            run(&plan, &job);
            assert_int_equal(atomics_log_check(&log, k, NULL, &check), 0);
            if (check.held != check.chains)
                fail_msg("%s: %s", plans[p], atomics_order_text(check.failure));
            held += check.held;
            chains += check.chains;
            differ += check.shuffled_differ;
        }
        atomics_cpu_job_end(&job);
    }
    assert_int_equal(held, chains);
    assert_true(differ > chains / 4);
}

/* One thread is an order: the plain sum, element by element. */
static void test_one_thread(void **state) {
    (void)state;
    struct atomics_cpu_plan plan = plan_of("f32.none.plain.a1.t1");
    struct atomics_cpu_job job = {.n = 5000};
    fill(&plan, DATA_NORMAL, job.n);
    float sum = 0;
    for (size_t k = 0; k < job.n; k++)
        sum += (float)element_get(ELEMENT_F32, x, k);
    for (unsigned k = 0; k < 3; k++) {
        job.contenders = k;
        run(&plan, &job);
        assert_memory_equal(result, &sum, sizeof sum);
    }
}

/* Two threads, one address: the bits are not always the same. How often is chance, so this looks
 * until it has seen two results, for as long as chance could possibly withhold them. */
static void test_differs(void **state) {
    (void)state;
    struct atomics_cpu_plan plan = plan_of("f32.none.plain.a1.t2");
    struct atomics_cpu_job job = {.n = N_MOST};
    uint32_t first, now;
    unsigned k;
    if (pool_cpus() < 2)
        skip();
    fill(&plan, DATA_NORMAL, job.n);
    run(&plan, &job);
    memcpy(&first, result, sizeof first);
    for (k = 0; k < 5000; k++) {
        run(&plan, &job);
        memcpy(&now, result, sizeof now);
        if (now != first)
            break;
    }
    assert_true(k < 5000);
}

/* Small cases are among what the explorer lists; a thread's own updates keep their order. */
static void test_explored(void **state) {
    (void)state;
    struct atomics_cpu_plan plan = plan_of("f32.none.plain.a1.t2");
    struct atomics_cpu_job job = {.n = 10};
    uint64_t value[10];
    uint16_t before[10];
    fill(&plan, DATA_CANCELLING, job.n);
    for (unsigned u = 0; u < 10; u++) {
        value[u] = atomics_get(ATOMICS_F32, x, u, 0);
        before[u] = u % 5 ? (uint16_t)(1u << (u - 1)) : 0;
    }
    struct atomics_reachable *all;
    size_t count;
    assert_int_equal(atomics_explore(ATOMICS_ADD_F32, 0, value, 10, before, &all, &count, NULL), 0);
    for (unsigned k = 0; k < 500; k++) {
        run(&plan, &job);
        assert_non_null(atomics_reachable_find(ATOMICS_ADD_F32, all, count,
                                               atomics_get(ATOMICS_F32, result, 0, 0)));
    }
    free(all);
}

static void test_special(void **state) {
    (void)state;
    static const struct {
        double a, b;
        uint32_t status;
        double fixed; /* NaN: expected to be one */
    } cases[] = {{NAN, 1, ATOMICS_NAN, NAN},
                 {INFINITY, 1, ATOMICS_PLUS_INF, INFINITY},
                 {-INFINITY, 1, ATOMICS_MINUS_INF, -INFINITY},
                 {INFINITY, -INFINITY, ATOMICS_PLUS_INF | ATOMICS_MINUS_INF, NAN},
                 {1e30, 1, ATOMICS_RANGE, NAN},
                 {-1024.001, 1, ATOMICS_RANGE, NAN},
                 {-1024, 1, 0, -1023}};
    static const char *const plans[] = {"f64.none.fixed.a1.t2", "f64.thread.fixed.a1.t2",
                                        "f64.none.binned.a1.t2", "f64.thread.binned.a1.t2"};
    for (size_t p = 0; p < COUNT(plans); p++)
        for (size_t c = 0; c < COUNT(cases); c++) {
            struct atomics_cpu_plan plan = plan_of(plans[p]);
            struct atomics_cpu_job job = {.n = 100, .unit = atomics_fixed_unit(100, 1024)};
            double got;
            uint32_t status;
            memset(x, 0, 100 * sizeof *x);
            memcpy(&x[3], &cases[c].a, sizeof(double));
            memcpy(&x[97], &cases[c].b, sizeof(double));
            run(&plan, &job);
            memcpy(&got, result, sizeof got);
            assert_int_equal(atomics_cpu_model(&plan, x, 100, job.unit, expected, &status, NULL),
                             0);
            expect_same(&plan, 100);
            assert_int_equal(job.status, status);
            if (plan.cure == ATOMICS_FIXED) {
                assert_int_equal(job.status, cases[c].status);
                assert_true(isnan(cases[c].fixed) ? isnan(got) : got == cases[c].fixed);
            }
            atomics_cpu_job_end(&job);
        }
}

static void test_refusals(void **state) {
    (void)state;
    struct atomics_cpu_plan plan;
    char why[PLAN_WHY], text[PLAN_TEXT];
    assert_int_equal(atomics_cpu_plan_parse("f32.none.ordered", &plan, why), -1);
    assert_non_null(strstr(why, "thread"));
    assert_int_equal(atomics_cpu_plan_parse("f32.t2.t3", &plan, why), -1);
    assert_int_equal(atomics_cpu_plan_parse("bf16x2", &plan, why), -1);
    assert_int_equal(atomics_cpu_plan_parse("t4.thread.ticket", &plan, why), 0);
    assert_string_equal(atomics_cpu_plan_text(&plan, text), "f32.thread.ticket.a1.t4");
    plan = plan_of("f32.none.logged");
    struct atomics_cpu_job job = {.x = x, .result = result, .n = 10};
    assert_int_equal(atomics_cpu_run(&plan, &job), -1);
    assert_non_null(strstr(device_error(), "log"));
    plan = plan_of("f32.none.fixed");
    job.unit = ATOMICS_UNIT_LEAST - 1;
    assert_int_equal(atomics_cpu_run(&plan, &job), -1);
    assert_non_null(strstr(device_error(), "outside"));
    job.n = 0;
    assert_int_equal(atomics_cpu_run(&plan, &job), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cures),   cmocka_unit_test(test_thousand),
        cmocka_unit_test(test_replay),  cmocka_unit_test(test_one_thread),
        cmocka_unit_test(test_differs), cmocka_unit_test(test_explored),
        cmocka_unit_test(test_special), cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
