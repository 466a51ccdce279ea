/*
 * rows_test.c: rows of recorded cases, and the tables made of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/lab/lab.h"
#include "harness/lab/tables.h"
#include "harness/store/result_fixture.h"

static json_t *cases(void) {
    json_error_t error;
    json_t *list = json_loads(
        "[{\"id\":\"9/a\",\"device\":\"cpu\",\"params\":{\"n\":10,\"op\":\"gather\",\"on\":true},"
        "  \"counters\":{\"over plain\":{\"value\":2,\"low\":1.5,\"high\":2.5},\"rate\":7},"
        "  \"plan\":{\"block\":16},\"bench\":{\"median\":0.5,\"low\":0.4,\"high\":0.6},"
        "  \"series\":[{\"name\":\"m\",\"unit\":\"bits\",\"kind\":\"bits\",\"n\":3,"
        "              \"values\":[\"0a\",\"0b\",\"0a\"]}]},"
        " {\"id\":\"9/b\",\"device\":\"simt\",\"params\":{\"n\":2,\"op\":\"walk\"},\"counters\":{},"
        "  \"rows\":[{\"input\":\"x\",\"got\":\"3f80\",\"e\":1},{\"input\":\"y\",\"got\":\"3f81\"},"
        "            {\"input\":\"y\",\"got\":\"3f81\",\"e\":null}],\"series\":[]},"
        " {\"id\":\"8/c\",\"params\":{\"n\":10,\"op\":[]},\"counters\":{\"over "
        "plain\":{\"low\":1}}},"
        " {\"rows\":[[]]}, 5]",
        0, &error);
    assert_non_null(list);
    return list;
}

static void values_by_name(void **state) {
    (void)state;
    json_t *list = cases();
    struct rows rows;
    assert_int_equal(rows_from(list, &rows), 0);
    assert_int_equal(rows.count, 7);
    assert_true(row_number(&rows, 0, "n") == 10);
    assert_true(row_number(&rows, 0, "rate") == 7);
    assert_true(row_number(&rows, 0, "over plain") == 2);
    assert_true(row_ratio(&rows, 0, "over plain").high == 2.5);
    assert_true(row_ratio(&rows, 0, "@median").low == 0.4);
    assert_true(row_number(&rows, 0, "plan.block") == 16);
    assert_true(row_is(&rows, 0, "op", "gather") && row_is(&rows, 0, "n", "10"));
    assert_true(row_is(&rows, 0, "on", "true") && !row_is(&rows, 0, "n", "10x"));
    assert_int_equal(row_series(&rows, 0, "m"), 3);
    assert_int_equal(row_series_bits(&rows, 0, "m", 1), 11);
    assert_int_equal(row_series_distinct(&rows, 0, "m"), 2);
    assert_string_equal(row_text(&rows, 1, "input"), "x");
    assert_true(row_number(&rows, 3, "n") == 2);
    assert_int_equal(row_bits(&rows, 2, "got"), 0x3f81);
    assert_int_equal(rows_distinct(&rows, 1, 3, "got"), 2);
    assert_true(row_has(&rows, 1, "e") && !row_has(&rows, 2, "e") && !row_has(&rows, 3, "e"));
    /* What a stranger's folder may lack or mistype. */
    assert_true(isnan(row_number(&rows, 4, "op")) && isnan(row_number(&rows, 99, "n")));
    assert_true(isnan(row_ratio(&rows, 4, "over plain").value));
    assert_true(isnan(row_ratio(&rows, 0, "rate").value));
    assert_string_equal(row_text(&rows, 0, "n"), "");
    assert_string_equal(row_id(&rows, 6), "");
    assert_int_equal(row_series_distinct(&rows, 6, "m"), 0);
    assert_int_equal(row_bits(&rows, 0, "n"), 0);
    rows_free(&rows);
    json_decref(list);
}

static void selecting_sorting_grouping(void **state) {
    (void)state;
    json_t *list = cases();
    struct rows rows;
    assert_int_equal(rows_from(list, &rows), 0);
    struct rows some = rows_select(&rows, "9/", "n=2;input=y");
    assert_int_equal(some.count, 2);
    rows_free(&some);
    some = rows_select(&rows, "9/", NULL);
    assert_int_equal(some.count, 4);
    rows_sort(&some, "n; input");
    assert_string_equal(row_text(&some, 0, "input"), "x");
    assert_true(row_number(&some, 3, "n") == 10);
    size_t first = 0, count = 0, groups = 0, sizes[8] = {0};
    while (rows_group(&some, "n;input", &first, &count))
        sizes[groups++] = count;
    assert_int_equal(groups, 3);
    assert_int_equal(sizes[0], 1);
    assert_int_equal(sizes[1], 2);
    assert_true(rows_equal(&some, 1, 2, "n;got") && !rows_equal(&some, 0, 1, "got"));
    assert_int_equal(rows_find(&some, "input=y"), 1);
    assert_int_equal(rows_find(&some, "input=z"), some.count);
    assert_int_equal(rows_find(&some, "nonsense"), some.count);
    rows_free(&some);
    rows_free(&rows);
    json_decref(list);
}

/* A side file's values are in the row, though the visit is over. */
static void rows_of_a_run(void **state) {
    struct fixture f;
    struct rows rows;
    (void)state;
    assert_int_equal(fixture_begin(&f), 0);
    assert_int_equal(fixture_open(&f, RESULT_NEW), 0);
    assert_int_equal(fixture_sweep(&f, 6), 0);
    assert_int_equal(rows_load(&f.run, "42/none 42/case/", "cpu", &rows), 0);
    assert_int_equal(rows.count, 6);
    assert_int_equal(row_series(&rows, 2, "measured"), 10001);
    assert_int_equal(row_series_bits(&rows, 2, "measured", 10000),
                     (uint32_t)(10000 * 2654435761u + 2));
    assert_true(rows.seed == f.run.seed);
    rows_free(&rows);
    static const struct table_spec good[] = {
        {"speeds", "42/case/", "device; n; what = plan; gbps = bytes_per_second / 1e9!",
         .sort = "n"},
        {"none", "43/", "n"},
        {"times", "42/case/", "t, low, high = @median~; n", .where = "n=3"}};
    assert_int_equal(tables_write(&f.run, good, 3), 0);
    char path[200], text[400] = "";
    snprintf(path, sizeof path, "%s/speeds.tsv", f.lab);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    assert_true(fread(text, 1, sizeof text - 1, in) > 0);
    fclose(in);
    /* Case 1 has no rate; what a cell cannot hold is a dash. */
    assert_non_null(strstr(text, "device\tn\twhat\tgbps\ncpu\t0\tblock=---\t1\ncpu\t2\t"));
    snprintf(path, sizeof path, "%s/none.tsv", f.lab);
    assert_int_not_equal(access(path, F_OK), 0);
    snprintf(path, sizeof path, "%s/times.tsv", f.lab);
    in = fopen(path, "r");
    assert_non_null(in);
    assert_non_null(fgets(text, sizeof text, in));
    assert_string_equal(text, "t\tlow\thigh\tn\n");
    assert_non_null(fgets(text, sizeof text, in));
    assert_string_equal(text, "\t\t\t3\n");
    fclose(in);
    static const struct table_spec bad[] = {{"bad", "42/case/", "n / zero"}};
    assert_int_equal(tables_write(&f.run, bad, 1), -1);
    assert_non_null(strstr(f.run.error, "cannot be read"));
    fixture_end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_by_name),
        cmocka_unit_test(selecting_sorting_grouping),
        cmocka_unit_test(rows_of_a_run),
    };
    return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
