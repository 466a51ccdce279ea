/*
 * driver_run.c: `nanolab run`: makes the result folder, starts one lab after the other in it, and
 * prints all verdicts at the end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/cli/driver.h"
#include "harness/cli/driver_run.h"
#include "harness/cli/prediction.h"
#include "harness/error.h"
#include "harness/lab/run.h"
#include "harness/stop.h"
#include "harness/store/checked.h"
#include "harness/store/folder.h"
#include "harness/store/provenance.h"
#include "harness/store/result.h"
#include "harness/text.h"
#include "kernels/simt/simt.h"

#define SPECS (RUN_OPTION_SPECS + 5)
#define SESSIONS_MOST 64

static void print_help(const struct option_spec *specs) {
    printf("nanolab run: runs labs into one result folder and prints their verdicts.\n\n"
           "usage: nanolab run [LAB...] [options]\n\n"
           "  LAB               its number or name, as `nanolab list` shows: 01, 1, float-staging\n"
           "                    (default: all of them)\n");
    options_print(specs, SPECS);
    printf("\nexamples:\n"
           "  nanolab run 01 --quick                  a first look at lab 01\n"
           "  nanolab run 01 --device simt --quick    bits only; no GPU needed, no timings\n"
           "  nanolab run --all --full --out mine     everything, into the folder mine\n"
           "  nanolab run --all --quick --page        and a page that grows as the labs end\n"
           "  nanolab run --resume mine               goes on where that run was stopped\n"
           "  nanolab run 01 --sessions 5 --out mine  five runs, mine/session-1 ... 5, as nanolab\n"
           "                                          compare wants them\n"
           "  nanolab run 01 --quick --json           verdicts for a program\n"
           "  nanolab run 01 --quick --predict        asks first what will come out\n"
           "\nVerdicts: confirmed, refuted, bounded (true in the range given), not testable here\n"
           "(the hardware is missing: never a pass). held/checked counts the single checks.\n"
           "Ctrl-C finishes the case in hand and leaves a folder that --resume completes.\n"
           "\nexit status: 0 done; 1 a check could not run, or a predicted bit did not hold;\n"
           "2 usage or bad input; 77 every lab asked for lacks its hardware; 130, 143 stopped.\n");
}

static int add_lab(struct run_plan *plan, const struct driver_lab *lab) {
    for (size_t k = 0; k < plan->lab_count; k++)
        if (plan->labs[k] == lab)
            return options_fail(&plan->parser, "lab %s is named twice; name it once", lab->folder);
    plan->labs[plan->lab_count++] = lab;
    return 0;
}

/* The labs that the arguments name, or all. */
static int choose_labs(struct run_plan *plan, const char *const *names, size_t count) {
    const struct driver *driver = plan->driver;
    if (plan->all && count > 0)
        return options_fail(&plan->parser, "--all and the lab \"%s\" exclude each other; give one",
                            names[0]);
    for (size_t i = 0; i < count; i++) {
        const struct driver_lab *lab = driver_lab_named(driver, &plan->parser, names[i]);
        if (!lab || add_lab(plan, lab) != 0)
            return -1;
    }
    for (size_t i = 0; count == 0 && i < driver->lab_count; i++)
        plan->labs[plan->lab_count++] = &driver->labs[i];
    if (plan->lab_count == 0)
        return options_fail(&plan->parser, "no labs in %s; build them with `make`",
                            driver->lab_dir);
    return 0;
}

