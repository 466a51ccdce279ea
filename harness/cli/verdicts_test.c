/*
 * verdicts_test.c: the table of verdicts, and what the progress line says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/cli/verdicts.h"
#include "harness/lab/progress.h"

static json_t *claim(const char *id, const char *device, const char *verdict, int checked, int held,
                     const char *statement) {
    return json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:s}", "id", id, "device", device,
                     "verdict", verdict, "checked", checked, "held", held, "against",
                     (checked - held) / 2, "open", checked - held - (checked - held) / 2,
                     "statement", statement);
}

static char *printed(const json_t *claims, int width) {
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    verdicts_print(file, "97-tiny", "Is it?", claims, width);
    fclose(file);
    return text;
}

static void assert_in(const char *text, const char *words) {
    if (!strstr(text, words))
        fail_msg("expected \"%s\" in:\n%s", words, text);
}

static json_t *nowhere(const char *id, const char *device, const char *reason) {
    return json_pack("{s:s, s:s, s:s, s:s}", "id", id, "device", device, "verdict",
                     "not-testable-here", "reason", reason);
}

static void a_table_says_it_all(void **state) {
    (void)state;
    json_t *claims = json_array();
    json_array_append_new(claims, claim("S1", "cpu", "confirmed", 1234567, 1234567, "it adds up"));
    json_array_append_new(claims, claim("S1", "simt", "refuted", 5, 2, "it does not"));
    json_t *bounded = claim("S3", "cpu", "bounded", 12, 10, "up to a point");
    json_object_set_new(bounded, "range", json_string("n below 100"));
    json_array_append_new(claims, bounded);
    json_array_append_new(claims, nowhere("S3", "simt", "no clock"));
    json_array_append_new(claims, nowhere("S4", "none", "needs a GPU"));
    json_array_append_new(claims, nowhere("S5", "none", "needs a GPU"));
    json_array_append_new(claims, nowhere("S6", "none", "needs two GPUs"));
    char *text = printed(claims, 100);
    assert_string_equal(text, "97-tiny: Is it?\n"
                              "        cpu                      simt\n"
                              "  S1    confirmed 1,234,567/0/0  refuted 2/1/2\n"
                              "        cpu: it adds up\n"
                              "        simt: it does not\n"
                              "  S3    bounded 10/1/1           not testable\n"
                              "        cpu: up to a point\n"
                              "        cpu: range: n below 100\n"
                              "        simt: missing: no clock\n"
                              "  not testable here: S4, S5: needs a GPU\n"
                              "  not testable here: S6: needs two GPUs\n"
                              "  1 confirmed, 1 refuted, 1 bounded, 4 not testable here; the "
                              "numbers: checks held/against/open\n"
                              "  simt is a simulated GPU: bits, no timings\n");
    free(text);
    json_decref(claims);
}

/* A device that was asked for and gave nothing is named; one column needs no names under it. */
static void a_missing_device_is_named(void **state) {
    (void)state;
    json_t *claims = json_array();
    json_array_append_new(claims, claim("S1", "cpu", "confirmed", 4, 4, "it adds up"));
    json_array_append_new(claims, nowhere("S1", "cuda:0", "no driver"));
    char *text = printed(claims, 100);
    assert_in(text, "        cpu\n  S1    confirmed 4/0/0\n        it adds up\n");
    assert_in(text, "  nothing was tested on cuda:0: no driver\n");
    free(text);
    json_decref(claims);
}

static void without_simt_no_word_of_it(void **state) {
    (void)state;
    json_t *claims = json_array();
    json_array_append_new(claims, claim("S1", "cpu", "confirmed", 1, 1, "yes"));
    char *text = printed(claims, 100);
    assert_null(strstr(text, "simulated"));
    free(text);
    json_decref(claims);
}

static void our_bug_is_no_verdict(void **state) {
    (void)state;
    json_t *claims = json_array(), *broken = claim("S4", "cpu", "refuted", 10, 9, "bits");
    json_object_set_new(broken, "broken", json_true());
    json_array_append_new(claims, broken);
    assert_true(verdicts_broken(claims));
    char *text = printed(claims, 100);
    assert_in(text, "OUR BUG");
    assert_in(text, "1 broken by our bug");
    assert_null(strstr(text, "refuted"));
    assert_in(text, "OUR BUG 9/0/1");
    free(text);
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    assert_int_equal(verdicts_print_broken(file, "97-tiny", claims, "dir"), 1);
    fclose(file);
    assert_in(text, "97-tiny: our bug: a predicted bit of S4 on cpu did not hold (9 of 10 did)");
    free(text);
    json_object_set_new(broken, "broken", json_false());
    assert_false(verdicts_broken(claims));
    json_decref(claims);
}

