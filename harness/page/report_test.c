/* report_test.c: what strangers put into a result folder stays text, and the page is whole. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/lab/run.h"
#include "harness/page/escape.h"
#include "harness/page/home.h"
#include "harness/page/hostile_fixture.h"
#include "harness/page/report.h"
#include "harness/store/result.h"

/* --- a whole page --- */

#define CLAIM(name, words, otherwise)                                                              \
    { .id = name, .statement = words, .refuted_by = otherwise, .on = CLAIM_BITS, .cases = "98/" }
static const struct claim claims[] = {CLAIM("S1", "one", "<script>*alert*(1)</script>"),
                                      CLAIM("S2", "two", "three of 3"), CLAIM("S3", "three", NULL),
                                      CLAIM("S4", "four", ""), CLAIM("00.7", "five", "six")};
static const struct lab made_lab = {.number = 98,
                                    .name = "made",
                                    .question = "?",
                                    .needs = "-",
                                    .takes = "-",
                                    .claims = claims,
                                    .claim_count = 5};

static const struct lab staging_lab = {.number = 1,
                                       .name = "float-staging",
                                       .question = "?",
                                       .needs = "-",
                                       .takes = "-",
                                       .claims = claims,
                                       .claim_count = 5};

static void hostile_finding(size_t k, struct finding *finding) {
    *finding = (struct finding){
        .verdict = (enum verdict)k, .held = 997, .against = 2, .open = 1, .settled = true};
    if (k == 3)
        finding->held = finding->against = finding->open = 0;
    snprintf(finding->statement, sizeof finding->statement, "%s", hostile[k]);
    snprintf(finding->range, sizeof finding->range, "%s", hostile[k + 4]);
    snprintf(finding->reason, sizeof finding->reason, "%s", hostile[k + 8]);
    finding_number(finding, hostile[7 + k], (struct ratio){1.83, 1.8, 1.86}, "%s", hostile[k]);
    finding_number(finding, "flop/s", number(1.4725e11), "multiply-adds");
}

/* A result folder with one lab, all of whose texts are hostile. S1 … S3 have a verdict on the CPU,
 * S4 has none there and one on simt; the last claim was asked nowhere. */
static const struct legend *made_tables; /* tables of these names, with a bad byte in each */
static const char *made_distinct;        /* distinct.tsv */

static void make_result_of(const struct lab *lab, const char *dir, int finish, int broken) {
    char *argv[] = {"nanolab", "run", "--label", "<b>`x`</b>"};
    static const char *const labs[] = {"98-made", "99-next", "99-last"};
    struct device *device = NULL;
    struct result *result;
    assert_int_equal(device_open(&device, DEVICE_CPU, 0), 0);
    struct result_setup setup = {.dir = dir,
                                 .lab = lab,
                                 .mode = LAB_QUICK,
                                 .seed = 42,
                                 .bits = &device,
                                 .bits_count = 1,
                                 .labs = labs,
                                 .lab_count = finish ? 1 : 3,
                                 .label = "<b>`x`</b>",
                                 .argc = 4,
                                 .argv = argv};
    /* A run of several labs that was stopped in this one, or this one by hand. */
    struct result_setup all = setup;
    all.lab = NULL;
    all.bits_count = 0;
    if (!finish && result_run_create(&all))
        fail_msg("%s", error_text());
    if (result_open(&result, finish ? RESULT_NEW : RESULT_JOIN, &setup))
        fail_msg("%s", error_text());
    for (size_t k = 0; k < 6; k++) {
        struct finding finding;
        hostile_finding(k < 4 ? k : k == 4 ? 0 : 3, &finding);
        finding.broken = broken && k == 1;
        if (result_claim(result, &claims[k < 4 ? k : k - 1],
                         k < 4    ? "cpu"
                         : k == 4 ? "simt"
                                  : "none",
                         &finding))
            fail_msg("%s", error_text());
    }
    for (int k = 1; made_tables && k <= LEGEND_DATA_MAX; k++) {
        char file[LEGEND_WORD + 8];
        snprintf(file, sizeof file, "%s.tsv", made_tables->data[k].table);
        if (made_tables->data[k].number)
            assert_int_equal(result_file(result, file, "a\n`id`\n", 7), 0);
    }
    if (made_distinct)
        assert_int_equal(result_file(result, "distinct.tsv", made_distinct, strlen(made_distinct)),
                         0);
    if (finish)
        assert_int_equal(result_finish(result), 0);
    result_close(result);
    if (finish)
        assert_int_equal(result_run_finish(dir, true, NULL), 0);
    device_close(device);
}

