/*
 * export_test.c: the fixture's samples in each format, read back.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <signal.h>
#include <sys/resource.h>

#include "harness/error.h"
#include "harness/measure/meter.h"
#include "harness/store/export.h"
#include "harness/store/result_fixture.h"

#define SAMPLES (3 * FIXTURE_CASES)

struct exported {
    struct fixture f;
    char file[96];
};

static int setup(void **state) {
    struct exported *e = calloc(1, sizeof *e);
    *state = e;
    if (!e || fixture_begin(&e->f) != 0 || fixture_run(&e->f) != 0)
        return -1;
    snprintf(e->file, sizeof e->file, "%s/out", e->f.root);
    return 0;
}

static int teardown(void **state) {
    struct exported *e = *state;
    fixture_end(&e->f);
    free(e);
    return 0;
}

static char *export(const struct exported *e, enum export_format format) {
    size_t samples, size;
    if (export_folder(e->f.dir, format, e->file, &samples) != 0)
        fail_msg("%s", error_text());
    assert_int_equal(samples, SAMPLES);
    return fixture_read(e->file, &size);
}

static size_t lines_of(const char *text) {
    size_t lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

static void tsv(void **state) {
    char *text = export(*state, EXPORT_TSV);
    assert_int_equal(lines_of(text), 1 + SAMPLES);
    assert_non_null(strstr(text, "lab\tid\tdevice\tseries\tsample\tround\tseconds\n"));
    /* No round was recorded of these. */
    assert_non_null(strstr(text, FIXTURE_LAB "\t42/case/n=1\tcpu\ttime\t0\t\t0.002\n"));
    free(text);
}

static void gobench(void **state) {
    char *text = export(*state, EXPORT_GOBENCH);
    assert_int_equal(lines_of(text), 1 + SAMPLES);
    assert_int_equal(strncmp(text, "pkg: nanolab/" FIXTURE_LAB "\n", 20), 0);
    assert_non_null(strstr(text, "Benchmark_42/case/n=1/device=cpu 1 2000000 ns/op\n"));
    free(text);
}

static void googlebenchmark(void **state) {
    char *text = export(*state, EXPORT_GOOGLEBENCHMARK);
    json_t *all = json_loads(text, 0, NULL);
    json_t *run = json_array_get(json_object_get(all, "benchmarks"), 3);
    assert_int_equal(json_array_size(json_object_get(all, "benchmarks")), SAMPLES);
    assert_string_equal(json_string_value(json_object_get(run, "name")), "42/case/n=1/cpu");
    assert_true(fabs(json_number_value(json_object_get(run, "real_time")) - 2e6) < 1);
    json_decref(all);
    free(text);
}

static void nvbench(void **state) {
    const struct exported *e = *state;
    char *text = export(e, EXPORT_NVBENCH), path[200];
    size_t size;
    json_t *all = json_loads(text, 0, NULL);
    json_t *benchmark = json_array_get(json_object_get(all, "benchmarks"), 0);
    json_t *states = json_object_get(benchmark, "states"), *one = json_array_get(states, 1);
    json_t *device = json_array_get(json_object_get(all, "devices"), 0), *summary;
    size_t k;
    assert_int_equal(json_array_size(states), FIXTURE_CASES);
    assert_string_equal(json_string_value(json_object_get(device, "name")), "cpu");
    assert_int_equal(json_integer_value(json_object_get(one, "device")), 0);
    assert_string_equal(json_string_value(json_object_get(one, "name")), "42/case/n=1");
    double median = NAN;
    const char *side = "";
    json_array_foreach(json_object_get(one, "summaries"), k, summary) {
        const char *tag = json_string_value(json_object_get(summary, "tag"));
        json_t *value =
            json_object_get(json_array_get(json_object_get(summary, "data"), 0), "value");
        if (strcmp(tag, "nv/cold/time/gpu/median") == 0)
            median = json_number_value(value);
        if (strcmp(tag, "nv/json/bin:nv/cold/sample_times") == 0)
            side = json_string_value(value);
    }
    assert_true(median == 2e-3);
    assert_string_equal(side, "out-bin/1.bin");
    snprintf(path, sizeof path, "%s/%s", e->f.root, side);
    char *samples = fixture_read(path, &size);
    float first;
    assert_int_equal(size, 3 * sizeof first);
    memcpy(&first, samples, sizeof first);
    assert_true(first == 2e-3f);
    free(samples);
    json_decref(all);
    free(text);
}

/* A case with a clock that was read; what a thread's cycles say is no multiprocessors' clock. */
static void clock_for_nvbench(void **state) {
    struct exported *e = *state;
    size_t samples, size, found = 0;
    const double seconds[] = {1, 2};
    snprintf(e->f.dir, sizeof e->f.dir, "%s/other", e->f.root);
    assert_int_equal(fixture_open(&e->f, RESULT_NEW), 0);
    for (int k = 0; k < 2; k++) {
        struct lab_case *c = lab_case_begin(&e->f.run, "cpu", "42/case/n=%d", k);
        const struct meter_clock clock = {k ? "perf" : "nvml", 3, 1.98e9, 1.5e9, 2e9};
        assert_non_null(c);
        case_series_time(c, "time", seconds, 2);
        case_clock(c, &clock);
        assert_int_equal(lab_case_end(c), 0);
    }
    fixture_close(&e->f);
    assert_int_equal(export_folder(e->f.dir, EXPORT_NVBENCH, e->file, &samples), 0);
    char *text = fixture_read(e->file, &size);
    for (const char *at = text; (at = strstr(at, "nv/cold/sm_clock_rate/mean")); at++)
        found++;
    assert_int_equal(found, 1);
    assert_non_null(strstr(text, "1980000000.0"));
    free(text);
}

static void expect(const struct exported *e, enum export_format format, const char *file,
                   const char *words) {
    size_t samples;
    assert_int_equal(export_folder(e->f.dir, format, file, &samples), -1);
    if (!strstr(error_text(), words))
        fail_msg("expected \"%s\" in: %s", words, error_text());
}

static void what_goes_wrong(void **state) {
    const struct exported *e = *state;
    struct rlimit was, little = {200, 200};
    char side[200];
    snprintf(side, sizeof side, "%s-bin", e->file);
    expect(e, EXPORT_NVBENCH, NULL, "name it with --out");
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    little.rlim_max = was.rlim_max;
    for (int k = 0; k < EXPORT_FORMAT_COUNT; k++) {
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
        size_t samples;
        int status = export_folder(e->f.dir, (enum export_format)k, e->file, &samples);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
        assert_int_equal(status, -1);
        assert_non_null(strstr(error_text(), "size limit"));
        assert_int_equal(access(e->file, F_OK), -1);
        assert_int_equal(access(side, F_OK), -1);
    }
    assert_int_equal(fixture_write(e->file, "mine", 4), 0);
    expect(e, EXPORT_TSV, e->file, "is there already");
    expect(e, EXPORT_TSV, "/nowhere/x", "cannot be written");
    assert_int_equal(unlink(e->file), 0);
    assert_int_equal(mkdir(side, 0777), 0);
    expect(e, EXPORT_NVBENCH, e->file, "is there already");
    assert_int_equal(access(side, F_OK), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tsv, setup, teardown),
        cmocka_unit_test_setup_teardown(gobench, setup, teardown),
        cmocka_unit_test_setup_teardown(googlebenchmark, setup, teardown),
        cmocka_unit_test_setup_teardown(nvbench, setup, teardown),
        cmocka_unit_test_setup_teardown(clock_for_nvbench, setup, teardown),
        cmocka_unit_test_setup_teardown(what_goes_wrong, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
