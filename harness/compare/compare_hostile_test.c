/*
 * compare_hostile_test.c: what `nanolab compare` writes of strangers' folders. One text at a time,
 * in every place of every document, is each of the attacks of hostile_sides.h; then all that comes
 * out is looked at: a terminal is sent nothing but letters, JSON can be parsed, a page has exactly
 * the elements that it has with a harmless word in that place, tables have no letter that gnuplot
 * could take for anything, and a refusal is one line.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <md4c-html.h>

#include "harness/compare/compare_page.h"
#include "harness/compare/compare_text.h"
#include "harness/compare/hostile_sides.h"
#include "harness/page/table.h"
#include "harness/page/tool.h"
#include "harness/text.h"

struct tally {
    size_t places, tried, refused, shown; /* shown: on a page that was looked at */
};

static char folder[] = "/dev/shm/nanolab-hostile-XXXXXX"; /* in memory: each page is synced */
static char where[600];                                   /* what is tried now, for messages */
static bool drawing;                                      /* with gnuplot */

/* --- what came out ------------------------------------------------------------------------------
 */

/* Nothing but visible letters and ends of lines; gnuplot indents an SVG by tabs. */
static void is_plain(const char *what, const char *text, size_t length) {
    if (strlen(text) != length)
        fail_msg("%s: %s holds a NUL", where, what);
    for (const char *at = text; *at;) {
        size_t n = *at == '\n' || (drawing && *at == '\t') ? 1 : text_visible(at);
        if (n == 0)
            fail_msg("%s: %s holds %02x at: %.60s", where, what, (unsigned char)*at, at);
        at += n;
    }
}

static void is_one_line(const char *text) {
    is_plain("the refusal", text, strlen(text));
    if (!*text || strchr(text, '\n') || strlen(text) > 1000)
        fail_msg("%s: no one line: %s", where, text);
}

/* Tags with their attributes, one behind another, but for what hangs on the length of a text alone,
 * and the code span that a mail address's sign stands in. */
static char *elements_of(const char *html) {
    char *out = NULL;
    size_t size;
    FILE *to = open_memstream(&out, &size);
    for (const char *at = strstr(html, "<body>") ? strstr(html, "<body>") : html;
         (at = strchr(at, '<'));) {
        const char *end = strchr(at, '>');
        if (!end)
            fail_msg("%s: a tag without an end: %.60s", where, at);
        size_t n = (size_t)(end + 1 - at);
        if (strncmp(at, "<p class=\"hint", 14) == 0)
            end = strstr(at, "</p>") + 3;
        else if (strncmp(at, "<td class=\"long", 15) == 0)
            fputs("<td>", to);
        else if (strncmp(at, "<code>", 6) != 0 && strncmp(at, "</code>", 7) != 0)
            fprintf(to, "%.*s", (int)n, at);
        at = end;
    }
    fclose(to);
    return out;
}

static void take(const MD_CHAR *text, MD_SIZE size, void *out) {
    fwrite(text, 1, size, out);
}

/* As a site shows it that knows every extension and lets HTML through. */
static char *elements_of_markdown(const char *markdown) {
    char *html = NULL;
    size_t size;
    FILE *to = open_memstream(&html, &size);
    assert_int_equal(md_html(markdown, (MD_SIZE)strlen(markdown), take, to,
                             MD_DIALECT_GITHUB | MD_FLAG_LATEXMATHSPANS | MD_FLAG_WIKILINKS, 0),
                     0);
    fclose(to);
    char *elements = elements_of(html);
    free(html);
    return elements;
}

/* What one comparison comes to. */
struct output {
    char *terminal, *html, *markdown; /* of pages, their elements */
};

static void output_free(struct output *o) {
    free(o->terminal);
    free(o->html);
    free(o->markdown);
    *o = (struct output){0};
}

static char *page_file(const char *name) {
    char path[200];
    size_t size;
    snprintf(path, sizeof path, "%s/page/%s", folder, name);
    char *text = fixture_read(path, &size);
    if (!text)
        fail_msg("%s: no %s", where, name);
    is_plain(name, text, size);
    return text;
}

static void look_at_table(const char *name) {
    char path[200];
    size_t size;
    snprintf(path, sizeof path, "%s/page/%s", folder, name);
    char *text = fixture_read(path, &size);
    if (!text || strspn(text, TABLE_LETTERS "\t\n") != size)
        fail_msg("%s: a letter in %s: %s", where, name, text);
    free(text);
}

