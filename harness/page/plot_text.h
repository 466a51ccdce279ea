/*
 * plot_text.h: plots drawn with characters, by gnuplot's terminal "dumb".
 */
#ifndef NANOLAB_HARNESS_PLOT_TEXT_H
#define NANOLAB_HARNESS_PLOT_TEXT_H

#include "harness/page/plot.h"

/* How many lines a plot takes in which so many names of series stand below each other. */
size_t plot_text_lines(size_t names);
/* What gnuplot wrote, made fit for a terminal, in place: no blanks at the ends of lines, no empty
 * lines around; of controls only colours, where asked for; ASCII where there is no more. */
void plot_text_clean(char *text, size_t *length, const struct plot_text *as_text);

#endif
