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

#include "harness/page/home.h"
#include "harness/page/plot.h"
#include "harness/store/folder.h"
#include "harness/store/reader.h"

/* One lab of the folder, as the page needs it. */
struct report_lab {
    char name[HOME_NAME_MAX];
    struct folder folder;
    struct reader *reader; /* its journal, checked from end to end */
    json_t *claims;
    struct plot_set plots;
    char plots_missing[600]; /* why they could not be drawn, "" if they could */
    char *readme;            /* the lab's README of this source tree; NULL if it has no such lab */
};

struct report {
    const char *dir; /* as the user gave it; never in the page */
    json_t *run;     /* run.json */
    struct report_lab labs[HOME_LABS_MAX];
    size_t lab_count;
};

/* Reads and draws all that the page shows. Returns 0, or -1 with error_text(). Free it either
 * way. */
int report_gather(const char *dir, struct report *report);
void report_free(struct report *report);

/* --- report_md.c: writes the page in Markdown; plots are images beside it. --- */
void report_markdown(const struct report *report, FILE *out);

/* --- report_words.c: the parts of it that put JSON into plain words. --- */
/* The table "what ran"; `run` is run.json. */
void report_provenance(const json_t *run, FILE *out);
/* What spoilt the measurements, and the command line that repeats the run. */
void report_warnings(const json_t *run, FILE *out);
void report_reproduce(const json_t *run, FILE *out);

/* --- report_html.c: the page from its Markdown, with plots inside. Returns 0 with *html (caller
 * frees), or -1 with error_text(). --- */
int report_html(const struct report *report, const char *markdown, size_t length, char **html,
                size_t *html_length);

/* `nanolab report DIR`; argv[0] is "report". Returns the exit status: 0, 1 (the page is there
 * but plots are missing and it says why, or without cmark-gfm only report.md was written), 2
 * (usage, bad input, cannot write). */
int report_main(int argc, char **argv);

#endif