/* The labs, mode and seed of the run that --resume names. */
static int take_recorded(struct run_plan *plan, const char *const *names, size_t count) {
    const char *dir = plan->options.resume;
    struct result_recorded *recorded = calloc(1, sizeof *recorded);
    if (!recorded)
        return options_fail(&plan->parser, "out of memory; close other programs");
    int status = 0;
    if (plan->all || count > 0)
        status = options_fail(&plan->parser,
                              "--resume takes the labs of the run itself; leave "
                              "%s out",
                              plan->all ? "--all" : names[0]);
    else if (result_recorded(dir, NULL, recorded) != 0)
        status = options_fail(&plan->parser, "%s", error_text());
    else
        status = run_options_check_recorded(&plan->parser, &plan->options, recorded);
    /* A lab that was started by hand is all that its folder holds. */
    if (status == 0 && recorded->lab_count == 0) {
        int labs = reader_labs(dir, recorded->labs, RESULT_LABS_MAX);
        recorded->lab_count = labs > 0 ? (size_t)labs : 0;
        if (labs < 0)
            status = options_fail(&plan->parser, "%s", error_text());
        else if (labs == 0)
            status = options_fail(&plan->parser, "%s: no lab to resume; start a new run", dir);
    }
    for (size_t i = 0; i < recorded->lab_count && status == 0; i++) {
        const struct driver_lab *lab =
            driver_lab_named(plan->driver, &plan->parser, recorded->labs[i]);
        status = lab ? add_lab(plan, lab) : -1;
    }
    plan->mode = recorded->mode;
    plan->seed = recorded->seed;
    free(recorded);
    return status;
}

/* Asks what the labs will measure, once for all sessions. Without a terminal and --answers nobody
 * is asked. 0, or -1 with options_error(). */
static int predict(struct run_plan *plan) {
    const struct ask_run run = {plan->options.device, plan->options.only};
    if (plan->predictions || (!plan->answers && !plan->options.predict))
        return 0;
    if (!plan->answers && !isatty(STDIN_FILENO)) {
        fprintf(stderr, "nanolab: nobody is asked to predict: standard input is no terminal; "
                        "--answers FILE gives answers\n");
        return 0;
    }
    for (size_t i = 0; i < plan->lab_count; i++)
        if (prediction_ask(&plan->parser, plan->labs[i]->folder, &run, plan->answers, true, stderr,
                           &plan->predictions) != 0)
            return -1;
    return 0;
}

static int make_folder(struct run_plan *plan) {
    const struct run_options *o = &plan->options;
    const char *names[DRIVER_LABS_MAX];
    for (size_t i = 0; i < plan->lab_count; i++)
        names[i] = plan->labs[i]->folder;
    if (o->out)
        snprintf(plan->dir, sizeof plan->dir, "%s", o->out);
    else if (result_default_dir("results", plan->dir, sizeof plan->dir) != 0)
        return options_fail(&plan->parser, "%s", error_text());
    const struct result_setup setup = {
        .dir = plan->dir,
        .mode = plan->mode,
        .seed = plan->seed,
        .device_list = o->device,
        .simt_card = simt_card(),
        .labs = names,
        .lab_count = plan->lab_count,
        .label = o->label,
        .argc = plan->argc,
        .argv = plan->argv,
    };
    if (result_run_create(&setup) != 0 ||
        (plan->predictions && prediction_keep(plan->dir, plan->predictions) != 0))
        return options_fail(&plan->parser, "%s", error_text());
    char dir[RESULT_PATH_MAX];
    fprintf(stderr, "nanolab: results go to %s\n", text_plain(dir, sizeof dir, plan->dir));
    return 0;
}

/* True if a lab of the plan will measure time: only then does anything spoil its numbers. */
static bool measures_time(const struct run_plan *plan) {
    const char *list = plan->options.device;
    bool any = false;
    for (size_t i = 0; i < plan->lab_count && !any; i++) {
        json_t *lab = driver_describe(plan->driver, &plan->parser, plan->labs[i]);
        const json_t *kinds = json_object_get(lab, "time");
        for (size_t k = 0; k < json_array_size(kinds); k++) {
            const char *kind = json_string_value(json_array_get(kinds, k));
            any = any || !list || (kind && strstr(list, kind));
        }
        json_decref(lab);
    }
    return any;
}

