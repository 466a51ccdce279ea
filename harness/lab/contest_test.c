/*
 * contest_test.c: a contest is recorded whole or not at all, and its ratios are those of its
 * entrants.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "harness/lab/contest.h"
#include "harness/lab/rows.h"
#include "harness/stop.h"
#include "harness/store/reader.h"
#include "harness/store/result_fixture.h"

/* A job that spins for a while. */
struct spin {
    double seconds;
    int calls, proofs;
    bool wrong;
};
static int open_jobs;

static int spin_call(void *context) {
    struct spin *s = context;
    struct timespec from, now;
    s->calls++;
    clock_gettime(CLOCK_MONOTONIC, &from);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((double)(now.tv_sec - from.tv_sec) + 1e-9 * (double)(now.tv_nsec - from.tv_nsec) <
           s->seconds);
    return 0;
}

static int spin_prove(void *context) {
    struct spin *s = context;
    s->proofs++;
    return s->wrong ? device_fail("it did not spin") : 0;
}

static void spin_close(void *context) {
    open_jobs--;
    free(context);
}

static struct job spin_job(double seconds, double bytes, bool wrong) {
    struct spin *s = malloc(sizeof *s);
    *s = (struct spin){.seconds = seconds, .wrong = wrong};
    open_jobs++;
    return (struct job){
        .context = s, .call = spin_call, .prove = spin_prove, .close = spin_close, .bytes = bytes};
}

static int add_number(void *context, struct lab_case *record, const struct bench_result *result) {
    case_counter(record, "bytes_per_second", result->median > 0 ? *(double *)context : 0);
    return 0;
}

/* Three entrants; the third takes twice the first one's time for four times its bytes. */
static int hold(struct fixture *f, const char *name, bool wrong) {
    static double answer = 42;
    struct contest *c = contest_open(&f->run, f->cpu, "42/contest/%s", name);
    if (!c)
        return contest_skipped(&f->run);
    struct job jobs[3] = {spin_job(1e-4, 100, false), spin_job(1e-4, 100, wrong),
                          spin_job(2e-4, 400, false)};
    struct entrant *plain = contest_enter(c, &jobs[0], "plain");
    contest_enter(c, &jobs[1], "other");
    struct entrant *fixed = contest_enter(c, &jobs[2], "fixed");
    case_param_int(entrant_case(fixed), "n", 3);
    entrant_over(fixed, plain, "over plain");
    entrant_speed_over(fixed, plain, "speed");
    entrant_over(fixed, NULL, "nothing");
    entrant_speed_over_best(fixed, "fix", "over best");
    entrant_speed_over_best(plain, "fix", "over best");
    entrant_speed_over_best(fixed, "none", "over none");
    entrant_over_fastest(fixed, (struct entrant *[]){fixed, plain}, 2, "over fastest");
    entrant_over_fastest(fixed, NULL, 0, "nothing");
    entrant_finish(plain, add_number, &answer);
    contest_limits(c)->max_samples = 7;
    return contest_end(c);
}

static const struct quantity quantities[] = {{"n", "1", "which case"},
                                             {"plan", "", "words"},
                                             {"bytes_per_second", "bytes/s", "a rate"},
                                             {"over plain", "1", "time over time"},
                                             {"speed", "1", "speed over speed"},
                                             {"over best", "1", "speed over the fastest one's"},
                                             {"over fastest", "1", "time over the least"}};
static const struct lab contest_lab = {.number = 42,
                                       .name = "fixture",
                                       .claims = fixture_claims,
                                       .claim_count = 2,
                                       .quantities = quantities,
                                       .quantity_count = sizeof quantities / sizeof *quantities};

static int setup(void **state) {
    struct fixture *f = malloc(sizeof *f);
    *state = f;
    if (fixture_begin(f) != 0)
        return -1;
    f->run.lab = &contest_lab;
    return fixture_open(f, RESULT_NEW);
}

static int teardown(void **state) {
    fixture_end(*state);
    free(*state);
    return 0;
}

