/*
 * driver_conclude.c: what `nanolab run` says at the end: the verdicts of all labs, and what was
 * predicted beside what was measured (driver_run.h).
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/cli/driver_run.h"
#include "harness/cli/prediction.h"
#include "harness/cli/verdicts.h"
#include "harness/error.h"
#include "harness/page/report.h"
#include "harness/page/screen.h"
#include "harness/store/checked.h"
#include "harness/text.h"

/* One lab as recorded; its claims are NULL where there are none yet. Close it. */
static void open_recorded(const struct run_plan *plan, size_t i, struct checked_lab *lab) {
    struct limits left = LIMITS_WHOLE;
    json_t *run = NULL;
    memset(lab, 0, sizeof *lab);
    if (plan->status[i] >= 0 && plan->status[i] != EXIT_USAGE && (run = reader_run(plan->dir)) &&
        checked_lab_open(lab, run, plan->dir, plan->labs[i]->folder, &left) != 0)
        checked_lab_close(lab);
    json_decref(run);
}

static const char *question_of(const json_t *description) {
    const char *text = json_string_value(json_object_get(description, "question"));
    return text ? text : "";
}

static void print_table(const struct run_plan *plan, size_t i, const json_t *claims) {
    if (plan->status[i] < 0 || json_array_size(claims) == 0) {
        printf("%s: no verdicts yet: %s\n", plan->labs[i]->folder,
               plan->status[i] < 0 ? "not started" : "it was not finished");
        return;
    }
    json_t *description = driver_describe(plan->driver, &plan->parser, plan->labs[i]);
    verdicts_print(stdout, plan->labs[i]->folder, question_of(description), claims,
                   (int)screen_width(STDOUT_FILENO, 100));
    json_decref(description);
}

/* What was predicted of one lab beside what it measured; for a program, in `scored`. */
static void print_scores(const struct checked_lab *lab, const json_t *predictions, json_t *scored) {
    int width = (int)screen_width(STDOUT_FILENO, 100);
    if (!lab->reader || !lab->reader->end || !predictions)
        return;
    if (prediction_score(predictions, lab, width, stdout, scored) < 0)
        fprintf(stderr, "nanolab: the predictions of %s are not scored: %s\n", lab->name,
                error_text());
}

/* What a model answered, side by side, where the lab asked one. */
static void print_answers(const struct checked_lab *lab) {
    const size_t width = screen_width(STDOUT_FILENO, 100);
    if (lab->reader &&
        report_answers_plain(lab->reader, lab->name, width < 100 ? width : 100, stdout) != 0)
        fprintf(stderr, "nanolab: the answers of %s are not shown: %s\n", lab->name, error_text());
}

static void conclude_lab(const struct run_plan *plan, size_t i, const json_t *predictions,
                         json_t *labs) {
    struct checked_lab lab;
    json_t *none = json_array(), *scored = json_array();
    open_recorded(plan, i, &lab);
    json_t *claims = lab.claims ? lab.claims : none;
    if (plan->options.json) {
        print_scores(&lab, predictions, scored);
        json_array_append_new(
            labs, json_pack("{s:s, s:o, s:O, s:O}", "name", plan->labs[i]->folder, "status",
                            plan->status[i] < 0 ? json_null() : json_integer(plan->status[i]),
                            "claims", claims, "predictions", scored));
    } else {
        print_table(plan, i, claims);
        print_answers(&lab);
        print_scores(&lab, predictions, NULL);
    }
    checked_lab_close(&lab);
    json_decref(none);
    json_decref(scored);
}

void driver_run_conclude(const struct run_plan *plan, int status) {
    json_t *labs = json_array(), *predictions = prediction_in(plan->dir);
    if (!predictions && *error_text())
        fprintf(stderr, "nanolab: no predictions are scored: %s\n", error_text());
    for (size_t i = 0; i < plan->lab_count; i++)
        conclude_lab(plan, i, predictions, labs);
    json_decref(predictions);
    if (plan->options.json) {
        json_t *all = json_pack("{s:o, s:i, s:O}", "folder", text_json(plan->dir), "status", status,
                                "labs", labs);
        if (all)
            json_dumpf(all, stdout, JSON_INDENT(1));
        putchar('\n');
        json_decref(all);
    } else {
        char dir[RESULT_PATH_MAX];
        printf("Results: %s\n", text_plain(dir, sizeof dir, plan->dir));
        if (plan->page.made)
            printf("Page: %s/report.html\n", dir);
    }
    json_decref(labs);
}
