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
#include "harness/page/report.h"
#include "harness/page/tool.h"
#include "harness/store/result.h"

static const char *const hostile[] = {
    "<script>alert(1)</script>",
    "</td></tr></table><script>alert(1)</script>",
    "[click](javascript:alert(1))",
    "![i](http://evil.example/i.png)",
    "]( javascript:alert(1)) [x]: http://evil.example",
    "<img src=x onerror=alert(1)>",
    "<p><img src=\"01-float-staging/plots/speed.svg\" alt=\"\" /></p>",
    "<a href='data:text/html,x'>x</a>",
    "`code` ``code`` ~~~ ```",
    "| a | b |",
    "a | b \\| c \\\\| d",
    "**bold** *it* __b__ _i_ ~~s~~",
    "&lt;script&gt; &#60; &amp;",
    "# heading",
    "- list",
    "+ list",
    "1. list",
    "1) list",
    "=====",
    "-----",
    "> quote",
    "https://evil.example/ www.evil.example mailto:a@evil.example",
    "<https://evil.example>",
    "$x^2$ {{ site.title }} {% raw %}",
    ":smile: @somebody #1",
    "\\*not escaped\\* \\[x\\](y) \\",
    "<!-- comment --> <![CDATA[ x ]]> <?php ?>",
    "plain words, 1,234 of 5,678 (100 %) at n = 2^20; it's fine",
};
#define HOSTILE (sizeof hostile / sizeof *hostile)

static char *markdown_of(const char *text) {
    char *out = NULL;
    size_t length;
    FILE *file = open_memstream(&out, &length);
    escape_markdown(file, text);
    fclose(file);
    return out;
}

static void test_hidden_characters_show(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"a\x1b[31mb", "a\xef\xbf\xbd&#91;31mb"},
        {"a\x7f"
         "b",
         "a\xef\xbf\xbd"
         "b"},
        {"a\xc2\x9b"
         "b",
         "a\xef\xbf\xbd"
         "b"}, /* C1 */
        {"a\xe2\x80\xae"
         "b",
         "a\xef\xbf\xbd"
         "b"}, /* right-to-left override */
        {"a\xe2\x81\xa6"
         "b",
         "a\xef\xbf\xbd"
         "b"}, /* isolate */
        {"a\xe2\x80\x8b"
         "b",
         "a\xef\xbf\xbd"
         "b"}, /* zero width */
        {"a\xf3\xa0\x81\x81"
         "b",
         "a\xef\xbf\xbd"
         "b"}, /* tag */
        {"a\xff"
         "b",
         "a\xef\xbf\xbd"
         "b"}, /* no UTF-8 */
        {"a\xc0\xaf"
         "b",
         "a\xef\xbf\xbd\xef\xbf\xbd"
         "b"},                                                      /* overlong */
        {"a\xed\xa0\x80", "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* surrogate */
        {"a\nb\tc", "a b c"},
        {"2² × µs ≤ 3", "2² × µs ≤ 3"},
    };
    for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++) {
        char *shown = markdown_of(pairs[k][0]);
        assert_string_equal(shown, pairs[k][1]);
        free(shown);
    }
    char *none = markdown_of(NULL);
    assert_string_equal(none, "–");
    free(none);
}

static void test_long_texts_are_cut(void **state) {
    (void)state;
    char *text = malloc(100001);
    memset(text, 'a', 100000);
    text[100000] = '\0';
    char *shown = markdown_of(text);
    assert_true(strlen(shown) < ESCAPE_MAX + 10);
    assert_non_null(strstr(shown, "…"));
    free(shown);
    free(text);
}

static void test_arguments_are_quoted(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"--quick", "--quick"},
                                           {"my label", "'my label'"},
                                           {"", "''"},
                                           {"it's", "'it'\\''s'"},
                                           {"$(rm -rf ~);`x`", "'$(rm -rf ~);`x`'"},
                                           {"a\nb\x1b\xe2\x80\xae", "'a?b?\?'"}};
    for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++) {
        char *out = NULL;
        size_t length;
        FILE *file = open_memstream(&out, &length);
        escape_argument(file, pairs[k][0]);
        fclose(file);
        assert_string_equal(out, pairs[k][1]);
        free(out);
    }
}

/* As cmark writes text: the four characters that HTML cannot have. */
static void html_text(FILE *out, const char *text) {
    for (const char *from = text; *text; text++)
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '@': /* see escape_markdown() */
            fputs(text > from && text[-1] == '@' ? "@" : "<code>@", out);
            fputs(text[1] == '@' ? "" : "</code>", out);
            break;
        default:
            fputc(*text, out);
        }
}

/* A text of characters that mean something to Markdown or HTML; no space at its ends. */
static void make_text(char *text, size_t length, uint32_t *seed) {
    static const char letters[] = "<>&\"'`*_[]()!#|\\~$:/@=+-.{}^ 01ax;w";
    for (size_t k = 0; k < length; k++) {
        *seed = *seed * 1664525u + 1013904223u;
        text[k] = letters[(*seed >> 16) % (sizeof letters - 1)];
        if (text[k] == ' ' && (k == 0 || k + 1 == length))
            text[k] = '|';
    }
    text[length] = '\0';
}

