/*
 * driver_compare.c: `nanolab compare`: the command line, and what its exit status says.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "harness/cli/driver.h"
#include "harness/compare/compare_claims.h"
#include "harness/compare/compare_explain.h"
#include "harness/compare/compare_page.h"
#include "harness/compare/compare_question.h"
#include "harness/compare/compare_text.h"
#include "harness/error.h"
#include "harness/stop.h"
#include "harness/text.h"

enum { COMPARE_EXIT_DIFFERS = 1, COMPARE_EXIT_NOT_COMPARABLE = 3 };

static const char intro[] =
    "nanolab compare: what differs between result folders, and why.\n"
    "\n"
    "usage: nanolab compare A B... [options]\n"
    "\n"
    "Each of A, B, ... is a result folder, or a folder of sessions (session-1, session-2, ...),\n"
    "which is one side. In the place of a result folder may stand a file (session-1.zip,\n"
    "session-1.json): its archive, made by nanolab pack; Google Benchmark's JSON; or nvbench's\n"
    "JSON, with the samples beside it (--jsonbin). Those of the two tools have times alone.\n"
    "\n"
    "A is what the others are compared with. Cases are joined by their ids, whatever machines "
    "they\n"
    "come from.\n"
    "\n"
    "A case is faster or slower only if the interval of the ratio excludes 1, the ratio is at\n"
    "least 0.5 % from 1, and that would also stand out among as many cases (false discoveries:\n"
    "5 %). The interval comes from the spread between sessions: with one session a side that is\n"
    "unknown, and the case is ambiguous, unless --calibrate tells it. Cases that did not do the\n"
    "same are not compared, and the field that differs is named; nor are times of CPUs, where\n"
    "other programs kept the processors busy beside one side alone.\n"
    "\n"
    "--page makes a folder with the whole of it: compare.html is one file that loads nothing, "
    "with\n"
    "plots if gnuplot is installed.\n"
    "\n"
    "  nanolab compare results/mine results/yours --page results/mine-yours\n"
    "\n";

static const char outro[] =
    "\n"
    "exit status: 0 nothing differs; 1 times or bits differ, or verdicts contradict each other\n"
    "(with --fail-on: what it names); 2 usage or a bad side; 3 nothing of the two can be\n"
    "compared, or no time, for they were measured beside unlike load.\n";

struct request {
    bool json;
    const char *page;             /* the page's folder; NULL: none */
    const char *explain;          /* a case, or a part of its id; NULL: none */
    enum compare_verdict fail_on; /* COMPARE_SAME: whatever differs */
    double fail_ratio;            /* at least */
};

/* "slower", "slower:5%", "faster:1.5%". */
static int parse_fail_on(const struct options *parser, const char *text, struct request *r) {
    double percent = 0;
    size_t word = strcspn(text, ":");
    char *end = NULL;
    if (word == 6 && strncmp(text, "slower", 6) == 0)
        r->fail_on = COMPARE_SLOWER;
    else if (word == 6 && strncmp(text, "faster", 6) == 0)
        r->fail_on = COMPARE_FASTER;
    else
        return options_fail(parser, "--fail-on %s: give slower or faster, such as slower:5%%",
                            text);
    if (text[word] == ':') {
        percent = strtod(text + word + 1, &end);
        if (end == text + word + 1 || (*end != '\0' && strcmp(end, "%") != 0) ||
            !(percent >= 0 && percent <= 1000))
            return options_fail(parser, "--fail-on %s: give a percentage, such as slower:5%%",
                                text);
    }
    r->fail_ratio = 1 + percent / 100;
    return 0;
}

/* --- what the exit status says -----------------------------------------------------------------
 */

static bool fails(const struct request *r, const struct compare_pair *p) {
    if (r->fail_on == COMPARE_SAME)
        return p->times.verdict == COMPARE_SLOWER || p->times.verdict == COMPARE_FASTER;
    double ratio = r->fail_on == COMPARE_SLOWER ? p->times.ratio.value : 1 / p->times.ratio.value;
    return p->times.verdict == r->fail_on && ratio >= r->fail_ratio;
}

