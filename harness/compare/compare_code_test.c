/*
 * compare_code_test.c: start records made here, whose kernels are known, and what is said of each
 * pair's code and of changes in how was measured.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "harness/compare/compare_code_text.h"
#include "harness/compare/compare_forged_fixture.h"

/* --- two sides of one session each -------------------------------------------------------------
 */

/* A start record with this "software", in which ' stands for ". */
static char *start_with(const char *software) {
    char *text = NULL, *own = quoted(software);
    assert_true(asprintf(&text, "%.*s,\"software\":%s}", (int)strlen(START) - 1, START, own) > 0);
    free(own);
    return text;
}

static char *case_on(const char *id, const char *device, bool timed) {
    char *text = NULL;
    assert_true(asprintf(&text,
                         "{\"record\":\"case\",\"id\":\"%s\",\"device\":\"%s\",\"params\":{},"
                         "\"counters\":{}%s,\"series\":[]}",
                         id, device, timed ? ",\"bench\":{\"median\":0.5}" : "") > 0);
    return text;
}

/* Compares cases 42/a/x and 42/b of these devices, the second timed. */
static void compare_two(struct two *t, const char *const software[2], const char *const device[2]) {
    const struct compare_rule rule = compare_rule_default();
    for (int k = 0; k < 2; k++) {
        char *lines[] = {start_with(software[k]), case_on("42/a/x", device[k], false),
                         case_on("42/b", device[k], true), NULL};
        forge(&t->f[k], (const char *const *)lines);
        for (int i = 0; i < 3; i++)
            free(lines[i]);
        if (compare_side_open(&t->side[k], t->f[k].dir) != 0)
            fail_msg("%s", error_text());
    }
    assert_int_equal(compare_open(&t->c, &t->side[0], &t->side[1], &rule, NULL), 0);
    assert_int_equal(t->c.count, 2);
}

static void close_two(struct two *t) {
    compare_close(&t->c);
    compare_side_close(&t->side[0]);
    compare_side_close(&t->side[1]);
}

/* --- kernels -----------------------------------------------------------------------------------
 */

#define USED "'used':{'42/':'sum/','42/a/':'tree/ sum/exact'},'always':'rng/'"
#define KERNELS(code) "{'kernels':{'code':{" code "}," USED "}}"
#define SASS(code, machine)                                                                        \
    "{'kernels':{'code':{'sass/run.c':'" machine "'," code "},"                                    \
    "'used':{'42/':'sum/','42/a/':'tree/ sum/exact'},'always':'rng/ sass/'}}"

