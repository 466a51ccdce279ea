/*
 * class_text.c: a class on a terminal, and as JSON (class.h).
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/class/class.h"
#include "harness/text.h"

static const char *text_in(const json_t *one, const char *name, char *out, size_t size) {
    const char *text = json_string_value(json_object_get(one, name));
    return text_plain(out, size, text ? text : "");
}

static void print_list(const json_t *list, const char *heading, FILE *to) {
    char folder[120], why[700];
    const json_t *one;
    size_t k;
    if (json_array_size(list))
        fprintf(to, "%s:\n", heading);
    json_array_foreach(list, k, one) {
        fprintf(to, "  %s: %s\n", text_in(one, "folder", folder, sizeof folder),
                text_in(one, "why", why, sizeof why));
    }
}

static size_t surprised_by(const struct class_tally *t) {
    return t->counts[SCORE_OFF] + t->counts[SCORE_WRONG];
}

static void print_question(const struct class *c, size_t lab, size_t question, FILE *to) {
    const struct question *q = &c->labs[lab].questions.list[question];
    struct class_tally t = class_tally_of(c, lab, question);
    if (t.asked == 0)
        return;
    fprintf(to, "  %-16s %3zu scored, %3zu right, %3zu close, %3zu surprised", q->id, t.scored,
            t.counts[SCORE_RIGHT], t.counts[SCORE_NEAR], surprised_by(&t));
    size_t open = t.counts[SCORE_WIDE] + t.counts[SCORE_OPEN];
    if (open)
        fprintf(to, ", %3zu not settled", open);
    if (isfinite(t.factor))
        fprintf(to, "; median factor off %.3g", t.factor);
    fputc('\n', to);
}

static bool any_asked(const struct class *c, size_t lab) {
    for (size_t q = 0; q < c->labs[lab].questions.count; q++)
        if (class_tally_of(c, lab, q).asked)
            return true;
    return false;
}

void class_print(const struct class *c, FILE *to) {
    fprintf(to, "%zu student%s, %zu lab%s, %zu machine%s\n", c->count, c->count == 1 ? "" : "s",
            c->lab_count, c->lab_count == 1 ? "" : "s", c->machine_count,
            c->machine_count == 1 ? "" : "s");
    for (size_t l = 0; l < c->lab_count; l++) {
        if (!any_asked(c, l))
            continue;
        fprintf(to, "%s\n", c->labs[l].name);
        for (size_t q = 0; q < c->labs[l].questions.count; q++)
            print_question(c, l, q, to);
    }
    print_list(c->left_out, "Left out", to);
    print_list(c->remarks, "Of these not all could be used", to);
}

/* --- as JSON -----------------------------------------------------------------------------------
 */

static json_t *real_or_null(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *question_json(const struct class *c, size_t lab, size_t question) {
    const struct question *q = &c->labs[lab].questions.list[question];
    struct class_tally t = class_tally_of(c, lab, question);
    json_t *scores = json_object();
    for (int s = 0; s < SCORES; s++)
        json_object_set_new(scores, score_name((enum score)s),
                            json_integer((json_int_t)t.counts[s]));
    return json_pack("{s:s, s:s, s:I, s:I, s:o, s:I, s:o, s:I, s:o, s:o}", "id", q->id, "text",
                     q->text, "asked", (json_int_t)t.asked, "scored", (json_int_t)t.scored,
                     "scores", scores, "surprised", (json_int_t)surprised_by(&t), "median_factor",
                     real_or_null(t.factor), "measured", (json_int_t)t.measured, "least",
                     real_or_null(t.low), "most", real_or_null(t.high));
}

static json_t *student_json(const struct class *c, const struct class_student *s) {
    json_t *labs = json_array();
    for (size_t l = 0; l < c->lab_count; l++)
        if (s->labs[l])
            json_array_append_new(
                labs,
                json_pack("{s:s, s:o, s:O}", "lab", c->labs[l].name, "predictions",
                          s->labs[l]->predicted ? scores_json(&s->labs[l]->scores) : json_null(),
                          "claims", s->labs[l]->claims));
    return json_pack("{s:I, s:o, s:I, s:s, s:s, s:o}", "student", (json_int_t)s->number, "label",
                     c->names && *s->label ? text_json(s->label) : json_null(), "machine",
                     (json_int_t)s->machine + 1, "mode", s->mode, "seed", s->seed, "labs", labs);
}

json_t *class_json(const struct class *c) {
    json_t *students = json_array(), *labs = json_array(), *machines = json_array();
    for (size_t k = 0; k < c->count; k++)
        json_array_append_new(students, student_json(c, &c->students[k]));
    for (size_t l = 0; l < c->lab_count; l++) {
        json_t *questions = json_array();
        for (size_t q = 0; q < c->labs[l].questions.count; q++)
            json_array_append_new(questions, question_json(c, l, q));
        json_array_append_new(
            labs, json_pack("{s:s, s:o}", "lab", c->labs[l].name, "questions", questions));
    }
    for (size_t m = 0; m < c->machine_count; m++)
        json_array_append_new(machines,
                              json_pack("{s:o, s:I}", "devices", text_json(c->machines[m].devices),
                                        "students", (json_int_t)c->machines[m].students));
    return json_pack("{s:i, s:o, s:o, s:o, s:O, s:O}", "format", 1, "students", students, "labs",
                     labs, "machines", machines, "left_out", c->left_out, "remarks", c->remarks);
}