/* Says what spoils times on this machine, before they are measured. Returns whether any will be. */
static bool warn(const struct run_plan *plan) {
    if (!measures_time(plan))
        return false;
    json_t *machine = provenance_machine(), *warnings = provenance_warnings(machine);
    for (size_t i = 0; i < json_array_size(warnings); i++) {
        const json_t *warning = json_array_get(warnings, i);
        const char *field = json_string_value(json_object_get(warning, "field"));
        /* In later sessions that is the load of those before them. */
        if (plan->options.session > 1 && strcmp(field, "load") == 0)
            continue;
        fprintf(stderr, "nanolab: warning: %s; %s\n",
                json_string_value(json_object_get(warning, "problem")),
                json_string_value(json_object_get(warning, "advice")));
    }
    json_decref(warnings);
    json_decref(machine);
    return true;
}

/* And what spoilt them while they were. */
static void warn_of_others(const struct run_plan *plan) {
    struct others_mark now;
    struct others others;
    char text[200];
    others_now(&now);
    if (others_between(&plan->begun, &now, &others) && others_are_many(&others, text, sizeof text))
        fprintf(stderr, "nanolab: warning: %s; stop them, and measure again\n", text);
}

/* Starts a lab and waits for it. Returns its exit status. */
static int run_lab(const struct run_plan *plan, const struct driver_lab *lab) {
    const struct run_options *o = &plan->options;
    char path[sizeof plan->driver->lab_dir + sizeof lab->folder + 1], seed[32], self[32],
        session[32];
    snprintf(path, sizeof path, "%s/%s", plan->driver->lab_dir, lab->folder);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)plan->seed);
    snprintf(self, sizeof self, "%ld", (long)getpid());
    snprintf(session, sizeof session, "%llu", (unsigned long long)o->session);
    const char *argv[24];
    size_t argc = 0;
    argv[argc++] = path;
    argv[argc++] = "--joined";
    argv[argc++] = self;
    argv[argc++] = o->resume ? "--resume" : "--out";
    argv[argc++] = plan->dir;
    if (!o->resume) {
        argv[argc++] = "--seed";
        argv[argc++] = seed;
        if (plan->mode != LAB_DEFAULT)
            argv[argc++] = plan->mode == LAB_QUICK ? "--quick" : "--full";
        if (o->device) {
            argv[argc++] = "--device";
            argv[argc++] = o->device;
        }
        if (o->simt_arch) {
            argv[argc++] = "--simt-arch";
            argv[argc++] = o->simt_arch;
        }
        if (o->schedule) {
            argv[argc++] = "--schedule";
            argv[argc++] = o->schedule;
        }
    }
    if (o->only) {
        argv[argc++] = "--only";
        argv[argc++] = o->only;
    }
    if (o->session > 0) {
        argv[argc++] = "--session";
        argv[argc++] = session;
    }
    if (o->predict)
        argv[argc++] = "--predict";
    argv[argc] = NULL;

    int status = 0;
    /* Standard output is the JSON's alone. */
    int error = driver_child(path, argv, o->json, &status);
    if (error) {
        fprintf(stderr, "nanolab: cannot start %s: %s; build it again with `make`\n", path,
                strerror(error));
        return EXIT_BROKEN;
    }
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    int number = WTERMSIG(status);
    if (stop_signal)
        return 128 + (int)stop_signal;
    fprintf(stderr,
            "nanolab: %s was ended by signal %d (%s)%s; what it recorded is kept, "
            "--resume goes on\n",
            lab->folder, number, strsignal(number),
            number == SIGKILL ? ", perhaps for want of memory" : ", which is our bug");
    return EXIT_BROKEN;
}

