/*
 * class_test.c: a class of a few made students: who is numbered how, what counts, and what stays
 * text.
 */
#define _GNU_SOURCE
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/class/class_fixture.h"
#include "harness/page/hostile_fixture.h"
#include "harness/page/report.h"
#include "harness/page/tool.h"
#include "harness/store/forge_fixture.h"
#include "harness/store/pack.h"

static const struct made_student made[] = {
    {"anna", "Anna", 1, 323, 300, 300, "all", NULL, VERDICT_CONFIRMED},    /* close: 1.08 */
    {"berta", "Berta", 2, 320, 310, 350, "most", NULL, VERDICT_CONFIRMED}, /* right; a surprise */
    {"carl", "", 3, 330, 3, 3, "none", NULL, VERDICT_BOUNDED},             /* two surprises */
    {"dora", "Dora", 4, 310, NAN, NAN, "all", NULL, VERDICT_CONFIRMED},    /* one without answer */
    {"emil", "Emil", 5, 315, 0, 0, NULL, NULL, VERDICT_CONFIRMED},         /* no predictions */
    {"late", "Late", 6, 325, 325, 325, "all", "2999-01-01T00:00:00Z", VERDICT_CONFIRMED},
};
#define MADE (sizeof made / sizeof *made)

static struct fixture f;
static char paths[MADE][160];

static int begin(void **state) {
    (void)state;
    if (fixture_begin(&f) != 0)
        return -1;
    for (size_t k = 0; k < MADE; k++) {
        class_student(&f, &made[k]);
        snprintf(paths[k], sizeof paths[k], "%s", f.dir);
    }
    return 0;
}

static int end(void **state) {
    (void)state;
    fixture_end(&f);
    return 0;
}

static size_t place_of(const struct class *c, const char *lab, const char *id, size_t *question) {
    for (size_t l = 0; l < c->lab_count; l++)
        for (size_t q = 0; q < c->labs[l].questions.count; q++)
            if (strcmp(c->labs[l].name, lab) == 0 &&
                strcmp(c->labs[l].questions.list[q].id, id) == 0) {
                *question = q;
                return l;
            }
    fail_msg("no question %s", id);
    return 0;
}

static struct class_tally tally(const struct class *c, const char *id) {
    size_t question = 0, lab = place_of(c, CLASS_LAB, id, &question);
    return class_tally_of(c, lab, question);
}

static void what_was_said_is_counted(void **state) {
    (void)state;
    const char *list[MADE];
    struct class *c = calloc(1, sizeof *c);
    for (size_t k = 0; k < MADE; k++)
        list[k] = paths[k];
    assert_int_equal(class_open(c, list, MADE, false), 0);
    assert_int_equal(c->count, MADE);
    struct class_tally t = tally(c, "01.triples");
    assert_int_equal(t.asked, 4); /* not who said nothing, nor who said it late */
    assert_int_equal(t.scored, 3);
    assert_int_equal(t.counts[SCORE_RIGHT], 1);
    assert_int_equal(t.counts[SCORE_NEAR], 1);
    assert_int_equal(t.counts[SCORE_OFF], 1);
    assert_int_equal(t.counts[SCORE_NO_ANSWER], 1);
    assert_true(fabs(t.factor - 323.0 / 300) < 1e-12); /* of 1, 1.08 and 110 */
    assert_int_equal(t.measured, 6);
    assert_true(t.low == 310 && t.median == 321.5 && t.high == 330);
    t = tally(c, "01.predicted");
    assert_int_equal(t.counts[SCORE_RIGHT], 2);
    assert_int_equal(t.counts[SCORE_WRONG], 2);
    assert_int_equal(json_array_size(c->left_out), 0);
    assert_int_equal(json_array_size(c->remarks), 2);
    class_close(c);
    free(c);
}

static void numbers_do_not_tell_the_order_of_names(void **state) {
    (void)state;
    const char *forward[MADE], *backward[MADE];
    struct class *a = calloc(2, sizeof *a), *b = a + 1;
    for (size_t k = 0; k < MADE; k++)
        forward[k] = backward[MADE - 1 - k] = paths[k];
    assert_int_equal(class_open(a, forward, MADE, false), 0);
    assert_int_equal(class_open(b, backward, MADE, false), 0);
    for (size_t k = 0; k < MADE; k++) {
        char name[CLASS_NAME];
        assert_string_equal(a->students[k].folder, b->students[k].folder);
        assert_null(strstr(class_name(a, &a->students[k], name), a->students[k].folder));
    }
    class_close(a);
    class_close(b);
    free(a);
}

