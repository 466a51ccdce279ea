/*
 * class.c: reads many students' results (class.h).
 */
#define _GNU_SOURCE
#include "harness/class/class.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/error.h"
#include "harness/store/checked.h"
#include "harness/store/pack.h"
#include "harness/text.h"

static int short_of_memory(void) {
    return error_set("out of memory; close other programs");
}

static int say(json_t *list, const char *folder, const char *why) {
    json_t *one = json_pack("{s:o, s:o}", "folder", text_json(folder), "why", text_json(why));
    return one && json_array_append_new(list, one) == 0 ? 0 : short_of_memory();
}

static void last_part(const char *path, char *out, size_t size) {
    char name[FOLDER_PATH];
    size_t end = strlen(path), begin;
    while (end > 1 && path[end - 1] == '/')
        end--;
    for (begin = end; begin > 0 && path[begin - 1] != '/';)
        begin--;
    snprintf(name, sizeof name, "%.*s", (int)(end - begin), path + begin);
    text_plain(out, size, name);
}

/* --- one student -------------------------------------------------------------------------------
 */

/* Its place among the class's labs, which have it afterwards. -1 with error_text(). */
static int lab_place(struct class *c, const char *name) {
    for (size_t k = 0; k < c->lab_count; k++)
        if (strcmp(c->labs[k].name, name) == 0)
            return (int)k;
    if (c->lab_count == CLASS_LABS_MOST)
        return error_set("more than %d labs in all; make a page of fewer", CLASS_LABS_MOST);
    struct class_lab *lab = &c->labs[c->lab_count];
    snprintf(lab->name, sizeof lab->name, "%s", name);
    if (questions_open(&lab->questions, name) != 0)
        return -1;
    return (int)c->lab_count++;
}

static int take_lab(struct class *c, struct class_student *s, const struct checked *checked,
                    const struct checked_lab *lab) {
    int place = lab_place(c, lab->name);
    if (place < 0)
        return -1;
    const struct questions *questions = &c->labs[place].questions;
    const json_t *entry = predictions_of(checked->predictions, lab->name);
    struct class_answers *a = s->labs[place] = calloc(1, sizeof *a);
    if (!a)
        return short_of_memory();
    a->claims = json_incref(lab->claims);
    for (size_t k = 0; k < questions->count; k++)
        if (measured_find(&questions->list[k], lab, &a->measured[k]) != 0)
            return -1;
    if (!entry)
        return 0;
    a->predicted = true;
    return scores_make(&a->scores, entry, lab);
}

/* Devices of a lab's start record, "cpu: AMD EPYC"; each once. */
static void take_devices(struct class_student *s, const json_t *start) {
    const char *id;
    json_t *one;
    json_object_foreach(json_object_get(start, "devices"), id, one) {
        const char *model = json_string_value(json_object_get(one, "model"));
        char text[120], plain[120];
        snprintf(text, sizeof text, "%.*s: %.80s", (int)strcspn(id, ":"), id, model ? model : "?");
        text_plain(plain, sizeof plain, text);
        size_t used = strlen(s->devices);
        if (!strstr(s->devices, plain) && used + strlen(plain) + 3 < sizeof s->devices)
            snprintf(s->devices + used, sizeof s->devices - used, "%s%s", used ? "; " : "", plain);
    }
}

/* Of what was measured, without what was predicted: two with the same key are one run. */
static int take_key(struct class_student *s, const struct checked *checked) {
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    const char *hash = json_string_value(json_object_get(checked->run, "hash"));
    if (!to)
        return short_of_memory();
    fprintf(to, "%s\n", hash ? hash : "");
    for (size_t k = 0; k < checked->lab_count; k++)
        fprintf(to, "%s %s\n", checked->labs[k].name, checked->labs[k].reader->hash);
    int status = fclose(to) == 0 ? sha_bytes(text, size, s->key) : -1;
    free(text);
    return status == 0 ? 0 : short_of_memory();
}

static void text_of_run(const json_t *run, const char *name, char *out, size_t size) {
    const char *text = json_string_value(json_object_get(json_object_get(run, "run"), name));
    text_plain(out, size, text ? text : "");
}

static int by_lab(const void *a, const void *b) {
    return strcmp(((const struct class_lab *)a)->name, ((const struct class_lab *)b)->name);
}

struct taking {
    struct class *c;
    struct class_student *s;
};

/* What is there in part, or not as it should be. */
static int remark(struct class *c, const struct class_student *s, const struct checked *checked) {
    size_t late = 0, unknown = 0, answered = 0;
    for (size_t k = 0; k < c->lab_count; k++)
        if (s->labs[k] && s->labs[k]->predicted) {
            answered++;
            late += s->labs[k]->scores.late;
            unknown += s->labs[k]->scores.unknown;
        }
    int status = 0;
    if (*checked->predictions_wrong)
        status = say(c->remarks, s->folder, checked->predictions_wrong);
    else if (answered == 0)
        status = say(c->remarks, s->folder, "it has no predictions: its measurements alone count");
    if (status == 0 && late)
        status = say(c->remarks, s->folder, "predictions made after the lab began do not count");
    if (status == 0 && unknown)
        status = say(c->remarks, s->folder, "some answers are to questions of another nanolab");
    if (status == 0 && !checked->complete)
        status = say(c->remarks, s->folder, "the run is not complete: what is there counts");
    return status;
}

