/*
 * plot.h: drawing a lab's plots with gnuplot from the tables of a result folder.
 *
 * The script is always the lab's own plot.gp from the source or installed tree (or another of its
 * scripts, for tables that are no lab's). The tables are
 * checked and copied under fixed names (data1.tsv …) into a private folder, gnuplot runs there
 * without a shell, and no text of a result ever enters a script.
 */
#ifndef NANOLAB_HARNESS_PLOT_H
#define NANOLAB_HARNESS_PLOT_H

#include <stdbool.h>

#include "harness/page/legend.h"
#include "harness/page/table.h"
#include "harness/store/folder.h"
#include "harness/store/reader.h"

#define PLOT_NO_GNUPLOT                                                                            \
    "gnuplot is not installed; try: apt-get install gnuplot-nox, here or on another machine that " \
    "the folder is copied to"

/* One finished drawing. */
struct plot_image {
    int have;
    char *svg, *png, *text; /* whole files; NULL: not asked for */
    size_t svg_length, png_length, text_length;
};

/* What gnuplot reads under the name data<K>.tsv (table_write_blocks). */
struct plot_data {
    char *text; /* NULL: there is no such table */
    size_t length;
    struct table_extent extent;
};

/* How plots are drawn with characters. */
struct plot_text {
    size_t columns;
    bool utf8, colour;
};

/* A lab's drawings; images[k] belongs to legend.shown[k]. */
struct plot_set {
    int known; /* this build has such a lab, and it has a plot.gp */
    struct legend legend;
    char *script;                               /* the text of its plot.gp */
    struct plot_data data[LEGEND_DATA_MAX + 1]; /* by number; there without gnuplot, too */
    unsigned have;                              /* bit k: data k has rows … */
    unsigned own;                               /* … and they are the result's own */
    struct plot_image images[LEGEND_SHOWN_MAX];
    char missing[600]; /* why a plot is left out whose table is there: the first reason; "" */
};

/* Only reads what the lab's plot.gp declares; draws nothing. Returns 0, or -1. */
int plot_legend(const char *lab, struct plot_set *set);
/* Draws the plots of a lab's journal from the tables that its end record seals. Returns 0, or -1
 * with error_text(); free the set either way. A plot whose table is not there is left out; so is
 * one whose table cannot be drawn, which `missing` says and the other plots do not feel. */
int plot_draw(const struct reader *reader, struct plot_set *set);
/* The same with characters, into `text` of the images; `as_text` NULL: as plot_draw(). */
int plot_draw_text(const struct reader *reader, const struct plot_text *as_text,
                   struct plot_set *set);
/* The legend and the data alone; draws nothing, and needs no gnuplot. */
int plot_read(const struct reader *reader, struct plot_set *set);
/* Whether legend.shown[k] is a plot whose data are all there, so that it can be drawn. */
bool plot_has_data(const struct plot_set *set, size_t k);
/* The same with the scripts of another tree, for tests; `reader` NULL: from all tables of
 * `folder`. */
int plot_draw_from(const char *home, const struct reader *reader, const struct folder *folder,
                   const char *lab, struct plot_set *set);
int plot_draw_text_from(const char *home, const struct folder *folder, const char *lab,
                        const struct plot_text *as_text, struct plot_set *set);
/* All tables of `folder`, by a script with a legend that is no lab's: its path in the tree. */
int plot_draw_tables(const char *script, const struct folder *folder, struct plot_set *set);
/* Writes the drawn images to the lab's plots/ folder; returns how many plots, or -1. */
int plot_save(const struct folder *folder, const struct plot_set *set);
void plot_set_free(struct plot_set *set);

/* `nanolab plot DIR`; argv[0] is "plot". Returns the exit status: 0, 1 (no gnuplot),
 * 2 (usage, bad input, a table that cannot be drawn, or gnuplot failed), 128 + N stopped by a
 * signal. */
int plot_main(int argc, char **argv);

#endif
