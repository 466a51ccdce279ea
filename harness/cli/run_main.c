/*
 * run_main.c: main() of every lab's executable: options, devices, the sweep, the checks, the
 * verdicts and the exit status.
 *
 * A lab is started by hand (`build/labs/01-float-staging --quick`), and then makes its own result
 * folder; or by `nanolab run` with --joined, which makes one folder for all labs, prints all
 * verdicts at the end, and asks with --describe what a lab is.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/cli/options.h"
#include "harness/cli/run_options.h"
#include "harness/cli/verdicts.h"
#include "harness/error.h"
#include "harness/lab/progress.h"
#include "harness/lab/run.h"
#include "harness/page/screen.h"
#include "harness/stop.h"
#include "harness/store/build_info.h"
#include "harness/store/provenance.h"
#include "harness/store/result.h"
#include "harness/text.h"
#include "kernels/simt/simt.h"

struct arguments {
    struct run_options run;
    bool version, describe;
    uint64_t joined; /* the process of `nanolab run` that this is a lab of; 0: none */
};

/* One lab, one run of its program. */
struct session {
    const struct lab *lab;
    struct options options;
    struct arguments arguments;
    struct lab_run run;
    struct result_recorded recorded;
    char folder[80]; /* "01-float-staging" */
    char dir[RESULT_PATH_MAX];
    int argc;
    char **argv;
    bool finished; /* the journal has its end record */
    struct others_mark begun;
};

#define SPECS (RUN_OPTION_SPECS + 3)

static void fill_specs(struct option_spec *specs, struct arguments *a) {
    run_options_specs(specs, &a->run);
    specs[RUN_OPTION_SPECS] =
        (struct option_spec){"--describe", NULL,         "what this lab is, as JSON; runs nothing",
                             OPTION_FLAG,  &a->describe, NULL};
    specs[RUN_OPTION_SPECS + 1] =
        (struct option_spec){"--version", NULL, "the version", OPTION_FLAG, &a->version, NULL};
    specs[RUN_OPTION_SPECS + 2] =
        (struct option_spec){"--joined", NULL, NULL, OPTION_NUMBER, &a->joined, NULL};
}

static void print_kinds(const char *what, unsigned mask) {
    const char *separator = "";
    printf("  %s", what);
    for (int k = DEVICE_KINDS - 1; k >= 0; k--) {
        if (!(mask & LAB_ON(k)))
            continue;
        printf("%s%s", separator, device_kind_name((enum device_kind)k));
        separator = ", ";
    }
    printf("%s\n", *separator ? "" : "nowhere");
}

static void print_help(const struct session *session, const struct option_spec *specs) {
    const struct lab *lab = session->lab;
    printf("%s: %s\n\nusage: %s [options]\n\n", session->folder, lab->question, session->folder);
    options_print(specs, SPECS);
    printf("\nneeds %s; %s\n", lab->needs, lab->takes);
    print_kinds("bits are checked on: ", lab->bits_devices);
    print_kinds("time is measured on: ", lab->time_devices & ~LAB_ON(DEVICE_SIMT));
    printf("\nclaims put to the test:\n");
    for (size_t i = 0; i < lab->claim_count; i++)
        printf("  %-4s %s\n%s%s%s", lab->claims[i].id, lab->claims[i].statement,
               lab->claims[i].refuted_by ? "       refuted by: " : "",
               lab->claims[i].refuted_by ? lab->claims[i].refuted_by : "",
               lab->claims[i].refuted_by ? "\n" : "");
    printf("\nexamples:\n"
           "  %s --quick                    a first look, results in results/\n"
           "  %s --device simt --quick      bits only, no GPU needed, no timings\n"
           "  %s --full --out mine          the whole sweep into the folder mine\n"
           "  %s --resume mine              goes on where that run was stopped\n"
           "\n`nanolab report DIR` makes a page of a result folder; `nanolab --help` shows the "
           "rest.\n"
           "\nexit status: 0 done; 1 a check could not run, or a predicted bit did not hold;\n"
           "2 usage or bad input; 77 skipped, the hardware is not here; 130, 143 stopped.\n",
           session->folder, session->folder, session->folder, session->folder);
}