static void make_result(const char *dir, int finish, int broken) {
    make_result_of(&made_lab, dir, finish, broken);
}

static char *read_page(const char *dir, const char *name) {
    struct folder folder;
    char *text = NULL;
    size_t length;
    assert_int_equal(folder_open(&folder, dir), 0);
    assert_int_equal(folder_read(&folder, name, 64 << 20, &text, &length), 0);
    folder_close(&folder);
    return text;
}

static size_t occurrences(const char *text, const char *part) {
    size_t count = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        count++;
    return count;
}

static void test_page_of_a_hostile_folder(void **state) {
    (void)state;
    char path[4096], dir[4200];
    assert_int_equal(home_private(path, sizeof path), 0);
    snprintf(dir, sizeof dir, "%s/result", path);
    make_result(dir, 1, 0);
    char *argv[] = {"report", dir, NULL};
    assert_int_equal(report_main(2, argv), 0);
    char *html = read_page(dir, "report.html"), *markdown = read_page(dir, "report.md");
    assert_non_null(strstr(html, "Content-Security-Policy\" content=\"default-src 'none'"));
    assert_int_equal(occurrences(html, "<script"), 0);
    assert_int_equal(occurrences(html, "<img"), 0);
    assert_int_equal(occurrences(html, "<a "), 0);
    assert_int_equal(occurrences(html, "href"), occurrences(html, "&lt;a href")); /* as text */
    assert_int_equal(occurrences(html, "<b>"), 0);
    assert_int_equal(occurrences(html, "<figure"), 0);
    assert_int_equal(occurrences(html, "src="), occurrences(html, "&lt;img src="));
    assert_true(occurrences(html, "&lt;img src=") > 0);
    assert_non_null(strstr(html, "&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert_int_equal(occurrences(markdown, "<"), 2); /* in the code block with the command */
    /* All four verdicts, each in its colour, a device in each column. */
    static const char *const cells[][2] = {
        {"confirmed\">✔<span class=\"word\"> confirmed", "✔ **confirmed on cpu:**"},
        {"refuted\">✘<span class=\"word\"> refuted", "✘ **refuted on cpu:**"},
        {"bounded\">◐<span class=\"word\"> bounded", "◐ **bounded on cpu:**"},
        {"untested\">○<span class=\"word\"> not testable here", "○ **not testable on cpu:**"}};
    for (size_t k = 0; k < 4; k++) {
        char cell[200];
        snprintf(cell, sizeof cell, "<td class=\"verdict %s</span></td>", cells[k][0]);
        assert_int_equal(occurrences(html, cell), k ? 1 : 2);
        assert_int_equal(occurrences(markdown, cells[k][1]), 1);
    }
    assert_non_null(strstr(markdown, "| | claim | cpu | simt |\n|---|---|---|---|\n"
                                     "| S1 | one | ✔ confirmed | – |\n"));
    assert_non_null(strstr(markdown, "| S4 | four | ○ not testable here | ✔ confirmed |\n"));
    /* What was asked nowhere is a line, and no row. */
    assert_non_null(strstr(markdown, "Not asked here, which is never a pass: 00.7 ("));
    assert_null(strstr(markdown, "#### 00.7"));
    /* What would refute it stands above its verdicts; where nobody said it, nothing does. */
    assert_non_null(strstr(markdown, "#### S2: two\n\n*What would refute it:* three of 3.\n\n✘ "));
    assert_non_null(strstr(html, "<p><em>What would refute it:</em> three of 3.</p>"));
    assert_non_null(strstr(html, "</em> &lt;script&gt;*alert*(1)&lt;/script&gt;.</p>"));
    assert_int_equal(occurrences(html, "What would refute it"), 2);
    assert_int_equal(occurrences(html, "997 held, 2 against, 1 open of 1,000 checks."), 4);
    assert_non_null(strstr(html, "of 4,000 single checks behind them 3,988 came out"));
    /* Numbers, in a part that opens. */
    assert_int_equal(occurrences(html, "<details><summary>Numbers behind S1 on cpu</summary>"), 1);
    assert_int_equal(occurrences(html, "<details>"), 5);
    assert_int_equal(occurrences(html, "</table></div></details>"), 5);
    assert_int_equal(occurrences(html, "<td align=\"right\">147 Gflop/s</td>"), 5);
    assert_int_equal(occurrences(html, "<td align=\"right\">1.83 &lt;a href='"), 2);
    assert_null(strstr(html, "our bug"));
    assert_null(strstr(html, "is partial"));
    assert_non_null(strstr(html, "build/bin/nanolab run --label '&lt;b&gt;`x`&lt;/b&gt;'"));
    /* Written again, to the byte. */
    assert_int_equal(report_main(2, argv), 0);
    char *again = read_page(dir, "report.html");
    assert_string_equal(html, again);
    free(again);
    free(html);
    free(markdown);
    home_private_remove(path);
}

static void test_page_says_what_went_wrong(void **state) {
    (void)state;
    char path[4096], dir[4200];
    assert_int_equal(home_private(path, sizeof path), 0);
    snprintf(dir, sizeof dir, "%s/broken", path);
    make_result(dir, 1, 1);
    char *argv[] = {"report", dir, NULL};
    assert_int_equal(report_main(2, argv), 0);
    char *html = read_page(dir, "report.html");
    assert_non_null(strstr(html, "A predicted bit did not hold (1 claim, marked below)"));
    assert_non_null(strstr(html, "<td class=\"verdict broken\">⚠<span class=\"word\"> our bug<"));
    assert_null(strstr(html, "\"verdict refuted\""));
    assert_null(strstr(html, "Still to come"));
    assert_non_null(strstr(html, "✔ 2 confirmed, ✘ 0 refuted, ◐ 1 bounded, ○ 2 not testable"));
    free(html);
    snprintf(dir, sizeof dir, "%s/partial", path);
    make_result(dir, 0, 0);
    assert_int_equal(report_main(2, argv), 0);
    html = read_page(dir, "report.html");
    assert_non_null(strstr(html, "98-made is partial:"));
    assert_non_null(strstr(html, "<strong>Still to come:</strong> 99-next, 99-last. This page"));
    free(html);
    home_private_remove(path);
}

static void test_tables_have_units(void **state) {
    (void)state;
    char *text = strdup("what\tbytes\tgbps\trate\tlow\tunit\tn\terror\n"
                        "fma-1.\t262144\t23.44\t1.4725e+11\t1.45e11\tflop/s\t4096\t2.220e-16\n"
                        "call\t\t-\t1.5e-07\t1.4e-7\ts\t3.08e+05\t0.5\n");
    json_t *quantities = json_loads("{\"bytes\": {\"unit\": \"bytes\"}, \"n\": {\"unit\": \"1\"},"
                                    " \"gbps\": {\"unit\": \"GB/s\"}, \"what\": 3}",
                                    0, NULL);
    struct table table;
    char *shown = NULL;
    size_t length;
    assert_int_equal(table_parse(text, strlen(text), "t.tsv", &table), 0);
    FILE *out = open_memstream(&shown, &length);
    report_table(&table, quantities, 40, out);
    fclose(out);
    assert_string_equal(
        shown, "| what | bytes | gbps | rate | low | unit | n | error |\n"
               "|---|--:|---|--:|--:|---|--:|--:|\n"
               "| fma-1. | 256 KiB | 23.4 GB/s | 147 Gflop/s | 145 Gflop/s | flop/s | 4096 | "
               "2.22e-16 |\n"
               "| call |  | - | 150 ns | 140 ns | s | 308,000 | 0.5 |\n\n");
    free(shown);
    out = open_memstream(&shown, &length);
    report_table(&table, NULL, 1, out);
    fclose(out);
    assert_non_null(strstr(shown, "| 262144 | 23.44 | 147 Gflop/s |"));
    assert_null(strstr(shown, "call"));
    free(shown);
    table_free(&table);
    json_decref(quantities);
}

/* The HTML of a Markdown, as in a page without labs. */
static char *html_of(const char *markdown) {
    const struct report_page page = {"a title", markdown, strlen(markdown), NULL, 0};
    char *html = NULL;
    size_t length;
    if (report_html(&page, &html, &length))
        fail_msg("%s", error_text());
    return html;
}

static void test_html_makes_what_the_page_means(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        /* A table in a frame; a narrow one says nothing of scrolling. */
        {"| a | b |\n|---|--:|\n| 1 | 2 |\n", "<body>\n<div class=\"wide\" tabindex=\"0\"><table>"},
        {"| a | b |\n|---|--:|\n| 1 | 2 |\n", "<td align=\"right\">2</td>"},
        /* A dozen columns of twenty characters are wider than any page, five than a phone. */
        {"|aaaaaaaaaaaaaaaaaaaa|b|c|d|e|f|g|h|i|j|k|l|\n|---|---|---|---|---|---|---|---|---|---|--"
         "-|---|\n"
         "|1|bbbbbbbbbbbbbbbbbbbb|cccccccccccccccccccc|dddddddddddddddddddd|eeeeeeeeeeeeeeeeeeee|"
         "ffffffffffffffffffff|gggggggggggggggggggg|hhhhhhhhhhhhhhhhhhhh|iiiiiiiiiiiiiiiiiiii|"
         "jjjjjjjjjjjjjjjjjjjj|kkkkkkkkkkkkkkkkkkkk|llllllllllllllllllll|\n",
         "<p class=\"hint p68 w68\">wider than this page: scroll it sideways →</p>"},
        {"|a|b|c|\n|---|---|---|\n|aaaaaaaaaaaaaaaaaaaa|bbbbbbbbbbbbbbbbbbbb|c|\n",
         "<p class=\"hint p22\">"},
        {"*Numbers behind S1 on cpu*\n\n| a |\n|---|\n| 1 |\n\nend",
         "<details><summary>Numbers behind S1 on cpu</summary>\n<div"},
        {"*Numbers behind S1 on cpu*\n\n| a |\n|---|\n| 1 |\n\nend",
         "</table></div></details>\n<p>end</p>"},
        {"*Numbers behind S1* are none", "<p><em>Numbers behind S1</em> are none</p>"},
        /* Raw HTML is text; links stay only where they lead out. */
        {"<script>x</script> <b>y</b>", "&lt;script&gt;x&lt;/script&gt; &lt;b&gt;y&lt;/b&gt;"},
        {"[a](https://e.org/x) [b](../y.md \"t\") [c](javascript:z)",
         "<p><a href=\"https://e.org/x\">a</a> b c</p>"},
        {"> | a |\n> |---|\n> | ✔ confirmed |\n", "<span class=\"word\"> confirmed</span>"},
    };
    for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++) {
        char *html = html_of(pairs[k][0]);
        if (!strstr(html, pairs[k][1]))
            fail_msg("expected %s in:\n%s", pairs[k][1], strstr(html, "<body>"));
        free(html);
    }
    char *narrow = html_of("| a | b |\n|---|--:|\n| 1 | 2 |\n");
    assert_null(strstr(narrow, "sideways"));
    free(narrow);
}