static int status_of(const struct request *r, const struct compare *c) {
    size_t comparable = c->timed - (c->verdicts[COMPARE_NOT_COMPARABLE] < c->timed
                                        ? c->verdicts[COMPARE_NOT_COMPARABLE]
                                        : c->timed);
    size_t bits = c->bits_equal + c->bits_differ + c->bits_vary;
    for (size_t k = 0; k < c->count; k++)
        if (fails(r, &c->pairs[k]))
            return COMPARE_EXIT_DIFFERS;
    if (r->fail_on != COMPARE_SAME)
        return comparable > 0 ? EXIT_DONE : COMPARE_EXIT_NOT_COMPARABLE;
    if (c->bits_differ > 0 || c->questions->wrong > 0 ||
        compare_claims_count(c->claims, COMPARE_CONTRADICTION) > 0)
        return COMPARE_EXIT_DIFFERS;
    /* Equal bits do not stand in for times that are to be measured again. */
    if (c->busy > 0 && comparable == 0)
        return COMPARE_EXIT_NOT_COMPARABLE;
    return comparable + bits + c->questions->questions + json_array_size(c->claims) > 0
               ? EXIT_DONE
               : COMPARE_EXIT_NOT_COMPARABLE;
}

/* --- running it --------------------------------------------------------------------------------
 */

/* Sides that are read once and closed together. */
struct sides {
    struct compare_side list[2 * COMPARE_SIDES_MOST];
    const struct compare_side *pointers[2 * COMPARE_SIDES_MOST];
    size_t count;
};

static int open_sides(struct sides *s, const char *const *paths, size_t count) {
    for (s->count = 0; s->count < count; s->count++)
        s->pointers[s->count] = &s->list[s->count];
    return compare_sides_open(s->list, paths, count);
}

/* "DIR,DIR,…" */
static int open_calibration(struct sides *s, const char *list) {
    char *text = strdup(list), *at = text;
    const char *paths[COMPARE_SIDES_MOST];
    size_t count = 0;
    int status = text ? 0 : error_set("out of memory; close other programs");
    while (status == 0 && *at) {
        size_t n = strcspn(at, ",");
        if (n == 0 || count == COMPARE_SIDES_MOST) {
            status = error_set("--calibrate: give 2 to %d folders, separated by commas",
                               COMPARE_SIDES_MOST);
            break;
        }
        paths[count++] = at;
        at += n;
        if (*at)
            *at++ = '\0';
    }
    if (status == 0)
        status = open_sides(s, paths, count);
    free(text);
    return status;
}

/* The two statuses of which the more serious counts: what differs over what cannot be compared. */
static int worse(int a, int b) {
    if (a == COMPARE_EXIT_DIFFERS || b == COMPARE_EXIT_DIFFERS)
        return COMPARE_EXIT_DIFFERS;
    return a > b ? a : b;
}

