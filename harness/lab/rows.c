/*
 * rows.c: see rows.h.
 */
#define _GNU_SOURCE
#include "harness/lab/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/lab/lab.h"
#include "harness/measure/ulp.h"
#include "harness/store/reader.h"

/* --- loading -----------------------------------------------------------------------------------
 */

/* Room for more rows grows by doubling: `count` is a power of two exactly when it is full. */
static int add(struct rows *rows, json_t *record, const json_t *cells) {
    if ((rows->count & (rows->count - 1)) == 0) {
        size_t room = rows->count ? 2 * rows->count : 1;
        struct row *list = realloc(rows->list, room * sizeof *list);
        if (!list)
            return -1;
        rows->list = list;
    }
    rows->list[rows->count++] = (struct row){json_incref(record), cells};
    return 0;
}

static int add_case(struct rows *rows, json_t *record) {
    const json_t *cells = json_object_get(record, "rows");
    if (json_array_size(cells) == 0)
        return add(rows, record, NULL);
    for (size_t k = 0; k < json_array_size(cells); k++)
        if (add(rows, record, json_array_get(cells, k)) != 0)
            return -1;
    return 0;
}

/* Values of side files can be read during a visit only: they are taken into the record. */
static int take_sides(json_t *record) {
    const json_t *list = json_object_get(record, "series");
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *series = json_array_get(list, i);
        const char *file = json_string_value(json_object_get(series, "file"));
        if (!file || strcmp(file + strlen(file) - 4, ".txt") == 0)
            continue;
        const char *kind = json_string_value(json_object_get(series, "kind"));
        bool bits = kind && strcmp(kind, "bits") == 0;
        json_t *values = json_array();
        for (size_t k = 0, n = case_series_length(series); values && k < n; k++) {
            char text[20];
            snprintf(text, sizeof text, "%llx",
                     (unsigned long long)(bits ? case_series_bits_at(series, k) : 0));
            if (json_array_append_new(values, bits ? json_string(text)
                                                   : json_real(case_series_real_at(series, k))))
                return -1;
        }
        if (json_object_set_new(series, "values", values) != 0)
            return -1;
    }
    return 0;
}

static int visit(void *context, const json_t *record) {
    json_t *own = (json_t *)record;
    return take_sides(own) == 0 && add_case(context, own) == 0 ? 0 : -1;
}

int rows_load(struct lab_run *run, const char *prefixes, const char *device, struct rows *out) {
    *out = (struct rows){.seed = lab_seed(run)};
    while (*prefixes) {
        char prefix[200];
        size_t length = strcspn(prefixes, " ");
        snprintf(prefix, sizeof prefix, "%.*s", (int)length, prefixes);
        if (length > 0 && lab_cases(run, prefix, device, visit, out) != 0) {
            rows_free(out);
            return lab_error(run, "%s: the recorded cases cannot be read back, or memory is short",
                             prefix);
        }
        prefixes += length + (prefixes[length] == ' ');
    }
    return 0;
}

int rows_from(const json_t *cases, struct rows *out) {
    *out = (struct rows){.seed = 1};
    for (size_t k = 0; k < json_array_size(cases); k++)
        if (add_case(out, json_array_get(cases, k)) != 0) {
            rows_free(out);
            return -1;
        }
    return 0;
}

void rows_free(struct rows *rows) {
    for (size_t k = 0; k < rows->count; k++)
        json_decref(rows->list[k].record);
    free(rows->list);
    *rows = (struct rows){.seed = rows->seed};
}

/* --- one value ---------------------------------------------------------------------------------
 */