static void kernels_of_cases(void **state) {
    struct two *t = *state;
    const struct {
        const char *software[2], *device[2];
        enum compare_code a, b;   /* of 42/a/x and of 42/b */
        const char *other;        /* the first kernel that is not equal */
        unsigned long long cases; /* that run it */
    } tries[] = {
        {{KERNELS("'sum/s.c':'1','tree/t.c':'1'"), KERNELS("'sum/s.c':'1','tree/t.c':'1'")},
         {"cpu", "cpu"},
         COMPARE_CODE_EQUAL,
         COMPARE_CODE_EQUAL,
         NULL,
         0},
        /* The line that begins with the most of an id counts alone. */
        {{KERNELS("'sum/s.c':'1','tree/t.c':'1'"), KERNELS("'sum/s.c':'2','tree/t.c':'1'")},
         {"cpu", "cpu"},
         COMPARE_CODE_EQUAL,
         COMPARE_CODE_DIFFERS,
         "sum/s.c",
         1},
        {{KERNELS("'sum/exact.c':'1','tree/t.c':'1'"), KERNELS("'sum/exact.c':'2','tree/t.c':'1'")},
         {"cpu", "cpu"},
         COMPARE_CODE_DIFFERS,
         COMPARE_CODE_DIFFERS,
         "sum/exact.c",
         2},
        /* What every case uses. */
        {{KERNELS("'sum/s.c':'1','tree/t.c':'1','rng/r.c':'1'"),
          KERNELS("'sum/s.c':'1','tree/t.c':'1','rng/r.c':'2'")},
         {"cpu", "cpu"},
         COMPARE_CODE_DIFFERS,
         COMPARE_CODE_DIFFERS,
         "rng/r.c",
         2},
        /* An object that one side lacks. */
        {{KERNELS("'sum/s.c':'1','tree/t.c':'1'"),
          KERNELS("'sum/s.c':'1','sum/u.c':'1','tree/t.c':'1'")},
         {"cpu", "cpu"},
         COMPARE_CODE_EQUAL,
         COMPARE_CODE_DIFFERS,
         "sum/u.c",
         1},
        /* A GPU's cases do not run what is for CPUs or for the SIMT machine, and the other way. */
        {{KERNELS("'sum/s_cpu.c':'1','sum/s.cu:simt':'1','sum/s.cu:sm_90':'1','simt/m.cc':'1'"),
          KERNELS("'sum/s_cpu.c':'2','sum/s.cu:simt':'2','sum/s.cu:sm_90':'1','simt/m.cc':'2'")},
         {"cuda:0", "cuda:1"},
         COMPARE_CODE_UNKNOWN,
         COMPARE_CODE_EQUAL,
         NULL,
         0},
        {{KERNELS("'sum/s_cpu.c':'1','sum/s.cu:simt':'1','sum/s.cu:sm_90':'1'"),
          KERNELS("'sum/s_cpu.c':'1','sum/s.cu:simt':'2','sum/s.cu:sm_90':'2'")},
         {"cpu", "cpu"},
         COMPARE_CODE_UNKNOWN,
         COMPARE_CODE_EQUAL,
         NULL,
         0},
        {{KERNELS("'sum/s_cpu.c':'1','sum/s.cu:simt':'1','sum/s.cu:sm_90':'1'"),
          KERNELS("'sum/s_cpu.c':'2','sum/s.cu:simt':'2','sum/s.cu:sm_90':'2'")},
         {"simt", "simt"},
         COMPARE_CODE_UNKNOWN,
         COMPARE_CODE_DIFFERS,
         "sum/s.cu:simt",
         1},
        /* Of what both were built for, the same; then of nothing that both were built for. */
        {{KERNELS("'sum/s.cu:sm_80':'1','sum/s.cu:sm_90':'2'"), KERNELS("'sum/s.cu:sm_90':'2'")},
         {"cuda:0", "cuda:0"},
         COMPARE_CODE_UNKNOWN,
         COMPARE_CODE_EQUAL,
         NULL,
         0},
        {{KERNELS("'sum/s.cu:sm_80':'1'"), KERNELS("'sum/s.cu:sm_90':'2'")},
         {"cuda:0", "cuda:0"},
         COMPARE_CODE_UNKNOWN,
         COMPARE_CODE_DIFFERS,
         "sum/s.cu:sm_80",
         1},
        /* Machine code of that architecture alone, and what runs it. */
        {{KERNELS("'sum/s.cu:sm_80':'1','sum/s.cu:sm_90':'1'"),
          KERNELS("'sum/s.cu:sm_80':'1','sum/s.cu:sm_90':'1'")},
         {"sass:sm_90", "sass:sm_90"},
         COMPARE_CODE_UNKNOWN,
         COMPARE_CODE_UNKNOWN,
         NULL,
         0},
        {{SASS("'sum/s.cu:sm_80':'1','sum/s.cu:sm_90':'1','sum/s.cu:compute_80':'1'", "1"),
          SASS("'sum/s.cu:sm_80':'2','sum/s.cu:sm_90':'1','sum/s.cu:compute_80':'2'", "1")},
         {"sass:sm_90", "sass:sm_90"},
         COMPARE_CODE_UNKNOWN,
         COMPARE_CODE_EQUAL,
         NULL,
         0},
        {{SASS("'sum/s.cu:sm_80':'1','sum/s.cu:sm_90':'1'", "1"),
          SASS("'sum/s.cu:sm_80':'2','sum/s.cu:sm_90':'1'", "1")},
         {"sass:sm_80", "sass:sm_80"},
         COMPARE_CODE_UNKNOWN,
         COMPARE_CODE_DIFFERS,
         "sum/s.cu:sm_80",
         1},
        {{SASS("'sum/s.cu:sm_80':'1'", "1"), SASS("'sum/s.cu:sm_80':'1'", "2")},
         {"sass:sm_80", "sass:sm_80"},
         COMPARE_CODE_UNKNOWN,
         COMPARE_CODE_DIFFERS,
         "sass/run.c",
         1},
        {{SASS("'sum/s.cu:sm_80':'1','sum/s.cu:sm_90':'1'", "1"),
          SASS("'sum/s.cu:sm_80':'1','sum/s.cu:sm_90':'1'", "1")},
         {"sass:sm_80", "sass:sm_90"},
         COMPARE_CODE_UNKNOWN,
         COMPARE_CODE_UNKNOWN,
         NULL,
         0},
        /* Devices of other kinds; folders without; members of other types. */
        {{KERNELS("'sum/s.c':'1','tree/t.c':'1'"), KERNELS("'sum/s.cu:simt':'1'")},
         {"cpu", "simt"},
         COMPARE_CODE_UNKNOWN,
         COMPARE_CODE_UNKNOWN,
         NULL,
         0},
        {{KERNELS("'sum/s.c':'1'"), "{}"},
         {"cpu", "cpu"},
         COMPARE_CODE_UNKNOWN,
         COMPARE_CODE_UNKNOWN,
         NULL,
         0},
        {{"{}", "{}"}, {"cpu", "cpu"}, COMPARE_CODE_UNKNOWN, COMPARE_CODE_UNKNOWN, NULL, 0},
        {{"{'kernels':{'code':[1],'used':{'42/':1,'42/b':'sum/'},'always':2},'changes':'x'}",
          "{'kernels':{'code':{'sum/s.c':1,'sum/t.c':'2'},'used':{'42/':'sum/'}},'changes':-7}"},
         {"cpu", "cpu"},
         COMPARE_CODE_UNKNOWN,
         COMPARE_CODE_UNKNOWN,
         NULL,
         0},
        {{"{'kernels':7}", "{'kernels':{'code':{},'used':'42/'}}"},
         {"cpu", "cpu"},
         COMPARE_CODE_UNKNOWN,
         COMPARE_CODE_UNKNOWN,
         NULL,
         0},
    };
    for (size_t k = 0; k < sizeof tries / sizeof *tries; k++) {
        compare_two(t, tries[k].software, tries[k].device);
        const json_t *first = json_array_get(t->c.other_kernels, 0);
        if (t->c.pairs[0].code != tries[k].a || t->c.pairs[1].code != tries[k].b)
            fail_msg("try %zu: %s, %s", k, compare_code_name((enum compare_code)t->c.pairs[0].code),
                     compare_code_name((enum compare_code)t->c.pairs[1].code));
        assert_int_equal(t->c.code[COMPARE_CODE_EQUAL],
                         (tries[k].a == COMPARE_CODE_EQUAL) + (tries[k].b == COMPARE_CODE_EQUAL));
        assert_int_equal(t->c.same_code, t->c.code[COMPARE_CODE_EQUAL] == 2);
        if (tries[k].other) {
            assert_string_equal(json_string_value(json_object_get(first, "kernel")),
                                tries[k].other);
            assert_int_equal(json_integer_value(json_object_get(first, "cases")), tries[k].cases);
        } else {
            assert_null(first);
        }
        close_two(t);
    }
}