/* Columns of the terminal, or what is usual. */
static int width_of(FILE *to) {
    struct winsize size;
    if (isatty(fileno(to)) && ioctl(fileno(to), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col < 60 ? 60 : size.ws_col > 160 ? 160 : size.ws_col;
    return COMPARE_WIDTH;
}

static int print_one(const struct request *r, const struct compare *c, bool first) {
    if (!first)
        puts(r->json ? "," : "");
    int failed = r->json ? compare_json_print(c, stdout) : compare_print(c, stdout);
    if (r->explain && c->explained && !r->json) {
        fputs("\nExplained: ", stdout);
        compare_explained_print(c->explained, width_of(stdout), stdout);
    }
    return failed == 0 ? 0 : error_set("out of memory; close other programs");
}

/* Before anything is printed, as it may fail. */
static int make_page(const struct request *r, const struct compare *list, size_t count) {
    char missing[600];
    if (compare_page_make(list, count, r->page, missing, sizeof missing) != 0)
        return -1;
    if (*missing)
        fprintf(stderr, "nanolab compare: no plots: %s\n", missing);
    return 0;
}

static void print_page(const struct request *r) {
    char dir[4096];
    text_plain(dir, sizeof dir, r->page);
    printf("\n%s/compare.md\n%s/compare.html\n", dir, dir);
}

/* The case meant, in each comparison that has it: one at least. */
static int explain_all(const struct request *r, struct compare *list, size_t count) {
    size_t found = 0;
    for (size_t k = 0; k < count; k++) {
        const struct compare_pair *pair;
        if (compare_find(&list[k], r->explain, &pair) != 0)
            continue;
        found++;
        if (compare_explain_add(&list[k], &pair, 1) != 0)
            return -1;
    }
    return found > 0 ? 0 : -1;
}

static int compare_all(const struct request *r, const struct sides *sides,
                       const struct sides *calibration, int *status) {
    const struct compare_rule rule = compare_rule_default();
    struct compare list[COMPARE_SIDES_MOST];
    struct compare_band *bands = NULL;
    size_t count = 0;
    int failed = 0;
    *status = EXIT_DONE;
    if (calibration->count > 0 &&
        !(bands = compare_bands(&sides->list[0], calibration->pointers, calibration->count)))
        failed = -1;
    while (failed == 0 && count + 1 < sides->count) {
        struct compare *c = &list[count++];
        failed = compare_open(c, &sides->list[0], &sides->list[count], &rule, bands);
        if (failed == 0)
            *status = worse(*status, status_of(r, c));
    }
    if (failed == 0 && r->explain)
        failed = explain_all(r, list, count);
    for (size_t k = 0; failed == 0 && r->page && !r->explain && k < count; k++)
        failed = compare_explain_first(&list[k]);
    if (failed == 0 && r->page)
        failed = make_page(r, list, count);
    if (failed == 0 && r->json)
        puts("[");
    for (size_t k = 0; failed == 0 && k < count; k++)
        failed = print_one(r, &list[k], k == 0);
    if (failed == 0 && r->json)
        puts("\n]");
    if (failed == 0 && r->page && !r->json)
        print_page(r);
    for (size_t k = 0; k < count; k++)
        compare_close(&list[k]);
    free(bands);
    return failed;
}

int driver_compare(const struct driver *driver, int argc, char **argv) {
    (void)driver;
    bool help = false;
    struct request request = {.fail_on = COMPARE_SAME};
    const char *fail_on = NULL, *calibrate = NULL, *dirs[argc];
    const struct option_spec specs[] = {
        {"--page", "DIR", "a page with plots as well: DIR/compare.md and DIR/compare.html",
         OPTION_TEXT, &request.page, NULL},
        {"--explain", "CASE",
         "why one case has its verdict, with its sessions and samples:\nits id, or a part of it "
         "that "
         "fits no other",
         OPTION_TEXT, &request.explain, NULL},
        {"--json", NULL, "everything as JSON: a list, one comparison for each of B, ...",
         OPTION_FLAG, &request.json, NULL},
        {"--fail-on", "WHAT", "status 1 only for this: slower:5%, faster:2%, ...", OPTION_TEXT,
         &fail_on, NULL},
        {"--calibrate", "LIST",
         "folders of one unchanged machine, DIR,DIR,...: the spread "
         "between runs",
         OPTION_TEXT, &calibrate, NULL},
        {"--help", NULL, "this page", OPTION_FLAG, &help, NULL},
    };
    struct options parser = {.program = "nanolab",
                             .help_command = "nanolab compare --help",
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
    if (fail_on && parse_fail_on(&parser, fail_on, &request) != 0)
        return options_report();
    if (parser.positional_count < 2 || parser.positional_count > COMPARE_SIDES_MOST) {
        options_fail(&parser,
                     "compare needs 2 to %d sides; for example nanolab compare "
                     "results/mine results/yours",
                     COMPARE_SIDES_MOST);
        return options_report();
    }
    stop_catch(NULL);
    struct sides *sides = calloc(2, sizeof *sides), *calibration = sides + 1;
    int status = EXIT_DONE;
    int failed = sides ? 0 : error_set("out of memory; close other programs");
    if (failed == 0)
        failed = open_sides(sides, dirs, parser.positional_count);
    if (failed == 0 && calibrate)
        failed = open_calibration(calibration, calibrate);
    if (failed == 0)
        failed = compare_all(&request, sides, calibration, &status);
    for (size_t s = 0; sides && s < 2; s++)
        for (size_t k = 0; k < sides[s].count; k++)
            compare_side_close(&sides[s].list[k]);
    free(sides);
    if (failed != 0) {
        options_fail(&parser, "%s", error_text());
        return options_report();
    }
    return status;
}
