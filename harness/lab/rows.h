/*
 * rows.h: recorded cases as rows of named columns, for checks and tables.
 *
 * A case is one row, or as many as it recorded with case_row(); what the case says as a whole is
 * then in each of them. A column is
 *
 *     "id", "device"        of the case
 *     "n", "over plain"     a cell of the row, a parameter or a counter, whichever has that name
 *     "plan.block"          a member of the plan record
 *     "@median", "@stop"    of the measurement: calls, stop, median, mad, low, high
 *
 * Records may come from a stranger's folder: a missing or mistyped number is NaN, a missing text
 * "", and nothing here crashes on either.
 */
#ifndef NANOLAB_HARNESS_ROWS_H
#define NANOLAB_HARNESS_ROWS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/measure/ratio.h"

struct lab_run;

struct row {
    json_t *record;      /* the case */
    const json_t *cells; /* its own part of it; NULL where the case is one row */
};

struct rows {
    struct row *list;
    size_t count;
    uint64_t seed; /* of the run: for intervals that a check computes */
};

/* The rows of all cases whose ids start with one of `prefixes` (separated by spaces), of a device
 * (NULL: of all), in the order they were recorded. 0, or -1 after lab_error(). */
int rows_load(struct lab_run *run, const char *prefixes, const char *device, struct rows *out);
/* The same from records in memory, an array of cases: for tests. 0, or -1 without memory. */
int rows_from(const json_t *cases, struct rows *out);
void rows_free(struct rows *rows);

/* Those of `from` whose id starts with `prefix` ("" for any) and whose columns have the values of
 * `terms`: "op=gather;map=permuted", NULL for none. Numbers are compared as numbers. Free it. */
struct rows rows_select(const struct rows *from, const char *prefix, const char *terms);
/* Sorts by columns, "pages;block bytes": numbers ascending, before texts; equal rows stay in
 * their order. */
void rows_sort(struct rows *rows, const char *columns);
/* Whether two rows have equal values in all these columns. */
bool rows_equal(const struct rows *rows, size_t a, size_t b, const char *columns);
/* The next run of rows that are equal in these columns (sort by them first): *first and *count;
 * start with both 0. False at the end. */
bool rows_group(const struct rows *rows, const char *columns, size_t *first, size_t *count);
/* The first row whose columns have these values, as in rows_select; rows->count if none has. */
size_t rows_find(const struct rows *rows, const char *terms);

/* One value. A ratio's number is its value. */
double row_number(const struct rows *rows, size_t k, const char *column);
const char *row_text(const struct rows *rows, size_t k, const char *column);
bool row_is(const struct rows *rows, size_t k, const char *column, const char *text);
bool row_has(const struct rows *rows, size_t k, const char *column);
/* A counter with its interval; "@median" with low and high. RATIO_NONE if it is not there. */
struct ratio row_ratio(const struct rows *rows, size_t k, const char *column);
/* A bit pattern of a cell; 0 if it is not there. */
uint64_t row_bits(const struct rows *rows, size_t k, const char *column);
const char *row_id(const struct rows *rows, size_t k);

/* A series of the case: its length (0 if it is not there), and its values. */
size_t row_series(const struct rows *rows, size_t k, const char *series);
double row_series_number(const struct rows *rows, size_t k, const char *series, size_t at);
uint64_t row_series_bits(const struct rows *rows, size_t k, const char *series, size_t at);
/* Different bit patterns in a series; 0 if it is not there. */
size_t row_series_distinct(const struct rows *rows, size_t k, const char *series);
/* Different bit patterns of a column among rows first … first + count - 1. */
size_t rows_distinct(const struct rows *rows, size_t first, size_t count, const char *column);

#endif
