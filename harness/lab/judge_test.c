/*
 * judge_test.c: what intervals answer, and what counts and controls make of the answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/lab/claims.h"
#include "harness/lab/judge.h"

static void intervals_answer(void **state) {
    (void)state;
    const struct ratio around = {1.0, 0.9, 1.1}, nothing = RATIO_NONE;
    const struct ratio ends_at_1 = {1.0, 1.0, 1.1}, begins_at_1 = {1.0, 0.9, 1.0};
    assert_int_equal(answer_above(around, 0.8), ANSWER_HELD);
    assert_int_equal(answer_above(around, 1.0), ANSWER_OPEN);
    assert_int_equal(answer_above(around, 1.2), ANSWER_AGAINST);
    assert_int_equal(answer_above(ends_at_1, 1.0), ANSWER_OPEN);
    assert_int_equal(answer_above(nothing, 1.0), ANSWER_OPEN);
    assert_int_equal(answer_below(around, 1.2), ANSWER_HELD);
    assert_int_equal(answer_below(around, 1.0), ANSWER_OPEN);
    assert_int_equal(answer_below(around, 0.8), ANSWER_AGAINST);
    assert_int_equal(answer_below(begins_at_1, 1.0), ANSWER_OPEN);
    assert_int_equal(answer_below(nothing, 1.0), ANSWER_OPEN);
    const struct ratio low = {1, 0.9, 1.1}, high = {2, 1.9, 2.1}, touching = {1.2, 1.1, 1.3};
    assert_int_equal(answer_greater(high, low), ANSWER_HELD);
    assert_int_equal(answer_greater(low, high), ANSWER_AGAINST);
    assert_int_equal(answer_greater(touching, low), ANSWER_OPEN);
    assert_int_equal(answer_greater(nothing, low), ANSWER_OPEN);
    assert_int_equal(answer_both(ANSWER_HELD, ANSWER_HELD), ANSWER_HELD);
    assert_int_equal(answer_both(ANSWER_HELD, ANSWER_OPEN), ANSWER_OPEN);
    assert_int_equal(answer_both(ANSWER_OPEN, ANSWER_AGAINST), ANSWER_AGAINST);
}

static enum verdict settled(enum settle how, unsigned held, unsigned against, unsigned open,
                            const char *range) {
    struct finding f = {0};
    for (unsigned k = 0; k < held; k++)
        finding_count(&f, ANSWER_HELD, NULL, 0);
    for (unsigned k = 0; k < against; k++)
        finding_count(&f, ANSWER_AGAINST, NULL, 0);
    for (unsigned k = 0; k < open; k++)
        finding_count(&f, ANSWER_OPEN, NULL, 0);
    finding_settle(&f, how, "the default");
    assert_true(f.settled);
    if (range)
        assert_string_equal(f.range, range);
    return f.verdict;
}

static void counts_make_verdicts(void **state) {
    (void)state;
    assert_int_equal(settled(SETTLE_ALL, 5, 0, 0, ""), VERDICT_CONFIRMED);
    assert_int_equal(settled(SETTLE_ALL, 4, 0, 1, "the default"), VERDICT_BOUNDED);
    assert_int_equal(settled(SETTLE_ALL, 4, 1, 0, "the default"), VERDICT_BOUNDED);
    assert_int_equal(settled(SETTLE_ALL, 0, 2, 1, ""), VERDICT_REFUTED);
    /* Open ones alone, or as many as go against it, refute nothing. */
    assert_int_equal(settled(SETTLE_ALL, 0, 0, 9, "not settled by these samples"), VERDICT_BOUNDED);
    assert_int_equal(settled(SETTLE_ALL, 0, 1, 1, "the default"), VERDICT_BOUNDED);
    assert_int_equal(settled(SETTLE_MOST, 3, 2, 0, ""), VERDICT_CONFIRMED);
    assert_int_equal(settled(SETTLE_MOST, 2, 2, 1, "the default"), VERDICT_BOUNDED);
    assert_int_equal(settled(SETTLE_MOST, 1, 4, 2, ""), VERDICT_REFUTED);
    assert_int_equal(settled(SETTLE_MOST, 0, 0, 2, "not settled by these samples"),
                     VERDICT_BOUNDED);
    assert_int_equal(settled(SETTLE_ANY, 1, 9, 0, ""), VERDICT_CONFIRMED);
    assert_int_equal(settled(SETTLE_ANY, 0, 9, 1, "the default"), VERDICT_BOUNDED);
    assert_int_equal(settled(SETTLE_ANY, 0, 9, 0, ""), VERDICT_REFUTED);
    assert_int_equal(settled(SETTLE_ALL, 0, 0, 0, ""), VERDICT_NOT_TESTABLE);
}

