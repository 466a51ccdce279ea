/* table.c: see table.h. */
#include "harness/page/table.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "harness/error.h"
#include "harness/store/limits.h"

const char *table_cell(const struct table *table, size_t row, size_t column) {
    return table->cells[row * table->columns + column];
}

int table_column(const struct table *table, const char *name) {
    for (size_t k = 0; k < table->columns; k++)
        if (!strcmp(table_cell(table, 0, k), name))
            return (int)k;
    return -1;
}

void table_free(struct table *table) {
    free(table->text);
    free(table->cells);
    memset(table, 0, sizeof *table);
}

/* Cuts one line into cells; returns how many, or -1. */
static int cut(char *line, char **cells, const char *where, size_t number) {
    int count = 0;
    for (char *cell = line; cell; count++) {
        char *tab = strchr(cell, '\t');
        if (tab)
            *tab = '\0';
        size_t length = strlen(cell), good = strspn(cell, TABLE_LETTERS);
        if (good < length)
            return error_set(
                "%s:%zu: byte 0x%02x in cell %d: a table takes letters, digits, spaces "
                "and _.,:;+=/()*%%- only; correct the text that the lab writes there",
                where, number, (unsigned char)cell[good], count + 1);
        if (length > TABLE_CELL_MAX)
            return error_set("%s:%zu: a cell of more than %d characters", where, number,
                             TABLE_CELL_MAX);
        if (count == TABLE_COLUMNS_MAX)
            return error_set("%s:%zu: more than %d columns", where, number, TABLE_COLUMNS_MAX);
        cells[count] = cell;
        cell = tab ? tab + 1 : NULL;
    }
    return count;
}

static int parse(struct table *table, size_t length, const char *where) {
    if (memchr(table->text, '\0', length))
        return error_set("%s: a zero byte is not allowed in a table", where);
    if (length == 0 || table->text[length - 1] != '\n')
        return error_set("%s: empty, or its last line has no end: the table is cut off", where);
    size_t lines = 0, room = 0;
    for (const char *c = table->text; *c; c++)
        lines += *c == '\n';
    char *cells[TABLE_COLUMNS_MAX];
    char *line = table->text;
    for (size_t number = 1; number <= lines; number++) {
        char *end = strchr(line, '\n');
        *end = '\0';
        int count = cut(line, cells, where, number);
        if (count < 0)
            return -1;
        if (number == 1) {
            table->columns = (size_t)count;
            room = lines * (size_t)count;
            table->cells = malloc(room * sizeof *table->cells);
            if (!table->cells)
                return error_set("%s: out of memory", where);
        } else if ((size_t)count != table->columns) {
            return error_set("%s:%zu: %d cells where the header has %zu", where, number, count,
                             table->columns);
        }
        memcpy(table->cells + (number - 1) * table->columns, cells, table->columns * sizeof *cells);
        line = end + 1;
    }
    table->rows = lines - 1;
    return 0;
}

int table_parse(char *text, size_t length, const char *where, struct table *table) {
    memset(table, 0, sizeof *table);
    table->text = text;
    if (parse(table, length, where)) {
        table_free(table);
        return -1;
    }
    return 0;
}

int table_read(const struct folder *folder, const char *file, struct table *table) {
    char where[FOLDER_PATH + 80], *text;
    size_t length;
    memset(table, 0, sizeof *table);
    if (folder_read(folder, file, LIMIT_DOCUMENT_BYTES, &text, &length))
        return -1;
    snprintf(where, sizeof where, "%s/%s", folder->path, file);
    return table_parse(text, length, where, table);
}

/* The numbers of the named columns; -1 if one is not in the table. */
static int find(const struct table *table, const struct legend_data *data,
                const struct legend_columns *names, size_t *numbers) {
    for (size_t k = 0; k < names->count; k++) {
        int column = table_column(table, names->name[k]);
        if (column < 0)
            return error_set("%s.tsv: no column \"%s\", which the lab's plot.gp asks for; the "
                             "folder is of another version of the lab",
                             data->table, names->name[k]);
        numbers[k] = (size_t)column;
    }
    return 0;
}

struct selection {
    size_t columns[LEGEND_COLUMNS_MAX], by[LEGEND_COLUMNS_MAX], where[LEGEND_COLUMNS_MAX];
};

static int is_wanted(const struct table *table, const struct legend_data *data,
                     const struct selection *pick, size_t row) {
    for (size_t k = 0; k < data->where.count; k++)
        if (strcmp(table_cell(table, row, pick->where[k]), data->equals.name[k]))
            return 0;
    return 1;
}

