/*
 * class_page.h: the page of a class: class.md, and class.html with everything in it; a folder with
 * a number for each plot, with the table behind it.
 */
#ifndef NANOLAB_HARNESS_CLASS_PAGE_H
#define NANOLAB_HARNESS_CLASS_PAGE_H

#include "harness/class/class.h"
#include "harness/page/plot.h"

#define CLASS_PLOTS_MOST 99 /* a folder's name has two digits */

/* The dots of one question: a number that at least one student said. */
struct class_plot {
    size_t lab, question;
    char folder[8]; /* "01" */
    struct plot_set set;
};

struct class_page {
    const struct class *c;
    const struct class_compared *compared;
    struct class_plot plots[CLASS_PLOTS_MOST];
    size_t plot_count;
    char no_plots[600]; /* why some could not be drawn; "" */
};

/* Makes the page in the folder `dir`, which is made if it is not there; an older page in it is
 * replaced. 0, or -1 with error_text(). Where plots are missing, `no_plots` (of `size`) says why,
 * else it is "". */
int class_page_make(const struct class *c, const struct class_compared *compared, const char *dir,
                    char *no_plots, size_t size);

/* The same page as plain text, without plots, for a terminal or a screen reader. 0, or -1 with
 * error_text(). */
int class_page_plain(const struct class *c, const struct class_compared *compared, size_t width,
                     FILE *out);

/* --- class_md.c --- */
int class_markdown(const struct class_page *page, FILE *out);
/* --- class_md_claims.c: machines and verdicts --- */
int class_markdown_machines(const struct class_page *page, FILE *out);
void class_markdown_claims(const struct class_page *page, FILE *out);
/* --- class_data.c: the table behind a plot, dots.tsv. Whether there is anything to draw; -1 with
 * error_text(). --- */
int class_data(const struct class *c, size_t lab, size_t question, const struct folder *folder);
bool class_has_dots(const struct class *c, size_t lab, size_t question);

#endif
