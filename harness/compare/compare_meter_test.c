/*
 * compare_meter_test.c: clocks and energy of sides made here: in cycles the other way round than in
 * seconds, and what one side alone has measured.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>

#include "harness/compare/compare_fixture.h"
#include "harness/compare/compare_page.h"
#include "harness/compare/compare_text.h"

static bool is_near(double value, double wanted) {
    return fabs(value / wanted - 1) < 0.005;
}

static char *as_text(const struct two *t, int (*print)(const struct compare *, FILE *)) {
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    assert_non_null(to);
    assert_int_equal(print(&t->c, to), 0);
    assert_int_equal(fclose(to), 0);
    return text;
}

static char *as_page(const struct two *t) {
    struct compare_page *page = calloc(1, sizeof *page);
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    assert_true(page && to);
    page->count = 1;
    page->sections[0].c = &t->c;
    page->sections[0].letter[0] = 'B';
    assert_int_equal(compare_markdown(page, to), 0);
    assert_int_equal(fclose(to), 0);
    free(page);
    return text;
}

static void has(const char *text, const char *what) {
    if (!strstr(text, what))
        fail_msg("\"%s\" is not in: %s", what, text);
}

static void has_not(const char *text, const char *what) {
    if (strstr(text, what))
        fail_msg("\"%s\" is in: %s", what, text);
}

/* Odd cases take 5 % less time of B, whose clock is 10 % faster there. */
static void in_cycles_the_other_way_round(void **state) {
    struct two *t = *state;
    struct made a = PLAIN, b = PLAIN;
    a.clock = 1e9;
    b.clock = 1.1e9;
    b.slower = 0.95;
    make_side(t, 0, &a, 4);
    make_side(t, 1, &b, 4);
    compare_two(t, NULL);
    const struct compare_pair *odd = pair_of(t, 5), *even = pair_of(t, 2), *untimed = pair_of(t, 0);
    assert_int_equal(odd->times.verdict, COMPARE_FASTER);
    assert_true(is_near(odd->times.ratio.value, 0.95));
    assert_true(is_near(compare_cycles_ratio(odd), 1.045));
    assert_true(is_near(compare_cycles(odd->first), 1e6));
    assert_true(compare_by_clock(odd, &t->c.rule));
    assert_true(is_near(compare_cycles_ratio(even), 1));
    assert_false(compare_by_clock(even, &t->c.rule));
    assert_true(isnan(compare_cycles_ratio(untimed)));
    struct compare_meters m;
    assert_int_equal(compare_meters(&t->c, &m), 0);
    assert_int_equal(m.cycles.cases, 9);
    assert_int_equal(m.by_clock, 5);
    assert_false(m.energy.first || m.energy.second);
    assert_true(m.cycles.mean > 1.01 && m.cycles.mean < 1.04);

    char *text = as_text(t, compare_print);
    has(text, "in cycles   1.04");
    has(text, "Cycles, 9 cases: on average B takes 1.02");
    has(text, "faster in seconds only since B's clock was higher:\n    0.9");
    has_not(text, "slower in seconds only");
    has_not(text, "Joules");
    free(text);
    text = as_page(t);
    has(text, "### Clocks and energy");
    has(text, "| in cycles |");
    has(text,
        "**5 cases are faster or slower in seconds only since the clock was higher or lower**");
    has(text, "| 1.00 GHz | 1.10 GHz |");
    has_not(text, "joules");
    has_not(text, "nan×");
    free(text);
    text = as_text(t, compare_json_print);
    json_t *json = json_loads(text, 0, NULL);
    free(text);
    assert_non_null(json);
    const json_t *all = json_object_get(json, "cycles");
    assert_int_equal(json_integer_value(json_object_get(all, "by_clock")), 5);
    const json_t *one = json_array_get(json_object_get(json, "cases"), 5);
    const json_t *cycles = json_object_get(one, "cycles");
    assert_true(is_near(json_real_value(json_object_get(cycles, "ratio")), 1.045));
    assert_null(json_object_get(one, "joules"));
    json_decref(json);
}

/* A slower clock on B, and the same cycles. */
static void slower_by_its_clock(void **state) {
    struct two *t = *state;
    struct made a = PLAIN, b = PLAIN;
    a.clock = 1e9;
    b.clock = 0.8e9;
    b.slower = 1.25;
    make_side(t, 0, &a, 4);
    make_side(t, 1, &b, 4);
    compare_two(t, NULL);
    assert_int_equal(pair_of(t, 5)->times.verdict, COMPARE_SLOWER);
    assert_true(compare_by_clock(pair_of(t, 5), &t->c.rule));
    char *text = as_text(t, compare_print);
    has(text, "slower in seconds only since B's clock was lower");
    free(text);
}