static json_t *kinds(unsigned mask) {
    json_t *list = json_array();
    for (int k = 0; k < DEVICE_KINDS; k++)
        if (mask & LAB_ON(k))
            json_array_append_new(list, json_string(device_kind_name((enum device_kind)k)));
    return list;
}

static int describe(const struct session *session) {
    const struct lab *lab = session->lab;
    json_t *claims = json_array();
    for (size_t i = 0; i < lab->claim_count; i++)
        json_array_append_new(claims, json_pack("{s:s, s:s, s:s?}", "id", lab->claims[i].id,
                                                "statement", lab->claims[i].statement, "refuted_by",
                                                lab->claims[i].refuted_by));
    json_t *text =
        json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "number", lab->number, "name",
                  session->folder, "version", build_version(), "question", lab->question, "needs",
                  lab->needs, "takes", lab->takes, "bits", kinds(lab->bits_devices), "time",
                  kinds(lab->time_devices & ~LAB_ON(DEVICE_SIMT)), "claims", claims);
    int status = text ? json_dumpf(text, stdout, JSON_INDENT(1)) : -1;
    putchar('\n');
    json_decref(text);
    return status == 0 ? EXIT_DONE : EXIT_BROKEN;
}

static int fail(const struct session *session, int status, const char *text) {
    fprintf(stderr, "%s: ", session->folder);
    text_print(stderr, text);
    fputc('\n', stderr);
    return status;
}

/* Of what its devices could do, the part that was asked for. */
static void keep_part(struct lab_run *run, const char *only) {
    if (only && strcmp(only, "bits") == 0)
        run->time_count = 0;
    if (only && strcmp(only, "time") == 0)
        run->bits_count = 0;
}

static int prepare(struct session *session) {
    const struct run_options *o = &session->arguments.run;
    const struct options *parser = &session->options;
    struct lab_run *run = &session->run;
    char why[600];
    run->mode = o->quick ? LAB_QUICK : o->full ? LAB_FULL : LAB_DEFAULT;
    run->seed = o->seed;
    run->session = o->session;
    run->predict = o->predict;
    if (!o->resume) {
        if (run_open_devices(run, o->device, why, sizeof why) != 0)
            return options_fail(parser, "%s", why);
        keep_part(run, o->only);
        if (o->out)
            snprintf(session->dir, sizeof session->dir, "%s", o->out);
        else if (result_default_dir("results", session->dir, sizeof session->dir) != 0)
            return options_fail(parser, "%s", error_text());
        return 0;
    }
    snprintf(session->dir, sizeof session->dir, "%s", o->resume);
    struct result_recorded *recorded = &session->recorded;
    if (result_recorded(o->resume, session->folder, recorded) != 0)
        return options_fail(parser, "%s", error_text());
    if (run_options_check_recorded(parser, o, recorded) != 0)
        return -1;
    run->mode = recorded->mode;
    run->seed = recorded->seed;
    const char *list = recorded->device_list[0] ? recorded->device_list : NULL;
    int status = recorded->started
                     ? run_reopen_devices(run, list, (const char(*)[24])recorded->bits,
                                          recorded->bits_count, (const char(*)[24])recorded->time,
                                          recorded->time_count, why, sizeof why)
                     : run_open_devices(run, list, why, sizeof why);
    if (status != 0)
        return options_fail(parser, "%s: %s", o->resume, why);
    if (!recorded->started)
        keep_part(run, o->only);
    return 0;
}

static int open_result(struct session *session) {
    const struct run_options *o = &session->arguments.run;
    struct lab_run *run = &session->run;
    const char *recorded_list = session->recorded.device_list;
    const char *labs[] = {session->folder};
    const struct result_setup setup = {
        .dir = session->dir,
        .lab = session->lab,
        .mode = run->mode,
        .seed = run->seed,
        .bits = run->bits,
        .bits_count = run->bits_count,
        .time = run->time,
        .time_count = run->time_count,
        .device_list = !o->resume         ? o->device
                       : recorded_list[0] ? recorded_list
                                          : NULL,
        .simt_card = simt_card(),
        .labs = labs,
        .lab_count = 1,
        .label = o->label,
        .argc = session->argc,
        .argv = session->argv,
    };
    enum result_entry how = o->resume                   ? RESULT_RESUME
                            : session->arguments.joined ? RESULT_JOIN
                                                        : RESULT_NEW;
    return result_open(&run->result, how, &setup);
}

