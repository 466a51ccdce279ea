/* report.c: gathers what the page shows, and `nanolab report` itself (report.h). */
#define _GNU_SOURCE
#include "harness/page/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/error.h"
#include "harness/page/tool.h"
#include "harness/store/result.h"

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

static int gather_lab(const char *dir, struct report_lab *lab) {
    struct folder folder;
    if (reader_open(&lab->reader, dir, lab->name))
        return -1;
    lab->claims = reader_claims(lab->reader);
    if (!lab->claims || folder_open(&folder, dir))
        return -1;
    int status = folder_open_in(&lab->folder, &folder, lab->name);
    folder_close(&folder);
    if (status)
        return -1;
    lab->readme = read_readme(lab->name);
    if (plot_draw(&lab->folder, lab->name, &lab->plots)) {
        /* A page without a plot is still a page. Its tables are shown all the same; the legend
         * says which. */
        snprintf(lab->plots_missing, sizeof lab->plots_missing, "%s", error_text());
        plot_set_free(&lab->plots);
        return plot_legend(lab->name, &lab->plots);
    }
    return 0;
}

int report_gather(const char *dir, struct report *report) {
    memset(report, 0, sizeof *report);
    report->dir = dir;
    report->run = reader_run(dir);
    if (!report->run)
        return -1;
    char names[HOME_LABS_MAX][64];
    int count = reader_labs(dir, names, HOME_LABS_MAX);
    if (count < 0)
        return -1;
    for (int k = 0; k < count; k++) {
        struct report_lab *lab = &report->labs[report->lab_count++];
        lab->folder.fd = -1;
        memcpy(lab->name, names[k], sizeof lab->name);
        if (gather_lab(dir, lab))
            return -1;
    }
    return 0;
}

void report_free(struct report *report) {
    for (size_t k = 0; k < report->lab_count; k++) {
        struct report_lab *lab = &report->labs[k];
        if (lab->reader)
            reader_close(lab->reader);
        json_decref(lab->claims);
        folder_close(&lab->folder);
        plot_set_free(&lab->plots);
        free(lab->readme);
    }
    json_decref(report->run);
    memset(report, 0, sizeof *report);
}

static int complain(int status) {
    fprintf(stderr, "nanolab report: %s\n", error_text());
    return status;
}

/* Writes report.md, the plots it shows, and report.html. */
static int write_all(const struct report *report, const struct folder *folder) {
    char *markdown = NULL, *html = NULL;
    size_t length = 0, html_length = 0;
    FILE *out = open_memstream(&markdown, &length);
    if (!out) {
        error_set("out of memory");
        return complain(2);
    }
    report_markdown(report, out);
    fclose(out);
    int status = folder_write(folder, "report.md", markdown, length) ? complain(2) : 0;
    if (!status)
        printf("%s/report.md\n", folder->path);
    for (size_t k = 0; !status && k < report->lab_count; k++)
        if (plot_save(&report->labs[k].folder, &report->labs[k].plots) < 0)
            status = complain(2);
    /* Without cmark-gfm there is still the Markdown. */
    if (!status && report_html(report, markdown, length, &html, &html_length))
        status = complain(1);
    if (!status && folder_write(folder, "report.html", html, html_length))
        status = complain(2);
    if (!status)
        printf("%s/report.html\n", folder->path);
    free(markdown);
    free(html);
    return status;
}

static int usage(FILE *out, int status) {
    fputs(
        "usage: nanolab report DIR\n"
        "\n"
        "Writes DIR/report.md and DIR/report.html: verdicts, plots, tables, what ran, and how to\n"
        "repeat it. The HTML is one file that loads nothing. Needs gnuplot and cmark-gfm.\n"
        "\n"
        "  nanolab run 01 --quick --out results/mine\n"
        "  nanolab report results/mine\n",
        out);
    return status;
}

int report_main(int argc, char **argv) {
    if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
        return usage(stdout, 0);
    for (int k = 1; k < argc; k++)
        if (argv[k][0] == '-') {
            fprintf(stderr, "nanolab report: unknown option '%s'; try nanolab report --help\n",
                    argv[k]);
            return 2;
        }
    if (argc != 2) {
        fprintf(stderr, "nanolab report: needs one result folder; try nanolab report --help\n");
        return 2;
    }
    struct report *report = calloc(1, sizeof *report); /* too large for a stack */
    struct folder folder;
    if (!report) {
        error_set("out of memory");
        return complain(2);
    }
    int status = 2;
    if (report_gather(argv[1], report) || folder_open(&folder, argv[1])) {
        complain(2);
    } else {
        status = write_all(report, &folder);
        folder_close(&folder);
        for (size_t k = 0; k < report->lab_count; k++)
            if (*report->labs[k].plots_missing) {
                fprintf(stderr, "nanolab report: no plots for %s: %s\n", report->labs[k].name,
                        report->labs[k].plots_missing);
                status = status ? status : 1;
            }
    }
    report_free(report);
    free(report);
    return status;
}
