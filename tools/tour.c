/*
 * tour.c: `nanolab tour`: ten minutes in a terminal from nothing to a flipped bit. Each step says
 * what will happen, asks for a guess, runs, and shows what came out. All numbers are computed while
 * the tour runs, and predicted bits are compared with measured ones.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/options.h"
#include "harness/store/build_info.h"
#include "tools/tour_walk.h"

static const char intro[] =
    "nanolab tour: from nothing to a flipped bit, in ten minutes and this terminal.\n"
    "\n"
    "usage: nanolab tour [options]\n"
    "\n"
    "Each step says what will happen, asks what you expect, runs it, and shows what came out. It\n"
    "needs no GPU, no network and no result folder, and leaves nothing behind.\n"
    "\n";

static const char outro[] =
    "\n"
    "examples:\n"
    "  nanolab tour\n"
    "  nanolab tour --from block          goes on there\n"
    "  nanolab tour --yes --out tour.txt  all of it at once, kept in a file\n"
    "\n"
    "exit status: 0 done; 1 a step could not run, or a predicted bit did not hold (our bug);\n"
    "2 usage; 77 what a step needs is not in this build.\n";

struct request {
    const char *from, *out;
    uint64_t seed;
    bool yes, list, plain, help, version, describe;
};

static void list_steps(void) {
    for (size_t k = 0; k < STEPS; k++)
        printf("%zu  %-8s  %s\n", k + 1, steps[k].name, steps[k].title);
}

/* The step of a name or a number. -1 with options_error(). */
static int first_step(const struct options *parser, const char *from, size_t *first) {
    const char *names[STEPS];
    uint64_t number;
    *first = 0;
    if (!from)
        return 0;
    for (size_t k = 0; k < STEPS; k++) {
        names[k] = steps[k].name;
        if (strcmp(from, names[k]) == 0) {
            *first = k;
            return 0;
        }
    }
    if (options_number(from, &number) == 0 && number >= 1 && number <= STEPS) {
        *first = (size_t)number - 1;
        return 0;
    }
    const char *near = options_nearest(from, names, STEPS);
    if (near)
        return options_fail(parser, "no step is called \"%s\"; did you mean %s?", from, near);
    return options_fail(parser, "no step is called \"%s\"; " PROGRAM " --list names them", from);
}

static int tour(const struct request *r, size_t first) {
    struct tour t = {.plain = r->plain, .seed = r->seed};
    screen_find(&t.screen, STDOUT_FILENO, 80);
    t.asks = !r->yes && t.screen.terminal && isatty(STDIN_FILENO) == 1;
    if (r->out && !(t.keep = fopen(r->out, "wx"))) {
        fprintf(stderr, PROGRAM ": ");
        text_print(stderr, r->out);
        fprintf(stderr, ": %s; give --out the name of a file that is not there yet\n",
                strerror(errno));
        return EXIT_USAGE;
    }
    int status = tour_walk(&t, first);
    if (t.keep && fclose(t.keep) != 0) {
        fprintf(stderr, PROGRAM ": the file of --out could not be written to its end; make room\n");
        status = status ? status : EXIT_USAGE;
    }
    return status;
}

int main(int argc, char **argv) {
    struct request r = {.seed = 1};
    size_t first;
    const struct option_spec specs[] = {
        {"--yes", NULL, "asks nothing and goes on by itself", OPTION_FLAG, &r.yes, NULL},
        {"--list", NULL, "the steps", OPTION_FLAG, &r.list, NULL},
        {"--from", "STEP", "begins with this step, a name or a number", OPTION_TEXT, &r.from, NULL},
        {"--plain", NULL, "words in place of drawings, for a screen reader", OPTION_FLAG, &r.plain,
         NULL},
        {"--seed", "N", "other random numbers (1)", OPTION_NUMBER, &r.seed, NULL},
        {"--out", "FILE", "keeps what is shown in a new file", OPTION_TEXT, &r.out, NULL},
        {"--help", NULL, "this text", OPTION_FLAG, &r.help, NULL},
        {"--version", NULL, "the version", OPTION_FLAG, &r.version, NULL},
        {"--describe", NULL, NULL, OPTION_FLAG, &r.describe, NULL}, /* for `nanolab --help` */
    };
    struct options parser = {.program = PROGRAM,
                             .help_command = PROGRAM " --help",
                             .specs = specs,
                             .spec_count = sizeof specs / sizeof *specs};
    if (options_parse(&parser, argc, argv) != 0 || first_step(&parser, r.from, &first) != 0)
        return options_end(PROGRAM, options_report());
    if (r.help) {
        fputs(intro, stdout);
        options_print(specs, sizeof specs / sizeof *specs);
        fputs(outro, stdout);
        return options_end(PROGRAM, EXIT_DONE);
    }
    if (r.describe) {
        puts("{\"arguments\": \"\", \"summary\": \"ten minutes in a terminal, from nothing to a "
             "flipped bit\"}");
        return options_end(PROGRAM, EXIT_DONE);
    }
    if (r.version) {
        printf("nanolab %s\n", build_version());
        return options_end(PROGRAM, EXIT_DONE);
    }
    if (r.list) {
        list_steps();
        return options_end(PROGRAM, EXIT_DONE);
    }
    return options_end(PROGRAM, tour(&r, first));
}