static const json_t *cell(const struct rows *rows, size_t k, const char *column) {
    static const char *const groups[] = {"params", "counters"};
    if (k >= rows->count)
        return NULL;
    const struct row *row = &rows->list[k];
    if (*column == '@')
        return json_object_get(json_object_get(row->record, "bench"), column + 1);
    if (strncmp(column, "plan.", 5) == 0)
        return json_object_get(json_object_get(row->record, "plan"), column + 5);
    if (strcmp(column, "id") == 0 || strcmp(column, "device") == 0)
        return json_object_get(row->record, column);
    const json_t *value = json_object_get(row->cells, column);
    for (size_t g = 0; !value && g < sizeof groups / sizeof *groups; g++)
        value = json_object_get(json_object_get(row->record, groups[g]), column);
    return json_is_null(value) ? NULL : value;
}

double row_number(const struct rows *rows, size_t k, const char *column) {
    const json_t *value = cell(rows, k, column);
    if (json_is_object(value))
        value = json_object_get(value, "value");
    return json_is_number(value) ? json_number_value(value) : NAN;
}

const char *row_text(const struct rows *rows, size_t k, const char *column) {
    const char *text = json_string_value(cell(rows, k, column));
    return text ? text : "";
}

bool row_has(const struct rows *rows, size_t k, const char *column) {
    return cell(rows, k, column) != NULL;
}

bool row_is(const struct rows *rows, size_t k, const char *column, const char *text) {
    const json_t *value = cell(rows, k, column);
    if (json_is_string(value))
        return strcmp(json_string_value(value), text) == 0;
    if (json_is_boolean(value))
        return strcmp(json_is_true(value) ? "true" : "false", text) == 0;
    char *end;
    double wanted = strtod(text, &end);
    return end != text && *end == '\0' && row_number(rows, k, column) == wanted;
}

struct ratio row_ratio(const struct rows *rows, size_t k, const char *column) {
    const json_t *value = cell(rows, k, column), *low, *high;
    if (strcmp(column, "@median") == 0) {
        low = cell(rows, k, "@low");
        high = cell(rows, k, "@high");
    } else {
        low = json_object_get(value, "low");
        high = json_object_get(value, "high");
        value = json_object_get(value, "value");
    }
    if (!json_is_number(value) || !json_is_number(low) || !json_is_number(high))
        return RATIO_NONE;
    return (struct ratio){json_number_value(value), json_number_value(low),
                          json_number_value(high)};
}

uint64_t row_bits(const struct rows *rows, size_t k, const char *column) {
    const char *text = json_string_value(cell(rows, k, column));
    return text ? strtoull(text, NULL, 16) : 0;
}

const char *row_id(const struct rows *rows, size_t k) {
    return row_text(rows, k, "id");
}

/* --- series ------------------------------------------------------------------------------------
 */

static const json_t *series_of(const struct rows *rows, size_t k, const char *series) {
    return k < rows->count ? case_series(rows->list[k].record, series) : NULL;
}

size_t row_series(const struct rows *rows, size_t k, const char *series) {
    const json_t *found = series_of(rows, k, series);
    return found ? case_series_length(found) : 0;
}

double row_series_number(const struct rows *rows, size_t k, const char *series, size_t at) {
    const json_t *found = series_of(rows, k, series);
    return found ? case_series_real_at(found, at) : NAN;
}

uint64_t row_series_bits(const struct rows *rows, size_t k, const char *series, size_t at) {
    const json_t *found = series_of(rows, k, series);
    return found ? case_series_bits_at(found, at) : 0;
}

size_t row_series_distinct(const struct rows *rows, size_t k, const char *series) {
    const json_t *found = series_of(rows, k, series);
    size_t n = found ? case_series_length(found) : 0;
    uint64_t *bits = n ? malloc(n * sizeof *bits) : NULL;
    for (size_t at = 0; bits && at < n; at++)
        bits[at] = case_series_bits_at(found, at);
    long distinct = bits ? ulp_distinct(bits, n) : 0;
    free(bits);
    return distinct > 0 ? (size_t)distinct : 0;
}

size_t rows_distinct(const struct rows *rows, size_t first, size_t count, const char *column) {
    uint64_t *bits = count ? malloc(count * sizeof *bits) : NULL;
    for (size_t at = 0; bits && at < count; at++)
        bits[at] = row_bits(rows, first + at, column);
    long distinct = bits ? ulp_distinct(bits, count) : 0;
    free(bits);
    return distinct > 0 ? (size_t)distinct : 0;
}

