/*
 * driver_predict.c: `nanolab predict`: asks a lab's questions before it runs, and scores the
 * answers afterwards.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/cli/driver.h"
#include "harness/cli/prediction.h"
#include "harness/error.h"
#include "harness/page/screen.h"
#include "harness/store/predictions.h"
#include "harness/text.h"

static const char intro[] =
    "nanolab predict: says before a lab runs what it will measure, and sees afterwards how right\n"
    "that was.\n"
    "\n"
    "usage: nanolab predict LAB [options]        asks, and keeps the answers in predictions.json\n"
    "       nanolab predict [LAB] --in DIR       scores answers by the result folder DIR\n"
    "\n";

static const char outro[] =
    "\n"
    "  nanolab predict 01                     asks the questions of lab 01\n"
    "  nanolab run 01 --quick --out mine\n"
    "  nanolab predict 01 --in mine           what was said, what was measured, what surprised\n"
    "\n"
    "  nanolab run 01 --quick --predict       all three at once\n"
    "\n"
    "An answer is a number (300, 1.5k, 12 us), a range for who is not sure (200..400), a letter\n"
    "where there are choices, or nothing. A file of answers is {\"01.triples\": \"200..400\", "
    "...}:\n"
    "--list --json shows the names. With --in, the folder's own predictions.json is scored; where\n"
    "it has none for the lab, the file of --to is put there first.\n"
    "\n"
    "exit status: 0 done; 2 usage, bad input, or no answers.\n";

struct request {
    const struct driver *driver;
    struct options parser;
    const char *in, *answers, *to;
    struct ask_run run;
    bool again, list, json;
};

/* --- asking ------------------------------------------------------------------------------------
 */

/* The folder and name of the file of answers. */
static int open_to(const struct request *r, struct folder *folder, const char **name) {
    char path[FOLDER_PATH];
    const char *slash = strrchr(r->to, '/');
    *name = slash ? slash + 1 : r->to;
    snprintf(path, sizeof path, "%.*s", slash ? (int)(slash - r->to) + 1 : 1, slash ? r->to : ".");
    if (!folder_name_is_plain(*name))
        return error_set("%s: no name for a file of answers; name one such as " PREDICTIONS_FILE,
                         r->to);
    return folder_open(folder, path);
}

static int list(const struct request *r, const char *lab) {
    struct questions q;
    if (questions_open(&q, lab) != 0)
        return options_fail(&r->parser, "%s", error_text());
    if (r->json) {
        json_t *all = json_pack("{s:s, s:o}", "lab", lab, "questions", ask_list_json(&q, &r->run));
        json_dumpf(all, stdout, JSON_INDENT(1));
        putchar('\n');
        json_decref(all);
    } else {
        printf("%s\n", lab);
        ask_list(&q, &r->run, screen_width(STDOUT_FILENO, 100), stdout);
    }
    questions_close(&q);
    return 0;
}

static int ask(const struct request *r, const char *lab) {
    struct folder folder = {.fd = -1};
    json_t *predictions = NULL;
    const char *name = NULL;
    char shown[FOLDER_PATH];
    int status = open_to(r, &folder, &name);
    if (status == 0)
        status = predictions_read(&folder, name, &predictions);
    if (status == 0 && predictions_of(predictions, lab) && !r->again)
        status = error_set("%s has answers for %s already; --again asks anew and gives those up",
                           r->to, lab);
    if (status != 0)
        options_fail(&r->parser, "%s", error_text());
    else
        status = prediction_ask(&r->parser, lab, &r->run, r->answers, r->again,
                                r->json ? stderr : stdout, &predictions);
    const json_t *entry = predictions_of(predictions, lab);
    if (status == 0 && entry && predictions_write(&folder, name, predictions) != 0)
        status = options_fail(&r->parser, "%s", error_text());
    if (status == 0 && entry && r->json) {
        json_dumpf(entry, stdout, JSON_INDENT(1));
        putchar('\n');
    } else if (status == 0 && entry) {
        printf("Kept in %s. Now run it, then: nanolab predict %.2s --in DIR\n",
               text_plain(shown, sizeof shown, r->to), lab);
    }
    json_decref(predictions);
    folder_close(&folder);
    return status;
}

/* --- scoring -----------------------------------------------------------------------------------
 */

/* Puts the answers of the file of --to, or of --answers, into the folder for a lab that it has no
 * answers for. 1: there are none there either. */
static int bring(const struct request *r, const char *lab, json_t **predictions) {
    struct folder folder = {.fd = -1};
    json_t *own = NULL;
    const char *name;
    if (r->answers)
        return prediction_ask(&r->parser, lab, &r->run, r->answers, false, stderr, predictions);
    int status = open_to(r, &folder, &name);
    if (status == 0)
        status = predictions_read(&folder, name, &own);
    folder_close(&folder);
    const json_t *entry = predictions_of(own, lab);
    if (status == 0 && entry)
        status = predictions_put(predictions, json_deep_copy(entry), false);
    else if (status == 0)
        status = 1;
    json_decref(own);
    return status < 0 ? options_fail(&r->parser, "%s", error_text()) : status;
}

