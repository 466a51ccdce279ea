/*
 * compare_load_test.c: times of processors that others kept busy beside one side alone are not
 * compared, and that is said; what was measured beside like load, on a GPU, or nobody knows how,
 * is.
 */
#define _GNU_SOURCE
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "harness/cli/driver.h"
#include "harness/compare/compare_explain.h"
#include "harness/compare/compare_forged_fixture.h"
#include "harness/compare/compare_page.h"
#include "harness/compare/compare_text.h"

/* --- the rule ----------------------------------------------------------------------------------
 */

#define MOST 6
#define UNKNOWN                                                                                    \
    { NAN, NAN, NAN, NAN }
#define OTHERS(cpus)                                                                               \
    { cpus, 2, NAN, NAN }
#define AVERAGE(load)                                                                              \
    { NAN, NAN, load, 2 }

static void what_is_unlike(void **state) {
    (void)state;
    static const struct {
        size_t n[2];
        struct compare_load side[2][MOST];
        const char *field; /* NULL: unknown */
        bool unlike;
    } tries[] = {
        {{1, 1}, {{OTHERS(0.05)}, {OTHERS(0.1)}}, "run.others.cpus", false},
        {{1, 1}, {{OTHERS(0.05)}, {OTHERS(1.0)}}, "run.others.cpus", true},
        {{1, 1}, {{OTHERS(1.9)}, {OTHERS(1.91)}}, "run.others.cpus", false},
        /* Ten programs and one, for two processors: the share that is left counts. */
        {{1, 1}, {{OTHERS(1.4)}, {OTHERS(1.8)}}, "run.others.cpus", true},
        {{1, 1}, {{OTHERS(2)}, {OTHERS(2)}}, "run.others.cpus", false},
        /* A twentieth of a large machine and nothing of a small one. */
        {{1, 1}, {{{3.2, 64, NAN, NAN}}, {OTHERS(0)}}, "run.others.cpus", false},
        /* One session of five. */
        {{5, 5},
         {{OTHERS(0), OTHERS(0), OTHERS(1.5), OTHERS(0), OTHERS(0)},
          {OTHERS(0), OTHERS(0), OTHERS(0), OTHERS(0), OTHERS(0)}},
         "run.others.cpus",
         false},
        /* Sides that took turns beside what came and went. */
        {{4, 4},
         {{OTHERS(0), OTHERS(1.4), OTHERS(1.5), OTHERS(0.1)},
          {OTHERS(0), OTHERS(1.5), OTHERS(1.4), OTHERS(0.1)}},
         "run.others.cpus",
         false},
        /* Own threads of the session before: no more than there are processors. */
        {{1, 1}, {{AVERAGE(0)}, {AVERAGE(2)}}, "machine.load_1min", false},
        {{1, 1}, {{AVERAGE(0.1)}, {AVERAGE(3.9)}}, "machine.load_1min", false},
        {{1, 1}, {{AVERAGE(0.1)}, {AVERAGE(4.1)}}, "machine.load_1min", true},
        {{1, 1}, {{AVERAGE(5)}, {AVERAGE(9.9)}}, "machine.load_1min", false},
        {{1, 1}, {{AVERAGE(5)}, {AVERAGE(10.1)}}, "machine.load_1min", true},
        {{1, 1}, {{{NAN, NAN, 12, 16}}, {AVERAGE(0.5)}}, "machine.load_1min", false},
        /* What is known of one side in one way, and of the other in another. */
        {{1, 1}, {{{0, 2, 1, 2}}, {AVERAGE(8)}}, "machine.load_1min", true},
        {{1, 1}, {{{0, 2, 8, 2}}, {{0, 2, 1, 2}}}, "run.others.cpus", false},
        {{1, 1}, {{OTHERS(0)}, {AVERAGE(8)}}, NULL, false},
        {{1, 1}, {{UNKNOWN}, {OTHERS(2)}}, NULL, false},
        {{0, 1}, {{UNKNOWN}, {OTHERS(2)}}, NULL, false},
        /* Of most sessions. */
        {{2, 1}, {{OTHERS(0), UNKNOWN}, {OTHERS(2)}}, NULL, false},
        {{3, 1}, {{OTHERS(0), UNKNOWN, OTHERS(0)}, {OTHERS(2)}}, "run.others.cpus", true},
    };
    for (size_t k = 0; k < sizeof tries / sizeof *tries; k++)
        for (size_t s = 0; s < 2; s++) { /* whichever is first */
            struct compare_loads l =
                compare_loads(tries[k].side[s], tries[k].n[s], tries[k].side[!s], tries[k].n[!s]);
            if ((l.field == NULL) != (tries[k].field == NULL) ||
                (l.field && strcmp(l.field, tries[k].field) != 0) || l.unlike != tries[k].unlike)
                fail_msg("try %zu: %s %d, %g times", k, l.field ? l.field : "unknown", l.unlike,
                         l.times);
        }
}

