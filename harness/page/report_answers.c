/*
 * report_answers.c: the texts that were given to one question, side by side (report.h).
 *
 * Each case is a column: a way in which the question was asked. Its rows are the texts that came
 * back: "text", "times", and "ends", the places where its tokens end, "3,11,…"; without them, words
 * are taken for tokens. Every text is a row of the table, once, with how often each column gave it.
 * What all of them begin with stands above. A model printed them, or whoever made the folder: they
 * are strangers' text.
 */
#define _GNU_SOURCE
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/error.h"
#include "harness/lab/rows.h"
#include "harness/page/escape.h"
#include "harness/page/report.h"
#include "harness/page/units.h"

enum {
    COLUMNS_MOST = 12,
    TEXTS_MOST = 12,
    TOKENS_MOST = 1024,
    NAME = 60,
    SHOWN = 4096,
    CASES_MOST = 64
};

struct answer {
    const char *text; /* of the case's record */
    size_t end[TOKENS_MOST], tokens;
    double times[COLUMNS_MOST], total; /* NAN: not given */
};

struct answers {
    char name[COLUMNS_MOST][NAME]; /* of a column */
    double asked[COLUMNS_MOST], distinct[COLUMNS_MOST];
    struct answer answer[TEXTS_MOST];
    size_t columns, count;
    bool cut; /* there were more than fit */
};

/* --- reading -----------------------------------------------------------------------------------
 */

static bool read_ends(struct answer *a, const char *ends, size_t length) {
    for (a->tokens = 0; *ends && a->tokens < TOKENS_MOST; a->tokens++) {
        char *after;
        const unsigned long end = strtoul(ends, &after, 10);
        if (after == ends || end > length || end <= (a->tokens ? a->end[a->tokens - 1] : 0) ||
            (*after && *after != ','))
            return false;
        a->end[a->tokens] = end;
        ends = after + (*after == ',');
    }
    return a->tokens && a->end[a->tokens - 1] == length;
}

/* A word, with the blanks before it. */
static void read_words(struct answer *a, size_t length) {
    size_t at = 0;
    for (a->tokens = 0; at < length && a->tokens < TOKENS_MOST; a->tokens++) {
        at += strspn(a->text + at, " ");
        at += strcspn(a->text + at, " ");
        a->end[a->tokens] = at;
    }
    if (a->tokens)
        a->end[a->tokens - 1] = length;
}

static struct answer *answer_of(struct answers *all, const char *text, const char *ends) {
    for (size_t k = 0; k < all->count; k++)
        if (!strcmp(all->answer[k].text, text))
            return &all->answer[k];
    if (all->count == TEXTS_MOST || !*text || strlen(text) >= SHOWN)
        return NULL;
    struct answer *a = &all->answer[all->count++];
    a->text = text;
    if (!read_ends(a, ends, strlen(text)))
        read_words(a, strlen(text));
    for (size_t c = 0; c < COLUMNS_MOST; c++)
        a->times[c] = NAN;
    return a;
}

/* COLUMNS_MOST where there is no room for one more. */
static size_t column_of(struct answers *all, const struct rows *rows, size_t k, const char *by) {
    char name[NAME];
    const char *device = row_text(rows, k, "device");
    const bool other = strcmp(device, row_text(rows, 0, "device")) != 0;
    snprintf(name, sizeof name, "%s%s%s", row_text(rows, k, by), other ? ", " : "",
             other ? device : "");
    for (size_t c = 0; c < all->columns; c++)
        if (!strcmp(all->name[c], name))
            return c;
    if (all->columns == COLUMNS_MOST)
        return COLUMNS_MOST;
    strcpy(all->name[all->columns], name);
    all->asked[all->columns] = row_number(rows, k, "completions");
    all->distinct[all->columns] = row_number(rows, k, "distinct");
    return all->columns++;
}

/* The first stays the first: the others are told by how they differ from it. */
static int by_total(const void *a, const void *b) {
    const struct answer *x = a, *y = b;
    return x->total != y->total ? (x->total < y->total) - (x->total > y->total)
                                : strcmp(x->text, y->text);
}

static void read_all(struct answers *all, const struct rows *rows, const char *by) {
    for (size_t k = 0; k < rows->count; k++) {
        const double times = row_number(rows, k, "times");
        const size_t column = times > 0 ? column_of(all, rows, k, by) : COLUMNS_MOST;
        struct answer *a = column < COLUMNS_MOST ? answer_of(all, row_text(rows, k, "text"),
                                                             row_text(rows, k, "ends"))
                                                 : NULL;
        if (a) {
            a->times[column] = times;
            a->total += times;
        }
        all->cut = all->cut || !a;
    }
    if (all->count > 2)
        qsort(all->answer + 1, all->count - 1, sizeof *all->answer, by_total);
}

/* --- where they part ---------------------------------------------------------------------------
 */

/* The first token that differs: how many are the same before it. */
static size_t parting(const struct answer *a, const struct answer *b) {
    size_t k = 0, from = 0;
    while (k < a->tokens && k < b->tokens && a->end[k] == b->end[k] &&
           !memcmp(a->text + from, b->text + from, a->end[k] - from))
        from = a->end[k++];
    return k;
}