static void lines_fit_the_width(void **state) {
    (void)state;
    char words[400] = "";
    while (strlen(words) < 380)
        strcat(words, "word ");
    json_t *claims = json_array();
    json_array_append_new(claims, claim("S1", "cpu", "confirmed", 1, 1, words));
    const int widths[] = {100, 120, 60};
    for (size_t i = 0; i < 3; i++) {
        char *text = printed(claims, widths[i]);
        size_t all = 0;
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
            /* The last line is as wide as it is. */
            if (!strstr(line, "the numbers:") && strlen(line) > (size_t)widths[i])
                fail_msg("%zu columns instead of %d: %s", strlen(line), widths[i], line);
            for (char *at = line; (at = strstr(at, "word")); at++)
                all++;
        }
        assert_int_equal(all, 76);
        free(text);
    }
    json_decref(claims);
}

static void control_characters_do_not_reach_the_terminal(void **state) {
    (void)state;
    json_t *claims = json_array();
    /* An escape sequence, a C1 control, DEL; and text that must stay. */
    json_array_append_new(claims, claim("S1", "cpu", "confirmed", 1, 1,
                                        "a\033[2Jb \xc2\x9b"
                                        "c\x7f caf\xc3\xa9 2\xe2\x81\xb4"));
    char *text = printed(claims, 100);
    for (const char *p = text; *p; p++)
        assert_false(((unsigned char)*p < ' ' && *p != '\n') || *p == 127);
    assert_null(strstr(text, "\xc2\x9b"));
    assert_in(text, "caf\xc3\xa9 2\xe2\x81\xb4");
    free(text);
    json_decref(claims);
}

static void malformed_claims_do_no_harm(void **state) {
    (void)state;
    json_t *claims = json_loads("[{}, 3, null, {\"id\": 7, \"checked\": \"x\"}]", 0, NULL);
    char *text = printed(claims, 100);
    assert_in(text, "no verdicts");
    free(text);
    text = printed(NULL, 0);
    assert_in(text, "no verdicts");
    free(text);
    json_decref(claims);
}

static void time_left_is_estimated(void **state) {
    (void)state;
    assert_true(progress_estimate(0, 0, 10) < 0);
    assert_true(progress_estimate(0, 5, 10) < 0);
    assert_float_equal(progress_estimate(4, 2, 10), 5, 1e-12);
    assert_float_equal(progress_estimate(0, 0, 0), 0, 0);
    const struct {
        double seconds;
        const char *text;
    } cases[] = {{0.2, "1 s"},    {8.4, "8 s"},     {99.4, "99 s"},
                 {99.6, "2 min"}, {5900, "98 min"}, {7800, "2 h 10 min"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[40];
        progress_duration(cases[i].seconds, text, sizeof text);
        assert_string_equal(text, cases[i].text);
    }
}

/* What a function writes to stderr, which is a pipe here. */
static void no_terminal_no_line(void **state) {
    (void)state;
    int ends[2], before = dup(STDERR_FILENO);
    char text[200] = "";
    assert_int_equal(pipe(ends), 0);
    fflush(stderr);
    dup2(ends[1], STDERR_FILENO);
    enum progress_style style = progress_style(STDERR_FILENO);
    struct progress *progress = progress_begin("97-tiny", style);
    progress_expect(progress, 2);
    progress_case(progress, "x");
    progress_done(progress);
    assert_int_equal(progress_left(progress), 1);
    progress_skipped(progress);
    progress_done(progress);
    assert_int_equal(progress_left(progress), -1);
    progress_note(progress, "a note");
    progress_end(progress);
    fflush(stderr);
    dup2(before, STDERR_FILENO);
    close(before);
    close(ends[1]);
    assert_int_equal(style, PROGRESS_QUIET);
    assert_true(read(ends[0], text, sizeof text - 1) > 0);
    close(ends[0]);
    assert_string_equal(text, "a note\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_says_it_all),
        cmocka_unit_test(a_missing_device_is_named),
        cmocka_unit_test(without_simt_no_word_of_it),
        cmocka_unit_test(our_bug_is_no_verdict),
        cmocka_unit_test(lines_fit_the_width),
        cmocka_unit_test(control_characters_do_not_reach_the_terminal),
        cmocka_unit_test(malformed_claims_do_no_harm),
        cmocka_unit_test(time_left_is_estimated),
        cmocka_unit_test(no_terminal_no_line),
    };
    return cmocka_run_group_tests_name("verdicts", tests, NULL, NULL);
}
