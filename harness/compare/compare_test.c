/*
 * compare_test.c: sides made here, whose times, bits and settings are known; joined, judged, and
 * written as JSON.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>

#include "harness/compare/compare_text.h"
#include "harness/error.h"
#include "harness/measure/bench.h"
#include "harness/store/result_fixture.h"
#include "kernels/rng/philox.h"

/* How a side was made. */
struct made {
    double slower;  /* times of odd cases, over those of the other side */
    double roof;    /* of the machine: all times are shorter by it */
    int other_bits; /* this case has others, in every session; -1: none */
    int varying;    /* this case has others in every session; -1: none */
    int other_plan; /* this case was measured with 2 threads; -1: none */
    int cases;      /* from `from` on */
    int from;
    enum verdict verdict; /* of the first claim */
};
#define PLAIN                                                                                      \
    { 1, 1, -1, -1, -1, 10, 0, VERDICT_CONFIRMED }

static void record_time(struct lab_case *c, double median) {
    double seconds[3] = {median, median, median};
    uint32_t rounds[3] = {0, 1, 2};
    case_bench(c, &(struct bench_result){.seconds = seconds,
                                         .round = rounds,
                                         .samples = 3,
                                         .calls = 7,
                                         .stop = BENCH_SETTLED,
                                         .median = median,
                                         .low = median,
                                         .high = median});
}

static int record_case(struct fixture *f, const struct made *m, int k, uint64_t session) {
    struct lab_case *c = lab_case_begin(&f->run, "cpu", "42/case/n=%d", k);
    assert_non_null(c);
    uint64_t bits = 17u * (unsigned)k + (k == m->other_bits) + (k == m->varying ? session : 0);
    double time = 1e-3 / m->roof * (k % 2 ? m->slower : 1);
    case_param_int(c, "n", k);
    case_param_int(c, "threads", k == m->other_plan ? 2 : 1);
    case_counter(c, "roof fraction", k % 2 ? 0.5 / m->slower : 0.5);
    /* Case 0 is no case of time. */
    if (k > 0)
        record_time(c, time * exp(0.001 * philox_normal(3, session, (uint64_t)k)));
    case_series_bits(c, "measured", 32, &bits, 1);
    return lab_case_end(c);
}

static void make_session(struct fixture *f, const struct made *m, uint64_t session) {
    assert_int_equal(fixture_open(f, RESULT_NEW), 0);
    for (int k = m->from; k < m->from + m->cases; k++)
        assert_int_equal(record_case(f, m, k, session), 0);
    struct finding finding = {.verdict = m->verdict, .held = 3, .against = 3, .settled = true};
    snprintf(finding.statement, sizeof finding.statement, "it is so");
    snprintf(finding.range, sizeof finding.range, "some");
    snprintf(finding.reason, sizeof finding.reason, "a thing is missing");
    char id[40];
    snprintf(id, sizeof id, "42/case/n=%d", m->from);
    finding.evidence = json_pack("[s]", id);
    assert_int_equal(result_claim(f->run.result, &fixture_claims[0], "cpu", &finding), 0);
    if (result_finish(f->run.result) != 0)
        fail_msg("%s", error_text());
    fixture_close(f);
}

/* Sides "a" and "b" in one folder. */
struct two {
    struct fixture f;
    char path[2][128];
    struct compare_side side[2];
    struct compare c;
    bool is_open;
};

static void make_side(struct two *t, int which, const struct made *m, unsigned sessions) {
    char side[sizeof t->f.dir - 16], path[sizeof t->f.dir];
    snprintf(side, sizeof side, "%s/%c", t->f.root, 'a' + which);
    strcpy(t->path[which], side);
    assert_int_equal(mkdir(side, 0777), 0);
    for (unsigned s = 1; s <= sessions; s++) {
        snprintf(path, sizeof path, "%.90s/session-%u", side, s);
        strcpy(t->f.dir, path);
        make_session(&t->f, m, 100u * (unsigned)which + s);
    }
}