/*
 * Each text is a paragraph of its own and a cell of a table; with every extension that GitHub
 * uses switched on, and raw HTML let through, the HTML must be exactly the text's characters.
 */
static void test_escaped_text_is_only_text(void **state) {
    (void)state;
    enum { TEXTS = 3000 };
    char *markdown = NULL, *expected = NULL, *html = NULL, path[4096];
    size_t length, expected_length, html_length;
    if (!tool_exists("cmark-gfm"))
        skip();
    FILE *in = open_memstream(&markdown, &length);
    FILE *want = open_memstream(&expected, &expected_length);
    uint32_t seed = 7;
    for (int pass = 0; pass < 2; pass++) {
        if (pass) {
            fputs("| t |\n|---|\n", in);
            fputs("<table>\n<thead>\n<tr>\n<th>t</th>\n</tr>\n</thead>\n<tbody>\n", want);
        }
        for (int k = 0; k < TEXTS; k++) {
            char made[64];
            const char *text = made;
            if ((size_t)k < HOSTILE)
                text = hostile[k];
            else
                make_text(made, 1 + (size_t)k % 40, &seed);
            fputs(pass ? "| " : "", in);
            escape_markdown(in, text);
            fputs(pass ? " |\n" : "\n\n", in);
            fputs(pass ? "<tr>\n<td>" : "<p>", want);
            html_text(want, text);
            fputs(pass ? "</td>\n</tr>\n" : "</p>\n", want);
        }
    }
    fputs("</tbody>\n</table>\n", want);
    fclose(in);
    fclose(want);
    struct folder folder;
    assert_int_equal(home_private(path, sizeof path), 0);
    assert_int_equal(folder_open(&folder, path), 0);
    assert_int_equal(folder_write(&folder, "page.md", markdown, length), 0);
    const char *argv[] = {"cmark-gfm", "--unsafe",  "-e", "table",         "-e",      "autolink",
                          "-e",        "tagfilter", "-e", "strikethrough", "page.md", NULL};
    struct tool_run tool = {.argv = argv, .package = "cmark-gfm", .folder = path, .seconds = 60};
    if (tool_run(&tool, &html, &html_length))
        fail_msg("%s", error_text());
    folder_close(&folder);
    home_private_remove(path);
    if (strcmp(html, expected)) {
        size_t k = 0;
        while (html[k] == expected[k])
            k++;
        k = k > 60 ? k - 60 : 0;
        fail_msg("got:\n%.200s\nexpected:\n%.200s", html + k, expected + k);
    }
    free(markdown);
    free(expected);
    free(html);
}

/* --- a whole page --- */

static const struct claim claims[] = {
    {"S1", "one", NULL}, {"S2", "two", NULL}, {"S3", "three", NULL}, {"S4", "four", NULL}};
static const struct lab made_lab = {.number = 98,
                                    .name = "made",
                                    .question = "?",
                                    .needs = "-",
                                    .takes = "-",
                                    .claims = claims,
                                    .claim_count = 4};

static const struct lab staging_lab = {.number = 1,
                                       .name = "float-staging",
                                       .question = "?",
                                       .needs = "-",
                                       .takes = "-",
                                       .claims = claims,
                                       .claim_count = 4};

