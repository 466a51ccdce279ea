/*
 * ask.c: see ask.h.
 */
#define _GNU_SOURCE
#include "harness/predict/ask.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/error.h"
#include "harness/page/units.h"
#include "harness/predict/scores.h"
#include "harness/stop.h"
#include "harness/store/predictions.h"
#include "kernels/device/device.h"

#define WIDTH 80
#define TRIES 5

/* What a run takes without --device: a GPU, or else simulation for bits and this CPU. */
static const char *devices_of(const struct ask_run *run) {
    if (run->devices)
        return run->devices;
    return device_count(DEVICE_CUDA) > 0 ? "cuda" : "simt,cpu";
}

bool ask_can(const struct question *q, const struct ask_run *run) {
    if (run->only && (strcmp(run->only, "time") == 0) != q->time)
        return false;
    for (const char *at = devices_of(run); *at;) {
        char one[64];
        size_t length = strcspn(at, ",");
        snprintf(one, sizeof one, "%.*s", (int)(length < 60 ? length : 60), at);
        if (question_rank(q, one) >= 0)
            return true;
        at += length + (at[length] == ',');
    }
    return false;
}

static size_t how_many(const struct questions *q, const struct ask_run *run) {
    size_t count = 0;
    for (size_t k = 0; k < q->count; k++)
        count += ask_can(&q->list[k], run);
    return count;
}

/* --- the question ------------------------------------------------------------------------------
 */

static const char *unit_words(const struct question *q) {
    if (strcmp(q->unit, "1") == 0)
        return "a number";
    if (strcmp(q->unit, "%") == 0)
        return "in percent";
    if (strcmp(q->unit, "x") == 0)
        return "how many times";
    if (strcmp(q->unit, "s") == 0)
        return "a time, such as 12 us";
    return q->unit;
}

static void print_question(const struct question *q, size_t number, size_t width, FILE *out) {
    fprintf(out, "  %2zu  ", number);
    scores_line(out, q->text, 6, 6, width);
    for (size_t k = 0; k < q->choice_count; k++) {
        fprintf(out, "      %c  ", (char)('a' + k));
        scores_line(out, q->choices[k].text, 9, 9, width);
    }
    if (q->unit)
        fprintf(out, "      (%s)\n", unit_words(q));
}

void ask_list(const struct questions *q, const struct ask_run *run, size_t width, FILE *out) {
    size_t number = 0;
    for (size_t k = 0; k < q->count; k++)
        if (ask_can(&q->list[k], run))
            print_question(&q->list[k], ++number, width, out);
}

json_t *ask_list_json(const struct questions *q, const struct ask_run *run) {
    json_t *list = json_array();
    for (size_t k = 0; k < q->count; k++) {
        const struct question *one = &q->list[k];
        json_t *choices = json_array();
        json_t *most = isfinite(one->most) ? json_real(one->most) : json_null();
        for (size_t c = 0; c < one->choice_count; c++)
            json_array_append_new(choices, json_pack("{s:s, s:s}", "key", one->choices[c].key,
                                                     "text", one->choices[c].text));
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s?, s:o, s:o, s:s, s:b}", "id", one->id, "text",
                            one->text, "unit", one->unit, "most", most, "choices", choices, "part",
                            one->time ? "time" : "bits", "asked", ask_can(one, run)));
    }
    return list;
}

/* --- on a terminal -----------------------------------------------------------------------------
 */

/* 0 with an answer, 1 at the end of input. */
static int ask_one(const struct question *q, FILE *in, FILE *out, struct guess *guess) {
    char *line = NULL, why[GUESS_WHY];
    size_t room = 0;
    int status = 1;
    memset(guess, 0, sizeof *guess);
    for (int k = 0; k < TRIES && !stop_signal; k++) {
        fputs("      > ", out);
        fflush(out);
        if (getline(&line, &room, in) < 0)
            break;
        if (guess_parse(q, line, guess, why) == 0) {
            status = 0;
            break;
        }
        fprintf(out, "      ");
        scores_line(out, why, 6, 6, WIDTH);
        memset(guess, 0, sizeof *guess);
        if (k + 1 == TRIES) {
            fputs("      no answer, then\n", out);
            status = 0;
        }
    }
    free(line);
    return status;
}