static char *terminal_of(const struct compare *list, size_t count) {
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    for (size_t k = 0; k < count; k++)
        assert_int_equal(compare_print(&list[k], to), 0);
    fclose(to);
    is_plain("the terminal", text, size);
    return text;
}

static void look_at_json(const struct compare *c) {
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    assert_int_equal(compare_json_print(c, to), 0);
    fclose(to);
    json_error_t error;
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!value)
        fail_msg("%s: JSON: %s", where, error.text);
    json_decref(value);
    free(text);
}

/* Sides 1, 2, … beside side 0. */
static struct output look(const struct compare_side *const *sides, size_t count) {
    const struct compare_rule rule = compare_rule_default();
    const struct compare_band band = {1e-4, 9};
    struct compare_band *bands = calloc(sides[0]->count + 1, sizeof *bands);
    struct compare list[4];
    struct output o;
    char dir[100], missing[600];
    for (size_t k = 0; k < sides[0]->count; k++)
        bands[k] = band;
    for (size_t k = 1; k < count; k++)
        if (compare_open(&list[k - 1], sides[0], sides[k], &rule, bands) != 0)
            fail_msg("%s: %s", where, error_text());
    o.terminal = terminal_of(list, count - 1);
    for (size_t k = 0; k + 1 < count; k++)
        look_at_json(&list[k]);
    snprintf(dir, sizeof dir, "%s/page", folder);
    if (compare_page_make(list, count - 1, dir, missing, sizeof missing) != 0)
        fail_msg("%s: %s", where, error_text());
    char *html = page_file("compare.html"), *markdown = page_file("compare.md");
    o.html = elements_of(html);
    o.markdown = elements_of_markdown(markdown);
    look_at_table("B/ratios.tsv");
    look_at_table("B/band.tsv");
    free(html);
    free(markdown);
    for (size_t k = 0; k + 1 < count; k++)
        compare_close(&list[k]);
    free(bands);
    return o;
}

static void same_elements(const char *of, const char *got, const char *expected) {
    size_t k = 0;
    if (strcmp(got, expected) == 0)
        return;
    while (got[k] && got[k] == expected[k])
        k++;
    k = k > 80 ? k - 80 : 0;
    fail_msg("%s: other elements in %s:\n%.300s\nthan with a harmless word:\n%.300s", where, of,
             got + k, expected + k);
}

/* The sanitised build tries every third attack, in each place others. */
#ifdef __SANITIZE_ADDRESS__
#define STEP 3
#else
#define STEP 1
#endif

/* --- one place, all attacks ---------------------------------------------------------------------
 */

/* How a side comes to be on the disk. */
static void (*write_side)(const char *, const struct documents *, const char *) = hostile_folder;

/* Sides A and B have the text in the same place, times, bits and a verdict differ; C has a harmless
 * word there. -1: refused, which is one line. */
static int try_text(const struct documents *marked, const char *text,
                    const struct compare_side *plain, const char *name, struct output *out) {
    struct compare_side side[2];
    const struct compare_side *sides[] = {&side[0], &side[1], plain};
    int status = 0;
    for (int k = 0; k < 2; k++) {
        char dir[600];
        snprintf(dir, sizeof dir, "%s/%s%s", folder, name, k ? "2" : "");
        write_side(dir, &marked[k], text);
        if (compare_side_open(&side[k], dir) != 0) {
            is_one_line(error_text());
            status = -1;
        }
    }
    if (status == 0)
        *out = look(sides, 3);
    for (int k = 0; k < 2; k++)
        compare_side_close(&side[k]);
    return status;
}

static void try_attacks(const struct documents *marked, const char *path,
                        const struct compare_side *plain, const char *name, struct tally *t) {
    struct output harmless = {0}, hostile;
    snprintf(where, sizeof where, "%s is harmless", path);
    int status = try_text(marked, HARMLESS, plain, name, &harmless);
    for (size_t a = t->places % STEP; a < ATTACKS; a += STEP) {
        snprintf(where, sizeof where, "%s is %s", path, attacks[a].name);
        t->tried++;
        if (try_text(marked, attacks[a].json, plain, name, &hostile) != 0) {
            t->refused++;
            continue;
        }
        t->shown++;
        if (status != 0) { /* a name of a file, of which harmless words are no good ones */
            status = 0;
            harmless = hostile;
            continue;
        }
        same_elements("compare.html", hostile.html, harmless.html);
        same_elements("compare.md", hostile.markdown, harmless.markdown);
        output_free(&hostile);
    }
    output_free(&harmless);
}