/* The drawings of a lab that has ended are made once, those of one that goes on anew. */
static void test_drawings_are_kept(void **state) {
    (void)state;
    char path[4096], dir[4200];
    struct report *report = NULL;
    assert_int_equal(home_private(path, sizeof path), 0);
    for (int finish = 0; finish < 2; finish++) {
        snprintf(dir, sizeof dir, "%s/result%d", path, finish);
        make_result(dir, finish, 0);
        assert_int_equal(report_make(dir, &report), 0);
        report->labs[0].plots.images[0].svg = strdup("drawn");
        assert_int_equal(report_make(dir, &report), 0);
        const char *svg = report->labs[0].plots.images[0].svg;
        assert_true(finish ? svg && !strcmp(svg, "drawn") : !svg);
        report_forget(&report);
        assert_null(report);
    }
    home_private_remove(path);
}

static void test_report_replaces_links(void **state) {
    (void)state;
    char path[4096], dir[4200];
    struct folder folder;
    assert_int_equal(home_private(path, sizeof path), 0);
    snprintf(dir, sizeof dir, "%s/result", path);
    make_result(dir, 1, 0);
    assert_int_equal(folder_open(&folder, path), 0);
    assert_int_equal(folder_write(&folder, "precious", "mine", 4), 0);
    char page[4300];
    snprintf(page, sizeof page, "%s/report.md", dir);
    assert_int_equal(symlink("../precious", page), 0);
    char *argv[] = {"report", dir, NULL};
    assert_int_equal(report_main(2, argv), 0);
    char *text = read_page(path, "precious");
    assert_string_equal(text, "mine");
    free(text);
    folder_close(&folder);
    home_private_remove(path);
}

