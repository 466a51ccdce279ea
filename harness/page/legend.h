/*
 * legend.h: what a lab's plot.gp says about itself, in comment lines that start with "#@".
 *
 *     #@ data 1 bandwidth: bytes,gbps,low,high by device,series where kind=read
 *     #@ plot read-bandwidth 1: Read bandwidth by footprint
 *     #@ front
 *     #@ text Each step down is a cache that no longer fits …
 *     #@ table price: The price of each cure
 *     #@ text …
 *     #@ answers 09/load/ link: One question, all its answers
 *
 * `data K TABLE: COLUMNS` makes data<K>.tsv out of the lab's TABLE.tsv: the named columns in that
 * order behind a first column with the series' name, which is the values of the `by` columns;
 * each series is one block ("index"), in order of first appearance; `where` keeps the rows with
 * those values. `published K TABLE: COLUMNS` is the same of results/published/TABLE.tsv in the
 * tree: figures of others, drawn beside a result's own where there are such. `plot NAME K…: TITLE`
 * is a plot drawn from data K…, skipped where one of them is not in a result. `table NAME: TITLE`
 * puts TABLE.tsv into the report. `answers CASES COLUMN: TITLE` puts texts side by side at the head of
 * the page: those of the cases whose ids begin so, how often each was given for every value of that
 * column, and where they part (report_answers.c). `text` explains the plot or table above it (Markdown); lines add
 * up. `front` marks the plot above it as the one that the page begins with; without it that is the
 * first.
 *
 * These lines come from the source tree and are trusted; a mistake in one is a bug to be reported.
 */
#ifndef NANOLAB_HARNESS_LEGEND_H
#define NANOLAB_HARNESS_LEGEND_H

#include <stddef.h>

#define LEGEND_DATA_MAX 24
#define LEGEND_SHOWN_MAX 40
#define LEGEND_COLUMNS_MAX 12
#define LEGEND_WORD 49

struct legend_columns {
    size_t count;
    char name[LEGEND_COLUMNS_MAX][LEGEND_WORD];
};

struct legend_data {
    int number;       /* 1…; 0: not declared */
    int is_published; /* a table of others' figures in the tree, results/published/, not the lab's
                       */
    char table[LEGEND_WORD];
    struct legend_columns columns, by;
    struct legend_columns where, equals; /* pairs */
};

struct legend_shown {
    int is_plot;    /* or a table, or answers */
    int is_answers; /* of the cases `cases`, by the column `name` */
    int is_front; /* the one plot of the page's first screen */
    char name[LEGEND_WORD], cases[LEGEND_WORD];
    unsigned needs; /* plots: bit k set, data k needed */
    char title[200];
    char text[2000];
};

struct legend {
    struct legend_data data[LEGEND_DATA_MAX + 1]; /* by number */
    struct legend_shown shown[LEGEND_SHOWN_MAX];  /* in the order they were declared */
    size_t shown_count;
};

/* Parses the text of a plot.gp; `file` is for messages. Returns 0, or -1 with error_text(). */
int legend_parse(const char *text, const char *file, struct legend *legend);

#endif
