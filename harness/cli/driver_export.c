/*
 * driver_export.c: `nanolab export`: samples for others' tools.
 */
#include <stdio.h>
#include <string.h>

#include "harness/cli/driver.h"
#include "harness/error.h"
#include "harness/stop.h"
#include "harness/store/export.h"
#include "harness/text.h"

static const char intro[] =
    "nanolab export: the samples of a result folder in the formats of others' tools.\n"
    "\n"
    "usage: nanolab export DIR --format FORMAT [--out FILE]\n"
    "\n"
    "  googlebenchmark   Google Benchmark's JSON, for its compare.py\n"
    "  nvbench           nvbench's JSON with samples beside it, for nvbench-compare\n"
    "  gobench           Go's benchmark lines, for benchstat\n"
    "  tsv               a line for each sample, for everything else\n"
    "\n"
    "Times only: bits, plans, intervals and what is known of the machine stay behind.\n"
    "\n";

static int parse_format(const struct options *parser, const char *word,
                        enum export_format *format) {
    const char *names[EXPORT_FORMAT_COUNT];
    if (!word)
        return options_fail(parser, "export needs --format: googlebenchmark, nvbench, gobench or "
                                    "tsv");
    for (int k = 0; k < EXPORT_FORMAT_COUNT; k++) {
        names[k] = export_format_name((enum export_format)k);
        *format = (enum export_format)k;
        if (strcmp(word, names[k]) == 0)
            return 0;
    }
    const char *near = options_nearest(word, names, EXPORT_FORMAT_COUNT);
    return options_fail(parser, "unknown format \"%s\"; %s%s", word,
                        near ? "did you mean " : "see nanolab export --help", near ? near : "");
}

int driver_export(const struct driver *driver, int argc, char **argv) {
    (void)driver;
    bool help = false;
    const char *format_word = NULL, *out = NULL, *dirs[argc];
    enum export_format format = EXPORT_TSV;
    const struct option_spec specs[] = {
        {"--format", "FORMAT", "see above", OPTION_TEXT, &format_word, NULL},
        {"--out", "FILE", "the file to make; without it standard output", OPTION_TEXT, &out, NULL},
        {"--help", NULL, "this page", OPTION_FLAG, &help, NULL},
    };
    struct options parser = {.program = "nanolab",
                             .help_command = "nanolab export --help",
                             .specs = specs,
                             .spec_count = sizeof specs / sizeof *specs,
                             .positional = dirs};
    if (options_parse(&parser, argc, argv) != 0)
        return options_report();
    if (help) {
        fputs(intro, stdout);
        options_print(specs, sizeof specs / sizeof *specs);
        printf("\nexit status: 0 done, 2 not (one line says why).\n");
        return EXIT_DONE;
    }
    if (parser.positional_count != 1) {
        options_fail(&parser, "export takes one result folder; for example nanolab export "
                              "results/... --format tsv");
        return options_report();
    }
    if (parse_format(&parser, format_word, &format) != 0)
        return options_report();
    size_t samples = 0;
    char shown[4096];
    stop_catch(NULL);
    if (export_folder(dirs[0], format, out, &samples) != 0) {
        options_fail(&parser, "%s", error_text());
        return options_report();
    }
    if (out)
        fprintf(stderr, "nanolab: %zu samples in %s\n", samples,
                text_plain(shown, sizeof shown, out));
    return EXIT_DONE;
}
