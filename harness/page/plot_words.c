/* plot_words.c: see plot_words.h. */
#define _GNU_SOURCE
#include "harness/page/plot_words.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/page/escape.h"
#include "harness/page/units.h"

/* --- what a script says ------------------------------------------------------------------------
 */

/* The part of a script that draws the plot of that name: [*from, *end). */
static bool section_of(const char *script, const char *plot, const char **from, const char **end) {
    char mark[LEGEND_WORD + 16];
    snprintf(mark, sizeof mark, "out(\"%s\")", plot);
    *from = strstr(script, mark);
    if (!*from)
        return false;
    const char *next = strstr(*from + strlen(mark), "set output"),
               *fresh = strstr(*from, "eval fresh");
    *end = *from + strlen(*from);
    *end = next ? next : *end;
    *end = fresh && fresh < *end ? fresh : *end;
    return true;
}

/* The last `mark` before `before`, behind it; NULL: there is none. */
static const char *last_before(const char *from, const char *before, const char *mark) {
    const char *found = NULL;
    for (const char *at = from; (at = strstr(at, mark)) && at < before; at += strlen(mark))
        found = at + strlen(mark);
    return found;
}

static void label_before(const char *from, const char *before, const char *mark,
                         char out[PLOT_LABEL]) {
    const char *at = last_before(from, before, mark);
    out[0] = '\0';
    if (at)
        snprintf(out, PLOT_LABEL, "%.*s", (int)strcspn(at, "\"\n"), at);
}

/* Behind the bracket that belongs to the one at `at`. */
static const char *behind_bracket(const char *at) {
    int depth = 0;
    do {
        depth += (*at == '(') - (*at == ')');
        at += *at != '\0';
    } while (depth > 0 && *at);
    return at;
}

/* The column that a field of `using` shows: 3, ($2 * 1.03 ** i); 0: several, or none. */
static int column_of(const char *field, const char *end) {
    int column = 0;
    if (isdigit((unsigned char)*field))
        return (int)strtol(field, NULL, 10);
    for (const char *at = field; at < end; at++) {
        if (*at != '$')
            continue;
        int one = (int)strtol(at + 1, NULL, 10);
        if (column != 0 && one != column)
            return 0;
        column = one;
    }
    return memmem(field, (size_t)(end - field), "column(", 7) ? 0 : column;
}

/* The first two fields behind `using`. */
static void read_using(const char *at, struct plot_view *view) {
    int *const columns[] = {&view->x, &view->y};
    at += strspn(at, " \t\\\n");
    for (int k = 0; k < 2; k++) {
        const char *field = at;
        while (*at && !strchr(": \t\n\\", *at))
            at = *at == '(' ? behind_bracket(at) : at + 1;
        *columns[k] = column_of(field, at);
        at += *at == ':';
        at += strspn(at, "\\\n \t") * (at[-1] == ':');
    }
}

/* One use of a file in a plot: from its name up to the next file's. */
struct use {
    const char *from, *end, *using;
};

/* Bands, and lines without a name, are there beside what a plot is about. */
static bool is_aside(const struct use *use) {
    size_t length = (size_t)(use->end - use->from);
    return memmem(use->from, length, "filledcurves", 12) || memmem(use->from, length, "notitle", 7);
}

static bool next_use(const char *from, const char *end, const char *file, struct use *use) {
    while ((use->from = strstr(from, file)) && use->from < end) {
        const char *next = strstr(use->from + strlen(file), "\"data");
        use->end = next && next < end ? next : end;
        use->using = strstr(use->from, "using");
        bool is_stats = use->from - 6 >= from && strncmp(use->from - 6, "stats ", 6) == 0;
        if (use->using && use->using < use->end && !is_stats) {
            use->using += strlen("using");
            return true;
        }
        from = use->from + strlen(file);
    }
    return false;
}

bool plot_view_of(const char *script, const char *plot, int data, struct plot_view *view) {
    const char *from, *end;
    char file[32];
    struct use use, best = {0};
    memset(view, 0, sizeof *view);
    if (!script || !section_of(script, plot, &from, &end))
        return false;
    snprintf(file, sizeof file, "\"data%d.tsv\"", data);
    for (const char *at = from; next_use(at, end, file, &use); at = use.from + strlen(file))
        if (!best.from || (is_aside(&best) && !is_aside(&use)))
            best = use;
    if (!best.from)
        return false;
    label_before(from, best.from, "set xlabel \"", view->x_label);
    label_before(from, best.from, "set ylabel \"", view->y_label);
    const char *marks = last_before(from, best.from, "set xtics (");
    if (marks)
        snprintf(view->marks, sizeof view->marks, "%.*s", (int)strcspn(marks, ")"), marks);
    read_using(best.using, view);
    return true;
}