/* A page without plots is still a page; a lab of this tree, with tables no lab has written: sealed
 * in a finished lab, where they cannot be drawn, or beside a partial one, where they are ignored.
 */
static void test_page_without_plots(void **state) {
    (void)state;
    char path[4096], dir[4200];
    struct plot_set set;
    assert_int_equal(plot_legend("01-float-staging", &set), 0);
    if (!set.known)
        skip();
    made_tables = &set.legend;
    for (int finish = 0; finish < 2; finish++) {
        assert_int_equal(home_private(path, sizeof path), 0);
        snprintf(dir, sizeof dir, "%s/result", path);
        make_result_of(&staging_lab, dir, finish, 0);
        char *argv[] = {"report", dir, NULL};
        assert_int_equal(report_main(2, argv), finish ? 1 : 0);
        char *html = read_page(dir, "report.html");
        assert_int_equal(occurrences(html, "<strong>No plots:</strong>"), finish);
        assert_int_equal(occurrences(html, path), 0); /* it could name a user */
        assert_int_equal(occurrences(html, "01-float-staging is partial:"), !finish);
        assert_int_equal(occurrences(html, "that nothing seals are ignored"), !finish);
        assert_int_equal(occurrences(html, "&#96;id"), 0);
        free(html);
        home_private_remove(path);
    }
    made_tables = NULL;
    plot_set_free(&set);
}

