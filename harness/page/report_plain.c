/*
 * report_plain.c: a page's Markdown as plain text (report.h). MD4C reads it, and its events are
 * written down in order. A table has a line for each row, with the name of its column before each
 * cell, so that nobody has to look up or across; of two columns the first names the second.
 */
#include <limits.h>
#include <md4c.h>
#include <stdlib.h>
#include <string.h>

#include "harness/error.h"
#include "harness/page/report.h"
#include "harness/page/screen.h"

#define COLUMNS 64

struct plain {
    FILE *out;
    size_t width;
    char *line; /* what is being collected; its stream */
    size_t length;
    FILE *into;
    char *heads[COLUMNS]; /* of the table */
    size_t column, columns;
    bool in_head, has_cell;
    FILE *row; /* of the table */
    char *row_text;
    size_t row_length;
    int in_image, depth; /* of lists */
    bool failed;
};

static void begin_line(struct plain *p) {
    p->into = open_memstream(&p->line, &p->length);
    p->failed = p->failed || !p->into;
}

/* What was collected, in p->line; to be freed. */
static char *end_line(struct plain *p) {
    char *line = NULL;
    if (p->into && fclose(p->into) == 0)
        line = p->line;
    p->failed = p->failed || !line;
    p->into = NULL;
    return line;
}

static size_t sign_at(const char *text, int *mark) {
    for (*mark = 0; *mark < MARKS; ++*mark)
        if (strncmp(text, report_sign(*mark), strlen(report_sign(*mark))) == 0)
            return strlen(report_sign(*mark));
    return 0;
}

/* A verdict's sign stands before its word, and goes; a text that is only the sign becomes the
 * word. In place; returns the text. */
static const char *without_signs(char *text) {
    char *to = text;
    int mark;
    size_t length = sign_at(text, &mark);
    if (length && !text[length])
        return claim_mark_words(mark);
    for (const char *at = text; *at;) {
        length = sign_at(at, &mark);
        at += length ? length + (at[length] == ' ') : 0;
        if (!length)
            *to++ = *at++;
    }
    *to = '\0';
    return text;
}

static void put_wrapped(struct plain *p, const char *first, size_t indent, const char *text) {
    size_t at = strlen(first);
    fputs(first, p->out);
    screen_wrap(p->out, text, &at, indent, p->width);
    fputc('\n', p->out);
}

/* A block of text is at its end. */
static void put_paragraph(struct plain *p, const char *first, size_t indent) {
    char *line = end_line(p);
    if (line && *line)
        put_wrapped(p, first, indent, without_signs(line));
    free(line);
}

static void put_code(struct plain *p) {
    char *text = end_line(p);
    for (char *at = text; at && *at;) {
        size_t length = strcspn(at, "\n");
        fprintf(p->out, "    %.*s\n", (int)length, at);
        at += length + (at[length] == '\n');
    }
    free(text);
}

/* --- tables ------------------------------------------------------------------------------------
 */

static void put_head(struct plain *p, char *cell) {
    if (p->column >= COLUMNS)
        return;
    free(p->heads[p->column]);
    p->heads[p->column] = strdup(without_signs(cell));
    p->failed = p->failed || !p->heads[p->column];
    p->columns = p->column + 1;
}

/* A cell goes behind its column's name; of two columns the first is the name of the second. */
static void leave_cell(struct plain *p) {
    char *cell = end_line(p);
    const char *head = p->column < COLUMNS && p->heads[p->column] ? p->heads[p->column] : "";
    bool is_pair = p->columns == 2;
    if (cell && p->in_head)
        put_head(p, cell);
    else if (cell && p->row && *cell && strcmp(cell, "–") != 0) {
        fputs(p->has_cell ? is_pair ? ": " : "; " : "", p->row);
        fprintf(p->row, "%s%s%s", is_pair ? "" : head, is_pair || !*head ? "" : ": ",
                without_signs(cell));
        p->has_cell = true;
    }
    free(cell);
    p->column++;
}

static void enter_row(struct plain *p) {
    p->column = 0;
    p->has_cell = false;
    if (p->in_head)
        return;
    p->row = open_memstream(&p->row_text, &p->row_length);
    p->failed = p->failed || !p->row;
}

static void leave_row(struct plain *p) {
    if (!p->row)
        return;
    p->failed = p->failed || fclose(p->row) != 0;
    p->row = NULL;
    if (p->row_text && *p->row_text)
        put_wrapped(p, "- ", 2, p->row_text);
    free(p->row_text);
    p->row_text = NULL;
}

static void leave_table(struct plain *p) {
    for (size_t k = 0; k < COLUMNS; k++) {
        free(p->heads[k]);
        p->heads[k] = NULL;
    }
    p->columns = 0;
    fputc('\n', p->out);
}

/* --- what MD4C tells ---------------------------------------------------------------------------
 */

