/* bits_test.c: the tables of sums with equal bits, and of orders with their two properties. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "harness/store/result_fixture.h"
#include "labs/05-nccl-straggler/stragglers.h"

/* A sum of n elements by so many ranks, and its bits. */
static void add(json_t *cases, const char *engine, const char *algorithm, int ranks, int n,
                const char *bits) {
    char id[80];
    snprintf(id, sizeof id, "05/bits/%s/%s/N=%d", engine, algorithm, ranks);
    json_t *record = json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:i}, s:[{s:i, s:s, s:i, s:s}]}", "id",
                               id, "device", "cpu", "params", "engine", engine, "algorithm",
                               algorithm, "setting", "", "ranks", ranks, "rows", "n", n, "measured",
                               bits, "invariant", 1, "found", "");
    assert_non_null(record);
    json_array_append_new(cases, record);
}

/* A size of an order that has so many results: predicted, measured, and of the common elements. */
static void add_size(json_t *cases, const char *algorithm, int n, int results,
                     const char *predicted, const char *measured, const char *first) {
    char id[80];
    snprintf(id, sizeof id, "05/bits/openmpi/%s/N=3", algorithm);
    json_t *record =
        json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:i}, s:[{s:i, s:i, s:s, s:s, s:s}]}", "id", id,
                  "device", "cpu", "params", "engine", "openmpi", "algorithm", algorithm, "setting",
                  "", "ranks", 3, "rows", "n", n, "results", results, "predicted", predicted,
                  "measured", measured, "first", first);
    assert_non_null(record);
    json_array_append_new(cases, record);
}

/* The lines of the table that `write` writes. */
static void table_of(const json_t *cases,
                     int (*write)(struct lab_run *, const struct rows *, struct lab_table *),
                     char *text, size_t size) {
    struct fixture f;
    struct rows rows;
    char path[200];
    assert_int_equal(fixture_begin(&f), 0);
    assert_int_equal(fixture_open(&f, RESULT_NEW), 0);
    assert_int_equal(rows_from(cases, &rows), 0);
    struct lab_table *table = lab_table_open(&f.run, "sums");
    assert_non_null(table);
    assert_int_equal(write(&f.run, &rows, table), 0);
    assert_int_equal(lab_table_close(table), 0);
    snprintf(path, sizeof path, "%s/sums.tsv", f.lab);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    text[fread(text, 1, size - 1, in)] = '\0';
    fclose(in);
    rows_free(&rows);
    fixture_end(&f);
}

static void expect(const char *text, int column, int line, int colour, const char *who) {
    char start[120];
    snprintf(start, sizeof start, "%d\t%d\t%d\t%s", column, line, colour, who);
    if (!strstr(text, start))
        fail_msg("no line \"%s\" in\n%s", start, text);
}

/* A colour is that of the algorithm whose bits they are, in all columns: doubling's first, and a
 * default's only where no other has its bits. */
static void test_colours(void **state) {
    (void)state;
    json_t *cases = json_array();
    char text[4000];
    add(cases, "smpi", "ring", 3, 1024, "03");
    add(cases, "openmpi", "default", 3, 1024, "02");
    add(cases, "openmpi", "doubling", 3, 1024, "01");
    add(cases, "openmpi", "ring", 3, 1024, "02");
    add(cases, "smpi", "doubling", 3, 1024, "01");
    add(cases, "openmpi", "default", 3, 3000, "11");
    add(cases, "openmpi", "doubling", 3, 3000, "11");
    add(cases, "openmpi", "ring", 3, 3000, "12");
    add(cases, "smpi", "ring", 2, 1024, "21");
    add(cases, "smpi", "default", 16, 1024, "33");
    add(cases, "smpi", "ring", 16, 1024, "32");
    table_of(cases, write_classes, text, sizeof text);
    json_decref(cases);
    /* Columns: 2 ranks; 3 ranks of 1,024 and 3,000 elements; 16 ranks. */
    expect(text, 1, 1, 2, "openmpi default");
    expect(text, 1, 2, 1, "openmpi doubling");
    expect(text, 1, 3, 2, "openmpi ring");
    expect(text, 1, 5, 1, "smpi doubling");
    expect(text, 1, 6, 3, "smpi ring");
    expect(text, 2, 1, 1, "openmpi default");
    expect(text, 2, 3, 2, "openmpi ring");
    expect(text, 0, 6, 3, "smpi ring");
    expect(text, 3, 4, 4, "smpi default");
    expect(text, 3, 6, 3, "smpi ring");
}

/* What repeats is one property, what does not depend on the size another; of one size, or of sums
 * that do not repeat, the second is not known. */
static void test_properties(void **state) {
    (void)state;
    json_t *cases = json_array();
    char text[2000];
    add_size(cases, "arrival", 1024, 2, "31", "31", "31");
    add_size(cases, "arrival", 3000, 1, "31", "31", "31");
    add_size(cases, "doubling", 3000, 1, "12", "12", "01");
    add_size(cases, "doubling", 1024, 1, "01", "01", "01");
    add_size(cases, "linear", 1024, 1, "01", "01", "01");
    add_size(cases, "ring", 1024, 1, "02", "02", "02");
    add_size(cases, "ring", 3000, 1, "14", "13", "03");
    table_of(cases, write_properties, text, sizeof text);
    json_decref(cases);
    assert_string_equal(text, "cpu\topenmpi\tarrival\t\t3\t2\tno\t\t2\n"
                              "cpu\topenmpi\tdoubling\t\t3\t2\tyes\tyes\t2\n"
                              "cpu\topenmpi\tlinear\t\t3\t1\tyes\t\t1\n"
                              "cpu\topenmpi\tring\t\t3\t2\tyes\tno\t1\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_colours),
                                       cmocka_unit_test(test_properties)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