/* --- selecting, sorting, grouping --------------------------------------------------------------
 */

/* The next piece of a list separated by `separator`, without blanks around it; false at its end. */
static bool piece(const char **at, char separator, char *out, size_t size) {
    const char *from = *at + strspn(*at, " ");
    if (!*from)
        return false;
    const char *end = strchr(from, separator);
    size_t length = end ? (size_t)(end - from) : strlen(from);
    *at = end ? end + 1 : from + length;
    while (length > 0 && from[length - 1] == ' ')
        length--;
    snprintf(out, size, "%.*s", (int)length, from);
    return true;
}

static bool matches(const struct rows *rows, size_t k, const char *terms) {
    char term[200];
    while (terms && piece(&terms, ';', term, sizeof term)) {
        char *value = strchr(term, '=');
        if (!value)
            return false;
        *value++ = '\0';
        if (!row_is(rows, k, term, value))
            return false;
    }
    return true;
}

struct rows rows_select(const struct rows *from, const char *prefix, const char *terms) {
    struct rows out = {.seed = from->seed};
    size_t length = strlen(prefix);
    for (size_t k = 0; k < from->count; k++)
        if (strncmp(row_id(from, k), prefix, length) == 0 && matches(from, k, terms) &&
            add(&out, from->list[k].record, from->list[k].cells) != 0)
            break;
    return out;
}

size_t rows_find(const struct rows *rows, const char *terms) {
    size_t k = 0;
    while (k < rows->count && !matches(rows, k, terms))
        k++;
    return k;
}

/* Numbers before texts before what is missing. */
static int rank(const json_t *value) {
    return json_is_number(value) || json_is_object(value) ? 0 : json_is_string(value) ? 1 : 2;
}

static int compare_cells(const struct rows *rows, size_t a, size_t b, const char *column) {
    const json_t *x = cell(rows, a, column), *y = cell(rows, b, column);
    if (rank(x) != rank(y))
        return rank(x) - rank(y);
    if (rank(x) == 1)
        return strcmp(json_string_value(x), json_string_value(y));
    double p = row_number(rows, a, column), q = row_number(rows, b, column);
    return (p > q) - (p < q);
}

static int compare(const struct rows *rows, size_t a, size_t b, const char *columns) {
    char column[120];
    int order = 0;
    while (order == 0 && piece(&columns, ';', column, sizeof column))
        order = compare_cells(rows, a, b, column);
    return order;
}

bool rows_equal(const struct rows *rows, size_t a, size_t b, const char *columns) {
    return compare(rows, a, b, columns) == 0;
}

struct sorting {
    const struct rows *rows;
    const char *columns;
};

static int by_columns(const void *a, const void *b, void *context) {
    const struct sorting *s = context;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    int order = compare(s->rows, x, y, s->columns);
    return order ? order : (x > y) - (x < y);
}

void rows_sort(struct rows *rows, const char *columns) {
    size_t n = rows->count;
    size_t *order = n ? malloc(n * sizeof *order) : NULL;
    struct row *sorted = n ? malloc(n * sizeof *sorted) : NULL;
    struct sorting context = {rows, columns};
    for (size_t k = 0; order && k < n; k++)
        order[k] = k;
    if (order && sorted) {
        qsort_r(order, n, sizeof *order, by_columns, &context);
        for (size_t k = 0; k < n; k++)
            sorted[k] = rows->list[order[k]];
        memcpy(rows->list, sorted, n * sizeof *sorted);
    }
    free(order);
    free(sorted);
}

bool rows_group(const struct rows *rows, const char *columns, size_t *first, size_t *count) {
    *first += *count;
    *count = 0;
    while (*first + *count < rows->count && compare(rows, *first, *first + *count, columns) == 0)
        ++*count;
    return *count > 0;
}