const char *plot_view_mark(const struct plot_view *view, double x, char out[PLOT_LABEL]) {
    for (const char *at = view->marks; (at = strchr(at, '"'));) {
        size_t length = strcspn(at + 1, "\"");
        char *end;
        double value = strtod(at + 1 + length + (at[1 + length] == '"'), &end);
        if (value == x) {
            snprintf(out, PLOT_LABEL, "%.*s", (int)length, at + 1);
            return out;
        }
        at = end;
    }
    return NULL;
}

/* --- what the data say -------------------------------------------------------------------------
 */

#define CELLS (LEGEND_COLUMNS_MAX + 1)

struct point {
    double y;
    const char *x; /* a cell; "": no column */
};

/* A series as far as it was read. */
struct tale {
    size_t points;
    bool is_text; /* a cell is no number */
    struct point first, last, least, most;
};

static void add_point(struct tale *tale, const char *cell, const char *x) {
    char *end;
    double y = strtod(cell, &end);
    if (end == cell || *end) {
        tale->is_text = true;
        return;
    }
    if (!isfinite(y))
        return;
    const struct point point = {y, x};
    if (tale->points++ == 0)
        tale->first = tale->least = tale->most = point;
    tale->last = point;
    tale->least = y < tale->least.y ? point : tale->least;
    tale->most = y > tale->most.y ? point : tale->most;
}

struct teller {
    const struct legend_data *data;
    const struct plot_view *view;
    const json_t *quantities;
    bool markdown;
    FILE *out;
};

/* The name and the unit of a column from 1 on, the first of which is the series' name. */
static const char *name_of(const struct teller *t, int column) {
    return column >= 2 && column - 2 < (int)t->data->columns.count
               ? t->data->columns.name[column - 2]
               : "";
}

/* The unit of the quantity that a column is named after, or of one that is named after its unit. */
static const char *unit_of(const struct teller *t, int column) {
    static const char *const units[][2] = {{"bytes", "bytes"}, {"gbps", "GB/s"}, {"ns", "ns"},
                                           {"us", "us"},       {"ms", "ms"},     {"ulps", "ulp"}};
    const char *name = name_of(t, column);
    const char *unit =
        json_string_value(json_object_get(json_object_get(t->quantities, name), "unit"));
    for (size_t k = 0; !unit && k < sizeof units / sizeof *units; k++)
        unit = strcmp(name, units[k][0]) == 0 ? units[k][1] : NULL;
    return unit;
}

static void put_text(const struct teller *t, const char *text) {
    if (t->markdown)
        escape_inline(t->out, text);
    else
        fputs(text, t->out);
}

static void put_point(const struct teller *t, const char *what, const struct point *point,
                      int column) {
    char text[UNITS_TEXT], mark[PLOT_LABEL];
    fprintf(t->out, "%s %s", what, units_number(text, sizeof text, point->y, unit_of(t, column)));
    if (!*point->x)
        return;
    char *end;
    double x = strtod(point->x, &end);
    fputs(" at ", t->out);
    if (end == point->x || *end)
        put_text(t, point->x);
    else
        put_text(t, plot_view_mark(t->view, x, mark)
                        ? mark
                        : units_number(text, sizeof text, x, unit_of(t, t->view->x)));
}

static bool is_end(const struct tale *tale, double y) {
    return y == tale->first.y || y == tale->last.y;
}

/* The first or the last, which may be the least or the most as well. */
static void put_end(const struct teller *t, const char *what, const struct tale *tale,
                    const struct point *point, int column) {
    put_point(t, what, point, column);
    if (tale->least.y != tale->most.y && point->y == tale->least.y)
        fputs(" (the least)", t->out);
    if (tale->least.y != tale->most.y && point->y == tale->most.y)
        fputs(" (the most)", t->out);
}

static void tell(const struct teller *t, const char *series, int column, const struct tale *tale) {
    if (tale->points == 0 || tale->is_text)
        return;
    fputs("- ", t->out);
    put_text(t, series);
    if (column != t->view->y) {
        fputs(", ", t->out);
        put_text(t, name_of(t, column));
    }
    if (tale->points == 1) {
        put_point(t, ": one point,", &tale->first, column);
    } else {
        fprintf(t->out, ": %zu points; ", tale->points);
        put_end(t, "first", tale, &tale->first, column);
        fputs(", ", t->out);
        put_end(t, "last", tale, &tale->last, column);
        if (tale->least.y == tale->most.y)
            fputs("; all the same", t->out);
        else {
            if (!is_end(tale, tale->least.y))
                put_point(t, "; least", &tale->least, column);
            if (!is_end(tale, tale->most.y))
                put_point(t, "; most", &tale->most, column);
        }
    }
    fputs(".\n", t->out);
}