/* The page as plain text, without a control, a sign or a mark of Markdown. */
static char *plain_page(const char *dir, size_t width) {
    struct report *report = calloc(1, sizeof *report);
    char *markdown = NULL, *text = NULL;
    size_t length = 0, size = 0;
    assert_non_null(report);
    assert_int_equal(report_gather_words(dir, report), 0);
    FILE *out = open_memstream(&markdown, &length);
    report_markdown(report, out);
    assert_int_equal(fclose(out), 0);
    report_free(report);
    free(report);
    out = open_memstream(&text, &size);
    assert_int_equal(report_plain(markdown, length, width, out), 0);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(strlen(text), size);
    free(markdown);
    for (const char *at = text; *at; at++)
        assert_true((unsigned char)*at >= ' ' || *at == '\n');
    assert_null(strstr(text, "\xc2\x9b"));
    for (int m = 0; m < MARKS; m++)
        assert_null(strstr(text, report_sign(m)));
    return text;
}

static void test_plain_text_of_a_hostile_folder(void **state) {
    (void)state;
    char path[4096], dir[4200];
    assert_int_equal(home_private(path, sizeof path), 0);
    snprintf(dir, sizeof dir, "%s/result", path);
    make_result(dir, 1, 0);
    char *text = plain_page(dir, 80);
    assert_non_null(strstr(text, "\n- S2; claim: two; cpu: refuted\n"));
    assert_non_null(strstr(text, "\n- S4; claim: four; cpu: not testable here; simt: confirmed\n"));
    assert_non_null(strstr(text, "\n- multiply-adds: 147 Gflop/s\n"));
    assert_non_null(strstr(text, "What would refute it: <script>*alert*(1)</script>."));
    assert_non_null(strstr(text, "- Confirmed: measured here"));
    assert_null(strstr(text, "**on cpu"));
    assert_null(strstr(text, "|---|"));
    /* Written nothing, and printed the same again. */
    char page[4300];
    snprintf(page, sizeof page, "%s/report.md", dir);
    assert_int_equal(access(page, F_OK), -1);
    char *again = plain_page(dir, 80);
    assert_string_equal(text, again);
    free(again);
    free(text);
    home_private_remove(path);
}

