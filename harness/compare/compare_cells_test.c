/*
 * compare_cells_test.c: which bits of two records are not the same, and where.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "harness/compare/compare_cells.h"

static json_t *json_of(const char *text) {
    char own[2000];
    snprintf(own, sizeof own, "%s", text);
    for (char *at = own; *at; at++)
        *at = *at == '\'' ? '"' : *at;
    json_t *json = json_loads(own, 0, NULL);
    if (!json)
        fail_msg("no JSON: %s", own);
    return json;
}

static json_t *cells_of(const char *record) {
    json_t *units =
        json_of("{'sum':{'unit':'bits'},'n':{'unit':'1'},'a\\u001b[2Jb':{'unit':'bits'}}");
    json_t *json = json_of(record), *cells = compare_cells_of(units, json);
    assert_non_null(cells);
    json_decref(units);
    json_decref(json);
    return cells;
}

static void cells_that_differ_are_found(void **state) {
    (void)state;
    json_t *a = cells_of("{'params':{'sum':'3f','n':1,'plan':'x'},"
                         "'rows':[{'n':1,'sum':'10'},{'n':2,'sum':'20'},{'sum':7}],"
                         "'series':[{'name':'out','kind':'bits','values':['a','b','c']},"
                         "{'name':'t','kind':'time','values':[1]},"
                         "{'name':'tree','kind':'tree','values':['(0 1)']}]}");
    json_t *b = cells_of("{'params':{'sum':'3f','n':2,'plan':'y'},"
                         "'rows':[{'n':5,'sum':'10'},{'n':2,'sum':'21'}],"
                         "'series':[{'name':'out','kind':'bits','values':['a','x','c','d']},"
                         "{'name':'t','kind':'time','values':[2]}]}");
    assert_int_equal(json_object_size(a), 6);
    struct compare_cells c = compare_cells(a, b);
    /* A list of another length has other places: three and four. */
    assert_int_equal(c.all, 3 + 3 + 4);
    assert_int_equal(c.differ, 1 + 3 + 4);
    assert_string_equal(c.list[0].place, "row 2, sum");
    assert_string_equal(c.list[0].values[0], "20");
    assert_string_equal(c.list[0].values[1], "21");
    assert_string_equal(c.list[1].place, "out, 1 of 3");
    assert_string_equal(c.list[1].values[1], "-");
    json_t *json = compare_cells_json(&c);
    assert_int_equal(json_integer_value(json_object_get(json, "differ")), 8);
    assert_int_equal(json_array_size(json_object_get(json, "first")), COMPARE_CELLS);
    json_decref(json);
    c = compare_cells(a, a);
    assert_int_equal(c.differ, 0);
    assert_int_equal(c.all, 6);
    c = compare_cells(NULL, NULL);
    assert_int_equal(c.all, 0);
    c = compare_cells(NULL, b);
    assert_int_equal(c.differ, 7);
    assert_string_equal(c.list[0].values[0], "-");
    json_decref(a);
    json_decref(b);
}

static void what_is_shown_is_harmless(void **state) {
    (void)state;
    json_t *a = cells_of("{'params':{'a\\u001b[2Jb':'\\u001b[31m'}}");
    json_t *b = cells_of("{'params':{'a\\u001b[2Jb':'3f'},'rows':7,'series':{'x':1}}");
    struct compare_cells c = compare_cells(a, b);
    assert_int_equal(c.differ, 1);
    assert_null(strchr(c.list[0].place, '\x1b'));
    assert_null(strchr(c.list[0].values[0], '\x1b'));
    json_decref(a);
    json_decref(b);
}

static void no_more_is_kept_than_told(void **state) {
    (void)state;
    json_t *values = json_array();
    for (int k = 0; k < 3 * (int)COMPARE_CELLS_KEPT; k++)
        json_array_append_new(values, json_sprintf("%x", k));
    json_t *record = json_pack("{s:[{s:s, s:s, s:o}]}", "series", "name", "out", "kind", "bits",
                               "values", values);
    json_t *cells = compare_cells_of(NULL, record);
    assert_int_equal(json_object_size(cells), COMPARE_CELLS_KEPT);
    json_decref(cells);
    json_decref(record);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_that_differ_are_found),
        cmocka_unit_test(what_is_shown_is_harmless),
        cmocka_unit_test(no_more_is_kept_than_told),
    };
    return cmocka_run_group_tests_name("compare_cells", tests, NULL, NULL);
}