/* What spoils times on this machine, before they are measured. */
static void warn(const struct session *session) {
    if (session->run.time_count == 0 || session->arguments.joined)
        return;
    json_t *machine = provenance_machine(), *warnings = provenance_warnings(machine);
    for (size_t i = 0; i < json_array_size(warnings); i++) {
        const json_t *warning = json_array_get(warnings, i);
        fprintf(stderr, "%s: warning: %s; %s\n", session->folder,
                json_string_value(json_object_get(warning, "problem")),
                json_string_value(json_object_get(warning, "advice")));
    }
    json_decref(warnings);
    json_decref(machine);
}

static int stopped(const struct session *session) {
    char dir[RESULT_PATH_MAX];
    fprintf(stderr, "%s: stopped after %zu cases, which are kept in %s", session->folder,
            result_case_count(session->run.result), text_plain(dir, sizeof dir, session->dir));
    /* Under a driver, that says how to go on. */
    if (session->arguments.joined)
        fputc('\n', stderr);
    else
        fprintf(stderr, "; go on with: %s --resume %s\n", session->argv[0], dir);
    return 128 + (int)stop_signal;
}

/* The sweep, the checks and the end of the journal. */
static int sweep(struct session *session) {
    struct lab_run *run = &session->run;
    bool skipped = run->opened_count == 0;
    int status = EXIT_DONE;
    if (!skipped) {
        status = run_sweeps(run);
        if (result_failed(run->result))
            return fail(session, EXIT_USAGE, error_text());
        if (status != 0)
            return fail(session, EXIT_BROKEN,
                        run->error[0] ? run->error : "the sweep failed and gave no reason");
        if (stop_signal)
            return stopped(session);
    }
    /* A check that could not run leaves the run partial: --resume does it again. */
    bool all = run_judge(run) == 0;
    if (result_failed(run->result))
        return fail(session, EXIT_USAGE, error_text());
    if (stop_signal)
        return stopped(session);
    if (!all)
        status = fail(session, EXIT_BROKEN, run->error);
    if (verdicts_broken(result_claims(run->result)))
        status = EXIT_BROKEN;
    if (all && result_finish(run->result) != 0)
        return fail(session, EXIT_USAGE, error_text());
    session->finished = all;
    if (skipped && status == EXIT_DONE)
        return EXIT_SKIPPED;
    return status;
}

/* What a person or program reads at the end. */
static void conclude(const struct session *session, int status) {
    const json_t *claims = result_claims(session->run.result);
    bool skipped = session->run.opened_count == 0;
    if (skipped)
        for (size_t k = 0; k < session->run.missing_count; k++)
            fprintf(stderr, "%s: skipped, not testable here: %s: %s\n", session->folder,
                    session->run.missing[k].id, session->run.missing[k].reason);
    verdicts_print_broken(stderr, session->folder, claims, session->dir);
    if (session->arguments.joined)
        return;
    if (session->arguments.run.json) {
        json_t *text = json_pack("{s:o, s:i, s:[{s:s, s:i, s:O}]}", "folder",
                                 text_json(session->dir), "status", status, "labs", "name",
                                 session->folder, "status", status, "claims", claims);
        if (text)
            json_dumpf(text, stdout, JSON_INDENT(1));
        putchar('\n');
        json_decref(text);
        return;
    }
    verdicts_print(stdout, session->folder, session->lab->question, claims,
                   (int)screen_width(STDOUT_FILENO, 100));
    char dir[RESULT_PATH_MAX];
    printf("Results: %s\n", text_plain(dir, sizeof dir, session->dir));
}

/* What spoilt times while they were measured. */
static void warn_of_others(const struct session *session) {
    struct others_mark now;
    struct others others;
    char text[200];
    others_now(&now);
    if (session->run.time_count > 0 && others_between(&session->begun, &now, &others) &&
        others_are_many(&others, text, sizeof text))
        fprintf(stderr, "%s: warning: %s; stop them, and measure again\n", session->folder, text);
}

