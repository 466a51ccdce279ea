/*
 * prediction.c: see prediction.h.
 */
#include "harness/cli/prediction.h"

#include <stdio.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/predict/scores.h"
#include "harness/store/predictions.h"

/* 0 with *answers (NULL: nothing to ask), or -1 with options_error(). */
static int ask(const struct options *parser, const struct questions *q, const struct ask_run *run,
               const char *file, FILE *to, json_t **answers) {
    *answers = NULL;
    if (file)
        return ask_file(q, run, file, answers) == 0 ? 0 : options_fail(parser, "%s", error_text());
    if (!isatty(STDIN_FILENO))
        return options_fail(parser,
                            "nobody can be asked: standard input is no terminal; give --answers "
                            "FILE");
    int status = ask_terminal(q, run, stdin, to, answers);
    if (status == 0)
        return 0;
    return options_fail(parser, "%s",
                        status < 0 ? error_text()
                                   : "the questions were not answered to the end; nothing is kept");
}

int prediction_ask(const struct options *parser, const char *lab, const struct ask_run *run,
                   const char *file, bool again, FILE *to, json_t **predictions) {
    struct questions q;
    json_t *answers = NULL, *entry = NULL;
    int status = questions_open(&q, lab);
    if (status != 0)
        options_fail(parser, "%s", error_text());
    else
        status = ask(parser, &q, run, file, to, &answers);
    if (status == 0 && !answers)
        fprintf(to, "%s: %s\n", lab,
                q.count ? "none of its questions can be answered on these devices"
                        : "it has no questions");
    if (answers) {
        entry = predictions_entry(lab, answers);
        if (!entry || predictions_put(predictions, entry, again) != 0)
            status = options_fail(parser, "%s", error_text());
    }
    questions_close(&q);
    return status;
}

int prediction_score(const json_t *predictions, const struct checked_lab *lab, int width, FILE *to,
                     json_t *list) {
    const json_t *entry = predictions_of(predictions, lab->name);
    struct scores s;
    if (!entry)
        return 1;
    int status = scores_make(&s, entry, lab);
    if (status == 0 && list) {
        json_t *one = scores_json(&s);
        if (!one || json_array_append_new(list, one) != 0)
            status = error_set("out of memory; close other programs");
    } else if (status == 0) {
        scores_print(&s, width > 40 ? (size_t)width : 100, to);
    }
    scores_close(&s);
    return status;
}

json_t *prediction_in(const char *dir) {
    struct folder folder;
    json_t *predictions = NULL;
    error_set("%s", "");
    if (folder_open(&folder, dir) != 0)
        return NULL;
    predictions_read(&folder, PREDICTIONS_FILE, &predictions);
    folder_close(&folder);
    return predictions;
}

int prediction_keep(const char *dir, const json_t *predictions) {
    struct folder folder;
    if (folder_open(&folder, dir) != 0)
        return -1;
    int status = predictions_write(&folder, PREDICTIONS_FILE, predictions);
    folder_close(&folder);
    return status;
}
