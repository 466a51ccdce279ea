/*
 * workshop.c: `nanolab workshop check`: a teacher's dry run. What a class does is done here once,
 * in small: what works is said, what does not, what a class goes without then, and how to mend it.
 * Nothing is said of a program because it is there, but because it did what was asked of it.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "harness/cli/options.h"
#include "harness/error.h"
#include "harness/page/home.h"
#include "harness/page/tool.h"
#include "harness/stop.h"
#include "harness/store/build_info.h"
#include "harness/store/folder.h"
#include "harness/store/provenance.h"
#include "harness/text.h"
#include "kernels/device/device.h"
#include "kernels/ranks/ranks.h"

#define PROGRAM "nanolab workshop"

static const char intro[] =
    "nanolab workshop check: a teacher's dry run. It does here, once and in small, what a class\n"
    "does: compiles and judges exercises, draws, writes results, runs labs. It says what works on\n"
    "this machine, what does not, what a class goes without then, and how to mend it.\n"
    "\n"
    "usage: nanolab workshop check [LAB...] [options]\n"
    "\n"
    "  LAB               two digits: only these labs and their exercises (default: all)\n";

static const char outro[] =
    "\n"
    "examples:\n"
    "  nanolab workshop check --fast     some seconds: an exercise of each lab, no lab is run\n"
    "  nanolab workshop check            all of it, each lab in quick mode: some minutes\n"
    "  nanolab workshop check 00 01      for a class that does these two\n"
    "\n"
    "works: it was done. fails: a class will miss it. beware: times are uncertain, or room is\n"
    "short. not here: nobody needs it.\n"
    "\n"
    "exit status: 0 nothing fails; 1 something does; 2 usage or bad input; 130, 143 stopped.\n";

#include "tools/workshop_trial.h"
/* What follows stands on it. */
#include "tools/workshop_tools.h"

#include "tools/workshop_machine.h"

#include "tools/workshop_labs.h"

/* --- what is said ------------------------------------------------------------------------------
 */

static void print_trial(const struct trial *t) {
    printf("  %-8s  %-24s %s", t->answer == FAILS ? "FAILS" : answer_words[t->answer], t->name,
           t->said);
    printf(t->seconds >= 1 ? "  (%.0f s)\n" : "\n", t->seconds);
    if (t->answer == WORKS)
        return;
    if (*t->without)
        printf("  %-8s  %-24s   so: %s\n", "", "", t->without);
    if (*t->mend)
        printf("  %-8s  %-24s   do: %s\n", "", "", t->mend);
}

static size_t answered(const struct workshop *w, enum answer answer) {
    size_t count = 0;
    for (size_t k = 0; k < w->count; k++)
        count += w->trials[k].answer == answer;
    return count;
}

static bool has_word(const char *list, const char *word) {
    size_t length = strlen(word);
    for (const char *at = list; (at = strstr(at, word)); at += length)
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
            return true;
    return false;
}

/* One command for all that packages mend, each named once. */
static void all_packages(const struct workshop *w, bool optional, char *out, size_t size) {
    size_t used = 0;
    out[0] = '\0';
    for (size_t k = 0; k < w->count; k++) {
        const struct trial *t = w->trials + k;
        char copy[sizeof t->packages], *rest = NULL;
        if (t->answer == WORKS || (t->answer == NOT_HERE) != optional)
            continue;
        snprintf(copy, sizeof copy, "%s", t->packages);
        for (char *p = strtok_r(copy, " ", &rest); p; p = strtok_r(NULL, " ", &rest))
            if (!has_word(out, p) && used + strlen(p) + 2 < size)
                used += (size_t)snprintf(out + used, size - used, "%s%s", used ? " " : "", p);
    }
}

static void print_all(const struct workshop *w) {
    const char *group = "";
    char packages[1000], command[1100];
    for (size_t k = 0; k < w->count; k++) {
        if (strcmp(group, w->trials[k].group) != 0)
            printf("%s\n", group = w->trials[k].group);
        print_trial(w->trials + k);
    }
    printf("\n%zu work, %zu fail, %zu beware, %zu not here\n", answered(w, WORKS),
           answered(w, FAILS), answered(w, BEWARE), answered(w, NOT_HERE));
    all_packages(w, false, packages, sizeof packages);
    if (*packages) {
        install_command(packages, command, sizeof command);
        printf("mend it:  %s\n", command);
    }
}

static json_t *trial_json(const struct trial *t) {
    json_t *packages = json_array();
    char copy[sizeof t->packages], *rest = NULL;
    snprintf(copy, sizeof copy, "%s", t->packages);
    for (char *p = strtok_r(copy, " ", &rest); p; p = strtok_r(NULL, " ", &rest))
        json_array_append_new(packages, json_string(p));
    return json_pack("{s:s, s:o, s:s, s:o, s:s, s:o, s:o, s:f}", "group", t->group, "name",
                     text_json(t->name), "answer", answer_keys[t->answer], "said",
                     text_json(t->said), "without", t->without, "mend", text_json(t->mend),
                     "packages", packages, "seconds", t->seconds);
}

