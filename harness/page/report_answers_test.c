/* report_answers_test.c: answers side by side: where they part, and that they stay text. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/lab/lab.h"
#include "harness/lab/run.h"
#include "harness/page/hostile_fixture.h"
#include "harness/page/report.h"
#include "harness/store/reader.h"
#include "harness/store/result.h"
#include "harness/store/result_fixture.h"

static const struct quantity quantities[] = {{"link", "", "how"},    {"completions", "1", "asked"},
                                             {"distinct", "1", "n"}, {"times", "1", "given"},
                                             {"text", "", "answer"}, {"ends", "", "of tokens"}};
static const struct lab asking_lab = {.number = 42,
                                      .name = "fixture",
                                      .claims = fixture_claims,
                                      .claim_count = 2,
                                      .quantities = quantities,
                                      .quantity_count = 6};

struct given {
    double times;
    const char *text, *ends;
};
struct asked {
    const char *link;
    int completions, distinct;
    size_t count;
    const struct given *answers;
};

static void record(struct fixture *f, const struct asked *asked, size_t k) {
    struct lab_case *c = lab_case_begin(&f->run, "cpu", "09/load/%zu", k);
    assert_non_null(c);
    case_param_text(c, "link", asked->link);
    case_param_int(c, "completions", asked->completions);
    case_counter(c, "distinct", asked->distinct);
    for (size_t a = 0; a < asked->count; a++) {
        case_row(c);
        case_cell_real(c, "times", asked->answers[a].times);
        case_cell_text(c, "text", asked->answers[a].text);
        if (asked->answers[a].ends)
            case_cell_text(c, "ends", asked->answers[a].ends);
    }
    if (lab_case_end(c) != 0)
        fail_msg("%s", f->run.error);
}

static const char *as_terminal; /* the lab as which it is shown; NULL: on a page */

/* What the page says of these cases; the caller frees. */
static char *page_of(const struct asked *asked, size_t count) {
    const struct legend_shown shown = {
        .is_answers = 1, .cases = "09/load/", .name = "link", .title = "Asked", .text = "Look."};
    struct fixture f;
    struct reader *reader;
    char *page = NULL;
    size_t length;
    assert_int_equal(fixture_begin(&f), 0);
    f.run.lab = &asking_lab;
    struct result_setup setup = fixture_setup(&f);
    setup.lab = &asking_lab;
    assert_int_equal(result_open(&f.run.result, RESULT_NEW, &setup), 0);
    for (size_t k = 0; k < count; k++)
        record(&f, &asked[k], k);
    fixture_close(&f);
    if (reader_open(&reader, f.dir, FIXTURE_LAB, NULL))
        fail_msg("%s", error_text());
    FILE *out = open_memstream(&page, &length);
    if (as_terminal)
        assert_int_equal(report_answers_plain(reader, as_terminal, 80, out), 0);
    else
        report_answers(reader, &shown, out);
    fclose(out);
    reader_close(reader);
    fixture_end(&f);
    return page;
}

/* The first token that differs is marked, by the tokens' ends and not by letters or words. */
static void answers_part_where_a_token_differs(void **state) {
    (void)state;
    const struct given alone[] = {{3, "It is a tiny cat", "2,5,7,12,16"}},
                       loaded[] = {{40, "It is a tidy dog", "2,5,7,9,12,16"},
                                   {9, "It is a tiny cat", "2,5,7,12,16"},
                                   {1, "It is a tidy fox", "2,5,7,9,12,16"}};
    const struct asked asked[] = {{"alone", 3, 1, 1, alone}, {"free", 50, 3, 3, loaded}};
    char *page = page_of(asked, 2);
    assert_string_equal(page, "**Asked**\n\n"
                              "All begin: It is a …\n\n"
                              "| | alone | free |\n"
                              "|---|--:|--:|\n"
                              "| »tiny« cat | 3 | 9 |\n"
                              "| »t«idy dog | – | 40 |\n"
                              "| »t«idy »fox« | – | 1 |\n"
                              "| *different answers* | 1 | 3 |\n"
                              "| *times asked* | 3 | 50 |\n\n"
                              "Look.\n\n");
    free(page);
}