static void a_failed_control_bounds(void **state) {
    (void)state;
    static const enum answer failing[] = {ANSWER_AGAINST, ANSWER_OPEN};
    for (size_t k = 0; k < 2; k++) {
        struct finding f = {0};
        finding_count(&f, ANSWER_HELD, NULL, 0);
        finding_control(&f, ANSWER_HELD, "the first");
        finding_control(&f, failing[k], "the same map again costs the same");
        finding_control(&f, failing[k], "the third");
        finding_settle(&f, SETTLE_ALL, "x");
        assert_int_equal(f.verdict, VERDICT_BOUNDED);
        assert_non_null(strstr(f.range, "a control failed: the same map again costs the same"));
        /* A refutation needs its controls as well. */
        struct finding g = {0};
        finding_count(&g, ANSWER_AGAINST, NULL, 0);
        finding_control(&g, failing[k], "the same map again costs the same");
        finding_settle(&g, SETTLE_ALL, "x");
        assert_int_equal(g.verdict, VERDICT_BOUNDED);
    }
}

static void evidence_against_comes_first(void **state) {
    (void)state;
    json_t *cases = json_array();
    for (int k = 0; k < 60; k++)
        json_array_append_new(cases, json_pack("{s:o}", "id", json_sprintf("c%d", k)));
    struct rows rows;
    struct finding f = {0};
    assert_int_equal(rows_from(cases, &rows), 0);
    for (size_t k = 0; k < rows.count; k++)
        finding_count(&f, k == 50 ? ANSWER_AGAINST : ANSWER_HELD, &rows, k);
    assert_int_equal(json_array_size(f.evidence), CLAIMS_EVIDENCE_MAX);
    assert_string_equal(json_string_value(json_array_get(f.evidence, 0)), "c50");
    finding_predicted(&f, true, &rows, 0);
    assert_false(f.broken);
    finding_predicted(&f, false, &rows, 0);
    assert_true(f.broken);
    json_decref(f.evidence);
    rows_free(&rows);
    json_decref(cases);
}

static void findings_that_cannot_be_meant_are_refused(void **state) {
    (void)state;
    static const struct claim claim = {.id = "X1", .statement = "x"};
    struct finding f = {0};
    finding_count(&f, ANSWER_HELD, NULL, 0);
    assert_null(claims_entry(&claim, "cpu", &f)); /* not settled */
    finding_settle(&f, SETTLE_ALL, "x");
    assert_null(claims_entry(&claim, "cpu", &f)); /* no statement */
    finding_say(&f, "it holds");
    finding_number(&f, "s", number(2), "time of %d", 3);
    json_t *entry = claims_entry(&claim, "cpu", &f);
    assert_non_null(entry);
    assert_int_equal(json_integer_value(json_object_get(entry, "checked")), 1);
    assert_int_equal(json_array_size(json_object_get(entry, "numbers")), 1);
    json_decref(entry);
    while (strlen(f.statement) <= FINDING_STATEMENT)
        finding_say(&f, ", and more");
    assert_null(claims_entry(&claim, "cpu", &f)); /* too long */
    json_decref(f.numbers);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_answer),
        cmocka_unit_test(counts_make_verdicts),
        cmocka_unit_test(a_failed_control_bounds),
        cmocka_unit_test(evidence_against_comes_first),
        cmocka_unit_test(findings_that_cannot_be_meant_are_refused),
    };
    return cmocka_run_group_tests_name("judge", tests, NULL, NULL);
}