/* Two sessions of one side that were built differently: nobody knows which code a case ran. */
static void sessions_built_differently(void **state) {
    (void)state;
    struct compare_side side = {.kernels = json_object(), .code = json_object()};
    static const char *const software[] = {KERNELS("'sum/s.c':'1'"), KERNELS("'sum/s.c':'1'"),
                                           KERNELS("'sum/s.c':'2'"), "{}",
                                           KERNELS("'sum/s.c':'1'")};
    for (int k = 0; k < 5; k++) {
        char *line = start_with(software[k]);
        json_t *start = json_loads(line, 0, NULL);
        assert_int_equal(compare_code_start(&side, "42-fixture", start), 0);
        assert_int_equal(
            json_is_object(json_object_get(json_object_get(side.kernels, "42-fixture"), "kernels")),
            k < 2);
        json_decref(start);
        free(line);
    }
    json_decref(side.code);
    compare_code_close(&side);
}

/* A stranger's table of uses without end takes neither memory nor time without end. */
static void uses_without_end(void **state) {
    (void)state;
    struct compare_side side = {.kernels = json_object(), .code = json_object()};
    json_t *used = json_object();
    char text[40];
    for (int k = 0; k < 5000; k++) {
        snprintf(text, sizeof text, "42/%d", k);
        json_object_set_new(used, text, json_string(text));
    }
    json_t *start = json_pack("{s:{s:{s:o, s:{}}}}", "software", "kernels", "used", used, "code");
    assert_int_equal(compare_code_start(&side, "42-fixture", start), 0);
    for (int k = 0; k < 5000; k++) {
        char device[24];
        snprintf(text, sizeof text, "42/%d", k);
        snprintf(device, sizeof device, "d%d", k % 900);
        int use = compare_code_use(&side, "42-fixture", text, device);
        assert_in_range(use, 0, COMPARE_USES_MOST - 1);
    }
    assert_int_equal(side.use_count, COMPARE_USES_MOST);
    assert_null(side.uses[COMPARE_USES_MOST - 1].words);
    json_decref(start);
    json_decref(side.code);
    compare_code_close(&side);
}

/* --- changes, and what is said -----------------------------------------------------------------
 */

static char *said(const struct two *t, bool page) {
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    if (page)
        compare_code_markdown(&t->c, "B", to);
    else
        compare_code_print(&t->c, to);
    fclose(to);
    return text;
}

static json_t *json_of(const struct two *t) {
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    assert_int_equal(compare_json_print(&t->c, to), 0);
    fclose(to);
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    free(text);
    return json;
}