/* At the end of a run, of a lab whose plot.gp asks for it. */
static void a_terminal_shows_them_too(void **state) {
    (void)state;
    const struct given alone[] = {{3, "It is a tiny cat", "2,5,7,12,16"}},
                       loaded[] = {{40, "It is a tidy dog", "2,5,7,9,12,16"}};
    const struct asked asked[] = {{"alone", 3, 1, 1, alone}, {"free", 50, 1, 1, loaded}};
    struct plot_set set;
    assert_int_equal(plot_legend("09-batch-invariance", &set), 0);
    const bool known = set.known;
    plot_set_free(&set);
    if (!known)
        skip();
    as_terminal = "09-batch-invariance";
    char *text = page_of(asked, 2);
    assert_non_null(strstr(text,
                           "\nAll begin: It is a …\n\n- »tiny« cat; alone: 3\n"
                           "- »t«idy dog; free: 40\n- different answers; alone: 1; free: 1\n"));
    free(text);
    as_terminal = "01-float-staging"; /* has none */
    text = page_of(asked, 2);
    assert_string_equal(text, "");
    free(text);
    as_terminal = NULL;
}

static void one_answer_is_shown_whole(void **state) {
    (void)state;
    const struct given one[] = {{200, "Lisbon it is", "6,9,12"}};
    const struct asked asked[] = {{"fixed", 200, 1, 1, one}, {"floats", 200, 1, 1, one}};
    char *page = page_of(asked, 2);
    assert_non_null(strstr(page, "| Lisbon it is | 200 | 200 |\n"));
    assert_null(strstr(page, "»"));
    assert_null(strstr(page, "All begin"));
    free(page);
}

/* Of two, one may be the other's beginning. */
static void an_answer_may_end_where_another_goes_on(void **state) {
    (void)state;
    const struct given both[] = {{2, "yes", "3"}, {1, "yes and no", "3,7,10"}};
    const struct asked asked[] = {{"free", 3, 2, 2, both}};
    char *page = page_of(asked, 1);
    assert_non_null(strstr(page, "All begin: yes …\n"));
    assert_non_null(strstr(page, "| (ends here) | 2 |\n| »and« no | 1 |\n"));
    free(page);
}

/* Ends that cannot be are not believed: words are marked in their place. */
static void ends_that_cannot_be_are_not_used(void **state) {
    (void)state;
    static const char *const bad[] = {
        NULL, "",       "3,2,10",  "3,99",         "3,3,10",
        "-1", "3,x,10", "3;7;10 ", "0,3,10",       "3,7",
        "10", "1e1",    "3,,10",   "3,7,10,10,10", "18446744073709551619,10"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        const struct given both[] = {{2, "one tw two", "3,6,10"}, {1, "one tv two", bad[k]}};
        const struct asked asked[] = {{"free", 3, 2, 2, both}};
        char *page = page_of(asked, 1);
        if (bad[k] && !strcmp(bad[k], "10")) /* one token: it is believed, and differs as a whole */
            assert_non_null(strstr(page, "»one tv two«"));
        else if (!strstr(page, "| »tw« two | 2 |\n| »tv« two | 1 |\n"))
            fail_msg("%s: %s", bad[k] ? bad[k] : "none", page);
        free(page);
    }
}

/* No number, too many, too long: nothing of it breaks the page, and it says that some are left out.
 */
static void what_does_not_fit_is_left_out(void **state) {
    (void)state;
    enum { MANY = 40 };
    struct given many[MANY];
    char text[MANY][8], *longest = malloc(5001);
    struct asked columns[MANY];
    memset(longest, 'x', 5000);
    longest[5000] = '\0';
    for (int k = 0; k < MANY; k++) {
        snprintf(text[k], sizeof text[k], "a b%d", k);
        many[k] = (struct given){1, text[k], NULL};
        columns[k] = (struct asked){text[k], 1, 1, 1, many};
    }
    many[1].times = -1;
    many[2].times = 0.0 / 0.0;
    many[3].text = longest;
    many[4].text = "";
    const struct asked asked[] = {{"free", 40, 40, MANY, many}};
    char *page = page_of(asked, 1);
    assert_non_null(strstr(page, "Not all answers are shown."));
    assert_null(strstr(page, "xxxx"));
    assert_null(strstr(page, "»b1«"));
    assert_null(strstr(page, "»b2«"));
    assert_non_null(strstr(page, "»b5«"));
    assert_null(strstr(page, "»b39«"));
    free(page);
    page = page_of(columns, MANY);
    assert_non_null(strstr(page, " a b11 |\n"));
    assert_null(strstr(page, "a b12"));
    free(page);
    free(longest);
}

