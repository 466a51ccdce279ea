/* report_table.c: a lab's table on the page (report.h), numbers with their units. */
#include <stdlib.h>
#include <string.h>

#include "harness/page/escape.h"
#include "harness/page/report.h"
#include "harness/page/units.h"

static int is_number(const char *text) {
    char *end;
    strtod(text, &end);
    return end != text && *end == '\0';
}

static int is_numeric(const struct table *table, size_t column) {
    for (size_t r = 1; r <= table->rows; r++) {
        const char *cell = table_cell(table, r, column);
        if (*cell && !is_number(cell))
            return 0;
    }
    return 1;
}

/* The unit of a column: of the quantity that it is named after; NULL where it is not known. */
static const char *unit_of(const json_t *quantities, const char *column) {
    return json_string_value(json_object_get(json_object_get(quantities, column), "unit"));
}

/* A cell with its unit where that is known: of its column, or of its row's cell "unit". Numbers
 * with an exponent are written out. */
static void cell(const struct table *table, const json_t *quantities, size_t row, size_t column,
                 FILE *out) {
    static const char *const of_row[] = {"rate", "value", "low", "high"};
    const char *text = table_cell(table, row, column), *name = table_cell(table, 0, column);
    const char *unit = unit_of(quantities, name);
    int with_row = table_column(table, "unit");
    char shown[UNITS_TEXT];
    for (size_t k = 0; with_row >= 0 && k < sizeof of_row / sizeof *of_row; k++)
        if (!strcmp(name, of_row[k]))
            unit = table_cell(table, row, (size_t)with_row);
    int bare = !unit || !*unit || !strcmp(unit, "1");
    if (!is_number(text) || (bare && !strpbrk(text, "eE")))
        escape_inline(out, text);
    else
        escape_inline(out, units_number(shown, sizeof shown, strtod(text, NULL), unit));
}

void report_table(const struct table *table, const json_t *quantities, size_t most, FILE *out) {
    size_t rows = table->rows < most ? table->rows : most;
    for (size_t r = 0; r <= rows; r++) {
        for (size_t k = 0; k < table->columns; k++) {
            fputs("| ", out);
            if (r == 0)
                escape_inline(out, table_cell(table, r, k));
            else
                cell(table, quantities, r, k, out);
            fputc(' ', out);
        }
        fputs("|\n", out);
        for (size_t k = 0; r == 0 && k < table->columns; k++)
            fputs(is_numeric(table, k) ? "|--:" : "|---", out);
        if (r == 0)
            fputs("|\n", out);
    }
    fputc('\n', out);
}