static int go(struct session *session) {
    struct lab_run *run = &session->run;
    const struct arguments *a = &session->arguments;
    char text[1000];
    if (prepare(session) != 0)
        return options_report();
    if (open_result(session) != 0)
        return fail(session, EXIT_USAGE, error_text());
    if (run->opened_count > 0) {
        run_describe_devices(run, !a->run.device && !a->run.resume, text, sizeof text);
        fprintf(stderr, "%s: %s\n", session->folder, text);
    }
    for (size_t k = 0; k < run->missing_count && run->opened_count > 0; k++)
        fprintf(stderr, "%s: warning: nothing is tested on %s: %s\n", session->folder,
                run->missing[k].id, run->missing[k].reason);
    int status = EXIT_DONE;
    if (result_complete(run->result)) {
        fprintf(stderr, "%s: already complete, nothing was run\n", session->folder);
        session->finished = true;
        status = verdicts_broken(result_claims(run->result)) ? EXIT_BROKEN
                 : run->opened_count == 0                    ? EXIT_SKIPPED
                                                             : EXIT_DONE;
    } else {
        warn(session);
        others_now(&session->begun);
        if (result_resumed_count(run->result) > 0)
            fprintf(stderr, "%s: going on after %zu recorded cases\n", session->folder,
                    result_resumed_count(run->result));
        run->progress = progress_begin(session->folder, progress_style(STDERR_FILENO));
        status = sweep(session);
        if (session->finished && status == EXIT_DONE && progress_left(run->progress) != 0)
            lab_note(run,
                     "our bug: %ld cases more were announced than came, so the time left was wrong "
                     "(lab_expect); please report it",
                     progress_left(run->progress));
        progress_end(run->progress);
        run->progress = NULL;
    }
    bool over = status == EXIT_DONE || status == EXIT_BROKEN || status == EXIT_SKIPPED;
    if (over)
        conclude(session, status);
    if (a->joined || !over)
        return status;
    warn_of_others(session);
    if (result_run_finish(session->dir, session->finished, &session->begun) != 0)
        status = fail(session, EXIT_USAGE, error_text());
    return status;
}

int run_main(const struct lab *lab, int argc, char **argv) {
    struct option_spec specs[SPECS];
    struct session *session = calloc(1, sizeof *session);
    char help[100];
    if (!session) {
        fprintf(stderr, "nanolab: out of memory; close other programs\n");
        return EXIT_BROKEN;
    }
    session->lab = session->run.lab = lab;
    session->argc = argc;
    session->argv = argv;
    run_lab_folder(lab, session->folder, sizeof session->folder);
    snprintf(help, sizeof help, "%s --help", session->folder);
    struct arguments *a = &session->arguments;
    fill_specs(specs, a);
    session->options = (struct options){
        .program = session->folder, .help_command = help, .specs = specs, .spec_count = SPECS};
    int status = EXIT_DONE;
    if (options_parse(&session->options, argc, argv) != 0) {
        status = options_report();
    } else if (a->run.help) {
        print_help(session, specs);
    } else if (a->version) {
        printf("%s %s%s\n", session->folder, build_version(), build_dirty() ? " (modified)" : "");
    } else if (a->describe) {
        status = describe(session);
    } else if (a->joined && !a->run.resume && !a->run.out) {
        options_fail(&session->options, "--joined needs --out or --resume; start labs with "
                                        "`nanolab run`");
        status = options_report();
    } else if (run_options_check(&session->options, &a->run) != 0) {
        status = options_report();
    } else {
        stop_catch(NULL);
        /* A lab must not go on writing when its driver is killed: who resumes finds it locked. Nor
         * must it begin, if that was before it could say so. */
        if (a->joined)
            prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (a->joined && (uint64_t)getppid() != a->joined) {
            options_fail(&session->options, "--joined: its `nanolab run` has ended; start that");
            status = options_report();
        } else {
            status = go(session);
        }
    }
    status = options_end(session->folder, status);
    result_close(session->run.result);
    run_close_devices(&session->run);
    free(session);
    return status;
}