static int score_lab(const struct request *r, const struct checked_lab *lab, json_t **predictions,
                     json_t *scored) {
    int width = (int)screen_width(STDOUT_FILENO, 100);
    if (!predictions_of(*predictions, lab->name)) {
        int brought = bring(r, lab->name, predictions);
        if (brought != 0)
            return brought;
        if (prediction_keep(r->in, *predictions) != 0)
            return options_fail(&r->parser, "%s", error_text());
    }
    int status = prediction_score(*predictions, lab, width, stdout, scored);
    return status < 0 ? options_fail(&r->parser, "%s", error_text()) : status;
}

static int score(const struct request *r, const char *only) {
    struct checked *checked = NULL;
    json_t *predictions = NULL, *scored = r->json ? json_array() : NULL;
    size_t found = 0, looked = 0;
    int status = checked_open(&checked, r->in);
    if (status == 0) {
        predictions = prediction_in(r->in);
        status = !predictions && *error_text() ? -1 : 0;
    }
    if (status != 0)
        options_fail(&r->parser, "%s", error_text());
    for (size_t k = 0; status == 0 && k < checked->lab_count; k++) {
        const struct checked_lab *lab = &checked->labs[k];
        if (only && strcmp(only, lab->name) != 0)
            continue;
        int one = score_lab(r, lab, &predictions, scored);
        looked++;
        found += one == 0;
        status = one < 0 ? -1 : 0;
    }
    char dir[FOLDER_PATH];
    text_plain(dir, sizeof dir, r->in);
    if (status == 0 && looked == 0)
        status =
            options_fail(&r->parser, "%s: it has no %s; run that lab", dir, only ? only : "lab");
    else if (status == 0 && found == 0)
        status = options_fail(&r->parser,
                              "%s: there are no answers for %s, neither there nor in %s; `nanolab "
                              "predict` asks before a run",
                              dir, only ? only : "its labs", r->to);
    if (status == 0 && r->json) {
        json_dumpf(scored, stdout, JSON_INDENT(1));
        putchar('\n');
    }
    json_decref(scored);
    json_decref(predictions);
    checked_close(checked);
    return status;
}

/* --- the command line --------------------------------------------------------------------------
 */

static int check(const struct request *r) {
    struct option_device devices[OPTION_DEVICES_MAX];
    size_t count;
    if (r->in && (r->list || r->again))
        return options_fail(&r->parser,
                            "--in scores answers, and does not go with %s; leave one "
                            "out",
                            r->list ? "--list" : "--again");
    if (r->run.only && strcmp(r->run.only, "bits") != 0 && strcmp(r->run.only, "time") != 0)
        return options_fail(&r->parser, "--only %.40s: give bits or time", r->run.only);
    return r->run.devices ? options_devices(&r->parser, r->run.devices, devices, &count) : 0;
}

static int go(struct request *r, const char *const *names, size_t count) {
    const struct driver_lab *lab = NULL;
    if (check(r) != 0)
        return -1;
    if (count > 1 || (count == 0 && !r->in))
        return options_fail(&r->parser, "predict needs one lab; for example nanolab predict 01");
    if (count == 1 && !(lab = driver_lab_named(r->driver, &r->parser, names[0])))
        return -1;
    if (r->in)
        return score(r, lab ? lab->folder : NULL);
    return r->list ? list(r, lab->folder) : ask(r, lab->folder);
}

int driver_predict(const struct driver *driver, int argc, char **argv) {
    struct request r = {.driver = driver, .to = PREDICTIONS_FILE};
    bool help = false;
    const char *names[argc];
    const struct option_spec specs[] = {
        {"--in", "DIR", "score by this result folder", OPTION_TEXT, &r.in, NULL},
        {"--answers", "FILE", "answers from a file, instead of asking", OPTION_TEXT, &r.answers,
         NULL},
        {"--device", "LIST", "where it will run: what no such device can answer is not asked",
         OPTION_TEXT, &r.run.devices, NULL},
        {"--only", "PART", "bits or time: as nanolab run will have it", OPTION_TEXT, &r.run.only,
         NULL},
        {"--to", "FILE", "the file of answers (default: " PREDICTIONS_FILE ")", OPTION_TEXT, &r.to,
         NULL},
        {"--again", NULL, "ask although there are answers, which are given up", OPTION_FLAG,
         &r.again, NULL},
        {"--list", NULL, "the questions alone", OPTION_FLAG, &r.list, NULL},
        {"--json", NULL, "for a program", OPTION_FLAG, &r.json, NULL},
        {"--help", NULL, "this page", OPTION_FLAG, &help, NULL},
    };
    r.parser = (struct options){.program = "nanolab",
                                .help_command = "nanolab predict --help",
                                .specs = specs,
                                .spec_count = sizeof specs / sizeof *specs,
                                .positional = names};
    if (options_parse(&r.parser, argc, argv) != 0)
        return options_report();
    if (help) {
        fputs(intro, stdout);
        options_print(specs, sizeof specs / sizeof *specs);
        fputs(outro, stdout);
        return EXIT_DONE;
    }
    return go(&r, names, r.parser.positional_count) == 0 ? EXIT_DONE : options_report();
}