static void compare_two(struct two *t, const struct compare_band *bands) {
    const struct compare_rule rule = compare_rule_default();
    for (int k = 0; k < 2; k++)
        if (compare_side_open(&t->side[k], t->path[k]) != 0)
            fail_msg("%s", error_text());
    assert_int_equal(compare_open(&t->c, &t->side[0], &t->side[1], &rule, bands), 0);
    t->is_open = true;
}

static int setup(void **state) {
    struct two *t = calloc(1, sizeof *t);
    *state = t;
    return t ? fixture_begin(&t->f) : -1;
}

static int teardown(void **state) {
    struct two *t = *state;
    if (t->is_open)
        compare_close(&t->c);
    compare_side_close(&t->side[0]);
    compare_side_close(&t->side[1]);
    fixture_end(&t->f);
    free(t);
    return 0;
}

static const struct compare_pair *pair_of(const struct two *t, int k) {
    char id[40];
    snprintf(id, sizeof id, "42/case/n=%d", k);
    for (size_t p = 0; p < t->c.count; p++)
        if (strcmp(t->c.pairs[p].first->id, id) == 0)
            return &t->c.pairs[p];
    fail_msg("no pair for %s", id);
    return NULL;
}

static char *printed(const struct two *t) {
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    assert_int_equal(compare_print(&t->c, to), 0);
    fclose(to);
    return text;
}

/* --- tests -------------------------------------------------------------------------------------
 */

static void equal_sides(void **state) {
    struct two *t = *state;
    const struct made m = PLAIN;
    make_side(t, 0, &m, 4);
    make_side(t, 1, &m, 5);
    compare_two(t, NULL);
    assert_int_equal(t->side[0].sessions, 4);
    assert_int_equal(t->c.count, 10);
    assert_int_equal(t->c.timed, 9);
    assert_int_equal(t->c.verdicts[COMPARE_SAME], 9);
    assert_int_equal(t->c.bits_equal, 10);
    assert_int_equal(t->c.bits_differ + t->c.bits_vary + t->c.only[0] + t->c.only[1], 0);
    assert_true(fabs(t->c.mean - 1) < 0.01);
    assert_true(t->c.same_code);
    assert_int_equal(json_array_size(t->c.claims), 1);
    char *text = printed(t);
    assert_non_null(strstr(text, "9 same, 0 faster, 0 slower"));
    assert_non_null(strstr(text, "The same machine code"));
    assert_null(strstr(text, "nan"));
    free(text);
}

static void planted_differences(void **state) {
    struct two *t = *state;
    const struct made a = PLAIN;
    struct made b = PLAIN;
    b.slower = 1.05;
    b.roof = 2; /* a machine twice as fast … */
    b.other_bits = 4;
    b.varying = 6;
    b.other_plan = 3;
    b.verdict = VERDICT_REFUTED;
    make_side(t, 0, &a, 4);
    make_side(t, 1, &b, 4);
    compare_two(t, NULL);
    const struct compare_pair *odd = pair_of(t, 5), *even = pair_of(t, 2), *plan = pair_of(t, 3);
    assert_int_equal(odd->times.verdict, COMPARE_FASTER);
    assert_true(fabs(odd->times.ratio.value - 0.525) < 0.01);
    assert_true(fabs(odd->normalised.value - 1.05) < 1e-9); /* … and slower over its roof */
    assert_int_equal(even->times.verdict, COMPARE_FASTER);
    assert_true(fabs(even->normalised.value - 1) < 1e-9);
    assert_int_equal(plan->times.verdict, COMPARE_NOT_COMPARABLE);
    assert_int_equal(plan->times.reason, COMPARE_FIELD);
    assert_string_equal(plan->field, "threads");
    assert_int_equal(pair_of(t, 0)->times.reason, COMPARE_NO_TIME);
    assert_int_equal(pair_of(t, 4)->bits, COMPARE_BITS_DIFFER);
    assert_int_equal(pair_of(t, 6)->bits, COMPARE_BITS_VARY);
    assert_int_equal(pair_of(t, 7)->bits, COMPARE_BITS_EQUAL);
    assert_int_equal(t->c.verdicts[COMPARE_NOT_COMPARABLE], 1);
    assert_true(json_is_true(json_object_get(json_array_get(t->c.claims, 0), "differ")));
    char *text = printed(t);
    assert_non_null(strstr(text, "A confirmed (cpu), B refuted (cpu)"));
    assert_non_null(strstr(text, "not comparable, 1: threads differs"));
    assert_non_null(strstr(text, "different, 1: nothing recorded of the two differs"));
    free(text);
    json_t *json = compare_json(&t->c);
    assert_non_null(json);
    assert_int_equal(json_array_size(json_object_get(json, "cases")), 10);
    json_decref(json);
}

