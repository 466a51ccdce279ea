/*
 * allreduce_test.c: the kernels on the SIMT machine against the model: every algorithm, number of
 * ranks, message size and schedule, every rank's bits, all of them. Where there is a GPU, on it
 * too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/allreduce/allreduce_fixture.h"
#include "kernels/device/device_fixture.h"

static void test_ranks(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 7, 63, 64, 65, 191, 193, 400};
    static const char *const cuts[] = {"whole.ch1.seg64", "chunk64.cut.ch2.seg64",
                                       "chunk64.spread.ch1.seg256", "chunk64.spread.ch4.seg64"};
    for (size_t a = 0; a < ALGORITHMS; a++)
        for (int ranks = 1; ranks <= 9; ranks++)
            for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
                for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++) {
                    char text[PLAN_TEXT];
                    snprintf(text, sizeof text, "%s.r%d.t32.%s", algorithms[a], ranks, cuts[c]);
                    struct allreduce_plan plan = plan_of(text);
                    schedule(s + 7 * (size_t)ranks + a + c);
                    expect_predicted(&plan, sizes[s], false);
                }
    simt_configure(NULL);
}

/* Sizes one beside every border: of a segment, a chunk, a channel, a loop. */
static void test_borders(void **state) {
    (void)state;
    for (size_t a = 0; a < ALGORITHMS; a++)
        for (int spread = 0; spread < 2; spread++) {
            char text[PLAN_TEXT];
            snprintf(text, sizeof text, "%s.r3.ch2.chunk256.seg64.t64.%s", algorithms[a],
                     spread ? "spread" : "cut");
            struct allreduce_plan plan = plan_of(text);
            size_t shares = (size_t)allreduce_layout(&plan, 1).shares;
            size_t borders[] = {64, 256, 256 * shares, 512 * shares, 1024 * shares};
            for (size_t b = 0; b < 5; b++)
                for (size_t n = borders[b] - 1; n <= borders[b] + 1; n++) {
                    schedule(n + a);
                    expect_predicted(&plan, n, false);
                }
        }
    simt_configure(NULL);
}

/* Plans that hold every pair of values; threads apart, since the SIMT machine has room for 16384.
 */
static void test_pairs(void **state) {
    (void)state;
    struct allreduce_plan fixed = allreduce_plan_default(), *plans;
    struct plan_list list;
    fixed.threads = 32;
    assert_int_equal(plan_pairs(&allreduce_plans, ALLREDUCE_FIELD_BIT(threads), &fixed, &list), 0);
    plans = list.plans;
    assert_true(list.count > 16 * 7);
    for (size_t k = 0; k < list.count; k++) {
        schedule(k);
        expect_predicted(&plans[k], 1, false);
        expect_predicted(&plans[k], 389 + k, false);
    }
    free(plans);
    simt_configure(NULL);
}

static void test_threads(void **state) {
    (void)state;
    for (size_t a = 0; a < ALGORITHMS; a++)
        for (int threads = 32; threads <= 512; threads *= 2) {
            char text[PLAN_TEXT];
            snprintf(text, sizeof text, "%s.r5.ch2.chunk1024.seg256.t%d", algorithms[a], threads);
            struct allreduce_plan plan = plan_of(text);
            schedule((size_t)threads / 32 + a);
            expect_predicted(&plan, 5003, false);
        }
    simt_configure(NULL);
}

/* Infinities, NaN, subnormals, zeros of both signs. */
static void test_special(void **state) {
    (void)state;
    static const uint32_t values[] = {0x7f800000, 0xff800000, 0x7fc00000, 1,          0x80000001,
                                      0,          0x80000000, 0x7f7fffff, 0x00800000, 0x3f800000};
    for (size_t a = 0; a < ALGORITHMS; a++)
        for (int narrow = 0; narrow < 2; narrow++) {
            char text[PLAN_TEXT];
            snprintf(text, sizeof text, "%s.%s.r3.t32.seg64", algorithms[a],
                     narrow ? "bf16" : "f32");
            struct allreduce_plan plan = plan_of(text);
            const size_t n = 500;
            uint32_t *x = malloc(3 * n * 4);
            uint16_t *half = (uint16_t *)x;
            for (size_t i = 0; i < 3 * n; i++) {
                uint32_t value = values[(i * 7 + i / 11 + i / n) % 10];
                if (narrow)
                    half[i] = (uint16_t)(value >> 16);
                else
                    x[i] = value;
            }
            struct job job = open_job(&plan, x, n, false);
            if (job_prove(&job) != 0) /* NaN as a class */
                fail_msg("%s", device_error());
            job_close(&job);
            free(x);
        }
}

