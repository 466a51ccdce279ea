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

#include "harness/compare/compare_claims.h"
#include "harness/compare/compare_fixture.h"
#include "harness/compare/compare_text.h"
#include "harness/error.h"
#include "harness/store/journal.h"
#include "harness/store/reader.h"

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
    assert_int_equal(compare_claims_relation(json_array_get(t->c.claims, 0)),
                     COMPARE_CONTRADICTION);
    char *text = printed(t);
    assert_non_null(strstr(text, "A confirmed (cpu), B refuted (cpu)"));
    assert_non_null(strstr(text, "not comparable, 1: threads differs"));
    assert_non_null(strstr(text, "G1 not-testable-here: FP32 sums with one tree: none"));
    assert_non_null(strstr(text, "different, 1: NO RECORDED FIELD DIFFERS"));
    free(text);
    size_t size;
    FILE *to = open_memstream(&text, &size);
    assert_non_null(to);
    assert_int_equal(compare_json_print(&t->c, to), 0);
    assert_int_equal(fclose(to), 0);
    json_t *json = json_loads(text, 0, NULL);
    free(text);
    assert_non_null(json);
    assert_int_equal(json_array_size(json_object_get(json, "cases")), 10);
    const json_t *other =
        json_object_get(json_array_get(json_object_get(json, "cases"), 3), "time");
    assert_string_equal(json_string_value(json_object_get(other, "reason")), "field");
    json_t *field = json_pack("[{s:s, s:[s, s]}]", "field", "threads", "values", "1", "2");
    assert_true(json_equal(
        field, json_object_get(json_array_get(json_object_get(json, "cases"), 3), "fields")));
    json_decref(field);
    const json_t *bits = json_object_get(json, "bits");
    assert_string_equal(json_string_value(json_object_get(json_object_get(bits, "g1"), "verdict")),
                        "not-testable-here");
    const json_t *group = json_array_get(json_object_get(bits, "explained"), 0);
    assert_string_equal(json_string_value(json_object_get(group, "why")), "");
    assert_string_equal(json_string_value(json_object_get(group, "such_as")), "42/case/n=4");
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
    assert_int_equal(compare_claims_relation(json_array_get(t->c.claims, 0)), COMPARE_AGREE);
}

static void another_verdict_is_no_contradiction(void **state) {
    struct two *t = *state;
    const struct made a = PLAIN;
    struct made b = PLAIN;
    b.verdict = VERDICT_BOUNDED;
    make_side(t, 0, &a, 2);
    make_side(t, 1, &b, 2);
    compare_two(t, NULL);
    assert_int_equal(compare_claims_relation(json_array_get(t->c.claims, 0)),
                     COMPARE_OTHER_VERDICT);
    char *text = printed(t);
    assert_non_null(strstr(text, "no verdict of A contradicts one of B (1 on both)"));
    assert_non_null(strstr(text, "A confirmed (cpu), B bounded (cpu): "));
    assert_non_null(strstr(text, "      B: it is so\n"));
    free(text);
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

/* Puts a text into a group of a session's run.json. */
static void record(const struct two *t, int which, const char *group, const char *name,
                   const char *value) {
    char path[160];
    snprintf(path, sizeof path, "%.100s/session-1", t->path[which]);
    json_t *run = reader_run(path);
    assert_non_null(run);
    json_object_del(run, "hash");
    json_object_set_new(json_object_get(run, group), name, json_string(value));
    char *text = journal_seal(run);
    strcat(path, "/run.json");
    assert_int_equal(fixture_write(path, text, strlen(text)), 0);
    free(text);
    json_decref(run);
}

/* Which card was simulated, and on which devices it ran. */
static void simulate(const struct two *t, int which, const char *card, const char *devices) {
    record(t, which, "run", "simt_card", card);
    record(t, which, "run", "device_list", devices);
}

/* How often the field is named, and its two values. */
static size_t named(const struct two *t, const char *field, const char **first,
                    const char **second) {
    size_t k, n = 0;
    json_t *one;
    json_array_foreach(t->c.differences, k, one) {
        if (strcmp(json_string_value(json_object_get(one, "field")), field) != 0)
            continue;
        const json_t *values = json_object_get(one, "values");
        *first = json_string_value(json_array_get(values, 0));
        *second = json_string_value(json_array_get(values, 1));
        n++;
    }
    return n;
}

/* A setting is recorded where it is set, so one side may have none. */
static void what_one_side_alone_has_is_a_difference(void **state) {
    struct two *t = *state;
    const struct made m = PLAIN;
    make_side(t, 0, &m, 1);
    make_side(t, 1, &m, 1);
    const char *first = "", *second = "";
    record(t, 0, "software", "of the first", "a");
    record(t, 1, "software", "of the second", "b");
    compare_two(t, NULL);
    assert_int_equal(named(t, "software.of the first", &first, &second), 1);
    assert_string_equal(first, "a");
    assert_null(second);
    assert_int_equal(named(t, "software.of the second", &first, &second), 1);
    assert_null(first);
    assert_string_equal(second, "b");
    char *text = printed(t);
    assert_non_null(strstr(text, "software.of the second"));
    free(text);
}

static void another_card_is_a_difference(void **state) {
    struct two *t = *state;
    const struct made m = PLAIN;
    make_side(t, 0, &m, 1);
    make_side(t, 1, &m, 1);
    simulate(t, 0, "A100", "cpu,simt");
    simulate(t, 1, "H100", "simt");
    compare_two(t, NULL);
    const json_t *last = json_array_get(t->c.differences, json_array_size(t->c.differences) - 1);
    assert_string_equal(json_string_value(json_object_get(last, "field")), "simt_card");
    assert_string_equal(json_string_value(json_array_get(json_object_get(last, "values"), 1)),
                        "H100");
}

/* Every run names one, also one that simulates nothing. */
static void a_card_that_nothing_simulates_is_none(void **state) {
    struct two *t = *state;
    const struct made m = PLAIN;
    make_side(t, 0, &m, 1);
    make_side(t, 1, &m, 1);
    simulate(t, 0, "A100", "simt");
    simulate(t, 1, "H100", "sass:sm_90");
    compare_two(t, NULL);
    json_t *one;
    size_t k;
    json_array_foreach(t->c.differences, k, one) {
        assert_string_not_equal(json_string_value(json_object_get(one, "field")), "simt_card");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_one_side_alone_has_is_a_difference, two_setup,
                                        two_teardown),
        cmocka_unit_test_setup_teardown(another_card_is_a_difference, two_setup, two_teardown),
        cmocka_unit_test_setup_teardown(a_card_that_nothing_simulates_is_none, two_setup,
                                        two_teardown),
        cmocka_unit_test_setup_teardown(equal_sides, two_setup, two_teardown),
        cmocka_unit_test_setup_teardown(planted_differences, two_setup, two_teardown),
        cmocka_unit_test_setup_teardown(one_session_a_side, two_setup, two_teardown),
        cmocka_unit_test_setup_teardown(cases_of_one_side, two_setup, two_teardown),
        cmocka_unit_test_setup_teardown(another_verdict_is_no_contradiction, two_setup,
                                        two_teardown),
        cmocka_unit_test_setup_teardown(folders_that_are_none, two_setup, two_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