/* How many tokens all of them begin with. */
static size_t common(const struct answers *all) {
    size_t least = all->count > 1 ? all->answer[0].tokens : 0;
    for (size_t k = 1; k < all->count; k++) {
        const size_t same = parting(&all->answer[0], &all->answer[k]);
        least = same < least ? same : least;
    }
    return least;
}

/* Whether a token of answer `k` is one at which it parts from one above; of the first, whether it
 * is where the others begin to. */
static bool parts_at(const struct answers *all, size_t k, size_t token, size_t same) {
    if (k == 0)
        return all->count > 1 && token == same;
    for (size_t j = 0; j < k; j++)
        if (parting(&all->answer[j], &all->answer[k]) == token)
            return true;
    return false;
}

/* --- writing -----------------------------------------------------------------------------------
 */

/* Bytes of a text; what looks like our marks becomes a quotation mark. */
static void put_bytes(FILE *out, const char *from, const char *to) {
    const size_t size = strlen(REPORT_MARK_OPEN);
    while (from < to) {
        const bool mark = (size_t)(to - from) >= size && (!memcmp(from, REPORT_MARK_OPEN, size) ||
                                                          !memcmp(from, REPORT_MARK_CLOSE, size));
        fputc(mark ? '"' : *from, out);
        from += mark ? size : 1;
    }
}

/* The text from a token on, the tokens at which it parts marked: blanks stay outside of marks. */
static void put_text(const struct answers *all, size_t k, size_t same, FILE *out) {
    const struct answer *a = &all->answer[k];
    char *line = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&line, &size);
    if (!to)
        return;
    if (same == a->tokens)
        fputs("(ends here)", to);
    for (size_t t = same; t < a->tokens; t++) {
        const char *from = a->text + (t ? a->end[t - 1] : 0), *end = a->text + a->end[t];
        const bool marked = parts_at(all, k, t, same);
        while (from < end && *from == ' ')
            fputc(*from++, to);
        fputs(marked ? REPORT_MARK_OPEN : "", to);
        put_bytes(to, from, end);
        fputs(marked ? REPORT_MARK_CLOSE : "", to);
    }
    if (!fclose(to))
        escape_inline(out, line + strspn(line, " "));
    free(line);
}

/* Counts of all columns, to the end of a line. */
static void put_counts(const double *counts, size_t columns, FILE *out) {
    char text[UNITS_TEXT];
    for (size_t c = 0; c < columns; c++)
        fprintf(out, " %s |",
                counts[c] >= 0 && counts[c] < 1e15
                    ? units_count(text, sizeof text, (long long)counts[c])
                    : "–");
    fputc('\n', out);
}

static void put_table(const struct answers *all, size_t same, FILE *out) {
    fputs("| |", out);
    for (size_t c = 0; c < all->columns; c++) {
        fputc(' ', out);
        escape_inline(out, all->name[c]);
        fputs(" |", out);
    }
    fputs("\n|---|", out);
    for (size_t c = 0; c < all->columns; c++)
        fputs("--:|", out);
    fputc('\n', out);
    for (size_t k = 0; k < all->count; k++) {
        fputs("| ", out);
        put_text(all, k, same, out);
        fputs(" |", out);
        put_counts(all->answer[k].times, all->columns, out);
    }
    fputs("| *different answers* |", out);
    put_counts(all->distinct, all->columns, out);
    fputs("| *times asked* |", out);
    put_counts(all->asked, all->columns, out);
    fputc('\n', out);
}

static void put_all(const struct answers *all, const struct legend_shown *shown, FILE *out) {
    const size_t same = common(all);
    fprintf(out, "**%s**\n\n", shown->title);
    if (same) {
        fputs("All begin: ", out);
        char *begin = strndup(all->answer[0].text, all->answer[0].end[same - 1]);
        escape_inline(out, begin);
        free(begin);
        fputs(" …\n\n", out);
    }
    put_table(all, same, out);
    if (all->cut)
        fputs("Not all answers are shown.\n\n", out);
    if (*shown->text)
        fprintf(out, "%s\n\n", shown->text);
}

static int keep(void *context, const json_t *record) {
    return json_array_size(context) < CASES_MOST ? json_array_append(context, (json_t *)record) : 0;
}

void report_answers(const struct reader *reader, const struct legend_shown *shown, FILE *out) {
    json_t *cases = json_array();
    struct answers *all = calloc(1, sizeof *all);
    struct rows rows;
    if (cases && all && !reader_cases(reader, shown->cases, NULL, keep, cases) &&
        !rows_from(cases, &rows)) {
        read_all(all, &rows, shown->name);
        if (all->count)
            put_all(all, shown, out);
        rows_free(&rows);
    }
    free(all);
    json_decref(cases);
}

int report_answers_plain(const struct reader *reader, const char *lab, size_t width, FILE *out) {
    struct plot_set *set = calloc(1, sizeof *set);
    char *markdown = NULL;
    size_t length = 0;
    FILE *to = set ? open_memstream(&markdown, &length) : NULL;
    int status = to ? plot_legend(lab, set) : error_set("out of memory");
    for (size_t k = 0; status == 0 && k < set->legend.shown_count; k++)
        if (set->legend.shown[k].is_answers)
            report_answers(reader, &set->legend.shown[k], to);
    if (to && fclose(to) && !status)
        status = error_set("out of memory");
    if (!status && length)
        status = report_plain(markdown, length, width, out);
    if (set)
        plot_set_free(set);
    free(set);
    free(markdown);
    return status;
}