static void measured_before(void **state) {
    struct two *t = *state;
    static const char *const device[] = {"cpu", "cpu"};
    const int count = build_change_count();
    char all[40], more[40];
    snprintf(all, sizeof all, "{'changes':%d}", count);
    snprintf(more, sizeof more, "{'changes':%d}", count + 5);
    assert_true(count > 0);
    /* A folder of before the table, beside one of this build. The change of the lab's times alone
     * concerns the case that is timed. */
    const char *const old[] = {"{}", all}, *const newer[] = {all, more};
    compare_two(t, old, device);
    size_t concerned = 0;
    for (int k = 0; k < count; k++) {
        bool timed = strcmp(build_changes[k].cases, "*") == 0;
        assert_int_equal(t->c.changes[k].cases[0], timed);
        assert_int_equal(t->c.changes[k].cases[1], 0);
        assert_int_equal(compare_code_before(&t->c, t->c.pairs[1].first, 0, (size_t)k), timed);
        concerned += timed;
    }
    assert_true(concerned > 0);
    char *text = said(t, false), *page = said(t, true);
    assert_non_null(strstr(text, "A, 1 case, measured before: "));
    assert_non_null(strstr(page, "- A, 1 case, measured before: "));
    free(text);
    free(page);
    json_t *json = json_of(t);
    const json_t *cases = json_object_get(json, "cases");
    const json_t *timed = json_object_get(json_array_get(cases, 1), "measured_before");
    assert_int_equal(json_array_size(json_object_get(json, "measured_before")), concerned);
    assert_int_equal(json_array_size(json_array_get(timed, 0)), concerned);
    assert_int_equal(json_array_size(json_array_get(timed, 1)), 0);
    assert_null(json_object_get(json_array_get(cases, 0), "measured_before"));
    json_decref(json);
    close_two(t);
    /* A build that knows more than this one. */
    compare_two(t, newer, device);
    text = said(t, false);
    assert_null(strstr(text, "before"));
    free(text);
    close_two(t);
    /* Both old: one line, on a terminal. */
    const char *const both[] = {"{}", "{}"};
    compare_two(t, both, device);
    text = said(t, false);
    assert_non_null(strstr(text, "Both were measured before "));
    assert_null(strstr(text, "measured before: "));
    free(text);
    close_two(t);
}

static void what_is_said_of_code(void **state) {
    struct two *t = *state;
    static const char *const device[] = {"cpu", "cpu"};
    const struct {
        const char *software[2];
        const char *says;
    } tries[] = {
        {{KERNELS("'sum/s.c':'1','tree/t.c':'1'"), KERNELS("'sum/s.c':'1','tree/t.c':'1'")},
         "The same machine code on A and B: what differs is the machine"},
        {{KERNELS("'sum/s.c':'1','tree/t.c':'1'"), KERNELS("'sum/s.c':'2','tree/t.c':'1'")},
         "Other machine code on B in 1 of 2 cases, the same in 1. Kernels, with how many cases run "
         "them: sum/s.c (1).\n"},
        {{KERNELS("'sum/s.c':'1','tree/t.c':'1'"), KERNELS("'sum/s.c':'1'")},
         "Other machine code on B in 0 of 2 cases"},
        {{KERNELS("'sum/s.c':'1'"), KERNELS("'sum/s.c':'1'")},
         "The same machine code on A and B in 1 of 2 cases, not recorded in the others.\n"},
        {{KERNELS("'sum/<b>\\n|.c':'1'"), KERNELS("'sum/s.c':'1'")}, "sum/<b>"},
    };
    for (size_t k = 0; k < sizeof tries / sizeof *tries; k++) {
        compare_two(t, tries[k].software, device);
        char *text = said(t, false), *page = said(t, true);
        if (k == 2) /* tree/t.c is missing on B: not known there */
            assert_null(strstr(text, tries[k].says));
        else if (!strstr(text, tries[k].says))
            fail_msg("\"%s\" is not in:\n%s", tries[k].says, text);
        assert_null(strstr(page, "<b>"));
        assert_null(strstr(text, "\n|"));
        free(text);
        free(page);
        json_t *json = json_of(t);
        const json_t *code = json_object_get(json, "code");
        assert_int_equal(json_integer_value(json_object_get(code, "equal")) +
                             json_integer_value(json_object_get(code, "differ")) +
                             json_integer_value(json_object_get(code, "unknown")),
                         2);
        const json_t *one = json_array_get(json_object_get(json, "cases"), 1);
        assert_string_equal(json_string_value(json_object_get(one, "code")),
                            compare_code_name((enum compare_code)t->c.pairs[1].code));
        assert_int_equal(json_array_size(json_object_get(one, "kernels")) > 0,
                         t->c.pairs[1].code == COMPARE_CODE_DIFFERS);
        json_decref(json);
        close_two(t);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, two_setup, two_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(kernels_of_cases),
        cmocka_unit_test(sessions_built_differently),
        cmocka_unit_test(uses_without_end),
        TEST(measured_before),
        TEST(what_is_said_of_code),
    };
    return cmocka_run_group_tests_name("compare_code", tests, NULL, NULL);
}