/* A result folder with one lab, all of whose texts are hostile. */
static void make_result_of(const struct lab *lab, const char *dir, int finish, int broken) {
    char *argv[] = {"nanolab", "run", "--label", "<b>`x`</b>"};
    struct device *device = NULL;
    struct result *result;
    assert_int_equal(device_open(&device, DEVICE_CPU, 0), 0);
    struct result_setup setup = {.dir = dir,
                                 .lab = lab,
                                 .mode = LAB_QUICK,
                                 .seed = 42,
                                 .bits = &device,
                                 .bits_count = 1,
                                 .label = "<b>`x`</b>",
                                 .argc = 4,
                                 .argv = argv};
    if (result_open(&result, RESULT_NEW, &setup))
        fail_msg("%s", error_text());
    for (size_t k = 0; k < 4; k++) {
        struct finding finding = {.verdict = (enum verdict)k, .checked = 1000, .held = 999};
        if (k == 3)
            finding.checked = finding.held = 0;
        snprintf(finding.statement, sizeof finding.statement, "%s", hostile[k]);
        snprintf(finding.range, sizeof finding.range, "%s", hostile[k + 4]);
        snprintf(finding.reason, sizeof finding.reason, "%s", hostile[k + 8]);
        finding.broken = broken && k == 1;
        if (result_claim(result, &claims[k], "cpu", &finding))
            fail_msg("%s", error_text());
    }
    if (finish)
        assert_int_equal(result_finish(result), 0);
    result_close(result);
    if (finish)
        assert_int_equal(result_run_finish(dir, true), 0);
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
    if (!tool_exists("cmark-gfm"))
        skip();
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
    assert_int_equal(occurrences(html, "href"), 1); /* the one that is shown as text */
    assert_int_equal(occurrences(html, "<b>"), 0);
    assert_int_equal(occurrences(html, "<figure"), 0);
    assert_int_equal(occurrences(html, "raw HTML omitted"), 0);
    assert_int_equal(occurrences(html, "src="), 2); /* both shown as text … */
    assert_int_equal(occurrences(html, "&lt;img src="), 2);
    assert_non_null(strstr(html, "&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert_int_equal(occurrences(markdown, "<"), 2); /* in the code block with the command */
    /* All four verdicts, each in its colour, with its counts. */
    assert_int_equal(occurrences(html, "<td class=\"verdict confirmed\">✔ confirmed</td>"), 1);
    assert_int_equal(occurrences(html, "<td class=\"verdict refuted\">✘ refuted</td>"), 1);
    assert_int_equal(occurrences(html, "<td class=\"verdict bounded\">◐ bounded</td>"), 1);
    assert_int_equal(occurrences(html, "<td class=\"verdict untested\">○ not testable here</td>"),
                     1);
    assert_int_equal(occurrences(html, "999 / 1,000"), 3);
    assert_non_null(strstr(html, "Of 3,000 single checks behind them, 2,997 came out"));
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
    if (!tool_exists("cmark-gfm"))
        skip();
    assert_int_equal(home_private(path, sizeof path), 0);
    snprintf(dir, sizeof dir, "%s/broken", path);
    make_result(dir, 1, 1);
    char *argv[] = {"report", dir, NULL};
    assert_int_equal(report_main(2, argv), 0);
    char *html = read_page(dir, "report.html");
    assert_non_null(strstr(html, "A predicted bit did not hold (1 claim, marked below)"));
    assert_non_null(strstr(html, "<td class=\"verdict broken\">⚠ our bug</td>"));
    assert_int_equal(occurrences(html, "✘ refuted"), 0);
    assert_non_null(strstr(html, "3 verdicts:</strong> 1 confirmed, 0 refuted, 1 bounded, 1 not"));
    free(html);
    snprintf(dir, sizeof dir, "%s/partial", path);
    make_result(dir, 0, 0);
    assert_int_equal(report_main(2, argv), 0);
    html = read_page(dir, "report.html");
    assert_non_null(strstr(html, "98-made is partial:"));
    free(html);
    home_private_remove(path);
}

static void test_report_replaces_links(void **state) {
    (void)state;
    char path[4096], dir[4200];
    struct folder folder;
    if (!tool_exists("cmark-gfm"))
        skip();
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

/* A page without plots is still a page; a lab of this tree, with tables no lab has written. */
static void test_page_without_plots(void **state) {
    (void)state;
    char path[4096], dir[4200], home[4096], lab_path[4400];
    struct folder folder;
    if (!tool_exists("cmark-gfm"))
        skip();
    assert_int_equal(home_private(path, sizeof path), 0);
    assert_int_equal(home_find(home, sizeof home), 0);
    snprintf(dir, sizeof dir, "%s/result", path);
    make_result_of(&staging_lab, dir, 0, 0);
    snprintf(lab_path, sizeof lab_path, "%s/01-float-staging", dir);
    assert_int_equal(folder_open(&folder, lab_path), 0);
    struct plot_set set;
    assert_int_equal(plot_legend("01-float-staging", &set), 0);
    if (!set.known)
        skip();
    for (int k = 1; k <= LEGEND_DATA_MAX; k++) {
        char file[LEGEND_WORD + 8];
        snprintf(file, sizeof file, "%s.tsv", set.legend.data[k].table);
        if (set.legend.data[k].number)
            assert_int_equal(folder_write(&folder, file, "a\n`id`\n", 7), 0);
    }
    plot_set_free(&set);
    folder_close(&folder);
    char *argv[] = {"report", dir, NULL};
    assert_int_equal(report_main(2, argv), 1);
    char *html = read_page(dir, "report.html");
    assert_non_null(strstr(html, "<strong>No plots:</strong>"));
    assert_int_equal(occurrences(html, path), 0); /* it could name a user */
    assert_non_null(strstr(html, "01-float-staging is partial:"));
    free(html);
    home_private_remove(path);
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
        cmocka_unit_test(test_hidden_characters_show),
        cmocka_unit_test(test_long_texts_are_cut),
        cmocka_unit_test(test_arguments_are_quoted),
        cmocka_unit_test(test_escaped_text_is_only_text),
        cmocka_unit_test(test_page_of_a_hostile_folder),
        cmocka_unit_test(test_page_says_what_went_wrong),
        cmocka_unit_test(test_report_replaces_links),
        cmocka_unit_test(test_page_without_plots),
        cmocka_unit_test(test_main_refuses),
    };
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