/* Words need no gnuplot, and are on the page whether it is there or not. */
static void test_plots_in_words(void **state) {
    (void)state;
    static const char table[] = "data\tdevice\tmethod\tn\tdistinct\tplans\n"
                                "uniform\tcpu\tplain\t1\t1\t9\nuniform\tcpu\tplain\t256\t7\t9\n"
                                "uniform\tcpu\tplain\t4096\t5\t9\n"
                                "*b* (x)\tcpu\tplain\t1\t3\t9\n";
    struct plot_set set;
    assert_int_equal(plot_legend("01-float-staging", &set), 0);
    bool known = set.known;
    plot_set_free(&set);
    if (!known)
        skip();
    char *found = strdup(getenv("PATH"));
    made_distinct = table;
    for (int with = 0; with < 2; with++) {
        char path[4096], dir[4200];
        assert_int_equal(home_private(path, sizeof path), 0);
        snprintf(dir, sizeof dir, "%s/result", path);
        make_result_of(&staging_lab, dir, 1, 0);
        char *argv[] = {"report", dir, NULL};
        setenv("PATH", with ? found : "/nowhere", 1);
        int status = report_main(2, argv);
        char *html = read_page(dir, "report.html"), *text = plain_page(dir, 80);
        assert_int_equal(occurrences(html, "<figure"), status == 0);
        if (!with)
            assert_int_equal(status, 1);
        assert_int_equal(occurrences(html, "<strong>No plots:</strong>"), status == 1);
        const char *words =
            strstr(html, "<details class=\"words\"><summary>The plot in words</summary>");
        assert_non_null(words);
        assert_non_null(strstr(words, "<li>To the right: numbers summed, n.</li>"));
        assert_non_null(strstr(words,
                               "<li>uniform, cpu: 3 points; first 1 at 1 (the least), last 5 "
                               "at 4,096; most 7 at 256.</li>"));
        assert_non_null(strstr(words, "<li>*b* (x), cpu: one point, 3 at 1.</li>"));
        assert_non_null(strstr(words, "</ul></details>"));
        assert_int_equal(occurrences(html, "<details"), occurrences(html, "</details>"));
        assert_non_null(strstr(text, "\n- *b* (x), cpu: one point, 3 at 1.\n"));
        free(text);
        free(html);
        home_private_remove(path);
    }
    setenv("PATH", found, 1);
    free(found);
    made_distinct = NULL;
}

static void test_main_refuses(void **state) {
    (void)state;
    char path[4096];
    assert_int_equal(home_private(path, sizeof path), 0);
    char *none[] = {"report", NULL}, *option[] = {"report", "--all", NULL},
         *absent[] = {"report", "/nowhere/at/all", NULL}, *empty[] = {"report", path, NULL};
    assert_int_equal(report_main(1, none), 2);
    assert_int_equal(report_main(2, option), 2);
    assert_int_equal(report_main(2, absent), 2);
    assert_int_equal(report_main(2, empty), 2);
    home_private_remove(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page_of_a_hostile_folder),
        cmocka_unit_test(test_page_says_what_went_wrong),
        cmocka_unit_test(test_tables_have_units),
        cmocka_unit_test(test_html_makes_what_the_page_means),
        cmocka_unit_test(test_drawings_are_kept),
        cmocka_unit_test(test_report_replaces_links),
        cmocka_unit_test(test_page_without_plots),
        cmocka_unit_test(test_plain_text_of_a_hostile_folder),
        cmocka_unit_test(test_plots_in_words),
        cmocka_unit_test(test_main_refuses),
    };
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
