/*
 * class_fixture.h: for the tests of class pages: students whose measurements and answers are made
 * here, as results of lab 01, whose questions this tree has.
 */
#ifndef NANOLAB_HARNESS_CLASS_FIXTURE_H
#define NANOLAB_HARNESS_CLASS_FIXTURE_H

#include "harness/class/class_page.h"
#include "harness/error.h"
#include "harness/store/result_fixture.h"

#define CLASS_LAB "01-float-staging"

static const struct claim class_claims[] = {{.id = "S1", .statement = "order is a part of it"},
                                            {.id = "S4", .statement = "bits are foretold"}};
static const struct lab class_lab = {.number = 1,
                                     .name = "float-staging",
                                     .claims = class_claims,
                                     .claim_count = 2,
                                     .quantities = fixture_quantities,
                                     .quantity_count = 5};

/* What a student measured and said. */
struct made_student {
    const char *folder, *label;
    uint64_t seed;
    double triples;    /* measured: 01.triples */
    double low, high;  /* said of it; NaN: no answer */
    const char *all;   /* said of 01.predicted: the key of a choice; NULL: no predictions at all */
    const char *asked; /* when; NULL: long ago */
    enum verdict verdict; /* of S1 */
};

static inline json_t *class_answers(const struct made_student *m) {
    json_t *number =
        isnan(m->low)
            ? json_pack("{s:s, s:s, s:n}", "id", "01.triples", "question", "How many?", "answer")
            : json_pack("{s:s, s:s, s:s, s:f, s:f}", "id", "01.triples", "question", "How many?",
                        "unit", "1", "low", m->low, "high", m->high);
    return json_pack("{s:i, s:[{s:s, s:s, s:s, s:[o, {s:s, s:s, s:s}]}]}", "format", 1,
                     "predictions", "lab", CLASS_LAB, "version", "1", "asked",
                     m->asked ? m->asked : "2001-01-01T00:00:00Z", "answers", number, "id",
                     "01.predicted", "question", "All?", "choice", m->all);
}

static inline void class_say(const char *dir, json_t *predictions) {
    struct folder folder;
    assert_non_null(predictions);
    assert_int_equal(folder_open(&folder, dir), 0);
    assert_int_equal(predictions_write(&folder, PREDICTIONS_FILE, predictions), 0);
    folder_close(&folder);
    json_decref(predictions);
}

/* Makes the folder f->root/m->folder, whose path is in f->dir then. */
static inline void class_student(struct fixture *f, const struct made_student *m) {
    snprintf(f->dir, sizeof f->dir, "%.60s/%.60s", f->root, m->folder);
    snprintf(f->lab, sizeof f->lab, "%.127s/" CLASS_LAB, f->dir);
    snprintf(f->journal, sizeof f->journal, "%s/cases.jsonl", f->lab);
    f->run.lab = &class_lab;
    f->run.seed = m->seed;
    f->run.error[0] = '\0';
    struct result_setup setup = fixture_setup(f);
    setup.lab = &class_lab;
    setup.label = m->label;
    if (result_open(&f->run.result, RESULT_NEW, &setup) != 0)
        fail_msg("%s", error_text());
    assert_int_equal(fixture_case(f, 0), 0);
    struct finding s1 = {.verdict = m->verdict, .held = 3, .against = 3, .settled = true};
    struct finding s4 = {.verdict = VERDICT_CONFIRMED, .held = 5, .settled = true};
    snprintf(s1.statement, sizeof s1.statement, "it is so");
    snprintf(s1.range, sizeof s1.range, "some");
    snprintf(s4.statement, sizeof s4.statement, "all of them");
    finding_number(&s1, "1", number(m->triples), "of 1000 normal triples, some");
    assert_int_equal(result_claim(f->run.result, &class_claims[0], "cpu", &s1), 0);
    assert_int_equal(result_claim(f->run.result, &class_claims[1], "cpu", &s4), 0);
    if (result_finish(f->run.result) != 0)
        fail_msg("%s", error_text());
    fixture_close(f);
    if (m->all)
        class_say(f->dir, class_answers(m));
}

#endif
