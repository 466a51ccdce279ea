/*
 * predict_test.c: answers as they are typed, what a result says to a question, and the score of the
 * one by the other.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/error.h"
#include "harness/predict/ask.h"
#include "harness/predict/scores.h"

static const char text[] =
    "{\"format\": 1, \"lab\": \"97-tiny\", \"questions\": ["
    " {\"id\": \"97.count\", \"part\": \"bits\", \"devices\": [\"cuda\", \"simt\", \"cpu\"],"
    "  \"short\": \"it\", \"text\": \"How many?\", \"because\": \"So many.\", \"unit\": \"1\", "
    "\"most\": 1000,"
    "  \"from\": [{\"claim\": \"T1\", \"number\": \"of * triples\"}]},"
    " {\"id\": \"97.time\", \"part\": \"time\", \"devices\": [\"cuda\", \"cpu\"],"
    "  \"short\": \"it\", \"text\": \"How long?\", \"because\": \"So long.\", \"unit\": \"s\", "
    "\"near\": 1.5,"
    "  \"from\": [{\"claim\": \"T2\", \"number\": \"slow\", \"over\": \"fast\"}]},"
    " {\"id\": \"97.all\", \"part\": \"bits\", \"devices\": [\"cpu\"],"
    "  \"short\": \"it\", \"text\": \"All?\", \"because\": \"Some.\","
    "  \"choices\": [{\"key\": \"no\", \"text\": \"none\", \"below\": 0.1},"
    "                {\"key\": \"some\", \"text\": \"some\", \"from\": 0.1, \"below\": 1},"
    "                {\"key\": \"all\", \"text\": \"all\", \"from\": 1}],"
    "  \"from\": [{\"claim\": \"T3\", \"share\": true}]},"
    " {\"id\": \"97.verdict\", \"part\": \"bits\", \"devices\": [\"cpu\"],"
    "  \"short\": \"it\", \"text\": \"True?\", \"because\": \"It is not.\","
    "  \"choices\": [{\"key\": \"yes\", \"text\": \"yes\", \"verdicts\": [\"confirmed\"]},"
    "                {\"key\": \"no\", \"text\": \"no\", \"verdicts\": [\"refuted\"]}],"
    "  \"from\": [{\"claim\": \"T4\"}]},"
    " {\"id\": \"97.percent\", \"part\": \"bits\", \"devices\": [\"cpu\"],"
    "  \"short\": \"it\", \"text\": \"What part?\", \"because\": \"This.\", \"unit\": \"%\", "
    "\"most\": 100,"
    "  \"from\": [{\"claim\": \"T3\", \"share\": true, \"scale\": 100}]}]}";

static struct questions questions;

static int begin(void **state) {
    (void)state;
    return questions_parse(&questions, "97-tiny", text, strlen(text), "questions.json");
}

static int end(void **state) {
    (void)state;
    questions_close(&questions);
    return 0;
}

static const struct question *ask(const char *id) {
    const struct question *q = questions_find(&questions, id);
    assert_non_null(q);
    return q;
}

/* --- typing ------------------------------------------------------------------------------------
 */

static void numbers_are_read_as_people_type_them(void **state) {
    (void)state;
    static const struct {
        const char *id, *typed;
        double low, high;
    } cases[] = {
        {"97.count", "300", 300, 300},
        {"97.count", "  300 ", 300, 300},
        {"97.count", "200..400", 200, 400},
        {"97.count", "200 .. 400", 200, 400},
        {"97.count", "200-400", 200, 400},
        {"97.count", "200 to 400", 200, 400},
        {"97.count", "400..200", 200, 400},
        {"97.count", "1,000", 1000, 1000},
        {"97.count", "0.5..1k", 500, 1000},
        {"97.count", "1e2", 100, 100},
        {"97.count", ".5", 0.5, 0.5},
        {"97.count", "0", 0, 0},
        {"97.count", "~30", 30, 30},
        {"97.time", "12 us", 12e-6, 12e-6},
        {"97.time", "12µs", 12e-6, 12e-6},
        {"97.time", "10..20 us", 10e-6, 20e-6},
        {"97.time", "10 us..1 ms", 10e-6, 1e-3},
        {"97.time", "2 s", 2, 2},
        {"97.percent", "40", 40, 40},
        {"97.percent", "40 %", 40, 40},
        {"97.percent", "40%..60%", 40, 60},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct guess g;
        char why[GUESS_WHY];
        if (guess_parse(ask(cases[k].id), cases[k].typed, &g, why) != 0)
            fail_msg("\"%s\": %s", cases[k].typed, why);
        assert_int_equal(g.kind, GUESS_NUMBER);
        if (fabs(g.low - cases[k].low) > 1e-12 || fabs(g.high - cases[k].high) > 1e-12)
            fail_msg("\"%s\" is %g to %g", cases[k].typed, g.low, g.high);
    }
}