static void print_json(const struct workshop *w, double seconds) {
    json_t *trials = json_array();
    for (size_t k = 0; k < w->count; k++)
        json_array_append_new(trials, trial_json(w->trials + k));
    json_t *all = json_pack("{s:s, s:s, s:f, s:o}", "version", build_version(), "form",
                            w->fast ? "fast" : "whole", "seconds", seconds, "trials", trials);
    for (int answer = 0; all && answer < ANSWERS; answer++)
        json_object_set_new(all, answer_keys[answer],
                            json_integer((json_int_t)answered(w, (enum answer)answer)));
    if (all)
        json_dumpf(all, stdout, JSON_INDENT(1));
    putchar('\n');
    json_decref(all);
}

/* --- from the command line ---------------------------------------------------------------------
 */

/* Where this program lies, and the tree that has the exercises. */
static void find(struct workshop *w) {
    char file[2 * FOLDER_PATH];
    ssize_t length = readlink("/proc/self/exe", w->bin, sizeof w->bin - 1);
    w->bin[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(w->bin, '/');
    if (slash)
        *slash = '\0';
    if (home_find(w->home, sizeof w->home) != 0)
        w->home[0] = '\0';
    /* Checks that need our own programs look there (labs/01-float-staging/exercise/check). */
    snprintf(file, sizeof file, "%s/..", w->bin);
    setenv("NANOLAB_BUILD", file, 1);
    snprintf(file, sizeof file, "%s/Makefile", w->home);
    w->source = *w->home && access(file, R_OK) == 0;
}

static int check(struct workshop *w, bool json) {
    struct timespec begin;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    find(w);
    stop_catch(NULL);
    if (home_private(w->folder, sizeof w->folder) != 0) {
        fprintf(stderr, PROGRAM ": %s\n", error_text());
        return EXIT_BROKEN;
    }
    try_machine(w);
    try_programs(w);
    try_devices(w);
    if (!stop_signal)
        try_engines(w);
    try_labs(w);
    home_private_remove(w->folder);
    if (json)
        print_json(w, seconds_since(&begin));
    else
        print_all(w);
    json_decref(w->list);
    return stop_status(answered(w, FAILS) > 0 ? EXIT_BROKEN : EXIT_DONE);
}

/* "check", then labs of two digits. */
static int understand(const struct options *parser, struct workshop *w) {
    const char *const *words = parser->positional;
    if (parser->positional_count == 0)
        return options_fail(parser, "a word is missing; there is one: %s check", PROGRAM);
    if (strcmp(words[0], "check") != 0)
        return options_fail(parser, "unknown word \"%s\"; there is one: %s check", words[0],
                            PROGRAM);
    w->labs = words + 1;
    w->lab_count = parser->positional_count - 1;
    for (size_t k = 0; k < w->lab_count; k++)
        if (strspn(w->labs[k], "0123456789") != 2)
            return options_fail(parser, "\"%s\" is no lab; two digits are, as in `nanolab list`",
                                w->labs[k]);
    return 0;
}

int main(int argc, char **argv) {
    bool fast = false, json = false, help = false, version = false, describe = false;
    const char *out = "results";
    const struct option_spec specs[] = {
        {"--fast", NULL, "seconds, not minutes: no lab is run", OPTION_FLAG, &fast, NULL},
        {"--out", "DIR", "where results would go (results)", OPTION_TEXT, &out, NULL},
        {"--json", NULL, "the answer as JSON", OPTION_FLAG, &json, NULL},
        {"--help", NULL, "this text", OPTION_FLAG, &help, NULL},
        {"--version", NULL, "the version", OPTION_FLAG, &version, NULL},
        {"--describe", NULL, NULL, OPTION_FLAG, &describe, NULL}, /* for `nanolab --help` */
    };
    static struct workshop w;
    const char **positional = calloc((size_t)argc + 1, sizeof *positional);
    struct options parser = {.program = PROGRAM,
                             .help_command = PROGRAM " --help",
                             .specs = specs,
                             .spec_count = sizeof specs / sizeof *specs,
                             .positional = positional};
    int status = positional ? options_parse(&parser, argc, argv) : EXIT_USAGE;
    bool asked = help || version || describe;
    if (status == 0 && !asked)
        status = understand(&parser, &w);
    if (status != 0)
        status = options_report();
    else if (help) {
        fputs(intro, stdout);
        options_print(specs, sizeof specs / sizeof *specs);
        fputs(outro, stdout);
    } else if (describe)
        puts("{\"arguments\": \"check\", \"summary\": \"a teacher's dry run: what works on this "
             "machine, and what does not\"}");
    else if (version)
        printf("nanolab %s\n", build_version());
    else {
        w.fast = fast;
        w.out = out;
        w.progress = !json && isatty(STDERR_FILENO);
        status = check(&w, json);
    }
    free(positional);
    return options_end(PROGRAM, status);
}
