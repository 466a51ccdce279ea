/* escape_test.c: text of strangers stays text, in whatever place of a page, and can be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <md4c-html.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/error.h"
#include "harness/page/escape.h"
#include "harness/page/home.h"
#include "harness/page/hostile_fixture.h"
#include "harness/page/tool.h"

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
        {"a\x1b[31mb", "a\xef\xbf\xbd\\[31mb"},
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
    /* A star is alone only between two blanks that are shown. */
    char *star = markdown_of("a * b * ");
    assert_string_equal(star, "a * b \\*");
    free(star);
    char *inner = markdown_of(" \xe3\x80\x80 a b\xc2\xa0 ");
    assert_string_equal(inner, "a b");
    free(inner);
}

/* Around nothing, or next to a blank, "**" would be two letters. */
static void test_strong_texts(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"a", "**a**"},
                                           {"", "**–**"},
                                           {" \n", "**–**"},
                                           {"\xc2\xa0\t", "**–**"},
                                           {" \xe3\x80\x80 a b\xc2\xa0 ", "**a b**"},
                                           {"a*", "**a\\***"}};
    for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++) {
        char *out = NULL;
        size_t length;
        FILE *file = open_memstream(&out, &length);
        escape_strong(file, pairs[k][0]);
        fclose(file);
        assert_string_equal(out, pairs[k][1]);
        free(out);
    }
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

static void what_needs_no_escape_has_none(void **state) {
    (void)state;
    static const char *const same[] = {
        "claim 00.7: 5.3 to 16.1 times, in 12 of 12 sizes (95 %)",
        "cuda:0, f32.none.plain.a1.i1.b32.g16; 2·B·L·H·D·s bytes",
        "kv_pool's blocks (4 KiB), a > b, c = d + e - f * g; R & D?",
        "avx512/streams=8/span=0 took 1e-5 s!",
    };
    for (size_t k = 0; k < sizeof same / sizeof *same; k++) {
        char *shown = markdown_of(same[k]);
        assert_string_equal(shown, same[k]);
        free(shown);
    }
    static const char *const inside[] = {"-1.5", "1. 2) 3", "+2", "= 4", "> 5"};
    for (size_t k = 0; k < sizeof inside / sizeof *inside; k++) {
        char *out = NULL;
        size_t length;
        FILE *file = open_memstream(&out, &length);
        escape_inline(file, inside[k]);
        fclose(file);
        assert_string_equal(out, inside[k]);
        free(out);
    }
}

/* The places that a page has for such text, and what HTML makes of each. */
static const struct place {
    const char *head, *before, *after, *html_head, *html_before, *html_after, *html_foot;
    int begins_line;
} places[] = {
    {"", "", "\n\n", "", "<p>", "</p>\n", "", 1},
    {"", "Here: ", ".\n\n", "", "<p>Here: ", ".</p>\n", "", 0},
    {"", "# Title: ", "\n\n", "", "<h1>Title: ", "</h1>\n", "", 0},
    {"| t | u |\n|---|---|\n", "| ", " | z |\n",
     "<table>\n<thead>\n<tr>\n<th>t</th>\n<th>u</th>\n</tr>\n</thead>\n<tbody>\n", "<tr>\n<td>",
     "</td>\n<td>z</td>\n</tr>\n", "</tbody>\n</table>\n", 0},
    {"", "- Noted: ", "\n", "<ul>\n", "<li>Noted: ", "</li>\n", "</ul>\n", 0},
};

static void write_texts(const struct place *place, FILE *in, FILE *want) {
    enum { TEXTS = 3000 };
    uint32_t seed = 7;
    fputs(place->head, in);
    fputs(place->html_head, want);
    for (size_t k = 0; k < TEXTS; k++) {
        char made[64];
        const char *text = made;
        if (k < HOSTILE)
            text = hostile[k];
        else
            make_text(made, 1 + k % 40, &seed);
        fputs(place->before, in);
        if (place->begins_line)
            escape_markdown(in, text);
        else
            escape_inline(in, text);
        fputs(place->after, in);
        fputs(place->html_before, want);
        html_text(want, text);
        fputs(place->html_after, want);
    }
    fputs(place->html_foot, want);
}

static void assert_same(const char *got, const char *expected, const char *who) {
    size_t k = 0;
    if (!strcmp(got, expected))
        return;
    while (got[k] == expected[k])
        k++;
    k = k > 60 ? k - 60 : 0;
    fail_msg("%s got:\n%.200s\nexpected:\n%.200s", who, got + k, expected + k);
}

static void take(const MD_CHAR *text, MD_SIZE size, void *out) {
    fwrite(text, 1, size, out);
}

/* With every extension that GitHub uses switched on, and more, and raw HTML let through, the HTML
 * must be exactly the text's characters. */
static void test_md4c(const char *markdown, size_t length, const char *expected) {
    char *html = NULL;
    size_t html_length;
    FILE *out = open_memstream(&html, &html_length);
    assert_int_equal(md_html(markdown, (MD_SIZE)length, take, out,
                             MD_DIALECT_GITHUB | MD_FLAG_LATEXMATHSPANS | MD_FLAG_WIKILINKS |
                                 MD_FLAG_PERMISSIVEATXHEADERS,
                             0),
                     0);
    fclose(out);
    assert_same(html, expected, "md4c");
    free(html);
}

/* The program that GitHub's own is made from, where it is installed. */
static void test_cmark(const char *markdown, size_t length, const char *expected) {
    char *html = NULL, path[4096];
    size_t html_length;
    struct folder folder;
    if (!tool_exists("cmark-gfm"))
        return;
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
    assert_same(html, expected, "cmark-gfm");
    free(html);
}

static void test_escaped_text_is_only_text(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof places / sizeof *places; k++) {
        char *markdown = NULL, *expected = NULL;
        size_t length, expected_length;
        FILE *in = open_memstream(&markdown, &length);
        FILE *want = open_memstream(&expected, &expected_length);
        write_texts(&places[k], in, want);
        fclose(in);
        fclose(want);
        test_md4c(markdown, length, expected);
        test_cmark(markdown, length, expected);
        free(markdown);
        free(expected);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hidden_characters_show),
        cmocka_unit_test(test_strong_texts),
        cmocka_unit_test(test_long_texts_are_cut),
        cmocka_unit_test(test_arguments_are_quoted),
        cmocka_unit_test(what_needs_no_escape_has_none),
        cmocka_unit_test(test_escaped_text_is_only_text),
    };
    return cmocka_run_group_tests_name("escape", tests, NULL, NULL);
}
