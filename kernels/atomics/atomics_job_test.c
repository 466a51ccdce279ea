/*
 * atomics_job_test.c: sums by atomics as jobs, by kernels and by threads: cures meet their
 * prediction, logs replay, proofs notice what is wrong, updates belong to the worker that makes
 * them.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/atomics/atomics_job.h"
#include "kernels/rng/data.h"

#define N 512
#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static struct device *cpu, *simt;
static double x[N]; /* of any type */

static void fill(enum data_kind kind, enum atomics_type type) {
    struct data_options options = {.seed = 11, .condition = 1e4};
    assert_int_equal(
        data_fill(kind, atomics_type_element(type), &options, x, N * atomics_type_lanes(type)), 0);
}

static struct job open_job(struct device *device, const char *plan, enum data_kind kind,
                           bool checked) {
    struct job job;
    struct atomics_setup setup = {
        .plan = plan, .x = x, .n = N, .unit = atomics_fixed_unit(N, 4096), .checked = checked};
    fill(kind, atomics_job_type(device_kind(device), plan));
    if (atomics_job_open(&job, device, &setup) != 0)
        fail_msg("%s: %s", plan, device_error());
    return job;
}

static const char *const kernel_cures[] = {
    "f32.none.fixed.a1.i1.b32.g16",   "f64.block.fixed.a16.i2.b64.tiles",
    "f32.block.ordered.a1.i1.b32.g8", "bf16x2.warp.ordered.a2.i1.b64.g4",
    "f64.block.ticket.a1.i1.b32.g4",  "f32.none.binned.a4.i1.b32.g16",
    "f32.none.plain.a4096.i1.b32.g8"};
static const char *const native_cures[] = {"f32.none.fixed.a1.t2",     "f64.none.fixed.a16.t3",
                                           "f32.thread.ordered.a2.t4", "f64.thread.ticket.a1.t4",
                                           "f32.thread.binned.a1.t2",  "f32.none.binned.a64.t2",
                                           "f32.none.plain.a4096.t4"};

static void one_result(struct device *device, const char *const *plans, size_t count,
                       bool checked) {
    for (size_t p = 0; p < count; p++) {
        struct job job = open_job(device, plans[p], DATA_CANCELLING, checked);
        struct job_bits expected, got;
        assert_int_equal(job_predict(&job, &expected), 0);
        for (uint64_t k = 0; k < (checked ? 3 : 17); k++) {
            atomics_job_schedule(&job, 5, k);
            assert_int_equal(atomics_job_run(&job, &got), 0);
            assert_true(got.bits == expected.bits);
            assert_int_equal(got.width, expected.width);
        }
        assert_int_equal(job_call(&job), 0);
        assert_int_equal(job_bits(&job, &got), 0);
        assert_true(got.bits == expected.bits);
        assert_int_equal(job_prove(&job), 0);
        job_close(&job);
    }
}

static void cures_meet_their_prediction(void **state) {
    (void)state;
    one_result(cpu, native_cures, COUNT(native_cures), false);
    one_result(simt, kernel_cures, COUNT(kernel_cures), false);
    one_result(simt, kernel_cures, COUNT(kernel_cures), true);
}

static void any_order_has_no_prediction(void **state) {
    (void)state;
    static const char *const plans[] = {"f32.none.plain.a1.t2", "f32.none.logged.a1.i1.b32.g4"};
    struct device *devices[] = {cpu, simt};
    for (size_t k = 0; k < 2; k++) {
        struct job job = open_job(devices[k], plans[k], DATA_NORMAL, false);
        struct job_bits bits;
        assert_int_equal(job_predict(&job, &bits), -1);
        assert_int_equal(atomics_job_predict(&job, &bits, NULL), -1);
        assert_int_equal(job_prove(&job), 0);
        job_close(&job);
    }
}

/* The kernels have a copy of x: what is changed afterwards is known to the model alone. */
static void proofs_notice(void **state) {
    (void)state;
    static const char *const plans[] = {
        "f32.block.plain.a1.i1.b32.g8", "f64.none.logged.a16.i1.b32.g8",
        "f32.none.fixed.a1.i1.b32.g8", "f32.block.ordered.a4.i1.b32.g8"};
    for (size_t p = 0; p < COUNT(plans); p++) {
        struct job job = open_job(simt, plans[p], DATA_UNIFORM, false);
        assert_int_equal(job_prove(&job), 0);
        job_close(&job);
        job = open_job(simt, plans[p], DATA_UNIFORM, false);
        if (atomics_job_sum(&job)->type == ATOMICS_F64)
            x[3] += 1e-8;
        else
            ((float *)x)[3] += 0.5f;
        assert_int_equal(job_prove(&job), -1);
        assert_non_null(strstr(device_error(), plans[p]));
        job_close(&job);
    }
}