static void write_row(const struct table *table, const struct legend_data *data,
                      const struct selection *pick, size_t row, size_t series, FILE *out) {
    for (size_t k = 0; k < data->by.count; k++)
        fprintf(out, "%s%s", k ? ", " : "", table_cell(table, series, pick->by[k]));
    if (!data->by.count)
        fputs(data->table, out);
    for (size_t k = 0; k < data->columns.count; k++) {
        const char *cell = table_cell(table, row, pick->columns[k]);
        fprintf(out, "\t%s", *cell ? cell : "nan");
    }
    fputc('\n', out);
}

/* The rows that are wanted, as one list for each series, in order of first appearance. */
struct series {
    size_t *next;         /* next[r]: the row behind r in its series; 0: none */
    size_t *first, *last; /* of each series */
    size_t count, rows;
};

/* Finds the series of each row by the text of its `by` cells: linear, however many there are. */
static int find_series(const struct table *table, const struct legend_data *data,
                       const struct selection *pick, struct series *series) {
    char key[LEGEND_COLUMNS_MAX * (TABLE_CELL_MAX + 1) + 2];
    json_t *numbers = json_object();
    for (size_t r = 1; r <= table->rows; r++) {
        size_t used = 0;
        if (!is_wanted(table, data, pick, r))
            continue;
        key[used++] = '.'; /* no key is empty */
        for (size_t k = 0; k < data->by.count; k++) {
            const char *cell = table_cell(table, r, pick->by[k]);
            size_t length = strlen(cell);
            memcpy(key + used, cell, length);
            used += length;
            key[used++] = '\t'; /* which no cell has */
        }
        key[used] = '\0';
        series->rows++;
        const json_t *known = json_object_get(numbers, key);
        if (known) {
            size_t number = (size_t)json_integer_value(known);
            series->next[series->last[number]] = r;
            series->last[number] = r;
            continue;
        }
        if (json_object_set_new(numbers, key, json_integer((json_int_t)series->count)) != 0) {
            json_decref(numbers);
            return -1;
        }
        series->first[series->count] = series->last[series->count] = r;
        series->count++;
    }
    json_decref(numbers);
    return 0;
}

static void write_all(const struct table *table, const struct legend_data *data,
                      const struct selection *pick, const struct series *series, FILE *out) {
    for (size_t k = 0; k < series->count; k++) {
        size_t first = series->first[k];
        if (k)
            fputs("\n\n", out);
        write_row(table, data, pick, 0, first, out);
        for (size_t r = first; r; r = series->next[r])
            write_row(table, data, pick, r, first, out);
    }
}

/* gnuplot reads the whole file once for each series. */
static int check_work(const struct legend_data *data, const struct series *series) {
    if (series->count > LIMIT_PLOT_SERIES)
        return error_set("%s.tsv: %zu series are more than a plot can show (LIMIT_PLOT_SERIES, "
                         "%zu)",
                         data->table, series->count, LIMIT_PLOT_SERIES);
    if ((uint64_t)series->count * series->rows > LIMIT_PLOT_WORK)
        return error_set("%s.tsv: %zu series and %zu rows are more than a plot can show "
                         "(LIMIT_PLOT_WORK, series times rows: %llu)",
                         data->table, series->count, series->rows,
                         (unsigned long long)LIMIT_PLOT_WORK);
    return 0;
}

int table_write_blocks(const struct table *table, const struct legend_data *data, FILE *out,
                       struct table_extent *extent) {
    struct selection pick;
    struct series series = {0};
    memset(extent, 0, sizeof *extent);
    if (find(table, data, &data->columns, pick.columns) || find(table, data, &data->by, pick.by) ||
        find(table, data, &data->where, pick.where))
        return -1;
    series.next = calloc(table->rows + 1, sizeof *series.next);
    series.first = malloc((table->rows + 1) * sizeof *series.first);
    series.last = malloc((table->rows + 1) * sizeof *series.last);
    int status = 0;
    if (!series.next || !series.first || !series.last ||
        find_series(table, data, &pick, &series) != 0)
        status = error_set("%s.tsv: out of memory; close other programs", data->table);
    if (status == 0)
        status = check_work(data, &series);
    if (status == 0) {
        write_all(table, data, &pick, &series, out);
        extent->blocks = series.count;
        extent->rows = series.rows;
    }
    free(series.next);
    free(series.first);
    free(series.last);
    return status;
}
