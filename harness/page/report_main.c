/* report_main.c: `nanolab report` (report.h). */
#include <stdlib.h>
#include <unistd.h>

#include "harness/cli/options.h"
#include "harness/error.h"
#include "harness/page/report.h"
#include "harness/page/screen.h"
#include "harness/stop.h"
#include "harness/store/result.h"
#include "harness/text.h"

static const char intro[] =
    "usage: nanolab report DIR [options]\n"
    "\n"
    "Writes DIR/report.md and DIR/report.html: verdicts, plots, tables, what ran, and how to\n"
    "repeat it. The HTML is one file that loads nothing. Needs gnuplot.\n"
    "\n"
    "With --plain it writes no file and prints the same page as plain text, in the order in\n"
    "which it is read, for a screen reader or a terminal: plots in words, a line for each row\n"
    "of a table. That needs no gnuplot.\n"
    "\n";

static const char outro[] = "\n"
                            "  nanolab run 01 --quick --out results/mine\n"
                            "  nanolab report results/mine\n"
                            "  nanolab report results/mine --plain | less\n";

static int complain(int status) {
    fprintf(stderr, "nanolab report: %s\n", error_text());
    return status;
}

static int print_plain(const char *dir) {
    struct report *report = calloc(1, sizeof *report); /* too large for a stack */
    char *markdown = NULL;
    size_t length = 0, width = screen_width(STDOUT_FILENO, 80);
    FILE *out = report ? open_memstream(&markdown, &length) : NULL;
    int status = out ? report_gather_words(dir, report) : error_set("out of memory");
    if (!status)
        report_markdown(report, out);
    if (out && fclose(out) && !status)
        status = error_set("out of memory");
    if (!status)
        status = report_plain(markdown, length, width < 100 ? width : 100, stdout);
    free(markdown);
    if (report)
        report_free(report);
    free(report);
    return status ? complain(2) : 0;
}

static int write_page(const char *dir) {
    struct report *report = NULL;
    char shown[RESULT_PATH_MAX];
    int status = report_make(dir, &report);
    text_plain(shown, sizeof shown, dir);
    if (status == 2)
        complain(2);
    else
        printf("%s/report.md\n%s/report.html\n", shown, shown);
    for (size_t k = 0; status == 1 && k < report->lab_count; k++)
        if (*report->labs[k].plots_missing)
            fprintf(stderr, "nanolab report: no plots for %s: %s\n", report->labs[k].name,
                    report->labs[k].plots_missing);
    report_forget(&report);
    return status;
}

int report_main(int argc, char **argv) {
    bool plain = false, help = false;
    const char *dirs[argc + 1];
    const struct option_spec specs[] = {
        {"--plain", NULL, "prints the page as plain text", OPTION_FLAG, &plain, NULL},
        {"--help", NULL, "this page", OPTION_FLAG, &help, NULL},
    };
    struct options parser = {.program = "nanolab report",
                             .help_command = "nanolab report --help",
                             .specs = specs,
                             .spec_count = sizeof specs / sizeof *specs,
                             .positional = dirs};
    if (options_parse(&parser, argc, argv) != 0)
        return options_report();
    if (help) {
        fputs(intro, stdout);
        options_print(specs, sizeof specs / sizeof *specs);
        fputs(outro, stdout);
        return EXIT_DONE;
    }
    if (parser.positional_count != 1) {
        options_fail(&parser, "needs one result folder; try nanolab report --help");
        return options_report();
    }
    stop_catch(NULL);
    return stop_status(plain ? print_plain(dirs[0]) : write_page(dirs[0]));
}