static void what_is_no_number_is_refused_with_an_example(void **state) {
    (void)state;
    static const char *const typed[] = {"many",       "-3",      "3..",  "..3",  "3 4",
                                        "1,5",        "1..2..3", "nan",  "inf",  "1e999",
                                        "3 potatoes", "%",       "0x10", "1001", "5 us"};
    for (size_t k = 0; k < sizeof typed / sizeof *typed; k++) {
        struct guess g;
        char why[GUESS_WHY] = "";
        if (guess_parse(ask("97.count"), typed[k], &g, why) == 0)
            fail_msg("\"%s\" is %g to %g", typed[k], g.low, g.high);
        assert_true(strlen(why) > 10);
    }
}

static void choices_are_letters_and_enter_is_no_answer(void **state) {
    (void)state;
    struct guess g;
    char why[GUESS_WHY];
    assert_int_equal(guess_parse(ask("97.all"), "b\n", &g, why), 0);
    assert_int_equal(g.choice, 1);
    assert_int_equal(guess_parse(ask("97.all"), "C", &g, why), 0);
    assert_int_equal(g.choice, 2);
    assert_int_equal(guess_parse(ask("97.all"), "all", &g, why), 0);
    assert_int_equal(g.choice, 2);
    assert_int_equal(guess_parse(ask("97.all"), "d", &g, why), -1);
    assert_non_null(strstr(why, "a to c"));
    for (size_t k = 0; k < questions.count; k++) {
        assert_int_equal(guess_parse(&questions.list[k], " \n", &g, why), 0);
        assert_int_equal(g.kind, GUESS_NONE);
    }
}

static void an_answer_is_stored_and_read_again(void **state) {
    (void)state;
    static const char *const typed[] = {"200..400", "12 us", "b", "a", ""};
    for (size_t k = 0; k < questions.count; k++) {
        const struct question *q = &questions.list[k];
        struct guess g;
        char why[GUESS_WHY], a[GUESS_TEXT], b[GUESS_TEXT];
        assert_int_equal(guess_parse(q, typed[k], &g, why), 0);
        json_t *stored = guess_json(q, &g);
        struct guess read = guess_of_json(q, stored);
        assert_int_equal(read.kind, g.kind);
        assert_string_equal(guess_text(q, &g, a), guess_text(q, &read, b));
        json_decref(stored);
    }
}

static void a_terminal_is_asked_until_it_answers(void **state) {
    (void)state;
    char typed[] = "what\n300\n\nb\nnone\na\n50\n", *said = NULL;
    size_t size = 0;
    FILE *in = fmemopen(typed, strlen(typed), "r"), *out = open_memstream(&said, &size);
    const struct ask_run run = {.devices = "cpu"};
    json_t *answers = NULL;
    assert_int_equal(ask_terminal(&questions, &run, in, out, &answers), 0);
    fclose(in);
    fclose(out);
    assert_int_equal(json_array_size(answers), 5);
    assert_non_null(strstr(said, "\"what\" is no number here"));
    assert_non_null(strstr(said, "\"none\" is none of the choices"));
    assert_true(json_is_null(json_object_get(json_array_get(answers, 1), "answer")));
    assert_string_equal(json_string_value(json_object_get(json_array_get(answers, 2), "choice")),
                        "some");
    json_decref(answers);
    free(said);
}