static void run_named(const char *name, size_t longest) {
    struct device *simt = device, *gpu = device_or_skip(name);
    device = gpu;
    for (size_t a = 0; a < ALGORITHMS; a++)
        for (int ranks = 1; ranks <= 16; ranks += ranks < 9 ? 1 : 7) {
            char text[PLAN_TEXT];
            snprintf(text, sizeof text, "%s.r%d.ch4.chunk4096.cut.seg1024.t256", algorithms[a],
                     ranks);
            struct allreduce_plan plan = plan_of(text);
            expect_predicted(&plan, 1, false);
            expect_predicted(&plan, longest, false);
        }
    for (size_t a = 0; a < ALGORITHMS; a++) {
        char text[PLAN_TEXT];
        snprintf(text, sizeof text, "%s.r4.ch2", algorithms[a]);
        struct allreduce_plan plan = plan_of(text);
        void *x = parts_of(&plan, 5000, a);
        struct allreduce_setup setup = {
            .plan = plan, .x = x, .n = 5000, .deadline = 50 * 1000 * 1000};
        struct allreduce_times times;
        struct job job;
        struct job_bits got;
        assert_int_equal(allreduce_job_open(&job, device, &setup), 0);
        for (int rank = 0; rank < 4; rank++) {
            allreduce_job_stall(&job, &(struct allreduce_stall){.rank = rank, .time = 300000});
            if (job_prove(&job) != 0)
                fail_msg("%s: %s", text, device_error());
            if (!device_has_clock(device))
                continue;
            assert_int_equal(allreduce_job_times(&job, rank, &times), 0);
            assert_true(times.started && times.started <= times.joined &&
                        times.joined <= times.done);
        }
        allreduce_job_stall(&job, &(struct allreduce_stall){.rank = 1, .never_joins = true});
        assert_int_equal(job_call(&job), 0);
        assert_int_equal(job_bits(&job, &got), -1);
        assert_non_null(strstr(device_error(), "have not joined: 1"));
        allreduce_job_stall(&job, NULL);
        assert_int_equal(job_prove(&job), 0);
        job_close(&job);
        free(x);
    }
    size_t scheduled = 0;
    for (size_t a = 0; device_compiled(device_kind(gpu)) && a < ALGORITHMS; a++)
        for (unsigned k = 0; k < 10; k++, scheduled++) {
            char text[PLAN_TEXT];
            snprintf(text, sizeof text, "%s.r3.ch2.chunk256.cut.seg64.t64", algorithms[a]);
            struct allreduce_plan plan = plan_of(text);
            device_schedule(k);
            expect_predicted(&plan, 700, false);
        }
    ptx_configure(NULL);
    print_message("%s: %zu results under ten schedules: all of them as predicted\n", name,
                  scheduled);
    device_close(gpu);
    device = simt;
}

static void test_gpu(void **state) {
    (void)state;
    run_named("cuda", 100003);
}

static void test_ptx(void **state) {
    (void)state;
    run_named("ptx", 10007);
}

static void test_sass_80(void **state) {
    (void)state;
    run_named("sass:sm_80", 10007);
}

static void test_sass_90(void **state) {
    (void)state;
    run_named("sass:sm_90", 10007);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks),   cmocka_unit_test(test_borders),
        cmocka_unit_test(test_pairs),   cmocka_unit_test(test_threads),
        cmocka_unit_test(test_special), cmocka_unit_test(test_gpu),
        cmocka_unit_test(test_ptx),     cmocka_unit_test(test_sass_80),
        cmocka_unit_test(test_sass_90),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