static void no_cases_say_nothing(void **state) {
    (void)state;
    char *page = page_of(NULL, 0);
    assert_string_equal(page, "");
    free(page);
}

static size_t occurrences(const char *text, const char *part) {
    size_t count = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        count++;
    return count;
}

/* A model's words are strangers' text, on the page and in its HTML; its marks are none of ours. */
static void hostile_answers_stay_text(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof hostile / sizeof *hostile; k++) {
        char other[400];
        snprintf(other, sizeof other, "%s » « »x« and so on", hostile[k]);
        const struct given both[] = {{2, hostile[k], NULL}, {1, other, "1,2"}};
        const struct asked asked[] = {{hostile[k], 3, 2, 2, both}};
        char *page = page_of(asked, 1), *html = NULL;
        size_t length;
        const struct report_page of = {"t", page, strlen(page), NULL, 0};
        assert_int_equal(report_html(&of, &html, &length), 0);
        const char *body = strstr(html, "<body>");
        assert_int_equal(occurrences(body, "<script"), 0);
        assert_int_equal(occurrences(body, "<img"), 0);
        assert_int_equal(occurrences(body, "<a "), 0);
        assert_int_equal(occurrences(body, "<tr>"), 5);
        assert_int_equal(occurrences(body, "<td"), 8);
        assert_int_equal(occurrences(body, "<mark>"), occurrences(page, "»"));
        assert_int_equal(occurrences(body, "<mark>»"), occurrences(body, "«</mark>"));
        assert_int_equal(occurrences(page, "»"), occurrences(page, "«"));
        assert_null(strstr(body, "» «"));
        free(html);
        free(page);
    }
}

static void marks_are_highlighted_in_pairs(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"| a |\n|---|\n| one »two« three »four« and much more |\n",
         "one <mark>»two«</mark> three <mark>»four«</mark> and"},
        {"| a |\n|---|\n| one «two» three four and much more |\n", "one «two» three"},
        {"| a |\n|---|\n| one »two three four five and much more |\n", "one »two three"},
        {"| a |\n|---|\n| one »*two* three« four and much more |\n",
         "one »<em>two</em> three« four"},
    };
    for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++) {
        char *html = NULL;
        size_t length;
        const struct report_page page = {"t", pairs[k][0], strlen(pairs[k][0]), NULL, 0};
        assert_int_equal(report_html(&page, &html, &length), 0);
        if (!strstr(html, pairs[k][1]))
            fail_msg("expected %s in:\n%s", pairs[k][1], strstr(html, "<body>"));
        free(html);
    }
}

static void legend_takes_answers(void **state) {
    (void)state;
    struct legend legend;
    const char *good = "#@ answers 09/load/ link: All: of them\n#@ text Look.\n";
    assert_int_equal(legend_parse(good, "plot.gp", &legend), 0);
    assert_true(legend.shown[0].is_answers);
    assert_false(legend.shown[0].is_plot);
    assert_string_equal(legend.shown[0].cases, "09/load/");
    assert_string_equal(legend.shown[0].name, "link");
    assert_string_equal(legend.shown[0].title, "All: of them");
    static const char *const bad[] = {
        "#@ answers 09/load/: T\n",      "#@ answers link: T\n",
        "#@ answers 09/lo*d/ link: T\n", "#@ answers 09/load/ link\n",
        "#@ answers 09/load/ link:\n",   "#@ answers 09/load/ link: T\n#@ front\n"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        assert_int_equal(legend_parse(bad[k], "plot.gp", &legend), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_part_where_a_token_differs),
        cmocka_unit_test(a_terminal_shows_them_too),
        cmocka_unit_test(one_answer_is_shown_whole),
        cmocka_unit_test(an_answer_may_end_where_another_goes_on),
        cmocka_unit_test(ends_that_cannot_be_are_not_used),
        cmocka_unit_test(what_does_not_fit_is_left_out),
        cmocka_unit_test(no_cases_say_nothing),
        cmocka_unit_test(hostile_answers_stay_text),
        cmocka_unit_test(marks_are_highlighted_in_pairs),
        cmocka_unit_test(legend_takes_answers),
    };
    return cmocka_run_group_tests_name("answers side by side", tests, NULL, NULL);
}