static void an_end_of_input_keeps_nothing(void **state) {
    (void)state;
    char typed[] = "300\n", *said = NULL;
    size_t size = 0;
    FILE *in = fmemopen(typed, strlen(typed), "r"), *out = open_memstream(&said, &size);
    const struct ask_run run = {.devices = "cpu"};
    json_t *answers = NULL;
    assert_int_equal(ask_terminal(&questions, &run, in, out, &answers), 1);
    assert_null(answers);
    fclose(in);
    fclose(out);
    free(said);
}

static void what_a_device_cannot_answer_is_not_asked(void **state) {
    (void)state;
    const struct ask_run simulated = {.devices = "simt"}, both = {.devices = "simt,cpu"},
                         bits = {.devices = "cpu", .only = "bits"}, gpu = {.devices = "cuda:1"};
    assert_true(ask_can(ask("97.count"), &simulated));
    assert_false(ask_can(ask("97.time"), &simulated));
    assert_false(ask_can(ask("97.all"), &simulated));
    assert_true(ask_can(ask("97.time"), &both));
    assert_false(ask_can(ask("97.time"), &bits));
    assert_true(ask_can(ask("97.time"), &gpu));
}

/* --- measuring ---------------------------------------------------------------------------------
 */

static struct checked_lab lab_of(const char *claims) {
    struct checked_lab lab = {.name = "97-tiny", .claims = json_loads(claims, 0, NULL)};
    assert_non_null(lab.claims);
    return lab;
}

static void the_best_device_answers(void **state) {
    (void)state;
    struct checked_lab lab =
        lab_of("[{\"id\": \"T1\", \"device\": \"cpu\", \"verdict\": \"confirmed\", \"numbers\":"
               "  [{\"what\": \"of 5 triples\", \"value\": 1}]},"
               " {\"id\": \"T1\", \"device\": \"simt\", \"verdict\": \"bounded\", \"numbers\":"
               "  [{\"what\": \"of those\", \"value\": 7},"
               "   {\"what\": \"of 1000 triples\", \"value\": 323, \"low\": 320, \"high\": 330}]},"
               " {\"id\": \"T1\", \"device\": \"cuda:0\", \"verdict\": \"not-testable-here\"}]");
    struct measured m;
    char words[MEASURED_TEXT];
    assert_int_equal(measured_find(ask("97.count"), &lab, &m), 0);
    assert_int_equal(m.state, MEASURED);
    assert_string_equal(m.device, "simt");
    assert_true(m.value == 323 && m.low == 320 && m.high == 330);
    assert_string_equal(measured_text(ask("97.count"), &m, words), "323 (320 to 330) on simt");
    json_decref(lab.claims);
}

static void numbers_are_divided_with_their_intervals(void **state) {
    (void)state;
    struct checked_lab lab =
        lab_of("[{\"id\": \"T2\", \"device\": \"cpu\", \"verdict\": \"confirmed\", \"numbers\":"
               "  [{\"what\": \"slow\", \"value\": 6, \"low\": 4, \"high\": 8},"
               "   {\"what\": \"fast\", \"value\": 2, \"low\": 1, \"high\": 4}]}]");
    struct measured m;
    assert_int_equal(measured_find(ask("97.time"), &lab, &m), 0);
    assert_true(m.value == 3 && m.low == 1 && m.high == 8);
    json_decref(lab.claims);
}

static void shares_and_verdicts_choose(void **state) {
    (void)state;
    struct checked_lab lab =
        lab_of("[{\"id\": \"T3\", \"device\": \"cpu\", \"verdict\": \"bounded\", \"checked\": 4,"
               "  \"held\": 3},"
               " {\"id\": \"T4\", \"device\": \"cpu\", \"verdict\": \"refuted\"}]");
    struct measured m;
    assert_int_equal(measured_find(ask("97.all"), &lab, &m), 0);
    assert_true(!m.right[0] && m.right[1] && !m.right[2]);
    assert_int_equal(measured_find(ask("97.verdict"), &lab, &m), 0);
    assert_true(!m.right[0] && m.right[1]);
    assert_int_equal(measured_find(ask("97.percent"), &lab, &m), 0);
    assert_true(m.value == 75);
    json_decref(lab.claims);
}