static void one_session_a_side(void **state) {
    struct two *t = *state;
    const struct made a = PLAIN;
    struct made b = PLAIN;
    b.slower = 1.5;
    make_side(t, 0, &a, 4);
    make_side(t, 1, &b, 1);
    strcat(t->path[1], "/session-1"); /* a result folder itself */
    compare_two(t, NULL);
    assert_int_equal(t->c.verdicts[COMPARE_AMBIGUOUS], 9);
    assert_int_equal(pair_of(t, 5)->times.reason, COMPARE_ONE_SESSION);
    compare_close(&t->c);
    /* What the four sessions of A say of their spread is a band for both. */
    const struct compare_side *unchanged[] = {&t->side[0]};
    struct compare_band *bands = compare_bands(&t->side[0], unchanged, 1);
    assert_non_null(bands);
    const struct compare_rule rule = compare_rule_default();
    assert_int_equal(compare_open(&t->c, &t->side[0], &t->side[1], &rule, bands), 0);
    free(bands);
    assert_int_equal(pair_of(t, 5)->times.verdict, COMPARE_SLOWER);
    assert_int_equal(pair_of(t, 2)->times.verdict, COMPARE_SAME);
}

static void cases_of_one_side(void **state) {
    struct two *t = *state;
    const struct made a = PLAIN;
    struct made b = PLAIN;
    b.from = 4;
    b.verdict = VERDICT_NOT_TESTABLE;
    make_side(t, 0, &a, 2);
    make_side(t, 1, &b, 2);
    compare_two(t, NULL);
    assert_int_equal(t->c.count, 6);
    assert_int_equal(t->c.only[0], 4);
    assert_int_equal(t->c.only[1], 4);
    /* What could not be tested contradicts nothing. */
    assert_false(json_is_true(json_object_get(json_array_get(t->c.claims, 0), "differ")));
}

static void folders_that_are_none(void **state) {
    struct two *t = *state;
    struct compare_side side;
    char path[160];
    assert_int_equal(compare_side_open(&side, "/nowhere/at/all"), -1);
    assert_non_null(strstr(error_text(), "no such folder"));
    compare_side_close(&side);
    assert_int_equal(compare_side_open(&side, t->f.root), -1);
    assert_non_null(strstr(error_text(), "neither a result folder"));
    compare_side_close(&side);
    /* A session that is damaged spoils its side. */
    const struct made m = PLAIN;
    size_t size;
    make_side(t, 0, &m, 2);
    snprintf(path, sizeof path, "%.100s/session-2/" FIXTURE_LAB "/cases.jsonl", t->path[0]);
    char *text = fixture_read(path, &size);
    text[size / 2] ^= 1;
    assert_int_equal(fixture_write(path, text, size), 0);
    free(text);
    assert_int_equal(compare_side_open(&side, t->path[0]), -1);
    assert_non_null(strstr(error_text(), "session-2"));
    compare_side_close(&side);
    for (int k = 3; k <= COMPARE_SESSIONS_MOST + 1; k++) {
        snprintf(path, sizeof path, "%.100s/session-%d", t->path[0], k);
        assert_int_equal(mkdir(path, 0777), 0);
    }
    assert_int_equal(compare_side_open(&side, t->path[0]), -1);
    assert_non_null(strstr(error_text(), "more than 64"));
    compare_side_close(&side);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(equal_sides, setup, teardown),
        cmocka_unit_test_setup_teardown(planted_differences, setup, teardown),
        cmocka_unit_test_setup_teardown(one_session_a_side, setup, teardown),
        cmocka_unit_test_setup_teardown(cases_of_one_side, setup, teardown),
        cmocka_unit_test_setup_teardown(folders_that_are_none, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