static void what_cannot_be_used_is_left_out_by_name(void **state) {
    (void)state;
    char copy[160], zip[160], damaged[160], wrong[160], command[1200];
    struct pack pack;
    snprintf(copy, sizeof copy, "%.60s/copy", f.root);
    snprintf(zip, sizeof zip, "%.60s/anna.zip", f.root);
    snprintf(damaged, sizeof damaged, "%.60s/damaged", f.root);
    snprintf(wrong, sizeof wrong, "%.60s/wrong", f.root);
    snprintf(command, sizeof command, "cp -r %s %s && cp -r %s %s && cp -r %s %s", paths[0], copy,
             paths[1], damaged, paths[2], wrong);
    assert_int_equal(system(command), 0);
    assert_int_equal(pack_folder(paths[0], zip, &pack), 0);
    snprintf(command, sizeof command, "%s/" CLASS_LAB "/cases.jsonl", damaged);
    assert_int_equal(fixture_replace(command, "42/case", "42/caze"), 0);
    snprintf(command, sizeof command, "%s/" PREDICTIONS_FILE, wrong);
    assert_int_equal(fixture_write(command, "{", 1), 0);
    const char *list[] = {paths[0], copy, zip, damaged, wrong, "/nonexistent/zoe", f.root};
    struct class *c = calloc(1, sizeof *c);
    assert_int_equal(class_open(c, list, 7, false), 0);
    /* One run three times is one; what was measured counts where the predictions are no good. */
    assert_int_equal(c->count, 2);
    assert_int_equal(json_array_size(c->left_out), 5);
    static const char *const folders[] = {"copy", "anna.zip", "damaged", "zoe"};
    static const char *const why[] = {"the same run as anna", "the same run as anna",
                                      "take an intact copy", "no such folder"};
    for (size_t k = 0; k < 4; k++) {
        const json_t *one = json_array_get(c->left_out, k);
        assert_string_equal(json_string_value(json_object_get(one, "folder")), folders[k]);
        assert_non_null(strstr(json_string_value(json_object_get(one, "why")), why[k]));
    }
    assert_int_equal(json_array_size(c->remarks), 1);
    assert_non_null(strstr(json_string_value(json_object_get(json_array_get(c->remarks, 0), "why")),
                           "predictions.json"));
    class_close(c);
    free(c);
}

static void an_archive_is_a_student_too(void **state) {
    (void)state;
    char zip[160];
    struct pack pack;
    snprintf(zip, sizeof zip, "%.60s/berta.zip", f.root);
    assert_int_equal(pack_folder(paths[1], zip, &pack), 0);
    const char *list[] = {zip, paths[0]};
    struct class *c = calloc(1, sizeof *c);
    assert_int_equal(class_open(c, list, 2, false), 0);
    assert_int_equal(c->count, 2);
    assert_int_equal(tally(c, "01.triples").counts[SCORE_RIGHT], 1);
    class_close(c);
    free(c);
}

/* The page of some folders; *html and *markdown are to be freed. */
static void page_of(const char *const *list, size_t count, bool names, char **markdown,
                    char **html) {
    char page[200], path[260], missing[600];
    size_t size;
    struct class *c = calloc(1, sizeof *c);
    struct class_compared compared;
    snprintf(page, sizeof page, "%.60s/page", f.root);
    if (class_open(c, list, count, names) != 0 || class_compare(c, &compared) != 0 ||
        class_page_make(c, &compared, page, missing, sizeof missing) != 0)
        fail_msg("%s", error_text());
    class_compared_close(&compared);
    class_close(c);
    free(c);
    snprintf(path, sizeof path, "%s/class.md", page);
    *markdown = fixture_read(path, &size);
    snprintf(path, sizeof path, "%s/class.html", page);
    *html = fixture_read(path, &size);
    assert_non_null(*markdown);
    assert_non_null(*html);
    if (tool_exists("gnuplot"))
        assert_non_null(strstr(*html, "<svg role="));
}