static int take(void *context, const char *dir) {
    struct taking *t = context;
    struct class_student *s = t->s;
    struct checked *checked;
    if (checked_open(&checked, dir) != 0)
        return -1;
    text_of_run(checked->run, "label", s->label, sizeof s->label);
    text_of_run(checked->run, "mode", s->mode, sizeof s->mode);
    text_of_run(checked->run, "seed", s->seed, sizeof s->seed);
    int status = take_key(s, checked);
    for (size_t k = 0; status == 0 && k < checked->lab_count; k++) {
        take_devices(s, checked->labs[k].reader->start);
        status = take_lab(t->c, s, checked, &checked->labs[k]);
    }
    if (status == 0 && checked->lab_count == 0)
        status = error_set("%s: no lab in it", dir);
    if (status == 0)
        status = remark(t->c, s, checked);
    checked_close(checked);
    return status;
}

static void free_student(struct class_student *s) {
    for (size_t k = 0; k < CLASS_LABS_MOST; k++) {
        if (!s->labs[k])
            continue;
        json_decref(s->labs[k]->claims);
        scores_close(&s->labs[k]->scores);
        free(s->labs[k]);
    }
    memset(s, 0, sizeof *s);
}

/* Adds what a path names, or says why not. -1: no memory. */
static int add(struct class *c, const char *path) {
    struct class_student *s = &c->students[c->count];
    struct taking t = {c, s};
    struct pack pack;
    memset(s, 0, sizeof *s);
    s->path = path;
    last_part(path, s->folder, sizeof s->folder);
    size_t remarks = json_array_size(c->remarks);
    int status = pack_is_archive(path) ? pack_visit(path, take, &t, &pack) : take(&t, path);
    char why[600];
    snprintf(why, sizeof why, "%s", status ? error_text() : "");
    for (size_t k = 0; status == 0 && k < c->count; k++)
        if (strcmp(c->students[k].key, s->key) == 0)
            snprintf(why, sizeof why, "the same run as %s; it counts once", c->students[k].folder);
    if (!*why) {
        c->count++;
        return 0;
    }
    while (json_array_size(c->remarks) > remarks)
        json_array_remove(c->remarks, json_array_size(c->remarks) - 1);
    status = say(c->left_out, s->folder, why);
    free_student(s);
    return status;
}

/* --- all of them -------------------------------------------------------------------------------
 */

static int by_key(const void *a, const void *b) {
    return strcmp(((const struct class_student *)a)->key, ((const struct class_student *)b)->key);
}

static int by_students(const void *a, const void *b) {
    const struct class_machine *x = a, *y = b;
    return x->students != y->students ? (x->students < y->students ? 1 : -1)
                                      : strcmp(x->devices, y->devices);
}

static size_t machine_of(const struct class *c, const char *devices) {
    size_t k = 0;
    while (k < c->machine_count && strcmp(c->machines[k].devices, devices) != 0)
        k++;
    return k;
}

/* Labs sorted by name, students by key, machines by their number. */
static void order(struct class *c) {
    struct class_lab labs[CLASS_LABS_MOST];
    memcpy(labs, c->labs, sizeof labs);
    qsort(c->labs, c->lab_count, sizeof *c->labs, by_lab);
    for (size_t i = 0; i < c->count; i++) {
        struct class_answers *before[CLASS_LABS_MOST];
        memcpy(before, c->students[i].labs, sizeof before);
        for (size_t k = 0; k < c->lab_count; k++)
            for (size_t old = 0; old < c->lab_count; old++)
                if (strcmp(labs[old].name, c->labs[k].name) == 0)
                    c->students[i].labs[k] = before[old];
    }
    qsort(c->students, c->count, sizeof *c->students, by_key);
    for (size_t i = 0; i < c->count; i++) {
        size_t k = machine_of(c, c->students[i].devices);
        c->students[i].number = i + 1;
        if (k == c->machine_count)
            snprintf(c->machines[c->machine_count++].devices, CLASS_MACHINE, "%s",
                     c->students[i].devices);
        c->machines[k].students++;
    }
    qsort(c->machines, c->machine_count, sizeof *c->machines, by_students);
    for (size_t i = 0; i < c->count; i++)
        c->students[i].machine = machine_of(c, c->students[i].devices);
}

int class_open(struct class *c, const char *const *paths, size_t count, bool names) {
    memset(c, 0, sizeof *c);
    c->names = names;
    c->students = calloc(count + 1, sizeof *c->students);
    c->left_out = json_array();
    c->remarks = json_array();
    if (!c->students || !c->left_out || !c->remarks)
        return short_of_memory();
    for (size_t k = 0; k < count; k++)
        if (add(c, paths[k]) != 0)
            return -1;
    order(c);
    return 0;
}

void class_close(struct class *c) {
    for (size_t k = 0; k < c->count; k++)
        free_student(&c->students[k]);
    for (size_t k = 0; k < c->lab_count; k++)
        questions_close(&c->labs[k].questions);
    free(c->students);
    json_decref(c->left_out);
    json_decref(c->remarks);
    memset(c, 0, sizeof *c);
}

const char *class_name(const struct class *c, const struct class_student *s, char out[CLASS_NAME]) {
    if (c->names && *s->label)
        snprintf(out, CLASS_NAME, "%zu: %s", s->number, s->label);
    else
        snprintf(out, CLASS_NAME, "student %zu", s->number);
    return out;
}

const struct scores_row *class_row(const struct class_student *s, size_t lab, const char *id) {
    const struct class_answers *a = s->labs[lab];
    if (!a || !a->predicted || a->scores.late)
        return NULL;
    for (size_t k = 0; k < a->scores.count; k++)
        if (strcmp(a->scores.rows[k].question->id, id) == 0)
            return &a->scores.rows[k];
    return NULL;
}