/* Cuts a line at its tabs; missing cells are "". */
static void cut(char *line, const char *cells[CELLS]) {
    for (int k = 0; k < CELLS; k++) {
        char *tab = line ? strchr(line, '\t') : NULL;
        if (tab)
            *tab = '\0';
        cells[k] = line ? line : "";
        line = tab ? tab + 1 : NULL;
    }
}

/* One series: lines up to an empty one, the first of which has the columns' names. Returns where
 * the next one may begin. */
static char *tell_series(const struct teller *t, char *at) {
    struct tale tales[CELLS] = {0};
    const char *cells[CELLS], *series = "";
    bool is_head = true;
    while (*at && *at != '\n') {
        char *end = at + strcspn(at, "\n");
        char *next = end + (*end == '\n');
        *end = '\0';
        cut(at, cells);
        series = cells[0];
        const char *x = t->view->x >= 1 && t->view->x <= CELLS ? cells[t->view->x - 1] : "";
        for (int k = 1; k < CELLS && !is_head; k++)
            add_point(&tales[k], cells[k], x);
        is_head = false;
        at = next;
    }
    for (int k = 1; k <= (int)t->data->columns.count; k++)
        if (t->view->y ? k + 1 == t->view->y : k + 1 != t->view->x)
            tell(t, series, k + 1, &tales[k]);
    return at + strspn(at, "\n");
}

/* What an axis shows: its label, and the table's column where that says more. */
static void put_axis(const struct teller *t, const char *where, const char *label, int column) {
    const char *name = name_of(t, column);
    if (!*label && !*name)
        return;
    fprintf(t->out, "- %s: ", where);
    put_text(t, *label ? label : name);
    fputs(".\n", t->out);
}

/* Which rows of their table data are, in a plot of several. */
static void put_where(const struct teller *t) {
    const struct legend_data *data = t->data;
    for (size_t k = 0; k < data->where.count; k++) {
        fputs(k ? ", " : "- Where ", t->out);
        put_text(t, data->where.name[k]);
        fputs(" is ", t->out);
        put_text(t, data->equals.name[k]);
    }
    fputs(data->where.count ? ":\n" : "", t->out);
}

void plot_words(const struct plot_set *set, size_t k, const json_t *quantities, bool markdown,
                FILE *out) {
    const struct legend_shown *shown = &set->legend.shown[k];
    struct plot_view told = {0};
    for (int i = 1; i <= LEGEND_DATA_MAX; i++) {
        struct plot_view view;
        char *text = shown->needs & 1u << i && set->data[i].text ? strdup(set->data[i].text) : NULL;
        struct teller teller = {&set->legend.data[i], &view, quantities, markdown, out};
        if (!text)
            continue;
        plot_view_of(set->script, shown->name, i, &view);
        if (strcmp(view.x_label, told.x_label) != 0 || view.x != told.x)
            put_axis(&teller, "To the right", view.x_label, view.x);
        if (strcmp(view.y_label, told.y_label) != 0 || view.y != told.y)
            put_axis(&teller, "Upward", view.y_label, view.y);
        told = view;
        if (shown->needs & (shown->needs - 1))
            put_where(&teller);
        for (char *at = text; *at;)
            at = tell_series(&teller, at);
        free(text);
    }
}

void plot_data_words(const struct legend_data *legend, const struct plot_data *data, FILE *out) {
    char *text = data->text ? strdup(data->text) : NULL;
    const char *cells[CELLS];
    bool is_head = true;
    for (char *at = text; at && *at;) {
        char *end = at + strcspn(at, "\n");
        char *next = end + (*end == '\n');
        bool is_empty = end == at;
        *end = '\0';
        if (!is_empty && !is_head) {
            cut(at, cells);
            fprintf(out, "- %s", cells[0]);
            for (size_t k = 0; k < legend->columns.count; k++)
                fprintf(out, "%s%s %s", k ? ", " : ": ", legend->columns.name[k], cells[k + 1]);
            fputs(".\n", out);
        }
        is_head = is_empty;
        at = next;
    }
    free(text);
}