static void nobody_is_named_unless_the_teacher_asks(void **state) {
    (void)state;
    char *markdown, *html;
    const char *list[MADE + 1];
    for (size_t k = 0; k < MADE; k++)
        list[k] = paths[k];
    list[MADE] = "/nonexistent/zoe";
    page_of(list, MADE + 1, false, &markdown, &html);
    for (size_t k = 0; k < MADE; k++) {
        char folder[100];
        snprintf(folder, sizeof folder, "%s", made[k].folder);
        if (strcmp(folder, "late") == 0)
            continue; /* a word of our own */
        assert_null(strcasestr(markdown, folder));
        assert_null(strcasestr(html, folder));
    }
    assert_null(strstr(markdown, "zoe"));
    assert_non_null(strstr(markdown, "| student "));
    assert_non_null(strstr(markdown, "6 students, 4 of whom predicted; 1 lab on 1 machine."));
    assert_non_null(strstr(markdown, "*The plot in words*\n\n- To the right: "));
    assert_non_null(strstr(markdown, "- said: 3 answers, 1 of them a range; the least "));
    assert_non_null(strstr(markdown, "- measured: by 6; the least 310, the most 330.\n"));
    assert_non_null(strstr(markdown, "- right: 1; close: 1; surprised: 1; "));
    free(markdown);
    free(html);
    page_of(list, MADE + 1, true, &markdown, &html);
    assert_non_null(strstr(html, "Anna"));
    assert_non_null(strstr(html, "zoe"));
    assert_non_null(strstr(html, "Berta"));
    free(markdown);
    free(html);
}

/* --- text of strangers -------------------------------------------------------------------------
 */

/* No element but those of our own Markdown and plots, and nothing that is loaded. */
static void assert_harmless(const char *html) {
    static const char *const never[] = {"<script",
                                        "<img",
                                        "<iframe",
                                        "<a href=\"http",
                                        "<a href='",
                                        "onerror=",
                                        "javascript:alert(1)\"",
                                        "<?php",
                                        "<!-- comment"};
    for (size_t k = 0; k < sizeof never / sizeof *never; k++)
        for (const char *at = html; (at = strcasestr(at, never[k])); at++)
            /* As text it may stand there: then no "<" is before it. */
            if (*never[k] == '<')
                fail_msg("\"%s\" is in the page", never[k]);
}

static void labels_stay_text(void **state) {
    (void)state;
    const char *list[sizeof hostile / sizeof *hostile];
    static char made_paths[sizeof hostile / sizeof *hostile][160];
    size_t count = 0;
    for (size_t k = 0; k < sizeof hostile / sizeof *hostile; k += 3) {
        char folder[24];
        snprintf(folder, sizeof folder, "h%zu", k);
        const struct made_student m = {.folder = folder,
                                       .label = hostile[k],
                                       .seed = 100 + k,
                                       .triples = 320,
                                       .low = 1,
                                       .high = 1000,
                                       .all = "all",
                                       .verdict = VERDICT_CONFIRMED};
        class_student(&f, &m);
        snprintf(made_paths[count], sizeof made_paths[count], "%s", f.dir);
        list[count] = made_paths[count];
        count++;
    }
    char *markdown, *html;
    page_of(list, count, true, &markdown, &html);
    assert_harmless(html);
    assert_non_null(strstr(html, "alert(1)")); /* it is there, as text */
    free(markdown);
    free(html);
}

