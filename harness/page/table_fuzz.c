/*
 * table_fuzz.c: the reader of tables, the selection of series, and the escaping of texts, on any
 * bytes. Besides not crashing: what was selected holds allowed characters only, and no escaped
 * text holds one that could start markup.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/error.h"
#include "harness/page/escape.h"
#include "harness/page/table.h"
#include "harness/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *copy_of(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (!text)
        abort();
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

static void check_blocks(const struct table *table) {
    struct legend_data selection = {.number = 1, .table = "t"};
    const char *first = table_cell(table, 0, 0);
    const char *last = table_cell(table, 0, table->columns - 1);
    if (strlen(first) >= LEGEND_WORD || strlen(last) >= LEGEND_WORD)
        return;
    strcpy(selection.columns.name[0], last);
    strcpy(selection.by.name[0], first);
    selection.columns.count = selection.by.count = 1;
    char *text = NULL;
    size_t length = 0;
    struct table_extent extent;
    FILE *out = open_memstream(&text, &length);
    int status = table_write_blocks(table, &selection, out, &extent);
    fclose(out);
    /* Only what is too much for a plot is refused. */
    if (status && !strstr(error_text(), "LIMIT_PLOT_"))
        abort();
    if (status) {
        free(text);
        return;
    }
    if (extent.rows != table->rows || strpbrk(text, "`\"'$@<>|{}\\#&"))
        abort();
    free(text);
}

static void check_escape(const char *text) {
    char *shown = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&shown, &length);
    escape_markdown(out, text);
    fclose(out);
    if (strpbrk(shown, "<|${\n\r\t"))
        abort();
    /* What a backslash takes the meaning of has one before it. */
    for (const char *at = shown; (at = strpbrk(at, "[]~*")) != NULL; at++) {
        bool alone = *at == '*' && at > shown && at[-1] == ' ' && at[1] == ' ';
        if (!alone && (at == shown || at[-1] != '\\'))
            abort();
    }
    free(shown);
}

/* One harmless line, whatever it was. */
static void check_plain(const char *text) {
    char plain[300], *flat = strdup(text);
    text_plain(plain, sizeof plain, text);
    text_flatten(flat);
    for (const char *at = plain; *at; at += text_visible(at))
        if (!text_visible(at))
            abort();
    for (const char *at = flat; *at; at += text_visible(at))
        if (!text_visible(at))
            abort();
    json_t *value = text_json(text);
    if (!value)
        abort();
    json_decref(value);
    free(flat);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct table table;
    char *text = copy_of(data, size);
    check_escape(text);
    check_plain(text);
    if (table_parse(text, size, "table", &table))
        return 0;
    check_blocks(&table);
    table_free(&table);
    return 0;
}
