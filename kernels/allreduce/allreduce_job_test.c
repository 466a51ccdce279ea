/*
 * allreduce_job_test.c: what a job says of itself: its record, its counts against what the checked
 * build of the SIMT machine sees, proofs that can fail, and one clear line for what cannot be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "kernels/allreduce/allreduce_fixture.h"

static void test_job(void **state) {
    (void)state;
    static const char *const plans[] = {"ring.r3.t32", "doubling.bf16.r3.t32"};
    const size_t n = 77;
    for (size_t p = 0; p < sizeof plans / sizeof *plans; p++) {
        struct allreduce_plan plan = plan_of(plans[p]);
        void *x = parts_of(&plan, n, 1), *first = malloc(4 * n), *y = malloc(4 * n);
        struct job job;
        struct job_bits before, got, predicted;
        struct allreduce_setup setup = {.plan = plan, .x = x, .n = n};
        assert_int_equal(allreduce_job_open(&job, device, &setup), 0);
        json_t *record = job_plan(&job);
        assert_string_equal(json_string_value(json_object_get(record, "algorithm")),
                            p ? "doubling" : "ring");
        json_decref(record);
        assert_true(job.bytes == allreduce_bytes(&plan, n) &&
                    job.flops == allreduce_flops(&plan, n));
        assert_int_equal(job_predict(&job, &predicted), 0);
        assert_int_equal(predicted.width, 64);
        assert_int_equal(job_bits(&job, &before), 0); /* poison, before the first call */
        assert_true(before.bits != predicted.bits);
        assert_int_equal(job_call(&job), 0);
        assert_int_equal(job_bits(&job, &got), 0);
        assert_true(got.bits == predicted.bits);
        assert_int_equal(allreduce_job_replayed(&job, &got), 0);
        assert_true(got.bits == predicted.bits);
        assert_int_equal(job_prove(&job), 0);
        assert_int_equal(allreduce_job_output(&job, 0, first), 0);
        for (int r = 1; r < 3; r++) {
            assert_int_equal(allreduce_job_output(&job, r, y), 0);
            assert_int_equal(differing(&plan, first, y, n), 0);
        }
        /* The model reads the parts as they are: with other ones the proof fails. */
        ((uint16_t *)x)[33] ^= 0x80;
        assert_int_equal(job_prove(&job), -1);
        assert_non_null(strstr(device_error(), "predicted"));
        job_close(&job);
        job_close(&job);
        free(x);
        free(y);
        free(first);
    }
}

static void test_refused(void **state) {
    (void)state;
    struct allreduce_plan plan = plan_of("ring.r4.t512.ch8"), wrong = plan;
    const size_t n = 100;
    void *x = parts_of(&plan, n, 1), *y = malloc(4 * n);
    struct allreduce_setup setup = {.plan = plan, .x = x, .n = n};
    struct allreduce_times times;
    struct device *cpu;
    struct job job;
    size_t units;
    assert_int_equal(device_open(&cpu, DEVICE_CPU, 0), 0);
    assert_int_equal(allreduce_job_open(&job, cpu, &setup), -1);
    assert_non_null(strstr(device_error(), "'cpu'"));
    device_close(cpu);
    wrong.ranks = 17;
    assert_int_equal(
        allreduce_job_open(&job, device, &(struct allreduce_setup){.plan = wrong, .x = x, .n = n}),
        -1);
    assert_non_null(strstr(device_error(), "ranks"));
    assert_int_equal(allreduce_job_open(&job, device, &setup), 0);
    assert_int_equal(job_call(&job), 0); /* 16384 threads */
    assert_int_equal(allreduce_job_output(&job, 4, y), -1);
    assert_int_equal(allreduce_job_output(&job, -1, y), -1);
    assert_int_equal(allreduce_job_times(&job, 0, &times), -1);
    assert_non_null(strstr(device_error(), "no clock"));
    assert_null(allreduce_job_arrivals(&job, &units));
    assert_non_null(strstr(device_error(), "by arrival"));
    allreduce_job_stall(&job, &(struct allreduce_stall){.rank = 4, .time = 1});
    assert_int_equal(job_call(&job), -1);
    assert_non_null(strstr(device_error(), "no rank 4"));
    allreduce_job_stall(&job, &(struct allreduce_stall){.rank = 3, .never_joins = true});
    assert_int_equal(job_call(&job), -1);
    assert_non_null(strstr(device_error(), "deadline"));
    allreduce_job_stall(&job, NULL);
    assert_int_equal(job_prove(&job), 0);
    job_close(&job);
    setup.plan.ranks = 5; /* 20480 threads, which must all be there at once */
    setup.plan.split = ALLREDUCE_SPLIT_RANKS;
    free(x);
    x = parts_of(&setup.plan, n, 1);
    setup.x = x;
    assert_int_equal(allreduce_job_open(&job, device, &setup), 0);
    assert_int_equal(job_call(&job), -1);
    assert_non_null(strstr(device_error(), "wait for each other"));
    job_close(&job);
    free(x);
    free(y);
}

/* Bytes and additions of the plan against the loads and stores that the machine counted: beyond the
 * elements there are flags, a few words for each segment. */
static void test_counted(void **state) {
    (void)state;
    static const char *const plans[] = {
        "ring.r4",
        "ring.r3.bf16",
        "tree.r5",
        "tree.r8",
        "doubling.r4",
        "doubling.r7",
        "oneshot.r4",
        "twoshot.r3",
        "arrival.r4",
        "oneshot.r2.split8",
        "doubling.r4.split8.pairwise",
        "ring.r1",
        "ring.r1.split8",
    };
    const size_t n = 6000;
    for (size_t p = 0; p < sizeof plans / sizeof *plans; p++) {
        char text[PLAN_TEXT];
        snprintf(text, sizeof text, "%s.t64.seg1024", plans[p]);
        struct allreduce_plan plan = plan_of(text);
        void *x = parts_of(&plan, n, 1);
        struct job job;
        struct simt_counts counts;
        struct allreduce_setup setup = {.plan = plan, .x = x, .n = n, .checked = true};
        assert_int_equal(allreduce_job_open(&job, device, &setup), 0);
        assert_int_equal(job_call(&job), 0);
        simt_last_counts(&counts);
        double counted = (double)counts.loaded + (double)counts.stored;
        if (!(counted >= job.bytes && counted <= 1.05 * job.bytes + 4096))
            fail_msg("%s: %.0f bytes counted, %.0f planned", text, counted, job.bytes);
        job_close(&job);
        free(x);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_job),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_counted),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