static void nothing_is_made_of_what_was_not_measured(void **state) {
    (void)state;
    static const char *const claims[] = {
        "[]",
        "[{\"id\": \"T1\", \"device\": \"none\", \"verdict\": \"not-testable-here\"}]",
        "[{\"id\": \"T1\", \"device\": \"ptx\", \"verdict\": \"confirmed\", \"numbers\":"
        "  [{\"what\": \"of 3 triples\", \"value\": 1}]}]",
        "[{\"id\": \"T1\", \"device\": \"cpu\", \"verdict\": \"confirmed\", \"numbers\":"
        "  [{\"what\": \"of 3 triples\", \"value\": null}]}]",
        "[{\"id\": \"T1\", \"device\": \"cpu\", \"verdict\": \"confirmed\", \"numbers\": 3}]",
        "[{\"id\": \"T1\", \"device\": 7}, 3, null, []]",
    };
    for (size_t k = 0; k < sizeof claims / sizeof *claims; k++) {
        struct checked_lab lab = lab_of(claims[k]);
        struct measured m;
        const struct guess g = {GUESS_NUMBER, 1, 1, 0};
        assert_int_equal(measured_find(ask("97.count"), &lab, &m), 0);
        assert_int_equal(m.state, MEASURED_NOT);
        assert_int_equal(score_of(ask("97.count"), &g, &m).score, SCORE_NOT_MEASURED);
        json_decref(lab.claims);
    }
}

static void a_bug_of_ours_scores_nobody(void **state) {
    (void)state;
    struct checked_lab lab =
        lab_of("[{\"id\": \"T1\", \"device\": \"cpu\", \"verdict\": \"bounded\", \"broken\": true,"
               "  \"numbers\": [{\"what\": \"of 3 triples\", \"value\": 1}]}]");
    struct measured m;
    const struct guess g = {GUESS_NUMBER, 1, 1, 0};
    assert_int_equal(measured_find(ask("97.count"), &lab, &m), 0);
    assert_int_equal(m.state, MEASURED_BROKEN);
    assert_int_equal(score_of(ask("97.count"), &g, &m).score, SCORE_NOT_MEASURED);
    json_decref(lab.claims);
}

/* --- scoring -----------------------------------------------------------------------------------
 */

static void numbers_are_scored_by_factors(void **state) {
    (void)state;
    static const struct {
        double low, high;   /* said */
        double least, most; /* measured */
        enum score score;
        double factor;
    } cases[] = {
        {100, 100, 90, 110, SCORE_RIGHT, 1},  {110, 110, 90, 110, SCORE_RIGHT, 1},
        {200, 200, 90, 100, SCORE_NEAR, 2},   {45, 45, 90, 100, SCORE_NEAR, 2},
        {201, 201, 90, 100, SCORE_OFF, 2.01}, {9, 9, 90, 100, SCORE_OFF, 10},
        {50, 200, 100, 100, SCORE_RIGHT, 1},  {1, 16, 2, 2, SCORE_RIGHT, 1},
        {1, 17, 2, 2, SCORE_WIDE, 1},         {0, 5, 2, 2, SCORE_WIDE, 1},
        {2, 4, 8, 8, SCORE_NEAR, 2},          {2, 4, 16, 16, SCORE_OFF, 4},
        {32, 40, 16, 16, SCORE_NEAR, 2},      {0, 0, 0, 0, SCORE_RIGHT, 1},
        {2, 3, 1, 17, SCORE_OPEN, NAN},       {40, 40, 1, 17, SCORE_OFF, 40.0 / 17},
        {0, 0, 5, 5, SCORE_OFF, INFINITY},    {5, 5, 0, 0, SCORE_OFF, INFINITY},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const struct guess g = {GUESS_NUMBER, cases[k].low, cases[k].high, 0};
        const struct measured m = {.state = MEASURED,
                                   .value = cases[k].least,
                                   .low = cases[k].least,
                                   .high = cases[k].most};
        struct scored s = score_of(ask("97.count"), &g, &m);
        char words[SCORE_TEXT];
        if (s.score != cases[k].score ||
            !(s.factor == cases[k].factor || (isnan(s.factor) && isnan(cases[k].factor))))
            fail_msg("case %zu: %s (%g)", k, score_text(&s, words), s.factor);
    }
}