/* Answers, versions, devices, models and claims of a folder that somebody wrote by hand. */
static void answers_and_devices_stay_text(void **state) {
    (void)state;
    char *markdown, *html, path[260], *start = NULL;
    size_t size;
    const struct made_student m = {.folder = "forged",
                                   .label = "",
                                   .seed = 77,
                                   .triples = 320,
                                   .low = 1,
                                   .high = 1,
                                   .all = "<script>alert(1)</script>",
                                   .verdict = VERDICT_CONFIRMED};
    class_student(&f, &m);
    snprintf(path, sizeof path, "%s/benchmark.json", f.lab);
    assert_int_equal(unlink(path), 0);
    assert_true(asprintf(&start,
                         "{\"record\":\"start\",\"format\":2,\"lab\":\"" CLASS_LAB
                         "\",\"mode\":\"quick\",\"seed\":\"77\",\"bits\":[\"cpu\"],\"time\":[],"
                         "\"started\":\"2026-01-01T00:00:00Z\",\"fingerprint\":{},"
                         "\"devices\":{\"<script>alert(2)</script>\":"
                         "{\"model\":\"<img src=x onerror=alert(3)>|`*_\"}}}") > 0);
    const char *lines[] = {start,
                           "{\"record\":\"case\",\"id\":\"01/a\",\"device\":\"cpu\",\"params\":{},"
                           "\"counters\":{},\"series\":[]}",
                           NULL};
    forge_ended(&f, lines,
                "{\"format\": 2, \"lab\": \"" CLASS_LAB "\", \"claims\": [{\"id\": \"S1\", "
                "\"claim\": \"<script>alert(4)</script>\", \"refuted_by\": null, \"verdict\": "
                "\"confirmed\", \"device\": \"cpu\", \"broken\": false, \"checked\": 1, "
                "\"held\": 1, \"against\": 0, \"open\": 0, \"statement\": \"<b>s</b>\", \"range\": "
                "null, \"reason\": null, \"control\": null, \"numbers\": [{\"what\": \"of 1000 "
                "normal triples\", \"unit\": \"1\", \"value\": 320, \"low\": 320, \"high\": 320}], "
                "\"evidence\": [\"01/a\"]}]}",
                NULL);
    forge_complete(&f, true);
    free(start);
    char own[160];
    snprintf(own, sizeof own, "%s", f.dir);
    const char *list[] = {own};
    page_of(list, 1, true, &markdown, &html);
    assert_non_null(strstr(markdown, "1 student, 1 of whom predicted"));
    assert_harmless(html);
    assert_non_null(strstr(html, "alert(4)"));
    free(markdown);
    free(html);
    /* The folder's own page shows the same predictions. */
    struct report *report = NULL;
    if (report_make(own, &report) == 2)
        fail_msg("%s", error_text());
    report_forget(&report);
    snprintf(path, sizeof path, "%s/report.html", own);
    html = fixture_read(path, &size);
    assert_harmless(html);
    assert_non_null(strstr(html, "Predicted, and measured"));
    assert_non_null(strstr(html, "off by a factor of 320"));
    free(html);
}

static void a_page_is_written_into_no_other_folder(void **state) {
    (void)state;
    char missing[600];
    const char *list[] = {paths[0]};
    struct class *c = calloc(1, sizeof *c);
    struct class_compared compared;
    assert_int_equal(class_open(c, list, 1, false), 0);
    assert_int_equal(class_compare(c, &compared), 0);
    assert_int_equal(class_page_make(c, &compared, paths[1], missing, sizeof missing), -1);
    assert_non_null(strstr(error_text(), "holds no page of class"));
    class_compared_close(&compared);
    class_close(c);
    free(c);
}

/* The class of two whose machines are said to be two. */
static void two_machines(struct class *c) {
    const char *list[] = {paths[0], paths[1]};
    assert_int_equal(class_open(c, list, 2, false), 0);
    c->machine_count = 2;
    c->machines[1] = c->machines[0];
    c->students[1].machine = 1;
}

static void bits_of_other_data_are_not_compared(void **state) {
    (void)state;
    for (int same = 0; same < 2; same++) {
        struct class *c = calloc(1, sizeof *c);
        struct class_compared compared;
        two_machines(c);
        if (same)
            strcpy(c->students[1].seed, c->students[0].seed);
        assert_int_equal(class_compare(c, &compared), 0);
        assert_int_equal(compared.count, 1);
        assert_int_equal(compared.seeds, !same);
        assert_int_equal(compared.list[0].bits_equal, same);
        class_compared_close(&compared);
        class_close(c);
        free(c);
    }
}

static void medians_are_of_sorted_numbers(void **state) {
    (void)state;
    double odd[] = {3, 1, 2}, even[] = {4, 1, 3, 2}, far[] = {1, INFINITY, INFINITY};
    assert_true(class_median(odd, 3) == 2);
    assert_true(class_median(even, 4) == 2.5);
    assert_true(isinf(class_median(far, 3)));
    assert_true(isnan(class_median(odd, 0)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_said_is_counted),
        cmocka_unit_test(numbers_do_not_tell_the_order_of_names),
        cmocka_unit_test(what_cannot_be_used_is_left_out_by_name),
        cmocka_unit_test(an_archive_is_a_student_too),
        cmocka_unit_test(nobody_is_named_unless_the_teacher_asks),
        cmocka_unit_test(labels_stay_text),
        cmocka_unit_test(answers_and_devices_stay_text),
        cmocka_unit_test(a_page_is_written_into_no_other_folder),
        cmocka_unit_test(bits_of_other_data_are_not_compared),
        cmocka_unit_test(medians_are_of_sorted_numbers),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