static void plain_side(struct compare_side *side) {
    char dir[100];
    struct documents plain = hostile_documents(1.2);
    snprintf(dir, sizeof dir, "%s/plain", folder);
    hostile_folder(dir, &plain, "");
    if (compare_side_open(side, dir) != 0)
        fail_msg("%s", error_text());
    documents_free(&plain);
}

static void every_text_of_a_folder(void **state) {
    (void)state;
    struct compare_side plain;
    struct tally t = {0};
    plain_side(&plain);
    for (struct place_search s = {0};; s.wanted++) {
        struct documents marked[] = {hostile_documents(1), hostile_documents(1.1)};
        bool there = documents_mark(&marked[0], &s) && documents_mark(&marked[1], &s);
        if (there)
            try_attacks(marked, s.path, &plain, "side", &t);
        for (int k = 0; k < 2; k++)
            documents_free(&marked[k]);
        if (!there)
            break;
        t.places++;
    }
    compare_side_close(&plain);
    print_message("%zu places x %zu attacks: %zu folders, %zu refused, %zu compared\n", t.places,
                  ATTACKS, t.tried, t.refused, t.shown);
    assert_true(STEP > 1 || t.tried == t.places * ATTACKS);
    assert_true(t.places > 100 && t.shown > t.tried / 4 && t.refused > ATTACKS / STEP);
}

/* --- other tools' files --------------------------------------------------------------------------
 */

static void every_text_of(const char *format, const char *tool) {
    struct documents plain = hostile_foreign(format, 3);
    struct compare_side side;
    struct tally t = {0};
    char path[100];
    snprintf(path, sizeof path, "%s/plain-%s", folder, tool);
    write_side = hostile_file;
    hostile_file(path, &plain, "");
    if (compare_side_open(&side, path) != 0)
        fail_msg("%s", error_text());
    for (struct place_search s = {0};; s.wanted++) {
        struct documents marked[] = {hostile_foreign(format, 1), hostile_foreign(format, 2)};
        bool there = documents_mark(&marked[0], &s) && documents_mark(&marked[1], &s);
        if (there)
            try_attacks(marked, s.path, &side, tool, &t);
        for (int k = 0; k < 2; k++)
            documents_free(&marked[k]);
        if (!there)
            break;
        t.places++;
    }
    write_side = hostile_folder;
    compare_side_close(&side);
    documents_free(&plain);
    print_message("%s: %zu places x %zu attacks: %zu files, %zu refused, %zu compared\n", tool,
                  t.places, ATTACKS, t.tried, t.refused, t.shown);
    assert_true(t.places > 20 && t.shown > t.tried / 4 && t.refused > ATTACKS / STEP);
}

static void every_text_of_google_benchmark(void **state) {
    (void)state;
    every_text_of(hostile_google, "google");
}

static void every_text_of_nvbench(void **state) {
    (void)state;
    every_text_of(hostile_nvbench, "nvbench");
}

/* --- names of folders ---------------------------------------------------------------------------
 */

static void every_name_of_a_folder(void **state) {
    (void)state;
    struct documents plain[] = {hostile_documents(1), hostile_documents(1.1)};
    struct output harmless, hostile;
    struct compare_side side;
    size_t tried = 0;
    plain_side(&side);
    snprintf(where, sizeof where, "a folder's name is harmless");
    assert_int_equal(try_text(plain, "", &side, HARMLESS, &harmless), 0);
    for (size_t a = 0; a < ATTACKS; a++) {
        char quoted[20000];
        json_error_t error;
        snprintf(quoted, sizeof quoted, "\"%s\"", attacks[a].json);
        json_t *text = json_loads(quoted, JSON_DECODE_ANY, &error);
        const char *name = json_string_value(text);
        snprintf(where, sizeof where, "a folder's name is %s", attacks[a].name);
        if (name && *name && !strchr(name, '/') && strlen(name) < 250) {
            assert_int_equal(try_text(plain, "", &side, name, &hostile), 0);
            same_elements("compare.html", hostile.html, harmless.html);
            same_elements("compare.md", hostile.markdown, harmless.markdown);
            output_free(&hostile);
            tried++;
        }
        json_decref(text);
    }
    output_free(&harmless);
    compare_side_close(&side);
    for (int k = 0; k < 2; k++)
        documents_free(&plain[k]);
    print_message("%zu names of folders\n", tried);
    assert_true(tried > 15);
}