/* Runs them all. True if every lab came to its end. */
static bool run_labs(struct run_plan *plan) {
    for (size_t i = 0; i < plan->lab_count; i++)
        plan->status[i] = -1;
    for (size_t i = 0; i < plan->lab_count && !stop_signal; i++) {
        if (plan->lab_count > 1)
            fprintf(stderr, "nanolab: %s (%zu of %zu)\n", plan->labs[i]->folder, i + 1,
                    plan->lab_count);
        int status = plan->status[i] = run_lab(plan, plan->labs[i]);
        /* A folder that cannot be written, or a signal that only the lab saw, ends the run. */
        if (status == EXIT_USAGE || status > 128)
            return false;
        /* After the last one, the page waits for the end of the run. */
        if (i + 1 < plan->lab_count && !stop_signal)
            driver_page_make(&plan->page, plan->dir, plan->lab_count - i - 1);
        if (i == 0 && plan->then && !stop_signal)
            driver_then(plan->then);
    }
    return !stop_signal;
}

static int overall(const struct run_plan *plan) {
    bool broken = false, all_skipped = true;
    if (stop_signal)
        return 128 + (int)stop_signal;
    for (size_t i = 0; i < plan->lab_count; i++) {
        int status = plan->status[i];
        if (status == EXIT_USAGE || status > 128)
            return status;
        all_skipped = all_skipped && status == EXIT_SKIPPED;
        broken = broken || (status != EXIT_DONE && status != EXIT_SKIPPED);
    }
    return broken ? EXIT_BROKEN : all_skipped ? EXIT_SKIPPED : EXIT_DONE;
}

/* Whether every lab came to its end, as the folder itself says. */
static bool all_complete(const struct run_plan *plan) {
    struct result_recorded *recorded = calloc(1, sizeof *recorded);
    bool complete = recorded != NULL;
    for (size_t i = 0; i < plan->lab_count && complete; i++)
        complete =
            result_recorded(plan->dir, plan->labs[i]->folder, recorded) == 0 && recorded->complete;
    free(recorded);
    return complete;
}

static int go(struct run_plan *plan, const char *const *names, size_t count) {
    const struct run_options *o = &plan->options;
    plan->mode = o->quick ? LAB_QUICK : o->full ? LAB_FULL : LAB_DEFAULT;
    plan->seed = o->seed;
    if (run_options_check(&plan->parser, o) != 0)
        return options_report();
    if (o->resume && plan->answers) {
        options_fail(&plan->parser, "--answers are given before a run, not to --resume; leave them "
                                    "out");
        return options_report();
    }
    if (o->resume) {
        if (take_recorded(plan, names, count) != 0)
            return options_report();
        snprintf(plan->dir, sizeof plan->dir, "%s", o->resume);
    } else if (choose_labs(plan, names, count) != 0 || predict(plan) != 0 ||
               make_folder(plan) != 0) {
        return options_report();
    }
    bool timed = warn(plan);
    stop_catch(&driver_child_pid);
    others_now(&plan->begun);
    bool complete = run_labs(plan);
    if (timed)
        warn_of_others(plan);
    int status = overall(plan);
    complete = complete && all_complete(plan);
    if (status != EXIT_USAGE && result_run_finish(plan->dir, complete, &plan->begun) != 0) {
        options_fail(&plan->parser, "%s", error_text());
        status = options_report();
    }
    if (status != EXIT_USAGE && !stop_signal)
        driver_page_make(&plan->page, plan->dir, 0);
    driver_run_conclude(plan, status);
    driver_page_end(&plan->page);
    /* Exit status 2 has already said what to do. */
    char dir[RESULT_PATH_MAX];
    if (status > 128)
        fprintf(stderr, "nanolab: stopped; go on with: nanolab run --resume %s\n",
                text_plain(dir, sizeof dir, plan->dir));
    return status;
}