static void what_a_run_says(void **state) {
    (void)state;
    json_t *run = json_loads("{\"machine\":{\"load_1min\":3.5,\"cpu\":{\"threads\":4}},\"run\":"
                             "{\"others\":{\"cpus\":1.5,\"stolen\":0,\"of\":3,\"seconds\":60}}}",
                             0, NULL);
    struct compare_load l = compare_load_of(run);
    assert_true(l.others == 1.5 && l.of == 3 && l.load == 3.5 && l.threads == 4);
    json_decref(run);
    run = json_loads("{\"machine\":{\"load_1min\":-3,\"cpu\":{\"threads\":\"4\"}},\"run\":7}", 0,
                     NULL);
    l = compare_load_of(run);
    assert_true(isnan(l.others) && isnan(l.of) && isnan(l.load) && isnan(l.threads));
    json_decref(run);
    l = compare_load_of(NULL);
    assert_true(isnan(l.others) && isnan(l.load));
}

/* --- sides -------------------------------------------------------------------------------------
 */

/* What a side is: members of its machine and run, its case's device. */
static void make_side(struct two *t, int which, const char *machine, const char *others,
                      const char *device) {
    struct fixture *f = &t->f[which];
    char path[FORGE_PATH], why[200], *own = quoted(machine), *line = NULL;
    char *more = others ? quoted(others) : NULL;
    size_t size;
    snprintf(path, sizeof path, "%s/run.json", f->dir);
    char *text = fixture_read(path, &size);
    json_t *run = journal_unseal(text, size, why, sizeof why);
    free(text);
    assert_non_null(run);
    json_object_del(run, "hash");
    json_object_set_new(run, "machine", json_loads(own, 0, NULL));
    json_object_del(json_object_get(run, "run"), "others");
    if (more)
        json_object_set_new(json_object_get(run, "run"), "others", json_loads(more, 0, NULL));
    text = journal_seal(run);
    assert_int_equal(fixture_write(path, text, strlen(text)), 0);
    free(text);
    json_decref(run);
    assert_true(asprintf(&line,
                         "{\"record\":\"case\",\"id\":\"42/a\",\"device\":\"%s\",\"counters\":{},"
                         "\"series\":[{\"name\":\"m\",\"unit\":\"bits\",\"kind\":\"bits\","
                         "\"width\":8,\"n\":1,\"values\":[\"3f\"]}],\"params\":{},"
                         "\"bench\":{\"median\":0.5}}",
                         device) > 0);
    forge(f, (const char *const[]){START, line, NULL});
    free(line);
    free(own);
    free(more);
}

#define LOAD(load) "{'load_1min':" load ",'cpu':{'threads':2}}"
#define TOOK(cpus) "{'cpus':" cpus ",'stolen':0,'of':2,'seconds':50}"

static void open_two(struct two *t) {
    const struct compare_rule rule = compare_rule_default();
    for (int k = 0; k < 2; k++)
        if (compare_side_open(&t->side[k], t->f[k].dir) != 0)
            fail_msg("%s", error_text());
    assert_int_equal(compare_open(&t->c, &t->side[0], &t->side[1], &rule, NULL), 0);
    assert_int_equal(t->c.count, 1);
}

static void close_two(struct two *t) {
    compare_close(&t->c);
    compare_side_close(&t->side[0]);
    compare_side_close(&t->side[1]);
}

/* The status of `nanolab compare`, what it prints thrown away. */
static int status_of(const struct two *t, const char *option) {
    char *argv[] = {"compare", (char *)t->f[0].dir, (char *)t->f[1].dir, (char *)option, NULL};
    int out = dup(STDOUT_FILENO), null = open("/dev/null", O_WRONLY);
    fflush(stdout);
    dup2(null, STDOUT_FILENO);
    int status = driver_compare(NULL, option ? 4 : 3, argv);
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    close(out);
    close(null);
    return status;
}

