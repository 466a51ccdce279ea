/*
 * allreduce_late_test.c: late ranks, and ranks that never come: what a delay changes and what it
 * does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/allreduce/allreduce_fixture.h"

/* No delay of any rank, under no schedule, changes a bit; and the checked build finds nothing. */
static void test_stalls(void **state) {
    (void)state;
    static const char *const plans[] = {
        "ring.r4.ch2.chunk64.cut.seg64.t32",    "ring.r3.whole.seg64.t64",
        "tree.r5.ch2.chunk64.seg64.t32",        "doubling.r4.chunk64.seg64.t32",
        "doubling.r7.whole.seg64.t32",          "oneshot.r4.split8.pairwise.t32",
        "twoshot.r4.chunk64.cut.seg64.t32",     "twoshot.bf16.r4.split8.serial.whole.t32",
        "ring.bf16.r5.whole.seg64.t32",         "tree.r2.split16.pairwise.seg64.t32",
        "doubling.bf16.r6.whole.ch2.seg64.t32", "doubling.r2.split8.pairwise.t32",
    };
    static const uint64_t times[] = {0, 1, 30, 400};
    const size_t n = 301;
    for (size_t p = 0; p < sizeof plans / sizeof *plans; p++) {
        struct allreduce_plan plan = plan_of(plans[p]);
        void *x = parts_of(&plan, n, p), *y = model_of(&plan, x, n);
        for (unsigned k = 0; k < SCHEDULES; k++) {
            struct job job = open_job(&plan, x, n, k % 2);
            struct allreduce_stall stall = {.rank = (int)k % plan.ranks, .time = times[k % 4]};
            schedule(k);
            allreduce_job_stall(&job, &stall);
            expect_all_ranks(&job, &plan, n, y);
            expect_all_ranks(&job, &plan, n, y);
            assert_int_equal(simt_reports(), 0);
            job_close(&job);
        }
        free(x);
        free(y);
    }
    simt_configure(NULL);
}

/* What a delay does change: who comes last, and with it the bits of sums by arrival; the recorded
 * arrivals predict them. */
static void test_arrival(void **state) {
    (void)state;
    struct allreduce_plan plan = plan_of("arrival.r4.ch2.chunk64.cut.seg64.t32");
    const size_t n = 500;
    uint64_t hashes[4];
    void *x = parts_of(&plan, n, 9);
    for (int checked = 0; checked < 2; checked++)
        for (int late = 0; late < plan.ranks; late++) {
            struct job job = open_job(&plan, x, n, checked);
            struct job_bits got, expected;
            size_t units;
            assert_null(job.predict);
            allreduce_job_stall(&job, &(struct allreduce_stall){.rank = late, .time = 300});
            assert_int_equal(job_call(&job), 0);
            uint8_t *arrivals = allreduce_job_arrivals(&job, &units);
            assert_non_null(arrivals);
            assert_int_equal(units, 8); /* four loops of two channels, the last of them short */
            for (size_t u = 0; u < units; u++)
                assert_int_equal(arrivals[u * 4 + 3], late);
            free(arrivals);
            assert_int_equal(job_bits(&job, &got), 0);
            assert_int_equal(allreduce_job_replayed(&job, &expected), 0);
            assert_true(got.bits == expected.bits);
            assert_int_equal(job_prove(&job), 0);
            hashes[late] = got.bits;
            for (int other = 0; other < late; other++)
                assert_true(hashes[other] != hashes[late]);
            job_close(&job);
        }
    free(x);
    /* Of two ranks either may come last: nothing changes. */
    plan = plan_of("arrival.r2.ch2.chunk64.cut.seg64.t32");
    x = parts_of(&plan, n, 9);
    void *y = model_of(&plan, x, n);
    for (int late = 0; late < 2; late++) {
        struct job job = open_job(&plan, x, n, false);
        allreduce_job_stall(&job, &(struct allreduce_stall){.rank = late, .time = 300});
        expect_all_ranks(&job, &plan, n, y);
        job_close(&job);
    }
    free(x);
    free(y);
}

/* A rank that never joins: the others give up, say who it is, and the next call is right. */
static void test_never_joins(void **state) {
    (void)state;
    for (size_t a = 0; a < ALGORITHMS; a++)
        for (int gone = 0; gone < 3; gone++) {
            char text[PLAN_TEXT], expected[40];
            snprintf(text, sizeof text, "%s.r3.ch2.t32.seg64", algorithms[a]);
            struct allreduce_plan plan = plan_of(text);
            void *x = parts_of(&plan, 100, 1);
            float y[100];
            struct job job;
            struct job_bits got;
            struct allreduce_setup setup = {.plan = plan, .x = x, .n = 100, .deadline = 200};
            assert_int_equal(allreduce_job_open(&job, device, &setup), 0);
            snprintf(expected, sizeof expected, "have not joined: %d", gone);
            for (int again = 0; again < 2; again++) {
                schedule(a + (size_t)gone);
                allreduce_job_stall(&job,
                                    &(struct allreduce_stall){.rank = gone, .never_joins = true});
                assert_int_equal(job_call(&job), 0);
                assert_int_equal(job_bits(&job, &got), -1);
                assert_non_null(strstr(device_error(), expected));
                for (int r = 0; r < 3; r++) { /* nor can what the others have be read */
                    assert_int_equal(allreduce_job_output(&job, r, y), -1);
                    assert_non_null(strstr(device_error(), expected));
                }
                allreduce_job_stall(&job, NULL);
                assert_int_equal(job_prove(&job), 0);
            }
            job_close(&job);
            free(x);
        }
    simt_configure(NULL);
}

/* A call whose number was used before waits for nothing: the values are the same, so no result
 * gives it away, and the checked build does. */
static void test_stale_flags(void **state) {
    (void)state;
    static const char *const plans[] = {"ring.r4.seg64.t32", "tree.r4.seg64.t32",
                                        "doubling.r4.seg64.t32", "twoshot.r4.seg64.t32",
                                        "oneshot.r4.split8.seg64.t32"};
    const struct allreduce_ops *ops = allreduce_ops_for(DEVICE_SIMT, true);
    const size_t n = 200;
    for (size_t p = 0; p < sizeof plans / sizeof *plans; p++) {
        struct allreduce_call call = {
            .plan = plan_of(plans[p]), .n = n, .number = 1, .stall = {.rank = -1}};
        struct allreduce_workspace at = allreduce_workspace(&call.plan, n);
        void *x = parts_of(&call.plan, n, 3), *device_x;
        assert_int_equal(device_alloc(device, &device_x, 16 * 4 * n), 0);
        assert_int_equal(device_alloc(device, &call.y, 16 * 4 * n), 0);
        assert_int_equal(device_alloc(device, &call.workspace, at.size), 0);
        assert_int_equal(
            device_write(device, device_x, x, (size_t)allreduce_parts(&call.plan) * 4 * n), 0);
        call.x = device_x;
        bool race = false;
        for (unsigned k = 0; k < SCHEDULES; k++) {
            schedule(k);
            assert_int_equal(device_fill(device, call.workspace, 0, at.zeroed), 0);
            assert_int_equal(ops->launch(&call, NULL), 0);
            if (ops->launch(&call, NULL) != 0)
                race = race || simt_report(0)->kind == SIMT_RACE;
        }
        assert_true(race);
        simt_configure(NULL);
        device_free(device, device_x);
        device_free(device, call.y);
        device_free(device, call.workspace);
        free(x);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stalls),
        cmocka_unit_test(test_arrival),
        cmocka_unit_test(test_never_joins),
        cmocka_unit_test(test_stale_flags),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