static int enter_block(MD_BLOCKTYPE type, void *detail, void *self) {
    struct plain *p = self;
    (void)detail;
    switch (type) {
    case MD_BLOCK_UL:
    case MD_BLOCK_OL:
        if (p->into) /* of the item that this list stands in */
            put_paragraph(p, "- ", 2);
        p->depth++;
        break;
    case MD_BLOCK_CODE:
        begin_line(p);
        break;
    case MD_BLOCK_LI:
    case MD_BLOCK_P:
    case MD_BLOCK_H:
    case MD_BLOCK_TH:
    case MD_BLOCK_TD:
        if (!p->into)
            begin_line(p);
        break;
    case MD_BLOCK_THEAD:
        p->in_head = true;
        break;
    case MD_BLOCK_TR:
        enter_row(p);
        break;
    default:
        break;
    }
    return p->failed;
}

static void leave_list(struct plain *p) {
    if (--p->depth == 0)
        fputc('\n', p->out);
}

static void leave_heading(struct plain *p, unsigned level) {
    char *line = end_line(p);
    size_t length = line ? strlen(line) : 0;
    if (line)
        fprintf(p->out, "%s%s\n", level < 3 ? "\n" : "", line);
    for (size_t k = 0; level < 3 && k < length && k < p->width; k++)
        fputc(level == 1 ? '=' : '-', p->out);
    fputs(level < 3 ? "\n\n" : "\n", p->out);
    free(line);
}

static int leave_block(MD_BLOCKTYPE type, void *detail, void *self) {
    struct plain *p = self;
    switch (type) {
    case MD_BLOCK_UL:
    case MD_BLOCK_OL:
        leave_list(p);
        break;
    case MD_BLOCK_LI:
        if (p->into)
            put_paragraph(p, "- ", 2);
        break;
    case MD_BLOCK_P:
        put_paragraph(p, p->depth ? "- " : "", p->depth ? 2 : 0);
        if (!p->depth)
            fputc('\n', p->out);
        break;
    case MD_BLOCK_H:
        leave_heading(p, ((const MD_BLOCK_H_DETAIL *)detail)->level);
        break;
    case MD_BLOCK_CODE:
        put_code(p);
        fputc('\n', p->out);
        break;
    case MD_BLOCK_THEAD:
        p->in_head = false;
        break;
    case MD_BLOCK_TH:
    case MD_BLOCK_TD:
        leave_cell(p);
        break;
    case MD_BLOCK_TR:
        leave_row(p);
        break;
    case MD_BLOCK_TABLE:
        leave_table(p);
        break;
    default:
        break;
    }
    return p->failed;
}

static int enter_span(MD_SPANTYPE type, void *detail, void *self) {
    struct plain *p = self;
    (void)detail;
    p->in_image += type == MD_SPAN_IMG;
    return 0;
}

static int leave_span(MD_SPANTYPE type, void *detail, void *self) {
    struct plain *p = self;
    (void)detail;
    p->in_image -= type == MD_SPAN_IMG;
    return 0;
}

/* "&#42;", "&amp;": how text of results stands in Markdown. */
static void put_entity(struct plain *p, const char *text, size_t size) {
    static const struct {
        const char *name;
        char is;
    } known[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (strlen(known[k].name) == size && memcmp(text, known[k].name, size) == 0) {
            fputc(known[k].is, p->into);
            return;
        }
    long code = size > 3 && text[1] == '#' ? strtol(text + 2, NULL, 10) : 0;
    fputc(code >= ' ' && code < 0x7f ? (int)code : '?', p->into);
}

static int take_text(MD_TEXTTYPE type, const MD_CHAR *text, MD_SIZE size, void *self) {
    struct plain *p = self;
    if (p->in_image || !p->into)
        return 0;
    if (type == MD_TEXT_ENTITY)
        put_entity(p, text, size);
    else if (type == MD_TEXT_BR || type == MD_TEXT_SOFTBR)
        fputc(' ', p->into);
    else if (type == MD_TEXT_NULLCHAR)
        fputc('?', p->into);
    else
        fwrite(text, 1, size, p->into);
    return 0;
}

int report_plain(const char *markdown, size_t length, size_t width, FILE *out) {
    struct plain p = {.out = out, .width = width};
    const MD_PARSER parser = {.flags = MD_FLAG_TABLES | MD_FLAG_NOHTML,
                              .enter_block = enter_block,
                              .leave_block = leave_block,
                              .enter_span = enter_span,
                              .leave_span = leave_span,
                              .text = take_text};
    if (length >= UINT_MAX)
        return error_set("the page is too long");
    int status = md_parse(markdown, (MD_SIZE)length, &parser, &p);
    if (p.into) {
        fclose(p.into);
        free(p.line);
    }
    if (p.row) {
        fclose(p.row);
        free(p.row_text);
    }
    for (size_t k = 0; k < COLUMNS; k++)
        free(p.heads[k]);
    return status || p.failed ? error_set("out of memory; close other programs") : 0;
}
