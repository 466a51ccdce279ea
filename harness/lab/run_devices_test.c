/*
 * run_devices_test.c: which devices a lab gets, by default and by --device.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "harness/lab/run.h"

#define CPU LAB_ON(DEVICE_CPU)
#define SIMT LAB_ON(DEVICE_SIMT)
#define CUDA LAB_ON(DEVICE_CUDA)

static struct lab some_lab = {.number = 97, .name = "tiny"};
static struct lab_run run;
static char why[600];

static int open_on(unsigned bits, unsigned time, const char *list) {
    run_close_devices(&run);
    memset(&run, 0, sizeof run);
    some_lab.bits_devices = bits;
    some_lab.time_devices = time;
    run.lab = &some_lab;
    return run_open_devices(&run, list, why, sizeof why);
}

static bool has(struct device *const *devices, size_t count, const char *id) {
    for (size_t k = 0; k < count; k++)
        if (strcmp(device_id(devices[k]), id) == 0)
            return true;
    return false;
}

#define on_bits(id) has(run.bits, run.bits_count, (id))
#define on_time(id) has(run.time, run.time_count, (id))

static int end(void **state) {
    (void)state;
    run_close_devices(&run);
    return 0;
}

static void the_default_is_gpu_or_simt_and_cpu(void **state) {
    (void)state;
    bool gpu = device_count(DEVICE_CUDA) > 0;
    char text[1000];
    assert_int_equal(open_on(CPU | SIMT | CUDA, CPU | CUDA, NULL), 0);
    run_describe_devices(&run, true, text, sizeof text);
    if (gpu) {
        assert_true(on_bits("cuda:0") && on_time("cuda:0"));
        assert_int_equal(run.opened_count, 1);
        assert_null(strstr(text, "no GPU"));
    } else {
        /* The CPU, opened for time, has its own bits checked too. */
        assert_true(on_bits("simt") && on_bits("cpu") && on_time("cpu"));
        assert_int_equal(run.opened_count, 2);
        assert_non_null(strstr(text, "simt (simulated H100: bits, no timings)"));
        assert_non_null(strstr(text, "; no GPU: "));
    }
    assert_int_equal(run.missing_count, 0);
}

static void a_lab_without_a_gpu_part_uses_none(void **state) {
    (void)state;
    char text[1000];
    assert_int_equal(open_on(SIMT, CPU, NULL), 0);
    assert_true(on_bits("simt") && !on_bits("cpu") && on_time("cpu"));
    run_describe_devices(&run, true, text, sizeof text);
    assert_null(strstr(text, "no GPU"));
    assert_int_equal(open_on(CPU, 0, NULL), 0);
    assert_true(on_bits("cpu"));
    assert_int_equal(run.time_count, 0);
}

static void simt_never_measures_time(void **state) {
    (void)state;
    assert_int_equal(open_on(SIMT | CPU, SIMT | CPU, "simt"), 0);
    assert_true(on_bits("simt"));
    assert_int_equal(run.time_count, 0);
    /* Not even where a lab asks for it. */
    assert_int_equal(open_on(0, SIMT, NULL), 0);
    assert_int_equal(run.opened_count, 0);
}

static void a_list_is_taken_as_it_is(void **state) {
    (void)state;
    assert_int_equal(open_on(CPU | SIMT, CPU, "cpu,simt"), 0);
    assert_true(on_bits("cpu") && on_bits("simt") && on_time("cpu"));
    assert_int_equal(run.missing_count, 0);
    assert_int_equal(open_on(CPU | SIMT, CPU, "cpu"), 0);
    assert_int_equal(run.opened_count, 1);
}

static void what_is_not_there_is_missing_with_its_reason(void **state) {
    (void)state;
    assert_int_equal(open_on(CPU, CPU, "simt,cpu"), 0);
    assert_int_equal(run.opened_count, 1);
    assert_int_equal(run.missing_count, 1);
    assert_string_equal(run.missing[0].id, "simt");
    assert_non_null(strstr(run.missing[0].reason, "it runs on: cpu"));
    if (device_count(DEVICE_CUDA) > 0)
        skip();
    assert_int_equal(open_on(CUDA | CPU, CUDA, "cuda"), 0);
    assert_int_equal(run.opened_count, 0);
    assert_string_equal(run.missing[0].id, "cuda:0");
    assert_true(strlen(run.missing[0].reason) > 10);
    /* By default too, where the lab has no other part. */
    assert_int_equal(open_on(CUDA, CUDA, NULL), 0);
    assert_int_equal(run.opened_count, 0);
    assert_int_equal(run.missing_count, 1);
}

static void bad_lists_are_refused(void **state) {
    (void)state;
    assert_int_equal(open_on(CPU, CPU, "cpu,tpu"), -1);
    assert_non_null(strstr(why, "unknown device \"tpu\""));
    assert_int_equal(open_on(CPU, CPU, ""), -1);
}

static void a_resumed_run_gets_the_same_devices(void **state) {
    (void)state;
    static const char bits[2][24] = {"simt", "cpu"}, time[1][24] = {"cpu"},
                      gone[1][24] = {"cuda:1000"}, junk[1][24] = {"abacus"};
    assert_int_equal(open_on(CPU | SIMT, CPU, NULL), 0);
    run_close_devices(&run);
    assert_int_equal(run_reopen_devices(&run, NULL, bits, 2, time, 1, why, sizeof why), 0);
    assert_int_equal(run.opened_count, 2);
    assert_true(on_bits("simt") && on_bits("cpu") && on_time("cpu"));
    run_close_devices(&run);
    assert_int_equal(run_reopen_devices(&run, NULL, gone, 1, NULL, 0, why, sizeof why), -1);
    assert_non_null(strstr(why, "resume on the machine it began on"));
    run_close_devices(&run);
    assert_int_equal(run_reopen_devices(&run, NULL, junk, 1, NULL, 0, why, sizeof why), -1);
    assert_non_null(strstr(why, "unknown device"));
    /* What was missing at first is still part of the verdicts. */
    run_close_devices(&run);
    run.missing_count = 0;
    assert_int_equal(run_reopen_devices(&run, "cpu,cuda", time, 1, time, 1, why, sizeof why), 0);
    assert_int_equal(run.missing_count, 1);
    assert_string_equal(run.missing[0].id, "cuda:0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_is_gpu_or_simt_and_cpu),
        cmocka_unit_test(a_lab_without_a_gpu_part_uses_none),
        cmocka_unit_test(simt_never_measures_time),
        cmocka_unit_test(a_list_is_taken_as_it_is),
        cmocka_unit_test(what_is_not_there_is_missing_with_its_reason),
        cmocka_unit_test(bad_lists_are_refused),
        cmocka_unit_test(a_resumed_run_gets_the_same_devices),
    };
    return cmocka_run_group_tests_name("run_devices", tests, NULL, end);
}
