/*
 * question.c: reads labs/LAB/questions.json (question.h).
 */
#include "harness/predict/question.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/error.h"
#include "harness/page/home.h"

#define QUESTIONS_FILE "questions.json"
#define QUESTIONS_BYTES ((size_t)1 << 18)

static const char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text && *text ? text : NULL;
}

static double real_of(const json_t *object, const char *name, double otherwise) {
    const json_t *value = json_object_get(object, name);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

static int read_choices(struct question *q, const json_t *list) {
    const json_t *one;
    size_t k;
    json_array_foreach(list, k, one) {
        if (k == QUESTION_CHOICES)
            return -1;
        struct question_choice *c = &q->choices[q->choice_count++];
        *c = (struct question_choice){.key = text_of(one, "key"),
                                      .text = text_of(one, "text"),
                                      .verdicts = json_object_get(one, "verdicts"),
                                      .from = real_of(one, "from", -INFINITY),
                                      .below = real_of(one, "below", INFINITY)};
        if (!c->key || !c->text)
            return -1;
    }
    return 0;
}

static int read_one(struct question *q, const json_t *one) {
    const char *part = text_of(one, "part");
    *q = (struct question){.id = text_of(one, "id"),
                           .text = text_of(one, "text"),
                           .brief = text_of(one, "short"),
                           .because = text_of(one, "because"),
                           .unit = text_of(one, "unit"),
                           .most = real_of(one, "most", INFINITY),
                           .near = real_of(one, "near", 2),
                           .devices = json_object_get(one, "devices"),
                           .from = json_object_get(one, "from")};
    if (!q->id || strlen(q->id) >= PREDICTIONS_ID || !q->text || !q->brief || !q->because ||
        !part || !json_array_size(q->devices) || !json_array_size(q->from) || !(q->near > 1) ||
        read_choices(q, json_object_get(one, "choices")) != 0)
        return -1;
    q->time = strcmp(part, "time") == 0;
    return (q->time || strcmp(part, "bits") == 0) && !q->unit == (q->choice_count > 1) ? 0 : -1;
}

int questions_parse(struct questions *q, const char *lab, const char *text, size_t length,
                    const char *where) {
    char why[200];
    const json_t *one;
    size_t k;
    memset(q, 0, sizeof *q);
    snprintf(q->lab, sizeof q->lab, "%s", lab);
    q->json = folder_parse_json(text, length, why, sizeof why);
    if (!q->json)
        return error_set("%s: %s; please report it", where, why);
    const char *named = text_of(q->json, "lab");
    if (real_of(q->json, "format", 0) != 1 || !named || strcmp(named, lab) != 0)
        return error_set("%s: its format is not 1, or its lab not %s; please report it", where,
                         lab);
    json_array_foreach(json_object_get(q->json, "questions"), k, one) {
        if (k == QUESTIONS_MOST)
            return error_set("%s: more than %d questions; please report it", where, QUESTIONS_MOST);
        if (read_one(&q->list[k], one) != 0)
            return error_set("%s: question %zu lacks something; please report it", where, k + 1);
        if (questions_find(q, q->list[k].id))
            return error_set("%s: two questions are called %s; please report it", where,
                             q->list[k].id);
        q->count++;
    }
    return 0;
}

/* labs/LAB of this tree, open; its fd is -1 where there is none. */
static void open_lab(struct folder *inside, const char *lab) {
    char home[4096];
    struct folder tree = {.fd = -1}, labs = {.fd = -1};
    inside->fd = -1;
    if (home_is_lab(lab) && home_find(home, sizeof home) == 0 && folder_open(&tree, home) == 0 &&
        folder_open_in(&labs, &tree, "labs") == 0 && folder_has(&labs, lab) &&
        folder_open_in(inside, &labs, lab) != 0)
        inside->fd = -1;
    folder_close(&labs);
    folder_close(&tree);
}

int questions_open(struct questions *q, const char *lab) {
    char where[FOLDER_PATH + 32];
    struct folder inside;
    char *text = NULL;
    size_t length = 0;
    memset(q, 0, sizeof *q);
    snprintf(q->lab, sizeof q->lab, "%s", lab);
    open_lab(&inside, lab);
    if (inside.fd < 0 || !folder_has(&inside, QUESTIONS_FILE)) {
        folder_close(&inside);
        return 0;
    }
    snprintf(where, sizeof where, "%s/" QUESTIONS_FILE, inside.path);
    int status = folder_read(&inside, QUESTIONS_FILE, QUESTIONS_BYTES, &text, &length);
    folder_close(&inside);
    if (status == 0)
        status = questions_parse(q, lab, text, length, where);
    free(text);
    return status;
}

void questions_close(struct questions *q) {
    json_decref(q->json);
    memset(q, 0, sizeof *q);
}

const struct question *questions_find(const struct questions *q, const char *id) {
    for (size_t k = 0; k < q->count; k++)
        if (strcmp(q->list[k].id, id) == 0)
            return &q->list[k];
    return NULL;
}

int question_rank(const struct question *q, const char *device) {
    size_t length = strcspn(device, ":"), k;
    const json_t *one;
    json_array_foreach(q->devices, k, one) {
        const char *kind = json_string_value(one);
        if (kind && strlen(kind) == length && strncmp(kind, device, length) == 0)
            return (int)k;
    }
    return -1;
}
