/*
 * report_html.c: from the Markdown to one self-contained page (report.h).
 *
 * MD4C turns the Markdown into HTML, with tables and without raw HTML. Then our own marks in its
 * output are replaced: images by the SVG drawn a moment ago, tables get a frame that scrolls and
 * says so, numbers behind a verdict become a part that opens. Text of results cannot imitate those
 * marks, as each `<` in it has become a character reference. A content security policy stands
 * behind all that: the page may run and load nothing.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <md4c-html.h>
#include <stdlib.h>
#include <string.h>

#include "harness/error.h"
#include "harness/page/report.h"

/* Of a plot, in rem: its least width in the style sheet. */
#define FIGURE_WIDTH 34
/* Bytes of a cell from which on it is given a width and wraps. */
#define LONG_CELL 28
#define LONGER_CELL 120
#define COLUMNS 64

static void take(const MD_CHAR *text, MD_SIZE size, void *out) {
    fwrite(text, 1, size, out);
}

/* The Markdown's HTML; NULL with error_text(). */
static char *body_of(const char *markdown, size_t length) {
    char *html = NULL;
    size_t size = 0;
    FILE *out = length < UINT_MAX ? open_memstream(&html, &size) : NULL;
    int status =
        out ? md_html(markdown, (MD_SIZE)length, take, out, MD_FLAG_TABLES | MD_FLAG_NOHTML, 0)
            : -1;
    if (out && fclose(out))
        status = -1;
    if (!status)
        return html;
    free(html);
    error_set("out of memory");
    return NULL;
}

/* True if `at` starts with `mark`. */
static int starts(const char *at, const char *mark) {
    return strncmp(at, mark, strlen(mark)) == 0;
}

/*
 * Writes gnuplot's SVG without what belongs to a file of its own (declaration, doctype, the
 * titles of the window and of series; those of marks stay), and with names that no other plot on
 * the page has. Only plots drawn a moment ago get here; a script in one would be a change of
 * gnuplot's that we have to know about.
 */
static int inline_svg(const char *svg, const char *folder, const char *name, const char *title,
                      FILE *out) {
    const char *at = strstr(svg, "<svg");
    if (!at || strstr(svg, "<script") || strstr(svg, "<foreignObject"))
        return error_set("gnuplot wrote an SVG of a form not known here for %s/%s; report this "
                         "with the output of gnuplot --version",
                         folder, name);
    while (*at) {
        if (starts(at, "<svg")) {
            fputs("<svg role=\"img\" aria-label=\"", out);
            for (const char *c = title; *c; c++)
                fprintf(out, strchr("<>&\"", *c) ? "&#%d;" : "%c", *c);
            fputs("\"", out);
            at += 4;
        } else if ((starts(at, "<title>Gnuplot") || starts(at, "<title>gnuplot_")) &&
                   strstr(at, "</title>")) {
            at = strstr(at, "</title>") + 8;
        } else if (starts(at, "<desc>") && strstr(at, "</desc>")) {
            at = strstr(at, "</desc>") + 7;
        } else if (starts(at, " id=\"") || starts(at, " id='")) {
            fprintf(out, "%.5s%.2s-%s-", at, folder, name);
            at += 5;
        } else if (starts(at, "url(#") || starts(at, "href='#") || starts(at, "href=\"#")) {
            int length = (int)(strchr(at, '#') - at) + 1;
            fprintf(out, "%.*s%.2s-%s-", length, at, folder, name);
            at += length;
        } else {
            fputc(*at++, out);
        }
    }
    return 0;
}

/* If `at` is an image of ours, writes the plot and returns the length of the mark, else 0;
 * -1 on failure. */
static int put_figure(const struct report_page *page, const char *at, FILE *out) {
    for (size_t p = 0; p < page->plots_count; p++) {
        const char *folder = page->plots[p].folder;
        const struct plot_set *set = page->plots[p].set;
        for (size_t k = 0; k < set->legend.shown_count; k++) {
            const struct legend_shown *shown = &set->legend.shown[k];
            char mark[300];
            if (!set->images[k].have)
                continue;
            snprintf(mark, sizeof mark, "<p><img src=\"%s/plots/%s.svg\"", folder, shown->name);
            const char *end = starts(at, mark) ? strstr(at, "</p>") : NULL;
            if (!end)
                continue;
            report_hint(FIGURE_WIDTH, FIGURE_WIDTH, out);
            fputs("<figure tabindex=\"0\">", out);
            if (inline_svg(set->images[k].svg, folder, shown->name, shown->title, out))
                return -1;
            fputs("</figure>", out);
            return (int)(end - at) + 4;
        }
    }
    return 0;
}

