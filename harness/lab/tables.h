/*
 * tables.h: the tables behind plots and in the report, one line of specification each.
 *
 *     static const struct table_spec tables[] = {
 *         {"ratio", "14/time/", "device; n; ratio, low, high = over normal~"},
 *         {"bandwidth", "00/read/", "device; threads; KiB = bytes / 1024; gbps = bytes per second /
 * 1e9!", .where = "isa=avx512", .sort = "device;threads;bytes"},
 *     };
 *
 * Columns are separated by ";". Each is a column of rows.h, which also heads it, or
 * "header = column". "/ number" divides. A "~" behind it writes the value and the two ends of its
 * interval, so it wants three headers, separated by ",". A "!" behind it leaves out rows that have
 * no such value. Cells are as harness/page/table.h wants them: what else a text holds becomes "-".
 */
#ifndef NANOLAB_HARNESS_TABLES_H
#define NANOLAB_HARNESS_TABLES_H

#include "harness/lab/lab.h"
#include "harness/lab/rows.h"

struct table_spec {
    const char *name;    /* NAME.tsv */
    const char *cases;   /* prefixes of ids, as in struct claim */
    const char *columns; /* as above */
    const char *where;   /* terms of rows_select(), or NULL */
    const char *sort;    /* columns of rows_sort(), or NULL: as recorded */
    /* For tables that are not one line per row: writes the lines itself (`columns` is then the
     * header as it stands, tabs and all). 0, or -1 after lab_error(). */
    int (*write)(struct lab_run *run, const struct rows *rows, struct lab_table *table);
};

/* Writes each table that has rows. 0, or -1 after lab_error(). The harness calls it after the
 * sweep with the lab's tables. */
int tables_write(struct lab_run *run, const struct table_spec *specs, size_t count);

#endif
