/*
 * driver_class.c: `nanolab class`: one page from many students' results.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/class/class_page.h"
#include "harness/cli/driver.h"
#include "harness/error.h"
#include "harness/page/screen.h"
#include "harness/stop.h"
#include "harness/text.h"

static const char intro[] =
    "nanolab class: one page from many students' results: what they predicted beside what was\n"
    "measured, who was surprised by what, their machines, and the claims by number of students.\n"
    "\n"
    "usage: nanolab class DIR... [options]\n"
    "\n"
    "Each DIR is a student's result folder, or its archive (nanolab pack). Students are numbered,\n"
    "and nobody is named.\n"
    "\n";

static const char outro[] =
    "\n"
    "  nanolab class handed-in/*              the page class/class.html\n"
    "  nanolab class handed-in/*.zip --page monday\n"
    "  nanolab class handed-in/* --json       everything, for a program; no page\n"
    "\n"
    "exit status: 0 done; 1 the page is there, but a folder was left out, or plots are missing;\n"
    "2 usage, or no folder could be used.\n";

struct request {
    struct options parser;
    const char *page;
    bool names, json, plain;
};

static int make_page(const struct request *r, const struct class *c, bool *lacking) {
    struct class_compared compared;
    char missing[600] = "", dir[4096];
    int status = class_compare(c, &compared);
    if (status == 0 && r->plain)
        status = class_page_plain(c, &compared, screen_width(STDOUT_FILENO, 80), stdout);
    else if (status == 0)
        status = class_page_make(c, &compared, r->page, missing, sizeof missing);
    class_compared_close(&compared);
    if (status != 0 || r->plain)
        return status;
    if (*missing)
        fprintf(stderr, "nanolab class: no plots: %s\n", missing);
    *lacking = *lacking || *missing;
    text_plain(dir, sizeof dir, r->page);
    printf("\n%s/class.md\n%s/class.html\n", dir, dir);
    return 0;
}

static int go(const struct request *r, const char *const *paths, size_t count) {
    struct class *c = calloc(1, sizeof *c); /* too large for a stack */
    bool lacking = false;
    int status = c ? class_open(c, paths, count, r->names)
                   : error_set("out of memory; close other programs");
    if (status == 0 && c->count == 0) {
        json_t *first = json_array_get(c->left_out, 0);
        status = error_set("no folder of %zu could be used; the first, %s: %s", count,
                           json_string_value(json_object_get(first, "folder")),
                           json_string_value(json_object_get(first, "why")));
    }
    if (status == 0) {
        lacking = json_array_size(c->left_out) > 0;
        if (r->json) {
            json_t *all = class_json(c);
            status = all && json_dumpf(all, stdout, JSON_INDENT(1)) == 0
                         ? 0
                         : error_set("out of memory; close other programs");
            putchar('\n');
            json_decref(all);
        } else {
            class_print(c, r->plain ? stderr : stdout);
            status = make_page(r, c, &lacking);
        }
    }
    if (c)
        class_close(c);
    free(c);
    if (status != 0) {
        options_fail(&r->parser, "%s", error_text());
        return options_report();
    }
    return lacking ? EXIT_BROKEN : EXIT_DONE;
}

int driver_class(const struct driver *driver, int argc, char **argv) {
    (void)driver;
    struct request r = {.page = "class"};
    bool help = false;
    const char *paths[argc];
    const struct option_spec specs[] = {
        {"--page", "DIR", "the page's folder (default: class)", OPTION_TEXT, &r.page, NULL},
        {"--names", NULL,
         "show the labels of runs (nanolab run --label), and the names of\n"
         "folders that were left out",
         OPTION_FLAG, &r.names, NULL},
        {"--json", NULL, "everything as JSON, in the place of a page", OPTION_FLAG, &r.json, NULL},
        {"--plain", NULL, "the page as plain text, in the place of one with plots", OPTION_FLAG,
         &r.plain, NULL},
        {"--help", NULL, "this page", OPTION_FLAG, &help, NULL},
    };
    r.parser = (struct options){.program = "nanolab",
                                .help_command = "nanolab class --help",
                                .specs = specs,
                                .spec_count = sizeof specs / sizeof *specs,
                                .positional = paths};
    if (options_parse(&r.parser, argc, argv) != 0)
        return options_report();
    if (help) {
        fputs(intro, stdout);
        options_print(specs, sizeof specs / sizeof *specs);
        fputs(outro, stdout);
        return EXIT_DONE;
    }
    size_t count = r.parser.positional_count;
    if (r.plain && r.json) {
        options_fail(&r.parser, "--plain and --json exclude each other; give one");
        return options_report();
    }
    if (count == 0 || count > CLASS_STUDENTS_MOST) {
        options_fail(&r.parser,
                     count ? "class takes %d folders at most; make a page of fewer"
                           : "class needs 1 to %d students' folders; for example nanolab class "
                             "handed-in/*",
                     CLASS_STUDENTS_MOST);
        return options_report();
    }
    stop_catch(NULL);
    return stop_status(go(&r, paths, count));
}
