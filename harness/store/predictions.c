/*
 * predictions.c: see predictions.h.
 */
#include "harness/store/predictions.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/error.h"
#include "harness/store/build_info.h"
#include "harness/store/limits.h"
#include "harness/store/record.h"

#define ANSWER_TEXT 2000

static bool is_text(const json_t *object, const char *name, size_t most) {
    const json_t *value = json_object_get(object, name);
    size_t length = json_string_length(value);
    return json_is_string(value) && length > 0 && length <= most;
}

/* "2026-11-29T04:00:00Z": compared as text with the times of a journal. */
static bool is_time(const json_t *object, const char *name) {
    static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
    const char *text = json_string_value(json_object_get(object, name));
    if (!text || strlen(text) != sizeof form - 1)
        return false;
    for (size_t k = 0; form[k]; k++)
        if (form[k] == 'd' ? text[k] < '0' || text[k] > '9' : text[k] != form[k])
            return false;
    return true;
}

static const char *wrong_answer(const json_t *answer) {
    const json_t *low = json_object_get(answer, "low"), *high = json_object_get(answer, "high");
    bool number = low || high, choice = json_object_get(answer, "choice") != NULL;
    if (!is_text(answer, "id", PREDICTIONS_ID - 1) || !is_text(answer, "question", ANSWER_TEXT))
        return "an answer lacks its \"id\" or \"question\"";
    if (number + choice > 1)
        return "an answer is a number and a choice at once";
    if (number &&
        !(json_is_number(low) && json_is_number(high) && is_text(answer, "unit", 40) &&
          json_number_value(low) >= 0 && json_number_value(low) <= json_number_value(high) &&
          isfinite(json_number_value(high))))
        return "an answer's \"low\" and \"high\" are no range of numbers from 0 on with a \"unit\"";
    if (choice && !is_text(answer, "choice", 40))
        return "an answer's \"choice\" is no short text";
    if (!number && !choice && !json_is_null(json_object_get(answer, "answer")))
        return "an answer has neither \"low\" and \"high\", nor \"choice\", nor \"answer\": null";
    return NULL;
}

static const char *wrong_entry(const json_t *entry) {
    const json_t *answers = json_object_get(entry, "answers"), *one;
    const char *lab = json_string_value(json_object_get(entry, "lab"));
    size_t k;
    if (!lab || !record_lab_is_good(lab))
        return "\"lab\" is no lab's name";
    if (!is_text(entry, "version", 100) || !is_time(entry, "asked"))
        return "a lab's \"version\" or \"asked\" is not there, or no text of its form";
    if (!json_is_array(answers) || json_array_size(answers) > PREDICTIONS_ANSWERS)
        return "a lab's \"answers\" are no short list";
    json_array_foreach(answers, k, one) {
        const char *wrong = wrong_answer(one);
        if (wrong)
            return wrong;
        const json_t *same =
            predictions_answer(entry, json_string_value(json_object_get(one, "id")));
        if (same != one)
            return "a question is answered twice";
    }
    return NULL;
}

static const char *wrong_in(const json_t *all) {
    const json_t *list = json_object_get(all, "predictions"), *format, *one;
    size_t k;
    format = json_object_get(all, "format");
    if (!json_is_integer(format) || json_integer_value(format) < 1)
        return "its \"format\" is not there";
    if (json_integer_value(format) > PREDICTIONS_FORMAT)
        return "format is newer than this nanolab knows; take a newer nanolab";
    if (!json_is_array(list) || json_array_size(list) > LIMIT_LABS)
        return "its \"predictions\" are no list of labs";
    json_array_foreach(list, k, one) {
        const char *wrong = wrong_entry(one);
        if (wrong)
            return wrong;
        if (predictions_of(all, json_string_value(json_object_get(one, "lab"))) != one)
            return "a lab is there twice";
    }
    return NULL;
}

int predictions_parse(const char *text, size_t length, const char *where, json_t **out) {
    char why[200];
    *out = folder_parse_json(text, length, why, sizeof why);
    if (!*out)
        return folder_refuse(where, 0, why);
    const char *wrong = wrong_in(*out);
    if (!wrong)
        return 0;
    json_decref(*out);
    *out = NULL;
    return folder_refuse(where, 0, wrong);
}

int predictions_read(const struct folder *folder, const char *file, json_t **out) {
    char where[FOLDER_PATH + 300], *text = NULL;
    size_t length = 0;
    *out = NULL;
    if (!folder_has(folder, file))
        return 0;
    if (folder_read(folder, file, PREDICTIONS_BYTES, &text, &length) != 0)
        return -1;
    snprintf(where, sizeof where, "%s/%.255s", folder->path, file);
    int status = predictions_parse(text, length, where, out);
    free(text);
    return status;
}

static const json_t *find(const json_t *list, const char *member, const char *text) {
    const json_t *one;
    size_t k;
    json_array_foreach(list, k, one) {
        const char *has = json_string_value(json_object_get(one, member));
        if (has && text && strcmp(has, text) == 0)
            return one;
    }
    return NULL;
}

const json_t *predictions_of(const json_t *predictions, const char *lab) {
    return find(json_object_get(predictions, "predictions"), "lab", lab);
}

const json_t *predictions_answer(const json_t *entry, const char *id) {
    return find(json_object_get(entry, "answers"), "id", id);
}

static int short_of_memory(void) {
    return error_set("out of memory; close other programs");
}

json_t *predictions_entry(const char *lab, json_t *answers) {
    char now[32];
    time_t at = time(NULL);
    struct tm utc;
    strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&at, &utc));
    json_t *entry = json_pack("{s:s, s:s, s:s, s:o}", "lab", lab, "version", build_version(),
                              "asked", now, "answers", answers);
    if (!entry)
        short_of_memory();
    return entry;
}

int predictions_put(json_t **predictions, json_t *entry, bool again) {
    const char *lab = json_string_value(json_object_get(entry, "lab"));
    if (!*predictions)
        *predictions = json_pack("{s:i, s:[]}", "format", PREDICTIONS_FORMAT, "predictions");
    json_t *list = json_object_get(*predictions, "predictions");
    const json_t *old = predictions_of(*predictions, lab);
    if (!list) {
        json_decref(entry);
        return short_of_memory();
    }
    if (old && !again) {
        error_set("the questions of %s are answered there already; --again asks them anew and "
                  "gives the old answers up",
                  lab);
        json_decref(entry);
        return -1;
    }
    for (size_t k = 0; old && k < json_array_size(list); k++)
        if (json_array_get(list, k) == old)
            return json_array_set_new(list, k, entry) == 0 ? 0 : short_of_memory();
    return json_array_append_new(list, entry) == 0 ? 0 : short_of_memory();
}

int predictions_write(const struct folder *folder, const char *file, const json_t *predictions) {
    return folder_write_json(folder, file, predictions);
}
