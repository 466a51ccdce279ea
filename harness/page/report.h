/*
 * report.h: one page about one result folder, as report.md and a self-contained report.html.
 *
 * The page travels, and so do result folders: whatever comes from a result file is escaped, plots
 * are drawn anew from checked tables, and the HTML loads nothing from anywhere.
 */
#ifndef NANOLAB_HARNESS_REPORT_H
#define NANOLAB_HARNESS_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "harness/page/claim_table.h"
#include "harness/page/home.h"
#include "harness/page/plot.h"
#include "harness/page/table.h"
#include "harness/store/checked.h"

/* One lab of the folder, as the page needs it. */
struct report_lab {
    const char *name;
    const struct reader *reader; /* its journal; both belong to struct checked */
    const json_t *claims, *ignored;
    struct plot_set plots;
    const struct checked_lab *checked;
    char plots_missing[600]; /* why some could not be drawn, "" if all could */
    char *readme;            /* the lab's README of this source tree; NULL if it has no such lab */
};

struct report {
    const char *dir;         /* as the user gave it; never in the page */
    struct checked *checked; /* the folder, checked as a whole */
    const json_t *run;       /* its run.json */
    struct report_lab labs[LIMIT_LABS];
    size_t lab_count;
};

/* Reads and draws all that the page shows. `before` (or NULL) is an earlier page of the same
 * folder: the drawings of labs that were complete then are taken out of it. Returns 0, or -1 with
 * error_text(). Free it either way. */
int report_gather(const char *dir, struct report *before, struct report *report);
/* The same for a page without pictures: needs no gnuplot. */
int report_gather_words(const char *dir, struct report *report);
void report_free(struct report *report);

/* Makes the page of a folder: report.md, report.html and the plots beside it. `kept` holds what was
 * gathered from one call to the next, for a folder that grows: *kept is NULL at first, and
 * report_forget() comes last. Returns 0, 1 (plots are missing: plots_missing of its labs says why),
 * or 2 with error_text(). */
int report_make(const char *dir, struct report **kept);
void report_forget(struct report **kept);

/* --- report_md.c: writes the page in Markdown; plots are images beside it. --- */
void report_markdown(const struct report *report, FILE *out);

/* The line above a plot in words. */
#define REPORT_IN_WORDS "The plot in words"

/* --- report_plain.c: the same page as plain text, for a terminal or a screen reader: no pictures,
 * and of a table a line for each row, "claim: …; cpu: confirmed". Lines are wrapped at `width`.
 * Returns 0, or -1 with error_text(). --- */
int report_plain(const char *markdown, size_t length, size_t width, FILE *out);

/* --- report_claims.c: the claims of a lab. --- */
/* The small table of verdicts; then, claim by claim, what each rests on. */
void report_verdicts(const struct claim_table *table, FILE *out);
void report_claim_by_claim(const struct claim_table *table, FILE *out);
/* "✔": what a verdict is known by; report_html.c gives it its colour. */
const char *report_sign(enum claim_mark mark);

/* --- report_predictions.c: what was predicted of a lab beside what it measured; nothing where
 * nothing was. --- */
void report_predictions(const struct report *report, const struct report_lab *lab, FILE *out);

/* --- report_table.c: the first `most` rows of a table; `quantities` of the start record (or NULL)
 * say which unit a column has. --- */
void report_table(const struct table *table, const json_t *quantities, size_t most, FILE *out);

/* --- report_answers.c: texts of a lab side by side (legend.h, `answers`): what all begin with is
 * shown once, and »« stand around the token at which one parts from another. Nothing where the lab
 * has no such cases. --- */
#define REPORT_MARK_OPEN "\xc2\xbb"
#define REPORT_MARK_CLOSE "\xc2\xab"
void report_answers(const struct reader *reader, const struct legend_shown *shown, FILE *out);
/* All that the plot.gp of that lab's tree asks for, as plain text for a terminal. Returns 0, or -1
 * with error_text(). */
int report_answers_plain(const struct reader *reader, const char *lab, size_t width, FILE *out);

/* --- report_words.c: the parts of it that put JSON into plain words. --- */
/* The table "what ran"; `run` is run.json. */
void report_provenance(const json_t *run, FILE *out);
/* The card that simt simulates there; NULL where it was not asked for, or none is named. */
const char *report_card(const json_t *run);
/* What spoilt the measurements, and the command line that repeats the run. */
void report_warnings(const json_t *run, FILE *out);
void report_reproduce(const json_t *run, FILE *out);

/* --- report_html.c: a page from its Markdown, with plots inside. --- */
/* Drawings that the Markdown shows as images, "FOLDER/plots/NAME.svg". */
struct report_plots {
    const char *folder;
    const struct plot_set *set;
};
struct report_page {
    const char *title; /* ours: it is not escaped */
    const char *markdown;
    size_t length;
    const struct report_plots *plots;
    size_t plots_count;
};
/* Returns 0 with *html (caller frees), or -1 with error_text(). */
int report_html(const struct report_page *page, char **html, size_t *html_length);

/* --- report_style.c: how it looks. --- */
/* All before the body's content. */
void report_head(const char *title, FILE *out);
/* A line for something that is so many rem wide on a phone and elsewhere: it shows on screens
 * narrower than that, where it has to be scrolled sideways. */
void report_hint(double on_phone, double elsewhere, FILE *out);

/* `nanolab report DIR` (report_main.c); argv[0] is "report". Returns the exit status: 0, 1 (the
 * page is there but plots are missing, and it says why), 2 (usage, bad input, cannot write). */
int report_main(int argc, char **argv);

#endif
