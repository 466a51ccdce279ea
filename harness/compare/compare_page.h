/*
 * compare_page.h: a comparison as a page: compare.md, and compare.html with everything in it, made
 * by what makes the page of one run (harness/page/report.h). The tables behind its plots lie beside
 * it in a folder for each side but the first, B/, C/, …
 *
 * Names and texts of sides are strangers': on the page they are escaped, and of their text only ids
 * of cases, reduced to a table's letters, stand in a table that gnuplot reads.
 */
#ifndef NANOLAB_HARNESS_COMPARE_PAGE_H
#define NANOLAB_HARNESS_COMPARE_PAGE_H

#include <stdio.h>

#include "harness/compare/compare.h"
#include "harness/page/plot.h"
#include "harness/store/folder.h"

/* One side beside the first, as the page shows it. */
struct compare_section {
    const struct compare *c;
    char letter[2];           /* "B" */
    struct plot_set set;      /* drawn; none where gnuplot is missing */
    struct plot_set case_set; /* of the cases explained */
    size_t cases, marks;      /* with a ratio; those that the plots show */
    char no_plots[600];       /* why some could not be drawn, "" if all could */
};

struct compare_page {
    struct compare_section sections[COMPARE_SIDES_MOST];
    size_t count;
};

/* The k-th side: 0 is the first. */
static inline const struct compare_side *compare_page_side(const struct compare_page *page,
                                                           size_t k) {
    return k == 0 ? page->sections[0].c->first : page->sections[k - 1].c->second;
}

/* Makes the page of comparisons with one and the same first side in the folder `dir`, which is made
 * if it is not there; an older page in it is replaced. 0, or -1 with error_text(). Where plots are
 * missing, `no_plots` (of `size`) says why, else it is "". */
int compare_page_make(const struct compare *list, size_t count, const char *dir, char *no_plots,
                      size_t size);

/* --- compare_md.c: the page in Markdown. 0, or -1: no memory. --- */
int compare_markdown(const struct compare_page *page, FILE *out);

/* "| before | A | B |" and the line under it. */
void compare_markdown_head(const struct compare_page *page, const char *before, size_t columns,
                           FILE *out);

/* --- compare_md_claims.c: what is on it of claims. --- */
void compare_markdown_claims(const struct compare_page *page, FILE *out);
/* Those that differ without a contradiction, between sides or sessions. */
void compare_markdown_other_claims(const struct compare_page *page, FILE *out);

/* --- compare_md_headline.c: what it comes to, in a sentence or two for each side. --- */
void compare_markdown_headline(const struct compare_page *page, FILE *out);

/* --- compare_md_cases.c: what is on it of one side. --- */
int compare_markdown_cases(const struct compare_section *section, FILE *out);
/* "1.352×": to a thousandth where that is more than three digits, as the mean of many cases is that
 * exact. */
void compare_markdown_ratio(double ratio, FILE *out);

/* --- compare_md_question.c: bits of one question by plans of their own. --- */
void compare_markdown_questions(const struct compare_section *section, FILE *out);

/* --- compare_md_meter.c: clocks and energy of one side. --- */
int compare_markdown_meter(const struct compare_section *section, FILE *out);

/* --- compare_md_explain.c: cases explained; and the table behind their plots, samples.tsv, written
 * to `folder`: 0, or -1 with error_text(). --- */
void compare_markdown_explained(const struct compare_section *section, FILE *out);
int compare_explained_data(const struct compare_section *section, const struct folder *folder);

/* --- compare_data.c: the tables behind its plots, ratios.tsv and band.tsv, written to `folder`;
 * fills in `cases` and `marks`. 0, or -1 with error_text(). --- */
int compare_data(struct compare_section *section, const struct folder *folder);

#endif