/* Marked tokens in a cell (report_answers.c) are highlighted. Returns the length taken: up to the
 * end of the last one. */
static int put_marked(const char *from, const char *end, FILE *out) {
    const size_t size = strlen(REPORT_MARK_OPEN);
    const char *at = from, *open;
    while ((open = memmem(at, (size_t)(end - at), REPORT_MARK_OPEN, size))) {
        const char *close = memmem(open, (size_t)(end - open), REPORT_MARK_CLOSE, size);
        if (!close || memchr(open, '<', (size_t)(close - open)))
            break;
        fwrite(at, 1, (size_t)(open - at), out);
        fputs("<mark>", out);
        fwrite(open, 1, (size_t)(close - open) + size, out);
        fputs("</mark>", out);
        at = close + size;
    }
    return (int)(at - from);
}

/* Cells that say a verdict get its colour, and their word is left out on a small screen; long
 * ones get room to be read. */
static int put_cell(const char *at, FILE *out) {
    static const char *const classes[MARKS] = {"confirmed", "refuted", "bounded", "untested",
                                               "broken"};
    for (int m = 0; m < MARKS; m++) {
        char mark[80];
        int length =
            snprintf(mark, sizeof mark, "<td>%s %s</td>", report_sign(m), claim_mark_words(m));
        if (starts(at, mark)) {
            fprintf(out, "<td class=\"verdict %s\">%s<span class=\"word\"> %s</span></td>",
                    classes[m], report_sign(m), claim_mark_words(m));
            return length;
        }
    }
    const char *end = strstr(at, "</td>");
    if (!end)
        return 0;
    fputs(end - at > LONGER_CELL ? "<td class=\"longer\">"
          : end - at > LONG_CELL ? "<td class=\"long\">"
                                 : "<td>",
          out);
    return 4 + put_marked(at + 4, end, out);
}

/* A head that is only a verdict's sign gets its word, for those who are read to. */
static int put_head(const char *at, FILE *out) {
    for (int m = 0; m < MARKS; m++) {
        char mark[60];
        int length = snprintf(mark, sizeof mark, "<th align=\"right\">%s</th>", report_sign(m));
        if (starts(at, mark)) {
            fprintf(out,
                    "<th align=\"right\"><span aria-hidden=\"true\">%s</span>"
                    "<span class=\"said\">%s</span></th>",
                    report_sign(m), claim_mark_words(m));
            return length;
        }
    }
    return 0;
}

/* Characters that HTML shows between two places. */
static size_t shown_length(const char *from, const char *to) {
    size_t count = 0;
    for (const char *at = from; at < to; at++) {
        const char *end = *at == '<'   ? memchr(at, '>', (size_t)(to - at))
                          : *at == '&' ? memchr(at, ';', (size_t)(to - at))
                                       : NULL;
        count += *at != '<' && ((unsigned char)*at & 0xc0) != 0x80;
        at = end ? end : at;
    }
    return count;
}

/* A cell's least width in rem, as put_cell() and the style sheet make it. */
static double cell_width(const char *cell, const char *end, int on_phone) {
    double padding = on_phone ? 0.8 : 1.4;
    if (cell[2] == 'd' && end - cell > LONG_CELL)
        return padding + (on_phone ? 9 : end - cell > LONGER_CELL ? 17 : 11);
    for (int m = 0; m < MARKS && on_phone; m++)
        if (starts(cell + 4, report_sign(m)))
            return padding + 1;
    return padding + (cell[2] == 'h' ? 0.55 : 0.52) * (double)shown_length(cell, end);
}

static double table_width(const char *at, const char *end, int on_phone) {
    double widths[COLUMNS] = {0}, sum = 0;
    size_t column = 0;
    for (; at < end; at++) {
        if (starts(at, "<tr>"))
            column = 0;
        int is_cell = starts(at, "<td") || (starts(at, "<th") && !starts(at, "<thead"));
        const char *close = is_cell ? strstr(at, at[2] == 'd' ? "</td>" : "</th>") : NULL;
        if (!close || column == COLUMNS)
            continue;
        double width = cell_width(at, close, on_phone);
        widths[column] = width > widths[column] ? width : widths[column];
        column++;
    }
    for (size_t k = 0; k < COLUMNS; k++)
        sum += widths[k];
    return sum;
}

