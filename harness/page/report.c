/* report.c: gathers what the page shows, and makes it (report.h). */
#define _GNU_SOURCE
#include "harness/page/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/error.h"
#include "harness/stop.h"
#include "harness/store/durable.h"
#include "harness/store/result.h"
#include "harness/text.h"

#define README_MAX ((size_t)1 << 20)

/* The lab's README in this source tree; NULL if there is none. */
static char *read_readme(const char *lab) {
    char home[4096];
    struct folder tree = {.fd = -1}, labs = {.fd = -1}, inside = {.fd = -1};
    char *text = NULL;
    size_t length;
    if (!home_find(home, sizeof home) && !folder_open(&tree, home) &&
        !folder_open_in(&labs, &tree, "labs") && folder_has(&labs, lab) &&
        !folder_open_in(&inside, &labs, lab) && folder_has(&inside, "README.md") &&
        folder_read(&inside, "README.md", README_MAX, &text, &length))
        text = NULL;
    folder_close(&inside);
    folder_close(&labs);
    folder_close(&tree);
    return text;
}

/* Takes over the drawings of a lab that was complete when `before` was gathered. */
static int take_drawings(struct report *before, struct report_lab *lab) {
    for (size_t k = 0; before && k < before->lab_count; k++) {
        struct report_lab *old = &before->labs[k];
        if (!old->name || strcmp(old->name, lab->name) || !old->reader || !old->reader->end ||
            *old->plots_missing)
            continue;
        lab->plots = old->plots;
        memset(&old->plots, 0, sizeof old->plots);
        return 1;
    }
    return 0;
}

static void gather_lab(const struct checked_lab *from, struct report *before, bool draws,
                       struct report_lab *lab) {
    lab->name = from->name;
    lab->checked = from;
    lab->reader = from->reader;
    lab->claims = from->claims;
    lab->ignored = from->ignored;
    lab->readme = read_readme(lab->name);
    if (take_drawings(before, lab))
        return;
    int status = draws ? plot_draw(lab->reader, &lab->plots) : plot_read(lab->reader, &lab->plots);
    const char *why = status ? error_text() : lab->plots.missing;
    text_plain(lab->plots_missing, sizeof lab->plots_missing, why);
    /* A page without a plot is still a page: its words and tables are shown all the same where
     * there is a legend that says which. */
    if (status && !lab->plots.known)
        plot_set_free(&lab->plots);
}

static int gather(const char *dir, struct report *before, bool draws, struct report *report) {
    memset(report, 0, sizeof *report);
    report->dir = dir;
    if (checked_open(&report->checked, dir))
        return -1;
    report->run = report->checked->run;
    for (size_t k = 0; k < report->checked->lab_count && !stop_signal; k++)
        gather_lab(&report->checked->labs[k], before, draws, &report->labs[report->lab_count++]);
    return stop_signal ? error_set("%s: stopped by a signal", dir) : 0;
}

int report_gather(const char *dir, struct report *before, struct report *report) {
    return gather(dir, before, true, report);
}

int report_gather_words(const char *dir, struct report *report) {
    return gather(dir, NULL, false, report);
}

void report_free(struct report *report) {
    for (size_t k = 0; k < report->lab_count; k++) {
        plot_set_free(&report->labs[k].plots);
        free(report->labs[k].readme);
    }
    checked_close(report->checked);
    memset(report, 0, sizeof *report);
}

static int make_html(const struct report *report, const char *markdown, size_t length, char **html,
                     size_t *html_length) {
    struct report_plots plots[LIMIT_LABS];
    for (size_t k = 0; k < report->lab_count; k++)
        plots[k] = (struct report_plots){report->labs[k].name, &report->labs[k].plots};
    const struct report_page page = {.title = "nanolab report",
                                     .markdown = markdown,
                                     .length = length,
                                     .plots = plots,
                                     .plots_count = report->lab_count};
    return report_html(&page, html, html_length);
}

/* Writes report.md, the plots it shows, and report.html. */
static int write_all(const struct report *report, const struct folder *folder) {
    char *markdown = NULL, *html = NULL;
    size_t length = 0, html_length = 0;
    FILE *out = open_memstream(&markdown, &length);
    if (!out)
        return error_set("out of memory");
    report_markdown(report, out);
    fclose(out);
    durable_clean(folder->fd, NULL);
    int status = folder_write(folder, "report.md", markdown, length);
    for (size_t k = 0; !status && k < report->lab_count; k++)
        status = plot_save(&report->labs[k].reader->folder, &report->labs[k].plots) < 0 ? -1 : 0;
    if (!status)
        status = make_html(report, markdown, length, &html, &html_length);
    if (!status)
        status = folder_write(folder, "report.html", html, html_length);
    free(markdown);
    free(html);
    return status;
}

void report_forget(struct report **kept) {
    if (*kept)
        report_free(*kept);
    free(*kept);
    *kept = NULL;
}

int report_make(const char *dir, struct report **kept) {
    struct report *report = calloc(1, sizeof *report); /* too large for a stack */
    struct folder folder;
    if (!report) {
        error_set("out of memory");
        return 2;
    }
    int status = report_gather(dir, *kept, report);
    report_forget(kept);
    *kept = report;
    if (!status && (status = folder_open(&folder, dir)) == 0) {
        status = write_all(report, &folder);
        folder_close(&folder);
    }
    if (status)
        return 2;
    for (size_t k = 0; k < report->lab_count; k++)
        if (*report->labs[k].plots_missing)
            return 1;
    return 0;
}