static void logs_replay(void **state) {
    (void)state;
    static const struct {
        const char *plan;
        bool native;
        size_t chains;
    } cases[] = {{"f32.none.logged.a1.t2", true, 1},
                 {"f64.none.logged.a16.t2", true, 16},
                 {"f32.block.logged.a1.i1.b32.g16", false, 1},
                 {"f64.none.logged.a4.i1.b32.g4", false, 4},
                 {"f16x2.none.logged.a1.i1.b32.g16", false, 2}};
    for (size_t c = 0; c < COUNT(cases); c++) {
        struct job job =
            open_job(cases[c].native ? cpu : simt, cases[c].plan, DATA_CANCELLING, false);
        struct atomics_replay replay, again;
        struct job_bits bits;
        size_t differ = 0, orders = 0;
        uint64_t last = 0;
        for (uint64_t k = 15; k < 31; k++) {
            atomics_job_schedule(&job, 5, k);
            assert_int_equal(atomics_job_run(&job, &bits), 0);
            assert_int_equal(atomics_job_replay(&job, k, &replay), 0);
            assert_int_equal(atomics_job_replay(&job, k, &again), 0);
            assert_memory_equal(&replay, &again, sizeof replay);
            assert_int_equal(replay.chains, cases[c].chains);
            assert_int_equal(replay.held, replay.chains);
            assert_string_equal(replay.failure, "");
            differ += replay.shuffled_differ;
            orders += replay.order != last;
            last = replay.order;
        }
        assert_true(differ > 0);
        if (!cases[c].native && atomics_job_sum(&job)->lanes == 1)
            assert_true(orders > 8);
        /* A result that is not the log's is noticed. */
        memset(atomics_job_sum(&job)->result, 0x11, 2);
        assert_int_equal(atomics_job_replay(&job, 1, &replay), 0);
        assert_int_equal(replay.held, replay.chains - 1);
        assert_non_null(strstr(replay.failure, "address 0"));
        job_close(&job);
    }
    struct job job = open_job(cpu, "f32.none.plain.a1.t2", DATA_UNIFORM, false);
    struct atomics_replay replay;
    assert_int_equal(atomics_job_replay(&job, 1, &replay), -1);
    job_close(&job);
}

/* A schedule is an input: the same one gives the same bits, others give others. */
static void schedules_decide(void **state) {
    (void)state;
    struct job job = open_job(simt, "f32.none.plain.a1.i1.b32.g16", DATA_CANCELLING, false);
    struct job_bits first, again;
    size_t differ = 0;
    for (uint64_t k = 0; k < 40; k++) {
        atomics_job_schedule(&job, 5, k);
        assert_int_equal(atomics_job_run(&job, &first), 0);
        assert_int_equal(atomics_job_run(&job, &again), 0);
        assert_true(first.bits == again.bits);
        atomics_job_schedule(&job, 6, k);
        assert_int_equal(atomics_job_run(&job, &again), 0);
        if (k < 15 && k % 5 < 4 && k / 5 < 2) /* nothing is drawn */
            assert_true(first.bits == again.bits);
        differ += first.bits != again.bits;
    }
    assert_true(differ > 20);
    atomics_job_neighbour(&job, true);
    assert_int_equal(atomics_job_run(&job, &first), -1); /* no second stream */
    job_close(&job);
}

static void neighbours_change_no_cure(void **state) {
    (void)state;
    struct job job = open_job(cpu, "f32.none.fixed.a1.t2", DATA_CANCELLING, false);
    struct job_bits expected, got;
    assert_int_equal(job_predict(&job, &expected), 0);
    atomics_job_neighbour(&job, true);
    for (size_t k = 0; k < 10; k++) {
        assert_int_equal(atomics_job_run(&job, &got), 0);
        assert_true(got.bits == expected.bits);
    }
    job_close(&job);
}

/* Equal shares for all, none left out: these sizes divide evenly. */
static void updates_have_their_worker(void **state) {
    (void)state;
    static const char *const plans[] = {
        "f32.none.plain.a1.t4",        "f32.thread.plain.a1.t4",
        "f32.none.plain.a1.i1.b32.g8", "f32.thread.plain.a1.i4.b32.g4",
        "f32.warp.plain.a1.i1.b64.g4", "f32.block.plain.a1.i1.b32.g16"};
    for (size_t p = 0; p < COUNT(plans); p++) {
        struct job job = open_job(p < 2 ? cpu : simt, plans[p], DATA_UNIFORM, false);
        const struct atomics_sum *sum = atomics_job_sum(&job);
        size_t owned[64] = {0};
        assert_true(sum->workers <= 64);
        for (size_t u = 0; u < sum->updates; u++) {
            assert_true(atomics_job_worker(&job, u) < sum->workers);
            owned[atomics_job_worker(&job, u)]++;
        }
        for (size_t w = 0; w < sum->workers; w++)
            assert_int_equal(owned[w], sum->updates / sum->workers);
        job_close(&job);
    }
}