static void an_open_choice_is_neither_right_nor_wrong(void **state) {
    (void)state;
    const struct measured m = {.state = MEASURED, .right = {false, true, true}, .right_count = 2};
    const struct measured one = {.state = MEASURED, .right = {false, true}, .right_count = 1};
    for (size_t k = 0; k < 3; k++) {
        const struct guess g = {.kind = GUESS_CHOICE, .choice = k};
        assert_int_equal(score_of(ask("97.all"), &g, &m).score, k ? SCORE_OPEN : SCORE_WRONG);
        assert_int_equal(score_of(ask("97.all"), &g, &one).score,
                         k == 1 ? SCORE_RIGHT : SCORE_WRONG);
    }
    const struct guess none = {.kind = GUESS_NONE};
    assert_int_equal(score_of(ask("97.all"), &none, &m).score, SCORE_NO_ANSWER);
}

/* --- files -------------------------------------------------------------------------------------
 */

#define ENTRY(answers)                                                                             \
    "{\"format\": 1, \"predictions\": [{\"lab\": \"97-tiny\", \"version\": \"1\", "                \
    "\"asked\": \"2026-11-29T04:00:00Z\", \"answers\": [" answers "]}]}"
#define COUNT_OF(more) "{\"id\": \"97.count\", \"question\": \"How many?\", " more "}"

static void a_file_that_does_not_fit_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"format\": 0}",
        "{\"format\": 2, \"predictions\": []}",
        "{\"format\": 1}",
        "{\"format\": 1, \"predictions\": [7]}",
        "{\"format\": 1, \"predictions\": [{\"lab\": \"../x\"}]}",
        ENTRY("7"),
        ENTRY(COUNT_OF("\"low\": 1")),
        ENTRY(COUNT_OF("\"low\": -1, \"high\": 1, \"unit\": \"1\"")),
        ENTRY(COUNT_OF("\"low\": 2, \"high\": 1, \"unit\": \"1\"")),
        ENTRY(COUNT_OF("\"low\": 1, \"high\": 1")),
        ENTRY(COUNT_OF("\"low\": 1, \"high\": 1, \"unit\": \"1\", \"choice\": \"a\"")),
        ENTRY(COUNT_OF("\"choice\": 7")),
        ENTRY(COUNT_OF("\"answer\": 7")),
        ENTRY("{\"id\": \"97.count\", \"answer\": null}"),
        ENTRY(COUNT_OF("\"answer\": null") ", " COUNT_OF("\"answer\": null")),
        "{\"format\": 1, \"format\": 1, \"predictions\": []}",
        "{\"format\": 1, \"predictions\": [{\"lab\": \"97-tiny\", \"version\": \"1\", \"asked\": "
        "\"yesterday, at four oclo\", \"answers\": []}]}",
    };
    json_t *read;
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        if (predictions_parse(bad[k], strlen(bad[k]), "predictions.json", &read) == 0)
            fail_msg("taken: %s", bad[k]);
        assert_non_null(strstr(error_text(), "predictions.json: "));
        assert_null(read);
    }
    static const char good[] = ENTRY(COUNT_OF("\"low\": 1, \"high\": 2.5, \"unit\": \"1\""));
    assert_int_equal(predictions_parse(good, strlen(good), "predictions.json", &read), 0);
    json_decref(read);
}

