/* legend.c: see legend.h. */
#include "harness/page/legend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/error.h"
#include "harness/page/home.h"
#include "harness/store/result.h"

/* One line taken apart word by word; `file` and `line` are for messages. */
struct cursor {
    char *at;
    const char *file;
    int line;
};

static int bad(const struct cursor *c, const char *what) {
    return error_set("%s:%d: %s; see docs/writing-a-lab.md", c->file, c->line, what);
}

/* The next word up to a space or colon, which is cut off; "" at the end. */
static char *word(struct cursor *c) {
    c->at += strspn(c->at, " \t");
    char *from = c->at;
    c->at += strcspn(c->at, " \t:");
    if (*c->at == ':' || *c->at == '\0')
        return from; /* the colon is for colon() */
    *c->at++ = '\0';
    return from;
}

/* Steps over the colon behind a word, cutting the word off there. */
static int colon(struct cursor *c) {
    c->at += strspn(c->at, " \t");
    if (*c->at != ':')
        return -1;
    *c->at++ = '\0';
    c->at += strspn(c->at, " \t");
    return 0;
}

static int is_column(const char *text) {
    size_t length = strlen(text);
    if (length == 0 || length >= LEGEND_WORD || text[0] == ' ' || text[length - 1] == ' ')
        return 0;
    return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-/ ") ==
           length;
}

/* "a,b,c", or "a=x,b=y" when `equals` is given. */
static int columns(const struct cursor *c, char *list, struct legend_columns *names,
                   struct legend_columns *equals) {
    for (char *save, *item = strtok_r(list, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
        char *value = equals ? strchr(item, '=') : NULL;
        if (equals && !value)
            return bad(c, "`where` takes column=value");
        if (value)
            *value++ = '\0';
        if (names->count == LEGEND_COLUMNS_MAX)
            return bad(c, "too many columns");
        if (!is_column(item) || (value && !is_column(value)))
            return bad(c, "a column's name or value has characters it cannot have");
        if (value)
            strcpy(equals->name[equals->count++], value);
        strcpy(names->name[names->count++], item);
    }
    return names->count ? 0 : bad(c, "no columns are named");
}

/* Cuts `text` off at `mark` and returns what follows it; NULL if it is not there. */
static char *cut_at(char *text, const char *mark) {
    char *at = strstr(text, mark);
    if (!at)
        return NULL;
    *at = '\0';
    return at + strlen(mark);
}

static int parse_data(struct cursor *c, struct legend *legend, int is_published) {
    int number = atoi(word(c));
    if (number < 1 || number > LEGEND_DATA_MAX)
        return bad(c, "`data` takes a number from 1 to 24");
    struct legend_data *data = &legend->data[number];
    if (data->number)
        return bad(c, "this data number is taken");
    char *table = word(c);
    if (colon(c) || !home_is_plain(table))
        return bad(c, "expected `data K TABLE: COLUMNS`");
    strcpy(data->table, table);
    /* Names of columns may hold spaces, so the list ends where " where " or " by " begins. */
    char *where = cut_at(c->at, " where "), *by = cut_at(c->at, " by ");
    if (columns(c, c->at, &data->columns, NULL) || (by && columns(c, by, &data->by, NULL)) ||
        (where && columns(c, where, &data->where, &data->equals)))
        return -1;
    data->number = number;
    data->is_published = is_published;
    return 0;
}

enum shown { SHOWN_TABLE, SHOWN_PLOT, SHOWN_ANSWERS };

/* "09/load/": how ids begin. */
static int is_cases(const char *text) {
    size_t length = strlen(text);
    return length > 0 && length < LEGEND_WORD &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-/") == length;
}

static int parse_shown(struct cursor *c, struct legend *legend, enum shown what) {
    const int is_plot = what == SHOWN_PLOT;
    if (legend->shown_count == LEGEND_SHOWN_MAX)
        return bad(c, "too many plots and tables");
    struct legend_shown *shown = &legend->shown[legend->shown_count];
    const char *cases = what == SHOWN_ANSWERS ? word(c) : "";
    char *name = word(c);
    if (what == SHOWN_ANSWERS && !is_cases(cases))
        return bad(c, "expected `answers CASES COLUMN: TITLE`");
    if (is_plot) {
        do {
            char *from = word(c);
            char *end;
            long number = strtol(from, &end, 10);
            if (end == from || number < 1 || number > LEGEND_DATA_MAX ||
                !legend->data[number].number)
                return bad(c, "expected `plot NAME K…: TITLE`, each K a data number above");
            shown->needs |= 1u << number;
            c->at += strspn(c->at, " \t");
        } while (*c->at && *c->at != ':');
    }
    if (colon(c) || !*c->at)
        return bad(c, "expected `: TITLE`");
    if (!home_is_plain(name))
        return bad(c, "a name takes a-z, 0-9 and - only");
    if (strlen(c->at) >= sizeof shown->title)
        return bad(c, "the title is too long");
    strcpy(shown->name, name);
    strcpy(shown->title, c->at);
    strcpy(shown->cases, cases);
    shown->is_plot = is_plot;
    shown->is_answers = what == SHOWN_ANSWERS;
    legend->shown_count++;
    return 0;
}

static int parse_text(struct cursor *c, struct legend *legend) {
    if (!legend->shown_count)
        return bad(c, "`text` belongs under a plot or table");
    struct legend_shown *shown = &legend->shown[legend->shown_count - 1];
    size_t have = strlen(shown->text);
    c->at += strspn(c->at, " \t");
    if (have + strlen(c->at) + 2 > sizeof shown->text)
        return bad(c, "the text is too long");
    sprintf(shown->text + have, "%s%s", have ? " " : "", c->at);
    return 0;
}

static int parse_front(struct cursor *c, struct legend *legend) {
    if (!legend->shown_count || !legend->shown[legend->shown_count - 1].is_plot)
        return bad(c, "`front` belongs under a plot");
    for (size_t k = 0; k < legend->shown_count; k++)
        if (legend->shown[k].is_front)
            return bad(c, "`front` is there already, and a page begins with one plot");
    legend->shown[legend->shown_count - 1].is_front = 1;
    return 0;
}

static int parse_line(struct cursor *c, struct legend *legend) {
    char *key = word(c);
    if (!strcmp(key, "data") || !strcmp(key, "published"))
        return parse_data(c, legend, key[0] == 'p');
    if (!strcmp(key, "plot"))
        return parse_shown(c, legend, SHOWN_PLOT);
    if (!strcmp(key, "table"))
        return parse_shown(c, legend, SHOWN_TABLE);
    if (!strcmp(key, "answers"))
        return parse_shown(c, legend, SHOWN_ANSWERS);
    if (!strcmp(key, "text"))
        return parse_text(c, legend);
    if (!strcmp(key, "front"))
        return parse_front(c, legend);
    return bad(c, "#@ takes data, published, plot, table, answers, front or text");
}

int legend_parse(const char *text, const char *file, struct legend *legend) {
    struct cursor cursor = {.file = file};
    memset(legend, 0, sizeof *legend);
    int status = 0;
    for (const char *line = text; *line && !status;) {
        size_t length = strcspn(line, "\n");
        cursor.line++;
        if (!strncmp(line, "#@", 2)) {
            char *copy = strndup(line + 2, length - 2);
            if (!copy)
                return error_set("%s: out of memory", file);
            cursor.at = copy;
            status = parse_line(&cursor, legend);
            free(copy);
        }
        line += length + (line[length] == '\n');
    }
    return status;
}