static void ratios_of_entrants(void **state) {
    struct fixture *f = *state;
    struct rows rows;
    assert_int_equal(hold(f, "a", false), 0);
    assert_int_equal(open_jobs, 0);
    assert_int_equal(rows_load(&f->run, "42/contest/a/", "cpu", &rows), 0);
    assert_int_equal(rows.count, 3);
    assert_string_equal(row_id(&rows, 2), "42/contest/a/fixed");
    struct ratio over = row_ratio(&rows, 2, "over plain"), speed = row_ratio(&rows, 2, "speed");
    assert_true(over.low <= over.value && over.value <= over.high && over.value > 0);
    assert_true(fabs(speed.value * over.value - 4) < 1e-9);
    size_t fastest = row_number(&rows, 0, "@median") <= row_number(&rows, 2, "@median") ? 0 : 2;
    assert_true(row_number(&rows, 2, "over fastest") == (fastest == 0 ? over.value : 1));
    assert_true(fabs(speed.low * over.high - 4) < 1e-9);
    /* The fastest of a set has exactly 1; of no entrant there is no ratio. */
    assert_true(row_is(&rows, 2, "over best", "1") && row_ratio(&rows, 2, "over best").high == 1);
    assert_true(fabs(row_number(&rows, 0, "over best") * speed.value - 1) < 0.5);
    assert_false(row_has(&rows, 2, "over none"));
    struct ratio rate = row_ratio(&rows, 2, "bytes per second");
    assert_true(fabs(rate.value * row_number(&rows, 2, "@median") - 400) < 1e-6);
    assert_true(row_number(&rows, 0, "bytes_per_second") == 42);
    assert_int_equal(row_series(&rows, 0, "time"), row_series(&rows, 2, "time"));
    rows_free(&rows);
    /* Once recorded, nothing is measured again. */
    size_t before = result_case_count(f->run.result);
    assert_int_equal(hold(f, "a", false), 0);
    assert_int_equal(result_case_count(f->run.result), before);
}

static void a_wrong_entrant_drops_the_contest(void **state) {
    struct fixture *f = *state;
    assert_int_equal(hold(f, "a", true), -1);
    assert_non_null(strstr(f->run.error, "it did not spin"));
    assert_int_equal(result_case_count(f->run.result), 0);
    assert_int_equal(open_jobs, 0);
}

static void a_signal_drops_the_contest(void **state) {
    struct fixture *f = *state;
    stop_signal = SIGTERM;
    assert_int_equal(hold(f, "a", false), 0);
    stop_signal = 0;
    assert_int_equal(result_case_count(f->run.result), 0);
}

/* The journal cut anywhere: what is taken up again is whole contests, and the rest is measured
 * again as a whole. */
static void a_cut_journal_has_whole_contests(void **state) {
    struct fixture *f = *state;
    char *text = NULL;
    size_t size = 0;
    assert_int_equal(fixture_case(f, 0), 0);
    assert_int_equal(hold(f, "a", false), 0);
    assert_int_equal(fixture_case(f, 1), 0);
    assert_int_equal(hold(f, "b", false), 0);
    fixture_close(f);
    FILE *in = fopen(f->journal, "r");
    assert_non_null(in);
    assert_true(getdelim(&text, &size, EOF, in) > 0);
    fclose(in);
    size_t length = strlen(text), start = strcspn(text, "\n") + 1;
    size_t cuts[80], count = 0;
    for (size_t at = start; at <= length; at++)
        if (text[at - 1] == '\n')
            cuts[count++] = at;
    assert_int_equal(count, 9); /* the start, and eight cases */
    for (size_t k = 0; k < 50; k++)
        cuts[count++] = start + (length - start) * k / 50 + 1;
    for (size_t k = 0; k < count; k++) {
        assert_int_equal(fixture_write(f->journal, text, cuts[k]), 0);
        assert_int_equal(fixture_open(f, RESULT_RESUME), 0);
        size_t cases = result_case_count(f->run.result);
        assert_true(cases == 0 || cases == 1 || cases == 4 || cases == 5 || cases == 8);
        assert_int_equal(fixture_case(f, 0), 0);
        assert_int_equal(hold(f, "a", false), 0);
        assert_int_equal(fixture_case(f, 1), 0);
        assert_int_equal(hold(f, "b", false), 0);
        assert_string_equal(f->run.error, "");
        assert_int_equal(result_case_count(f->run.result), 8);
        fixture_close(f);
    }
    free(text);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(ratios_of_entrants),
        TEST(a_wrong_entrant_drops_the_contest),
        TEST(a_signal_drops_the_contest),
        TEST(a_cut_journal_has_whole_contests),
    };
    return cmocka_run_group_tests_name("contest", tests, NULL, NULL);
}