static void sides_are_compared_or_not(void **state) {
    struct two *t = *state;
    static const struct {
        const char *machine[2], *others[2], *device;
        bool busy;
    } tries[] = {
        {{LOAD("1"), LOAD("1")}, {NULL, NULL}, "cpu", false},
        {{LOAD("1"), LOAD("12")}, {NULL, NULL}, "cpu", true},
        {{LOAD("1"), LOAD("12")}, {NULL, NULL}, "cuda:0", false},
        {{LOAD("1"), LOAD("12")}, {TOOK("0.1"), TOOK("0.1")}, "cpu", false},
        {{LOAD("1"), LOAD("1")}, {TOOK("0.1"), TOOK("1.2")}, "cpu", true},
        {{"{}", "{}"}, {NULL, TOOK("1.2")}, "cpu", false},
    };
    for (size_t k = 0; k < sizeof tries / sizeof *tries; k++)
        for (int s = 0; s < 2; s++) {
            make_side(t, 0, tries[k].machine[s], tries[k].others[s], tries[k].device);
            make_side(t, 1, tries[k].machine[!s], tries[k].others[!s], tries[k].device);
            open_two(t);
            const struct compare_pair *p = &t->c.pairs[0];
            assert_int_equal(p->times.verdict,
                             tries[k].busy ? COMPARE_NOT_COMPARABLE : COMPARE_AMBIGUOUS);
            assert_int_equal(p->times.reason, tries[k].busy ? COMPARE_BUSY : COMPARE_ONE_SESSION);
            assert_int_equal(t->c.busy, tries[k].busy);
            assert_int_equal(isnan(t->c.mean), tries[k].busy);
            assert_int_equal(p->bits, COMPARE_BITS_EQUAL);
            close_two(t);
            /* Equal bits do not make it a pass. */
            assert_int_equal(status_of(t, NULL), tries[k].busy ? 3 : 0);
            assert_int_equal(status_of(t, "--fail-on=slower"), tries[k].busy ? 3 : 0);
        }
}

/* --- what is said ------------------------------------------------------------------------------
 */

static void has(const char *text, const char *words, size_t times) {
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, words)); at++)
        n++;
    if (n != times)
        fail_msg("\"%s\" is %zu times in:\n%s", words, n, text);
}

static void it_is_said_once_with_what_to_do(void **state) {
    struct two *t = *state;
    char *text = NULL;
    size_t size = 0;
    make_side(t, 0, LOAD("1"), TOOK("0.1"), "cpu");
    make_side(t, 1, LOAD("1"), TOOK("1.2"), "cpu");
    open_two(t);
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(compare_print(&t->c, out), 0);
    fclose(out);
    has(text,
        "no time can be compared: other programs kept 0.1 of 2 processors busy beside A, 1.2 of 2 "
        "beside B (run.others.cpus)",
        1);
    has(text, compare_loads_advice, 1);
    has(text, "not comparable, 1: other programs kept", 1);
    free(text);

    const struct compare_pair *pair = &t->c.pairs[0];
    assert_int_equal(compare_explain_add(&t->c, &pair, 1), 0);
    out = open_memstream(&text, &size);
    compare_explained_print(t->c.explained, 200, out);
    fclose(out);
    has(text, "busy: other programs kept the processors busy beside one side alone", 1);
    has(text, "(run.others.cpus)", 1);
    has(text, "kept 0.1 of 2 processors busy beside A", 1);
    has(text, compare_loads_advice, 1);
    free(text);

    struct compare_page page = {.sections = {{.c = &t->c, .letter = "B"}}, .count = 1};
    out = open_memstream(&text, &size);
    compare_markdown_headline(&page, out);
    fclose(out);
    has(text, "no time can be compared** (1 case).", 1);
    has(text, "beside unlike load:** other programs kept 0.1 of 2 processors busy beside A", 1);
    has(text, compare_loads_advice, 1);
    free(text);

    out = open_memstream(&text, &size);
    assert_int_equal(compare_json_print(&t->c, out), 0);
    fclose(out);
    json_t *json = json_loads(text, 0, NULL);
    const json_t *load = json_object_get(json, "load");
    const json_t *one = json_array_get(json_object_get(json, "cases"), 0);
    assert_true(json_is_true(json_object_get(load, "unlike")));
    assert_float_equal(json_real_value(json_array_get(json_object_get(load, "values"), 1)), 1.2,
                       1e-12);
    assert_string_equal(json_string_value(json_object_get(one, "field")), "run.others.cpus");
    assert_string_equal(json_string_value(json_object_get(json_object_get(one, "time"), "reason")),
                        "busy");
    json_decref(json);
    free(text);
    close_two(t);
}

static void a_load_that_cannot_be_is_refused(void **state) {
    struct two *t = *state;
    make_side(t, 0, LOAD("1"), TOOK("2.5"), "cpu");
    assert_int_equal(compare_side_open(&t->side[0], t->f[0].dir), -1);
    if (!strstr(error_text(), "\"others\" must be {cpus, stolen, of, seconds}"))
        fail_msg("%s", error_text());
    compare_side_close(&t->side[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_unlike),
        cmocka_unit_test(what_a_run_says),
        cmocka_unit_test_setup_teardown(sides_are_compared_or_not, two_setup, two_teardown),
        cmocka_unit_test_setup_teardown(it_is_said_once_with_what_to_do, two_setup, two_teardown),
        cmocka_unit_test_setup_teardown(a_load_that_cannot_be_is_refused, two_setup, two_teardown),
    };
    return cmocka_run_group_tests_name("compare_load", tests, NULL, NULL);
}