static int add(json_t **answers, const struct question *q, const struct guess *guess) {
    json_t *one = guess_json(q, guess);
    if (!*answers)
        *answers = json_array();
    if (one && json_array_append_new(*answers, one) == 0)
        return 0;
    return error_set("out of memory; close other programs");
}

int ask_terminal(const struct questions *q, const struct ask_run *run, FILE *in, FILE *out,
                 json_t **answers) {
    size_t count = how_many(q, run), number = 0;
    int status = 0;
    *answers = NULL;
    if (count == 0)
        return 0;
    fprintf(out,
            "%s: %zu question%s before it runs. A number, or a range such as 200..400 if you are\n"
            "not sure; a letter where there are choices; Enter for no answer.\n",
            q->lab, count, count == 1 ? "" : "s");
    for (size_t k = 0; k < q->count && status == 0; k++) {
        const struct question *one = &q->list[k];
        struct guess guess;
        if (!ask_can(one, run))
            continue;
        print_question(one, ++number, WIDTH, out);
        status = ask_one(one, in, out, &guess);
        if (status == 0)
            status = add(answers, one, &guess);
    }
    if (status != 0) {
        json_decref(*answers);
        *answers = NULL;
    }
    return status;
}

/* --- from a file -------------------------------------------------------------------------------
 */

static json_t *read_file(const char *path) {
    char folder_path[FOLDER_PATH], why[200], *text = NULL;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    struct folder folder;
    size_t length = 0;
    json_t *json = NULL;
    snprintf(folder_path, sizeof folder_path, "%.*s", slash ? (int)(name - path) : 1,
             slash ? path : ".");
    if (folder_open(&folder, folder_path) != 0)
        return NULL;
    if (folder_read(&folder, name, PREDICTIONS_BYTES, &text, &length) == 0) {
        json = folder_parse_json(text, length, why, sizeof why);
        if (!json)
            error_set("%s: %s", path, why);
        else if (!json_is_object(json))
            error_set("%s: it is no JSON object; write {\"QUESTION\": \"ANSWER\", ...}", path);
        if (json && json_object_get(json, "format")) {
            json_decref(json);
            predictions_parse(text, length, path, &json);
        } else if (json && !json_is_object(json)) {
            json_decref(json);
            json = NULL;
        }
    }
    free(text);
    folder_close(&folder);
    return json;
}

static bool is_known(const struct questions *q, const char *id) {
    /* A file may have answers to the questions of several labs: "02.orders" is another's. */
    return questions_find(q, id) || strncmp(id, q->lab, 2) != 0;
}

static int answer_of(const struct question *q, const json_t *file, const json_t *entry,
                     const char *path, struct guess *guess) {
    const json_t *typed = json_object_get(file, q->id);
    char number[40], why[GUESS_WHY];
    memset(guess, 0, sizeof *guess);
    if (json_object_get(file, "format")) {
        const json_t *stored = predictions_answer(entry, q->id);
        *guess = stored ? guess_of_json(q, stored) : *guess;
        return 0;
    }
    if (!typed || json_is_null(typed))
        return 0;
    snprintf(number, sizeof number, "%.17g", json_number_value(typed));
    const char *text = json_is_number(typed) ? number : json_string_value(typed);
    if (!text)
        return error_set("%s: %s: an answer is a text or a number", path, q->id);
    if (guess_parse(q, text, guess, why) != 0)
        return error_set("%s: %s: %s", path, q->id, why);
    return 0;
}

int ask_file(const struct questions *q, const struct ask_run *run, const char *path,
             json_t **answers) {
    json_t *file = read_file(path), *value;
    const char *id;
    *answers = NULL;
    if (!file)
        return -1;
    int status = 0;
    bool typed = !json_object_get(file, "format");
    json_object_foreach(file, id, value) {
        if (typed && !is_known(q, id)) {
            status = error_set("%s: %.60s is no question of %s; `nanolab predict %.2s --list` "
                               "shows them",
                               path, id, q->lab, q->lab);
            break;
        }
    }
    const json_t *entry = predictions_of(file, q->lab);
    for (size_t k = 0; k < q->count && status == 0; k++) {
        struct guess guess;
        if (!ask_can(&q->list[k], run))
            continue;
        status = answer_of(&q->list[k], file, entry, path, &guess);
        if (status == 0)
            status = add(answers, &q->list[k], &guess);
    }
    if (status != 0) {
        json_decref(*answers);
        *answers = NULL;
    }
    json_decref(file);
    return status;
}
