/*
 * compare_claims_test.c: which verdicts contradict each other, and which one is a side's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "harness/compare/compare_claims.h"

static void what_contradicts(void **state) {
    (void)state;
    const struct {
        const char *a, *b;
        enum compare_relation relation;
    } tries[] = {
        {"confirmed", "confirmed", COMPARE_AGREE},
        {"broken", "broken", COMPARE_AGREE},
        {"confirmed", "refuted", COMPARE_CONTRADICTION},
        {"confirmed", "bounded", COMPARE_OTHER_VERDICT},
        {"bounded", "refuted", COMPARE_OTHER_VERDICT},
        {"confirmed", "broken", COMPARE_CONTRADICTION},
        {"bounded", "broken", COMPARE_CONTRADICTION},
        {"refuted", "broken", COMPARE_CONTRADICTION},
        {"confirmed", "not-testable-here", COMPARE_AGREE},
        {"broken", "not-testable-here", COMPARE_AGREE},
        {"refuted", "of another version", COMPARE_AGREE},
        {"refuted", "", COMPARE_AGREE},
    };
    for (size_t k = 0; k < sizeof tries / sizeof *tries; k++) {
        assert_int_equal(compare_relation_of(tries[k].a, tries[k].b), tries[k].relation);
        assert_int_equal(compare_relation_of(tries[k].b, tries[k].a), tries[k].relation);
    }
}

/* The array of claims.json of one session. */
static json_t *session(const char *id, const char *device, const char *verdict,
                       const char *statement, int broken) {
    return json_pack("[{s:s, s:s, s:s, s:s, s:s, s:b}]", "id", id, "claim", "one is one", "device",
                     device, "verdict", verdict, "statement", statement, "broken", broken);
}

static void add(json_t *side, const char *device, const char *verdict, const char *statement,
                int broken) {
    json_t *one = session("X1", device, verdict, statement, broken);
    assert_int_equal(compare_claims_add(side, "42-fixture", one), 0);
    json_decref(one);
}

static const char *text(const json_t *entry, const char *name) {
    return json_string_value(json_object_get(entry, name));
}

static void a_side_has_the_verdict_of_most(void **state) {
    (void)state;
    json_t *side = json_array();
    add(side, "cpu", "bounded", "first", 0);
    add(side, "cpu", "confirmed", "second", 0);
    add(side, "cpu", "confirmed", "third", 0);
    add(side, "simt", "confirmed", "of a guess", 1);
    assert_int_equal(compare_claims_settle(side), 0);
    assert_int_equal(json_array_size(side), 2);
    const json_t *entry = json_array_get(side, 0);
    assert_string_equal(text(entry, "verdict"), "confirmed");
    assert_string_equal(text(entry, "statement"), "second");
    assert_true(json_is_true(json_object_get(entry, "varies")));
    const json_t *in = json_object_get(entry, "sessions");
    assert_int_equal(json_integer_value(json_object_get(in, "bounded")), 1);
    assert_int_equal(json_integer_value(json_object_get(in, "confirmed")), 2);
    /* Predicted bits that did not hold are no "confirmed". */
    entry = json_array_get(side, 1);
    assert_string_equal(text(entry, "verdict"), "broken");
    assert_false(json_is_true(json_object_get(entry, "varies")));
    json_decref(side);
    /* Of as many, the first. */
    side = json_array();
    add(side, "cpu", "refuted", "first", 0);
    add(side, "cpu", "confirmed", "second", 0);
    assert_int_equal(compare_claims_settle(side), 0);
    assert_string_equal(text(json_array_get(side, 0), "verdict"), "refuted");
    json_decref(side);
}

static void sides_are_joined(void **state) {
    (void)state;
    json_t *a = json_array(), *b = json_array(), *out = json_array();
    add(a, "cpu", "confirmed", "it is so", 0);
    add(a, "cuda:0", "confirmed", "it is so", 0);
    add(b, "simt", "bounded", "in part", 0);
    add(b, "cuda:1", "refuted", "it is not", 0);
    add(b, "cuda:1", "refuted", "it is not", 0);
    add(b, "cuda:1", "confirmed", "it is", 0);
    assert_int_equal(compare_claims_settle(a) + compare_claims_settle(b), 0);
    assert_int_equal(compare_claims_join(out, a, b), 0);
    assert_int_equal(json_array_size(out), 2);
    /* cpu is on one side alone: beside it stands the first of the other. */
    const json_t *cpu = json_array_get(out, 0), *cuda = json_array_get(out, 1);
    assert_int_equal(compare_claims_relation(cpu), COMPARE_OTHER_VERDICT);
    assert_int_equal(compare_claims_relation(cuda), COMPARE_CONTRADICTION);
    assert_int_equal(compare_claims_count(out, COMPARE_CONTRADICTION), 1);
    assert_int_equal(compare_claims_count(out, COMPARE_OTHER_VERDICT), 1);
    assert_true(json_is_true(json_object_get(cuda, "varies")));
    assert_string_equal(json_string_value(json_array_get(json_object_get(cuda, "statements"), 1)),
                        "it is not");
    const json_t *in = json_array_get(json_object_get(cuda, "sessions"), 1);
    assert_int_equal(json_integer_value(json_object_get(in, "refuted")), 2);
    json_decref(a);
    json_decref(b);
    json_decref(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_contradicts),
        cmocka_unit_test(a_side_has_the_verdict_of_most),
        cmocka_unit_test(sides_are_joined),
    };
    return cmocka_run_group_tests_name("compare_claims", tests, NULL, NULL);
}