/* A table gets a frame that scrolls: sideways, and if it has many rows of numbers, also down. */
static int put_table(const char *at, FILE *out) {
    const char *mark = "<table>", *end = strstr(at, "</table>");
    size_t rows = 0;
    for (const char *row = at; end && (row = strstr(row, "<tr>")) && row < end; row += 4)
        rows++;
    report_hint(end ? table_width(at, end, 1) : 0, end ? table_width(at, end, 0) : 0, out);
    fprintf(out, "<div class=\"%s\" tabindex=\"0\">%s", rows > 20 ? "wide tall" : "wide", mark);
    return (int)strlen(mark);
}

/* The numbers behind a verdict: a part that opens. Its end is that of its table. */
static int put_numbers(const char *at, FILE *out) {
    const char *open = "<p><em>", *close = "</em></p>\n<table>", *end = strstr(at, "</em>");
    if (!end || !starts(end, close))
        return 0;
    at += strlen(open);
    fprintf(out, "<details><summary>%.*s</summary>\n", (int)(end - at), at);
    return (int)(end - at + (long)strlen(open) + (long)strlen("</em></p>\n"));
}

/* The mark above a plot in words, which are a list. */
#define IN_WORDS "<p><em>" REPORT_IN_WORDS "</em></p>\n"

/* Links of a README that lead out of the page stay; those into the source tree have no place to
 * lead to from here. */
static int put_link(const char *at, FILE *out) {
    (void)out;
    const char *end = strstr(at, "\">");
    return starts(at, "<a href=\"https://") || !end ? 0 : (int)(end - at) + 2;
}

struct body {
    const struct report_page *page;
    int in_numbers; /* in a part that opens */
    int in_link;    /* in a link that is left out */
    int in_words;   /* in the words of a plot */
};

/* Writes what takes the place of the mark at `at`; returns the mark's length, 0 for none, or -1. */
static int put_mark(struct body *body, const char *at, FILE *out) {
    int taken = 0;
    if (starts(at, "<p><img "))
        return put_figure(body->page, at, out);
    if (starts(at, "<td>"))
        return put_cell(at, out);
    if (starts(at, "<th align=\"right\">"))
        return put_head(at, out);
    if (starts(at, "<table>"))
        return put_table(at, out);
    if (starts(at, "</table>")) {
        fputs(body->in_numbers ? "</table></div></details>" : "</table></div>", out);
        body->in_numbers = 0;
        return 8;
    }
    if (starts(at, IN_WORDS "<ul>")) {
        fputs("<details class=\"words\"><summary>" REPORT_IN_WORDS "</summary>\n<ul>", out);
        body->in_words = 1;
        return (int)sizeof IN_WORDS "<ul>" - 1;
    }
    if (starts(at, "</ul>") && body->in_words) {
        fputs("</ul></details>", out);
        body->in_words = 0;
        return 5;
    }
    if (starts(at, "<p><em>Numbers behind ")) {
        taken = put_numbers(at, out);
        body->in_numbers = taken > 0;
    } else if (starts(at, "<a ")) {
        taken = put_link(at, out);
        body->in_link = taken > 0;
    } else if (starts(at, "</a>") && body->in_link) {
        taken = 4;
        body->in_link = 0;
    }
    return taken;
}

static int put_body(const struct report_page *page, const char *text, FILE *out) {
    struct body body = {.page = page};
    for (const char *at = text; *at;) {
        int taken = *at == '<' ? put_mark(&body, at, out) : 0;
        if (taken < 0)
            return -1;
        if (taken == 0)
            fputc(*at++, out);
        at += taken;
    }
    return 0;
}

int report_html(const struct report_page *page, char **html, size_t *html_length) {
    *html = NULL;
    char *body = body_of(page->markdown, page->length);
    if (!body)
        return -1;
    FILE *out = open_memstream(html, html_length);
    int status = out ? 0 : error_set("out of memory");
    if (out) {
        report_head(page->title, out);
        status = put_body(page, body, out);
        fputs("</body>\n</html>\n", out);
        fclose(out);
    }
    free(body);
    if (status) {
        free(*html);
        *html = NULL;
    }
    return status;
}