static void energy_of_both(void **state) {
    struct two *t = *state;
    struct made a = PLAIN, b = PLAIN;
    a.joules = 0.5;
    b.joules = 0.4;
    make_side(t, 0, &a, 3);
    make_side(t, 1, &b, 3);
    compare_two(t, NULL);
    assert_true(is_near(compare_joules_ratio(pair_of(t, 5)), 0.8));
    assert_true(is_near(compare_watts(pair_of(t, 5)->first), 500));
    assert_true(isnan(compare_joules_ratio(pair_of(t, 0))));
    assert_true(isnan(compare_cycles_ratio(pair_of(t, 5))));
    char *text = as_text(t, compare_print);
    has(text, "Joules, 9 cases: on average B draws 0.800 times as many as A");
    has_not(text, "ycles");
    free(text);
    text = as_page(t);
    has(text, "| joules a call | 9 | 0.800× |");
    has(text, "| 500 mJ | 400 mJ | 500 W | 400 W |");
    has_not(text, "in cycles");
    free(text);
}

static void one_side_alone(void **state) {
    struct two *t = *state;
    struct made a = PLAIN, b = PLAIN;
    b.clock = 2e9;
    b.slower = 0.9;
    a.joules = 0.5;
    make_side(t, 0, &a, 3);
    make_side(t, 1, &b, 3);
    compare_two(t, NULL);
    assert_true(isnan(compare_cycles_ratio(pair_of(t, 5))));
    assert_false(compare_by_clock(pair_of(t, 5), &t->c.rule));
    char *text = as_text(t, compare_print);
    has(text, "Cycles: B alone has them.");
    has(text, "Joules: A alone has them.");
    has_not(text, "nan ");
    free(text);
    text = as_page(t);
    has(text, "| cycles a call | none: B alone has them | – |");
    has(text, "| joules a call | none: A alone has them | – |");
    has_not(text, "nan×");
    free(text);
    text = as_text(t, compare_json_print);
    has(text, "\"joules\":{\"values\":[0.5,null],\"ratio\":null}");
    free(text);
}

static void neither(void **state) {
    struct two *t = *state;
    const struct made m = PLAIN;
    make_side(t, 0, &m, 2);
    make_side(t, 1, &m, 2);
    compare_two(t, NULL);
    char *text = as_text(t, compare_print);
    has_not(text, "Cycles");
    has_not(text, "Joules");
    free(text);
    text = as_page(t);
    has_not(text, "Clocks and energy");
    has_not(text, "in cycles |");
    free(text);
}

/* Of two sessions with a time, one has a clock: no cycles of that side. */
static void a_session_without_a_clock(void **state) {
    struct two *t = *state;
    struct made a = PLAIN, b = PLAIN;
    char path[sizeof t->f.dir];
    a.clock = b.clock = 1e9;
    make_side(t, 0, &a, 2);
    make_side(t, 1, &b, 1);
    b.clock = 0;
    snprintf(path, sizeof path, "%.90s/session-2", t->path[1]);
    strcpy(t->f.dir, path);
    make_session(&t->f, &b, 207);
    compare_two(t, NULL);
    assert_int_equal(pair_of(t, 5)->second->timed, 2);
    assert_int_equal(pair_of(t, 5)->second->meter.clocks, 1);
    assert_true(isnan(compare_cycles_ratio(pair_of(t, 5))));
}

/* Numbers that no machine has. */
static void strange_numbers_are_none(void **state) {
    (void)state;
    static const char *const bad[] = {"0", "-1", "1e300", "1e-300", "null", "\"fast\"", "true"};
    char text[200];
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        struct compare_meter m;
        snprintf(text, sizeof text,
                 "{\"clock\":{\"median\":%s},\"energy\":{\"joules\":1,\"watts\":%s}}", bad[k],
                 bad[k]);
        json_t *record = json_loads(text, 0, NULL);
        assert_non_null(record);
        compare_meter_read(&m, record);
        json_decref(record);
        assert_int_equal(m.clocks + m.energies, 0);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, two_setup, two_teardown)
    const struct CMUnitTest tests[] = {
        TEST(in_cycles_the_other_way_round),
        TEST(slower_by_its_clock),
        TEST(energy_of_both),
        TEST(one_side_alone),
        TEST(neither),
        TEST(a_session_without_a_clock),
        cmocka_unit_test(strange_numbers_are_none),
    };
    return cmocka_run_group_tests_name("compare_meter", tests, NULL, NULL);
}
