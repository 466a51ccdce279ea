/*
 * case_table.c: writing tables (the last part of lab.h).
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/error.h"
#include "harness/lab/lab.h"
#include "harness/lab/run.h"
#include "harness/page/table.h"
#include "harness/store/limits.h"
#include "harness/store/result.h"

struct lab_table {
    struct lab_run *run;
    FILE *text;
    char *data;
    size_t size;
    char file[128];
    bool failed; /* a row was too much for memory */
};

struct lab_table *lab_table_open(struct lab_run *run, const char *name) {
    struct lab_table *table = calloc(1, sizeof *table);
    size_t length = strlen(name);
    if (length == 0 || length > 48 ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != length) {
        char text[200];
        snprintf(text, sizeof text,
                 "table \"%.60s\": a name has 1 to 48 of a-z, 0-9 and -; correct the lab", name);
        run_error(run, text);
        free(table);
        return NULL;
    }
    if (table)
        table->text = open_memstream(&table->data, &table->size);
    if (!table || !table->text) {
        free(table);
        run_error(run, "out of memory for a table");
        return NULL;
    }
    table->run = run;
    snprintf(table->file, sizeof table->file, "%.48s.tsv", name);
    return table;
}

/* As page/table.h reads it: what else a text holds becomes "-", and what is longer than a cell ends
 * there. Texts may come from a stranger's journal, and one of them must not cost the table. */
static void put_row(FILE *out, const char *row) {
    size_t length = 0;
    size_t size = strlen(row);
    size -= size && row[size - 1] == '\n';
    for (const char *end = row + size; row < end; row++) {
        length = *row == '\t' ? 0 : length + 1;
        if (length <= TABLE_CELL_MAX)
            fputc(*row == '\t' || strchr(TABLE_LETTERS, *row) ? *row : '-', out);
    }
    fputc('\n', out);
}

void lab_table_row(struct lab_table *table, const char *format, ...) {
    char *row = NULL;
    va_list args;
    /* What is too long already is refused by lab_table_close(): no more memory for it. */
    if (ftello(table->text) > (off_t)LIMIT_DOCUMENT_BYTES)
        return;
    va_start(args, format);
    int length = vasprintf(&row, format, args);
    va_end(args);
    table->failed = table->failed || length < 0;
    if (length >= 0)
        put_row(table->text, row);
    free(length < 0 ? NULL : row);
}

int lab_table_close(struct lab_table *table) {
    int status = -1;
    bool good = !ferror(table->text) && !table->failed;
    good = fclose(table->text) == 0 && good;
    if (!good)
        run_error(table->run, "out of memory for a table");
    else if (result_file(table->run->result, table->file, table->data, table->size) != 0)
        run_error(table->run, error_text());
    else
        status = 0;
    free(table->data);
    free(table);
    return status;
}
