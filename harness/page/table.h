/*
 * table.h: the tables behind plots (*.tsv in a result folder), read with suspicion.
 *
 * A table is a header row and data rows, cells separated by one tab. A cell may hold letters,
 * digits, spaces and _ . , : ; + = / ( ) * % - and nothing else: no character that gnuplot, a
 * shell, HTML or Markdown could take for more than text. A file with any other byte is refused.
 */
#ifndef NANOLAB_HARNESS_TABLE_H
#define NANOLAB_HARNESS_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include "harness/page/legend.h"
#include "harness/store/folder.h"

#define TABLE_COLUMNS_MAX 64
#define TABLE_CELL_MAX 200
#define TABLE_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _.,:;+=/()*%-"

struct table {
    size_t columns, rows; /* rows without the header */
    char *text;           /* owns all cells */
    char **cells;         /* (rows + 1) × columns, the header first */
};

/* Reads `file` of a folder. Returns 0, or -1 with error_text() naming file and line. */
int table_read(const struct folder *folder, const char *file, struct table *table);
/* The same from memory: `text` ends in a NUL behind `length` bytes and is taken over, also on
 * failure; `where` names it in messages. */
int table_parse(char *text, size_t length, const char *where, struct table *table);
void table_free(struct table *table);
/* Row 0 is the header. */
const char *table_cell(const struct table *table, size_t row, size_t column);
/* The column with that name, or -1. */
int table_column(const struct table *table, const char *name);

/* How much data a plot has to show. */
struct table_extent {
    size_t blocks, rows;
};

/* Writes the rows and columns that `data` selects to `out` in gnuplot's terms: one block for each
 * series, two blank lines between, each headed by a line with its name first. Empty cells become
 * nan. Returns 0, or -1 with error_text(): the table lacks a column, or is more than a plot can
 * show (limits.h). */
int table_write_blocks(const struct table *table, const struct legend_data *data, FILE *out,
                       struct table_extent *extent);

#endif