/* One run after another, each in processes of its own, all but the order of measuring alike. */
static int go_often(struct run_plan *plan, const char *const *names, size_t count) {
    const char *out = plan->options.out;
    char dir[RESULT_PATH_MAX], shown[RESULT_PATH_MAX];
    int status = EXIT_DONE;
    if (plan->options.resume || !out || plan->sessions > SESSIONS_MOST)
        options_fail(&plan->parser, plan->options.resume
                                        ? "--resume takes one session; name its folder, such as "
                                          "mine/session-1, and leave --sessions out"
                                    : !out ? "--sessions needs --out, the folder that they go to"
                                           : "--sessions: at most 64");
    else if (strlen(out) >= RESULT_PATH_MAX - 300)
        options_fail(&plan->parser, "--out is longer than %d bytes; use a shorter name",
                     RESULT_PATH_MAX - 300);
    else if (mkdir(out, 0777) != 0)
        options_fail(&plan->parser, "%s: cannot be made: %s", out,
                     errno == EEXIST ? "it is there already; name another with --out"
                                     : folder_advice(errno));
    else
        status = -1;
    if (status != -1)
        return options_report();
    for (uint64_t k = 1; k <= plan->sessions; k++) {
        fprintf(stderr, "nanolab: session %llu of %llu\n", (unsigned long long)k,
                (unsigned long long)plan->sessions);
        snprintf(dir, sizeof dir, "%s/session-%llu", out, (unsigned long long)k);
        plan->options.out = dir;
        plan->options.session = k;
        plan->lab_count = 0;
        int one = go(plan, names, count);
        if (one == EXIT_USAGE || one > 128)
            return one;
        status = one == EXIT_BROKEN || status == -1 ? one : status;
    }
    if (!plan->options.json)
        printf("Sessions: %s; compare with: nanolab compare A B\n",
               text_plain(shown, sizeof shown, out));
    return status;
}

int driver_run(const struct driver *driver, int argc, char **argv) {
    struct option_spec specs[SPECS];
    const char *names[argc];
    struct run_plan *plan = calloc(1, sizeof *plan);
    if (!plan) {
        fprintf(stderr, "nanolab: out of memory; close other programs\n");
        return EXIT_BROKEN;
    }
    run_options_specs(specs, &plan->options);
    specs[RUN_OPTION_SPECS] =
        (struct option_spec){"--all", NULL, "every lab", OPTION_FLAG, &plan->all, NULL};
    specs[RUN_OPTION_SPECS + 1] =
        (struct option_spec){"--page",
                             NULL,
                             "makes the page (nanolab report) anew as each lab ends",
                             OPTION_FLAG,
                             &plan->page.wanted,
                             NULL};
    specs[RUN_OPTION_SPECS + 2] =
        (struct option_spec){"--sessions",
                             "N",
                             "N runs instead of one, into DIR/session-1 ...: their spread is\n"
                             "what nanolab compare judges by",
                             OPTION_NUMBER,
                             &plan->sessions,
                             NULL};
    specs[RUN_OPTION_SPECS + 3] =
        (struct option_spec){"--then",
                             "COMMAND",
                             "what is run once the first lab and its page are done; no\n"
                             "shell reads it, and if it fails, the run goes on",
                             OPTION_TEXT,
                             &plan->then,
                             NULL};
    specs[RUN_OPTION_SPECS + 4] =
        (struct option_spec){"--answers",
                             "FILE",
                             "what is predicted, from a file instead of a terminal\n"
                             "(nanolab predict --help)",
                             OPTION_TEXT,
                             &plan->answers,
                             NULL};
    plan->driver = driver;
    /* The command as somebody types it: "nanolab run …". */
    const char *command[argc + 1];
    command[0] = "nanolab";
    memcpy(command + 1, argv, (size_t)argc * sizeof *argv);
    plan->argc = argc + 1;
    plan->argv = (char **)command;
    plan->parser = (struct options){.program = "nanolab",
                                    .help_command = "nanolab run --help",
                                    .specs = specs,
                                    .spec_count = SPECS,
                                    .positional = names};
    int status = EXIT_DONE;
    if (options_parse(&plan->parser, argc, argv) != 0)
        status = options_report();
    else if (plan->options.help)
        print_help(specs);
    else
        status = (plan->sessions > 0 ? go_often : go)(plan, names, plan->parser.positional_count);
    json_decref(plan->predictions);
    free(plan);
    return status;
}