/* --- formats that are not known -----------------------------------------------------------------
 */

static void formats_that_are_not_known(void **state) {
    (void)state;
    static const int which[] = {DOC_RUN, DOC_START, DOC_CLAIMS};
    char dir[100];
    snprintf(dir, sizeof dir, "%s/format", folder);
    for (size_t k = 0; k < sizeof which / sizeof *which; k++)
        for (int format = 1; format <= 99; format += 98) {
            struct documents d = hostile_documents(1);
            struct compare_side side;
            char words[30];
            json_object_set_new(d.of[which[k]], "format", json_integer(format));
            hostile_folder(dir, &d, "");
            assert_int_equal(compare_side_open(&side, dir), -1);
            snprintf(words, sizeof words, "format %d ", format);
            if (!strstr(error_text(), words))
                fail_msg("\"%s\" is not in: %s", words, error_text());
            is_one_line(error_text());
            compare_side_close(&side);
            documents_free(&d);
        }
}

/* --- gnuplot ------------------------------------------------------------------------------------
 */

/* Each attack as the id of a case, all of them in one plot. */
static void ids_in_plots(void **state) {
    (void)state;
    const char *path = getenv("REAL_PATH");
    setenv("PATH", path, 1);
    drawing = tool_exists("gnuplot");
    struct documents d[] = {hostile_documents(1), hostile_documents(1.1)};
    struct compare_side plain;
    struct output hostile;
    size_t tried = 0;
    if (!drawing) {
        print_message("gnuplot is not here\n");
        skip();
    }
    plain_side(&plain);
    snprintf(where, sizeof where, "an id in a plot");
    struct place_search s = {0};
    for (; documents_mark(&d[0], &s) && strcmp(s.path, "case.id") != 0; s.wanted++) {
        documents_free(&d[0]);
        d[0] = hostile_documents(1);
    }
    assert_string_equal(s.path, "case.id");
    assert_true(documents_mark(&d[1], &s));
    for (size_t a = 0; a < ATTACKS; a += 4) {
        snprintf(where, sizeof where, "an id in a plot is %s", attacks[a].name);
        if (try_text(d, attacks[a].json, &plain, "side", &hostile) != 0)
            continue;
        char *svg = page_file("B/plots/ratios.svg"), *html = page_file("compare.html");
        assert_null(strstr(svg, "<script"));
        assert_null(strstr(svg, "onmouse"));
        assert_null(strstr(html, "<script"));
        assert_non_null(strstr(html, "<figure"));
        free(svg);
        free(html);
        output_free(&hostile);
        tried++;
    }
    setenv("PATH", "/nowhere", 1);
    drawing = false;
    for (int k = 0; k < 2; k++)
        documents_free(&d[k]);
    compare_side_close(&plain);
    print_message("%zu plots\n", 2 * tried);
    assert_true(tried > 4);
}

/* --- */

static int begin(void **state) {
    (void)state;
    if (access("/dev/shm", W_OK) != 0)
        snprintf(folder, sizeof folder, "/tmp/nanolab-hostile-XXXXXX");
    if (!mkdtemp(folder) || setenv("REAL_PATH", getenv("PATH") ? getenv("PATH") : "", 1) != 0)
        return -1;
    /* Nothing else can be started from here on. */
    return setenv("PATH", "/nowhere", 1) != 0 || chdir(folder) != 0 ? -1 : 0;
}

static int end(void **state) {
    (void)state;
    char command[100];
    bool ran = access("pwned", F_OK) == 0;
    setenv("PATH", getenv("REAL_PATH"), 1);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (ran)
        fprintf(stderr, "a command in a text was run\n");
    return chdir("/") == 0 && system(command) == 0 && !ran ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_text_of_a_folder),
        cmocka_unit_test(every_text_of_google_benchmark),
        cmocka_unit_test(every_text_of_nvbench),
        cmocka_unit_test(every_name_of_a_folder),
        cmocka_unit_test(formats_that_are_not_known),
        cmocka_unit_test(ids_in_plots),
    };
    return cmocka_run_group_tests_name("hostile sides", tests, begin, end);
}