/* A file of which each byte was changed, or that ends early: it is taken or refused, no more. */
static void a_damaged_file_does_no_harm(void **state) {
    (void)state;
    static const char good[] = ENTRY(COUNT_OF("\"low\": 1, \"high\": 2.5, \"unit\": \"1\""));
    static const char changes[] = "\"}{][,:0-9e.\\ \x01\xff";
    char text_of[sizeof good];
    size_t taken = 0;
    for (size_t k = 0; k < sizeof good - 1; k++)
        for (size_t i = 0; i < sizeof changes; i++) {
            json_t *read;
            size_t length = i + 1 < sizeof changes ? sizeof good - 1 : k;
            memcpy(text_of, good, sizeof good);
            if (i + 1 < sizeof changes)
                text_of[k] = changes[i];
            if (predictions_parse(text_of, length, "predictions.json", &read) != 0)
                continue;
            taken++;
            const json_t *entry = predictions_of(read, "97-tiny");
            const json_t *answer = predictions_answer(entry, "97.count");
            struct guess g = guess_of_json(ask("97.count"), answer);
            assert_true(g.kind != GUESS_NUMBER || (g.low >= 0 && g.low <= g.high));
            json_decref(read);
        }
    assert_true(taken > 0);
}

static void answers_are_not_given_up_unasked(void **state) {
    (void)state;
    json_t *all = NULL;
    assert_int_equal(predictions_put(&all, predictions_entry("97-tiny", json_array()), false), 0);
    assert_int_equal(predictions_put(&all, predictions_entry("98-oracle", json_array()), false), 0);
    assert_int_equal(predictions_put(&all, predictions_entry("97-tiny", json_array()), false), -1);
    assert_non_null(strstr(error_text(), "--again"));
    assert_int_equal(predictions_put(&all, predictions_entry("97-tiny", json_array()), true), 0);
    assert_int_equal(json_array_size(json_object_get(all, "predictions")), 2);
    json_decref(all);
}

/* Every lab of this tree that has questions: they can be read, and say what answers them. */
static void the_questions_of_all_labs_are_good(void **state) {
    (void)state;
    static const char *const labs[] = {
        "00-roofs",          "01-float-staging",      "02-atomics-ordering",
        "03-fragment-churn", "04-paged-kv-residency", "05-nccl-straggler",
        "08-token-margins",  "09-batch-invariance"};
    for (size_t k = 0; k < sizeof labs / sizeof *labs; k++) {
        struct questions q;
        if (questions_open(&q, labs[k]) != 0)
            fail_msg("%s", error_text());
        assert_true(q.count >= 3);
        for (size_t i = 0; i < q.count; i++)
            assert_int_equal(strncmp(q.list[i].id, labs[k], 2), 0);
        questions_close(&q);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_as_people_type_them),
        cmocka_unit_test(what_is_no_number_is_refused_with_an_example),
        cmocka_unit_test(choices_are_letters_and_enter_is_no_answer),
        cmocka_unit_test(an_answer_is_stored_and_read_again),
        cmocka_unit_test(a_terminal_is_asked_until_it_answers),
        cmocka_unit_test(an_end_of_input_keeps_nothing),
        cmocka_unit_test(what_a_device_cannot_answer_is_not_asked),
        cmocka_unit_test(the_best_device_answers),
        cmocka_unit_test(numbers_are_divided_with_their_intervals),
        cmocka_unit_test(shares_and_verdicts_choose),
        cmocka_unit_test(nothing_is_made_of_what_was_not_measured),
        cmocka_unit_test(a_bug_of_ours_scores_nobody),
        cmocka_unit_test(numbers_are_scored_by_factors),
        cmocka_unit_test(an_open_choice_is_neither_right_nor_wrong),
        cmocka_unit_test(a_file_that_does_not_fit_is_refused),
        cmocka_unit_test(a_damaged_file_does_no_harm),
        cmocka_unit_test(answers_are_not_given_up_unasked),
        cmocka_unit_test(the_questions_of_all_labs_are_good),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
