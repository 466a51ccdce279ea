/*
 * tables.c: see tables.h.
 */
#include "harness/lab/tables.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/page/table.h"

/* One column of a specification. */
struct column {
    char header[200]; /* "gbps", or "ratio, low, high" */
    char name[120];   /* of rows.h */
    double divisor;
    bool interval, needed;
};

static char *trim(char *text) {
    while (isspace((unsigned char)*text))
        text++;
    size_t size = strlen(text);
    while (size > 0 && isspace((unsigned char)text[size - 1]))
        text[--size] = '\0';
    return text;
}

/* True and cut off if the last character is `mark`. */
static bool ends_in(char *text, char mark) {
    size_t size = strlen(text);
    if (size == 0 || text[size - 1] != mark)
        return false;
    text[size - 1] = '\0';
    return true;
}

/* "header = name / divisor~!" */
static int parse_column(char *text, struct column *out) {
    *out = (struct column){.divisor = 1};
    char *name = strchr(text, '=');
    if (name)
        *name++ = '\0';
    else
        name = text;
    name = trim(name);
    for (bool more = true; more;) {
        more = false;
        if (ends_in(name, '!'))
            more = out->needed = true;
        if (ends_in(name, '~'))
            more = out->interval = true;
        name = trim(name);
    }
    char *slash = strrchr(name, '/');
    if (slash) {
        char *end;
        out->divisor = strtod(slash + 1, &end);
        if (end == slash + 1 || *trim(end) || !(out->divisor > 0))
            return -1;
        *slash = '\0';
    }
    snprintf(out->name, sizeof out->name, "%s", trim(name));
    snprintf(out->header, sizeof out->header, "%s", name == text ? out->name : trim(text));
    return 0;
}

static size_t parse(const char *text, struct column *columns) {
    char copy[1000], *at = copy, *one;
    size_t count = 0;
    snprintf(copy, sizeof copy, "%s", text);
    while ((one = strsep(&at, ";"))) {
        if (count == TABLE_COLUMNS_MAX || parse_column(one, &columns[count]) != 0)
            return 0;
        count++;
    }
    return count;
}

/* A cell as page/table.h allows it. */
static void write_text(FILE *out, const char *text) {
    for (; *text; text++)
        fputc(strchr(TABLE_LETTERS, *text) ? *text : '-', out);
}

static void write_number(FILE *out, double value) {
    /* Whole numbers, such as bytes, in full. */
    if (isfinite(value))
        fprintf(out, fabs(value) < 1e15 && value == floor(value) ? "%.0f" : "%.6g", value);
}

static void write_cell(FILE *out, const struct rows *rows, size_t k, const struct column *c) {
    if (c->interval) {
        struct ratio r = row_ratio(rows, k, c->name);
        write_number(out, r.value / c->divisor);
        fputc('\t', out);
        write_number(out, r.low / c->divisor);
        fputc('\t', out);
        write_number(out, r.high / c->divisor);
    } else if (*row_text(rows, k, c->name)) {
        write_text(out, row_text(rows, k, c->name));
    } else if (row_is(rows, k, c->name, "true") || row_is(rows, k, c->name, "false")) {
        fputs(row_is(rows, k, c->name, "true") ? "yes" : "no", out);
    } else {
        write_number(out, row_number(rows, k, c->name) / c->divisor);
    }
}

static bool is_wanted(const struct rows *rows, size_t k, const struct column *columns, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (columns[i].needed &&
            (columns[i].interval ? isnan(row_ratio(rows, k, columns[i].name).value)
                                 : !row_has(rows, k, columns[i].name)))
            return false;
    return true;
}

/* "ratio, low, high" heads three columns. */
static void write_header(FILE *out, const struct column *columns, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            fputc('\t', out);
        for (const char *c = columns[i].header; *c; c++) {
            if (columns[i].interval && *c == ',') {
                fputc('\t', out);
                c += strspn(c + 1, " ");
            } else {
                fputc(*c, out);
            }
        }
    }
}

/* One line: the header's, or a row's. */
static void write_line(struct lab_table *table, const struct rows *rows, size_t k,
                       const struct column *columns, size_t n, bool header) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (out && header)
        write_header(out, columns, n);
    for (size_t i = 0; out && !header && i < n; i++) {
        if (i > 0)
            fputc('\t', out);
        write_cell(out, rows, k, &columns[i]);
    }
    if (out && fclose(out) == 0)
        lab_table_row(table, "%s", text);
    free(text);
}

static int write_rows(struct lab_run *run, const struct table_spec *spec, const struct rows *rows,
                      struct lab_table *table) {
    struct column columns[TABLE_COLUMNS_MAX];
    size_t n = parse(spec->columns, columns);
    if (n == 0)
        return lab_error(run, "table %s: its columns \"%s\" cannot be read; see tables.h",
                         spec->name, spec->columns);
    write_line(table, rows, 0, columns, n, true);
    for (size_t k = 0; k < rows->count; k++)
        if (is_wanted(rows, k, columns, n))
            write_line(table, rows, k, columns, n, false);
    return 0;
}

static int write_table(struct lab_run *run, const struct table_spec *spec) {
    struct rows all, rows;
    if (rows_load(run, spec->cases, NULL, &all) != 0)
        return -1;
    rows = rows_select(&all, "", spec->where);
    rows_free(&all);
    if (spec->sort)
        rows_sort(&rows, spec->sort);
    int status = 0;
    struct lab_table *table = rows.count ? lab_table_open(run, spec->name) : NULL;
    if (rows.count && !table)
        status = -1;
    if (table) {
        if (spec->write) {
            lab_table_row(table, "%s", spec->columns);
            status = spec->write(run, &rows, table);
        } else {
            status = write_rows(run, spec, &rows, table);
        }
        int closed = lab_table_close(table);
        status = status == 0 ? closed : -1;
    }
    rows_free(&rows);
    return status;
}

int tables_write(struct lab_run *run, const struct table_spec *specs, size_t count) {
    for (size_t k = 0; k < count; k++)
        if (write_table(run, &specs[k]) != 0)
            return -1;
    return 0;
}
