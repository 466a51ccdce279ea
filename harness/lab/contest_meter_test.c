/*
 * contest_meter_test.c: clocks and energy of a contest's cases, from a device whose counters are
 * known: what is recorded, what is not, and that it can be read back.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <math.h>

#include "harness/lab/contest.h"
#include "harness/measure/meter.h"
#include "harness/store/reader.h"
#include "harness/store/record.h"
#include "harness/store/result_fixture.h"

/* Counters of a device that draws 3 J at each reading, at 1.5 GHz until it is asked the third time,
 * then at 2 GHz. */
struct counters {
    uint64_t drawn;
    int energy_readings, clock_readings, energy_fails_at, clock_fails;
    uint64_t cycles;
    bool away;
};

static int read_energy(struct meter *m, uint64_t *count) {
    struct counters *c = m->context;
    *count = c->drawn += 3000;
    return ++c->energy_readings == c->energy_fails_at ? -1 : 0;
}

static int read_clock(struct meter *m, double *hertz) {
    struct counters *c = m->context;
    *hertz = ++c->clock_readings < 3 ? 1.5e9 : 2e9;
    return c->clock_fails ? -1 : 0;
}

/* A nanosecond has three cycles. */
static int read_cycles(struct meter *m, uint64_t *cycles, uint64_t *nanoseconds) {
    struct counters *c = m->context;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    *nanoseconds = c->away ? 1 : (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
    *cycles = 3 * *nanoseconds;
    return 0;
}

static int spin(void *context) {
    struct timespec from, now;
    (*(int *)context)++;
    clock_gettime(CLOCK_MONOTONIC, &from);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while (now.tv_sec == from.tv_sec && now.tv_nsec - from.tv_nsec < 200000);
    return 0;
}

static int prove(void *context) {
    (void)context;
    return 0;
}

static int calls[3];

static struct job job_of(int k) {
    calls[k] = 0;
    return (struct job){.context = &calls[k], .call = spin, .prove = prove};
}

/* Two entrants, and one that something comes before. */
static int hold(struct fixture *f, const char *name) {
    struct contest *c = contest_open(&f->run, f->cpu, "42/contest/%s", name);
    struct job jobs[3] = {job_of(0), job_of(1), job_of(2)};
    const struct job before = {.context = &calls[2], .call = spin};
    assert_non_null(c);
    contest_enter(c, &jobs[0], "a");
    contest_enter(c, &jobs[1], "b");
    entrant_before(contest_enter(c, &jobs[2], "c"), &before, true);
    contest_limits(c)->min_samples = contest_limits(c)->max_samples = 7;
    return contest_end(c);
}

static int read_again(void *context, const json_t *record) {
    return json_array_append((json_t *)context, (json_t *)record);
}

/* The records of a contest. */
static json_t *recorded(const struct fixture *f, const char *prefix) {
    json_t *list = json_array();
    assert_int_equal(reader_cases(result_reader(f->run.result), prefix, "cpu", read_again, list),
                     0);
    assert_int_equal(json_array_size(list), 3);
    return list;
}

static const json_t *group(const json_t *list, size_t k, const char *name) {
    return json_object_get(json_array_get(list, k), name);
}

static double number_in(const json_t *object, const char *name) {
    return json_number_value(json_object_get(object, name));
}

static int setup(void **state) {
    struct fixture *f = malloc(sizeof *f);
    *state = f;
    return fixture_begin(f) == 0 ? fixture_open(f, RESULT_NEW) : -1;
}

static int teardown(void **state) {
    fixture_end(*state);
    free(*state);
    return 0;
}

static void energy_is_recorded_with_its_stretch(void **state) {
    struct fixture *f = *state;
    struct counters c = {0};
    struct meter m = {
        .energy = read_energy, .energy_by = "nvml", .joules = 1e-3, .counter = -1, .context = &c};
    f->run.meter = &m;
    f->run.mode = LAB_DEFAULT;
    assert_int_equal(hold(f, "x"), 0);
    json_t *list = recorded(f, "42/contest/x/");
    for (size_t k = 0; k < 2; k++) {
        const json_t *e = group(list, k, "energy");
        assert_string_equal(json_string_value(json_object_get(e, "by")), "nvml");
        assert_true(number_in(e, "seconds") >= 0.5);
        assert_true(number_in(e, "calls") > 0 && number_in(e, "calls") < calls[k]);
        assert_true(number_in(e, "watts_low") <= number_in(e, "watts") &&
                    number_in(e, "watts") <= number_in(e, "watts_high"));
        /* What the counter says, but for the batches at both ends. */
        double joules = number_in(e, "joules") * number_in(e, "calls");
        assert_true(fabs(joules - number_in(e, "watts") * number_in(e, "seconds")) < 1e-6 * joules);
        assert_true(joules > 0);
        assert_null(group(list, k, "clock"));
    }
    assert_null(group(list, 2, "energy"));
    json_decref(list);
}

static void quick_runs_measure_no_energy(void **state) {
    struct fixture *f = *state;
    struct counters c = {0};
    struct meter m = {
        .energy = read_energy, .energy_by = "nvml", .joules = 1e-3, .counter = -1, .context = &c};
    f->run.meter = &m;
    assert_int_equal(hold(f, "x"), 0);
    assert_int_equal(c.energy_readings, 0);
    json_t *list = recorded(f, "42/contest/x/");
    assert_null(group(list, 0, "energy"));
    json_decref(list);
}

static void a_counter_that_fails_is_noted_once(void **state) {
    struct fixture *f = *state;
    struct counters c = {.energy_fails_at = 4};
    struct meter m = {
        .energy = read_energy, .energy_by = "nvml", .joules = 1e-3, .counter = -1, .context = &c};
    f->run.meter = &m;
    f->run.mode = LAB_DEFAULT;
    assert_int_equal(hold(f, "x"), 0);
    assert_int_equal(hold(f, "y"), 0);
    assert_int_equal(c.energy_readings, 4);
    json_t *list = recorded(f, "42/contest/y/");
    assert_null(group(list, 0, "energy"));
    json_decref(list);
    const json_t *notes = result_reader(f->run.result)->notes;
    assert_int_equal(json_array_size(notes), 1);
    assert_non_null(strstr(json_string_value(json_array_get(notes, 0)), "could not be read"));
}

static void a_clock_is_read_after_rounds(void **state) {
    struct fixture *f = *state;
    struct counters c = {0};
    struct meter m = {.clock = read_clock, .clock_by = "nvml", .counter = -1, .context = &c};
    f->run.meter = &m;
    assert_int_equal(hold(f, "x"), 0);
    json_t *list = recorded(f, "42/contest/x/");
    for (size_t k = 0; k < 3; k++) {
        const json_t *clock = group(list, k, "clock");
        double readings = number_in(clock, "readings");
        assert_string_equal(json_string_value(json_object_get(clock, "by")), "nvml");
        assert_true(readings == c.clock_readings && readings >= 1 && readings <= 7);
        assert_true(number_in(clock, "low") == 1.5e9);
        assert_true(number_in(clock, "high") == (readings < 3 ? 1.5e9 : 2e9));
        assert_true(number_in(clock, "median") >= 1.5e9 && number_in(clock, "median") <= 2e9);
    }
    json_decref(list);
    c.clock_fails = 1;
    assert_int_equal(hold(f, "y"), 0);
    list = recorded(f, "42/contest/y/");
    assert_null(group(list, 0, "clock"));
    json_decref(list);
}

static void cycles_are_counted_in_samples(void **state) {
    struct fixture *f = *state;
    struct counters c = {0};
    struct meter m = {.cycles = read_cycles, .clock_by = "perf", .counter = -1, .context = &c};
    f->run.meter = &m;
    assert_int_equal(hold(f, "x"), 0);
    json_t *list = recorded(f, "42/contest/x/");
    const json_t *clock = group(list, 0, "clock");
    assert_string_equal(json_string_value(json_object_get(clock, "by")), "perf");
    assert_true(number_in(clock, "readings") == 7);
    assert_true(number_in(clock, "low") >= 3e9); /* the counter's readings lie outside */
    json_decref(list);
    c.away = true;
    assert_int_equal(hold(f, "y"), 0);
    list = recorded(f, "42/contest/y/");
    assert_null(group(list, 0, "clock"));
    json_decref(list);
}

static void other_shapes_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"\"energy\":null", "\"energy\":[1]", "\"clock\":3",
                                      "\"clock\":{\"median\":[1]}",
                                      "\"energy\":{\"by\":\"\\u001b\"}"};
    char text[400], why[256];
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        snprintf(text, sizeof text,
                 "{\"record\":\"case\",\"id\":\"x\",\"device\":\"cpu\",\"params\":{},"
                 "\"counters\":{},\"series\":[],%s}",
                 bad[k]);
        json_t *record = json_loads(text, 0, NULL);
        assert_non_null(record);
        assert_int_equal(record_check(record, why, sizeof why), -1);
        assert_non_null(strstr(why, k == 2 || k == 3 ? "clock" : "energy"));
        json_decref(record);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(energy_is_recorded_with_its_stretch), TEST(quick_runs_measure_no_energy),
        TEST(a_counter_that_fails_is_noted_once),  TEST(a_clock_is_read_after_rounds),
        TEST(cycles_are_counted_in_samples),       cmocka_unit_test(other_shapes_are_refused),
    };
    return cmocka_run_group_tests_name("contest_meter", tests, NULL, NULL);
}