/* 2^24 and ones: each one that comes late is lost, so the sum is below the exact one. */
static void distances_have_a_sign(void **state) {
    (void)state;
    float few[3] = {0x1p24f, 1, 1};
    struct job job;
    struct job_bits bits;
    struct atomics_setup setup = {.plan = "f32.none.plain.a1.t1", .x = few, .n = 3};
    assert_int_equal(atomics_job_open(&job, cpu, &setup), 0);
    assert_int_equal(atomics_job_run(&job, &bits), 0);
    assert_true(bits.bits == 0x4b800000 && bits.width == 32);
    assert_true(atomics_job_ulps(&job) == -1);
    job_close(&job);
    job = open_job(simt, "f16x2.none.plain.a1.i1.b32.g4", DATA_UNIFORM, false);
    assert_int_equal(atomics_job_run(&job, &bits), 0);
    assert_true(isnan(atomics_job_ulps(&job)) && bits.width == 64);
    job_close(&job);
}

/* By one thread the order is known; by two, each keeps its own. */
static void small_sums_are_explored(void **state) {
    (void)state;
    static const struct {
        const char *plan;
        uint64_t orders;
    } cases[] = {{"f32.none.plain.a1.t1", 1}, {"f32.none.plain.a1.t2", 6}};
    float four[4] = {0x1p24f, 1, -0x1p24f, 1};
    for (size_t c = 0; c < COUNT(cases); c++) {
        struct job job;
        struct job_bits bits;
        struct atomics_reachable *results;
        size_t count;
        uint64_t orders = 0;
        struct atomics_setup setup = {.plan = cases[c].plan, .x = four, .n = 4};
        assert_int_equal(atomics_job_open(&job, cpu, &setup), 0);
        assert_int_equal(atomics_job_explore(&job, &results, &count), 0);
        for (size_t k = 0; k < count; k++)
            orders += results[k].orders;
        assert_int_equal(orders, cases[c].orders);
        for (size_t k = 0; k < 50; k++) {
            assert_int_equal(atomics_job_run(&job, &bits), 0);
            assert_non_null(atomics_reachable_find(ATOMICS_ADD_F32, results, count, bits.bits));
        }
        free(results);
        job_close(&job);
    }
    struct job job = open_job(cpu, "f32.none.plain.a1.t2", DATA_UNIFORM, false);
    struct atomics_reachable *results;
    size_t count;
    assert_int_equal(atomics_job_explore(&job, &results, &count), -1);
    job_close(&job);
}

static void refusals_say_why(void **state) {
    (void)state;
    struct job job;
    struct atomics_setup setup = {.plan = "f32.none.plan", .x = x, .n = N};
    assert_int_equal(atomics_job_open(&job, cpu, &setup), -1);
    assert_non_null(strstr(device_error(), "f32.none.plan"));
    assert_int_equal(atomics_job_open(&job, simt, &setup), -1);
    job_close(&job);
    assert_int_equal(atomics_job_type(DEVICE_CPU, "f64.none.plain.a1.t2"), ATOMICS_F64);
    assert_int_equal(atomics_job_type(DEVICE_SIMT, "bf16x2.none.plain.a1"), ATOMICS_BF16X2);
    assert_int_equal(atomics_job_type(DEVICE_CPU, "?"), ATOMICS_F32);
}

static int open_devices(void **state) {
    (void)state;
    return device_open(&cpu, DEVICE_CPU, 0) || device_open(&simt, DEVICE_SIMT, 0);
}

static int close_devices(void **state) {
    (void)state;
    device_close(cpu);
    device_close(simt);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cures_meet_their_prediction),
        cmocka_unit_test(any_order_has_no_prediction),
        cmocka_unit_test(proofs_notice),
        cmocka_unit_test(logs_replay),
        cmocka_unit_test(schedules_decide),
        cmocka_unit_test(neighbours_change_no_cure),
        cmocka_unit_test(updates_have_their_worker),
        cmocka_unit_test(distances_have_a_sign),
        cmocka_unit_test(small_sums_are_explored),
        cmocka_unit_test(refusals_say_why),
    };
    return cmocka_run_group_tests_name("atomics_job", tests, open_devices, close_devices);
}
