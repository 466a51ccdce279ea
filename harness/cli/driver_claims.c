/*
 * driver_claims.c: `nanolab claims`: what became of the claims, over several sets of results; and
 * what a set is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/driver.h"
#include "harness/error.h"
#include "harness/page/ledger.h"
#include "harness/stop.h"

static const char intro[] =
    "nanolab claims: what became of the claims, over several sets of results.\n"
    "\n"
    "usage: nanolab claims SET... [--docs]\n"
    "       nanolab claims --about SET\n"
    "\n"
    "A set is what was measured of one machine: a folder of sessions (session-1.zip, session-2, "
    "...),\n"
    "or one result folder or archive. Prints Markdown: for each claim of each lab its verdicts, "
    "set\n"
    "by set, with what was measured and how many single checks held.\n"
    "\n";

static const char outro[] = "\n"
                            "  nanolab claims results/reference/* --docs >docs/claims.md\n"
                            "\n"
                            "exit status: 0 done, 2 not (one line says why).\n";

static int print_ledger(const char *const *paths, size_t count, bool about, bool docs) {
    struct ledger_set *sets = calloc(count, sizeof *sets);
    size_t opened = 0;
    int status = sets ? 0 : error_set("out of memory; close other programs");
    while (status == 0 && opened < count) {
        status = ledger_open(&sets[opened], paths[opened]);
        opened++;
    }
    if (status == 0 && about)
        ledger_about(&sets[0], stdout);
    else if (status == 0 &&
             ledger_claims(sets, count, docs ? "../results/reference/" : "", stdout) != 0)
        status = error_set("out of memory; close other programs");
    for (size_t k = 0; k < opened; k++)
        ledger_close(&sets[k]);
    free(sets);
    return status;
}

int driver_claims(const struct driver *driver, int argc, char **argv) {
    (void)driver;
    bool help = false, about = false, docs = false;
    const char *paths[argc];
    const struct option_spec specs[] = {
        {"--about", NULL, "what one set is: machine, build, sessions, as its README", OPTION_FLAG,
         &about, NULL},
        {"--docs", NULL, "as docs/claims.md: with links to labs and sets", OPTION_FLAG, &docs,
         NULL},
        {"--help", NULL, "this page", OPTION_FLAG, &help, NULL},
    };
    struct options parser = {.program = "nanolab",
                             .help_command = "nanolab claims --help",
                             .specs = specs,
                             .spec_count = sizeof specs / sizeof *specs,
                             .positional = paths};
    if (options_parse(&parser, argc, argv) != 0)
        return options_report();
    if (help) {
        fputs(intro, stdout);
        options_print(specs, sizeof specs / sizeof *specs);
        fputs(outro, stdout);
        return EXIT_DONE;
    }
    size_t count = parser.positional_count;
    if (count == 0 || count > LEDGER_SETS_MOST || (about && count != 1)) {
        options_fail(&parser,
                     about ? "--about needs one set; for example nanolab claims --about "
                             "results/reference/mine"
                           : "claims needs 1 to %d sets; for example nanolab claims results/mine",
                     LEDGER_SETS_MOST);
        return options_report();
    }
    stop_catch(NULL);
    if (print_ledger(paths, count, about, docs) != 0) {
        options_fail(&parser, "%s", error_text());
        return options_report();
    }
    return EXIT_DONE;
}
