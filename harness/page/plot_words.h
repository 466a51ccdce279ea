/*
 * plot_words.h: a plot in words, for those who cannot see it: its axes, and of each series the
 * first and the last value, the least and the most, each with its unit and its place.
 *
 * What is drawn over what is read from the text of the lab's plot.gp: the label that an axis has
 * when data<K>.tsv is drawn, and the columns behind `using`. Where a column is computed from
 * several, each column of numbers is told by its name.
 */
#ifndef NANOLAB_HARNESS_PLOT_WORDS_H
#define NANOLAB_HARNESS_PLOT_WORDS_H

#include <jansson.h>

#include "harness/page/plot.h"

#define PLOT_LABEL 120

/* How data K come into a plot. */
struct plot_view {
    char x_label[PLOT_LABEL], y_label[PLOT_LABEL]; /* "": none */
    int x, y;                                      /* columns of data<K>.tsv from 1; 0: not one */
    char marks[1000];                              /* the list of `set xtics (…)`, or "" */
};
/* False where the script draws no such data in a plot of that name. */
bool plot_view_of(const char *script, const char *plot, int data, struct plot_view *view);
/* What stands at x on the axis, "identity"; NULL: no name. */
const char *plot_view_mark(const struct plot_view *view, double x, char out[PLOT_LABEL]);

/* Tells legend.shown[k] in lines that begin with "- ". `quantities`: of the lab's start record, or
 * NULL. `markdown`: names from the result are escaped for a page. */
void plot_words(const struct plot_set *set, size_t k, const json_t *quantities, bool markdown,
                FILE *out);

/* All numbers of one data, a line for each row: "- uniform, simt: n 32, distinct 1, plans 48." */
void plot_data_words(const struct legend_data *legend, const struct plot_data *data, FILE *out);

#endif
