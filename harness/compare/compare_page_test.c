/*
 * compare_page_test.c: the page of sides made here: what it says, what strangers can put into it,
 * how long it gets, and what it is without gnuplot.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>

#include "harness/compare/compare_explain.h"
#include "harness/compare/compare_fixture.h"
#include "harness/compare/compare_page.h"
#include "harness/page/hostile_fixture.h"
#include "harness/page/tool.h"

static const char *own_path;
#define HOSTILE (sizeof hostile / sizeof *hostile)

static void assert_has(const char *text, const char *part) {
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void assert_not(const char *text, const char *part) {
    if (strstr(text, part))
        fail_msg("\"%s\" is in the page", part);
}

static size_t occurrences(const char *text, const char *part) {
    size_t count = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        count++;
    return count;
}

/* --- pages -------------------------------------------------------------------------------------
 */

static void page_folder(const struct two *t, char dir[96]) {
    snprintf(dir, 96, "%s/page", t->f.root);
}

static char *page_file(const struct two *t, const char *name) {
    char path[160], dir[96];
    size_t size;
    page_folder(t, dir);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return fixture_read(path, &size);
}

/* The page of `count` times the same comparison; its Markdown. */
static char *make_pages(const struct two *t, size_t count, char missing[600]) {
    struct compare list[COMPARE_SIDES_MOST];
    char dir[96];
    page_folder(t, dir);
    for (size_t k = 0; k < count; k++)
        list[k] = t->c;
    if (compare_page_make(list, count, dir, missing, 600) != 0)
        fail_msg("%s", error_text());
    return page_file(t, "compare.md");
}

static char *make_page(const struct two *t) {
    char missing[600];
    return make_pages(t, 1, missing);
}

static void make_two(struct two *t, const struct made *b) {
    const struct made a = PLAIN;
    make_side(t, 0, &a, 4);
    make_side(t, 1, b, 4);
    compare_two(t, NULL);
}

/* A machine twice as fast on which odd cases are 5 % slower than that. */
static struct made other(void) {
    struct made b = PLAIN;
    b.slower = 1.05;
    b.roof = 2;
    b.other_bits = 4;
    b.varying = 6;
    b.other_plan = 3;
    b.verdict = VERDICT_REFUTED;
    return b;
}

/* --- tests -------------------------------------------------------------------------------------
 */

static void the_page_says_what_differs(void **state) {
    struct two *t = *state;
    const struct made b = other();
    static const char *const parts[] = {
        "# nanolab compare: a and b\n",
        "- **B beside A:** **8 of 9 cases faster** (1 not comparable); on average 0.51",
        "× each over its own roof. **Bits differ in 1 of 10 cases.** Bits vary between ",
        "**1 verdict of 1 contradicts that of A.** The same machine code.\n",
        "| Sessions | 4 | 4 |\n",
        "| Cases | 10 | 10 |\n",
        "**The same machine code on A and B:**",
        "**1 of 1 claims that more than one side has.**",
        "| X1 | one is one | cpu | ✔ confirmed | ✘ refuted |\n",
        "- A, confirmed on cpu: it is so\n",
        "**On average B takes 0.51",
        "| lab | mean ratio | over roofs | slower | faster | same | ambiguous | not comparable |\n",
        " | 0 | 8 | 0 | 0 | 1 |\n",
        "| 42-fixture | 8 | 1 | 1 | 0 |\n", /* bits */
        "| **no recorded field differs** | 1 | 42/case/n=4 |\n",
        "### Faster: 8 cases\n",
        "### Times that are not comparable\n",
        "| threads | 1 | 42/case/n=3 |\n",
        "4 sessions of A, 4 sessions of B",
        "Its 95 % interval",
        "the ratio is at least 0.5 % from 1",
        "5 % at most",
        "inside of 1 ± 2 %",
    };
    make_two(t, &b);
    char *text = make_page(t);
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
        assert_has(text, parts[k]);
    assert_not(text, "nan |");
    assert_not(text, "### Slower");
    assert_not(text, "### Ambiguous");
    /* What it comes to is first; what differs comes before by how much, and that before how it was
     * judged. */
    assert_true(strstr(text, "- **B beside A:**") < strstr(text, "## The sides"));
    assert_true(strstr(text, "## The sides") < strstr(text, "## Claims whose"));
    assert_true(strstr(text, "## Claims whose") < strstr(text, "## B against A"));
    assert_true(strstr(text, "## B against A") < strstr(text, "## How this was judged"));
    free(text);
}

/* A table in place of sentences. */
static void many_sides_are_a_table(void **state) {
    struct two *t = *state;
    const struct made b = other();
    char missing[600];
    make_two(t, &b);
    setenv("PATH", "/nowhere", 1);
    char *text = make_pages(t, COMPARE_SIDES_MOST - 1, missing);
    setenv("PATH", own_path, 1);
    assert_has(text, "| **B** | 0.51");
    assert_has(text, "× | 0 | 8 | 0 | 0 | 1 | 1 of 10 | 1 of 1 |\n| **C** |");
    assert_has(text, "| **P** | 0.51");
    assert_not(text, "beside A:**");
    free(text);
}

/* Cases explained are on it with their numbers, and a histogram where gnuplot is. */
static void cases_are_explained(void **state) {
    struct two *t = *state;
    const struct made b = other();
    make_two(t, &b);
    assert_int_equal(compare_explain_first(&t->c), 0);
    char *text = make_page(t);
    assert_has(text, "### Explained\n");
    assert_int_equal(occurrences(text, "\n#### 42/case/n="), 3);
    assert_has(text, "- **faster**: B takes ");
    assert_has(text, "- Reason: *apart*, the interval excludes 1");
    assert_has(text, "- What to do: look at the histograms");
    assert_has(text, "| session | A: median (5 % to 75 % quantile), samples |");
    assert_int_equal(occurrences(text, "\n| 4 |"), 3);
    assert_not(text, "nan ");
    free(text);
    char *table = page_file(t, "B-cases/samples.tsv");
    assert_has(table, "case\texponent\tlow\thigh\ta\tb\tna\tnb\n1\t");
    free(table);
    if (!tool_exists("gnuplot"))
        skip();
    char *html = page_file(t, "compare.html");
    assert_int_equal(occurrences(html, "<figure"), 5);
    assert_has(html, ">share of its side's samples (%)<");
    assert_has(html, ">A, 12 samples<");
    free(html);
}

static void equal_sides_say_so(void **state) {
    struct two *t = *state;
    const struct made b = PLAIN;
    make_two(t, &b);
    json_array_clear(t->c.differences); /* of a busy machine: its load */
    char *text = make_page(t);
    assert_has(text, "None: no verdict of one side contradicts one of another. 1 agree");
    assert_has(text, "All that both recorded are equal.");
    assert_has(text, " Bits are equal in all 10 cases. No verdict of 1 contradicts that of A. The "
                     "same machine code.\n");
    assert_has(text, "Nothing recorded of them differs.");
    assert_not(text, "### Faster");
    free(text);
}

/* What varies without a contradiction comes behind the times; sessions of a side are one row.
 */
static void verdicts_that_vary(void **state) {
    struct two *t = *state;
    const struct made a = PLAIN;
    struct made b = PLAIN;
    b.verdict = VERDICT_BOUNDED;
    make_side(t, 0, &a, 2);
    make_side(t, 1, &b, 2);
    snprintf(t->f.dir, sizeof t->f.dir, "%.90s/session-3", t->path[1]);
    make_session(&t->f, &a, 203);
    compare_two(t, NULL);
    char *text = make_page(t);
    assert_has(text, " 0 agree, or could not be tested on one of the sides; 1 have other verdicts");
    assert_has(text, "### Between sides: 1 claim\n");
    assert_has(text, "| X1 | one is one | cpu | ✔ confirmed | ◐ bounded |\n");
    assert_has(text, "### Between sessions of one side: 1 claim\n");
    assert_has(text, "| X1 | 42-fixture | – | bounded 2, confirmed 1 |\n");
    assert_true(strstr(text, "## B against A") < strstr(text, "## Verdicts that vary"));
    assert_true(strstr(text, "## Verdicts that vary") < strstr(text, "## How this was judged"));
    free(text);
}

static void one_session_is_ambiguous(void **state) {
    struct two *t = *state;
    const struct made a = PLAIN;
    make_side(t, 0, &a, 2);
    make_side(t, 1, &a, 1);
    compare_two(t, NULL);
    char *text = make_page(t);
    assert_has(text, "| the spread between runs is unknown | 9 | – | – |\n");
    assert_has(text, "`nanolab run --sessions 5` measures it");
    free(text);
}

static void plots_have_all_cases(void **state) {
    struct two *t = *state;
    const struct made b = other();
    if (!tool_exists("gnuplot"))
        skip();
    make_two(t, &b);
    char missing[600], *text = make_pages(t, 2, missing);
    assert_string_equal(missing, "");
    assert_has(text, "(B/plots/ratios.svg)");
    assert_has(text, "(C/plots/times.svg)");
    free(text);
    char *html = page_file(t, "compare.html");
    assert_int_equal(occurrences(html, "<figure"), 4);
    assert_has(html, "<title>nanolab compare</title>");
    /* Each of the eight in every plot, whose mark says which. */
    for (int k = 0; k < 10; k++) {
        char mark[60];
        snprintf(mark, sizeof mark, ": 42/case/n=%d</title>", k);
        assert_int_equal(occurrences(html, mark), k == 0 || k == 3 ? 0 : 4);
    }
    assert_has(html, ">time over that of A (×)<");
    assert_has(html, ">time of a call on A (ns, µs, ms, s)<");
    assert_not(html, "<script");
    assert_not(html, "onmouse");
    assert_not(html, "src=");
    assert_not(html, "href=\"h");
    free(html);
    char *svg = page_file(t, "B/plots/ratios.svg");
    assert_not(svg, "onmouse");
    free(svg);
    char *table = page_file(t, "B/ratios.tsv");
    assert_int_equal(occurrences(table, "\nfaster\t"), 8);
    free(table);
}

/* The page without gnuplot says that plots are missing, and not where it looked. */
static void without_gnuplot(void **state) {
    struct two *t = *state;
    const struct made b = other();
    char missing[600], *before = strdup(getenv("PATH") ? getenv("PATH") : "");
    make_two(t, &b);
    setenv("PATH", "/nowhere", 1);
    char *text = make_pages(t, 1, missing);
    setenv("PATH", before, 1);
    free(before);
    assert_has(missing, "gnuplot is not installed");
    assert_has(text, "> **No plots:**");
    assert_has(text, "### Faster: 8 cases");
    assert_not(text, "![");
    free(text);
    char *html = page_file(t, "compare.html");
    assert_int_equal(occurrences(html, "<figure"), 0);
    free(html);
}

/* Every place that a side has a text in, for one of the hostile texts after another. */
static void strangers_texts_stay_text(void **state) {
    struct two *t = *state;
    const struct made b = other();
    make_two(t, &b);
    for (size_t h = 0; h < HOSTILE; h++) {
        const char *text = hostile[h];
        char *ids[2][10], word[COMPARE_FIELD_BYTES];
        struct compare saved = t->c;
        json_t *runs[2];
        snprintf(word, sizeof word, "%s", text);
        for (int s = 0; s < 2; s++) {
            struct compare_side *side = &t->side[s];
            runs[s] = side->run;
            side->run = json_pack(
                "{s:{s:s, s:s, s:s, s:s}, s:{s:{s:s}, s:[{s:s, s:s}]}, s:{s:s, s:s, s:s}}", "run",
                "label", text, "start", text, "mode", text, "device_list", text, "machine", "cpu",
                "model", text, "gpus", "name", text, "driver", text, "software", "version", text,
                "compiler", text, "cuda_toolkit", text);
            snprintf(side->name, sizeof side->name, "%s", text);
            assert_int_equal(side->count, 10);
            for (size_t k = 0; k < 10; k++) {
                struct compare_case *c = &side->cases[k];
                ids[s][k] = c->id;
                c->id = (char *)text;
                c->lab = text;
                snprintf(c->device, sizeof c->device, "%s", text);
            }
            json_t *claim = json_array_get(side->claims, 0);
            static const char *const names[] = {"id", "claim", "device", "lab", "statement"};
            for (size_t k = 0; k < sizeof names / sizeof *names; k++)
                json_object_set_new(claim, names[k], json_string(text));
        }
        t->c.claims =
            json_pack("[{s:s, s:s, s:s, s:[s, s], s:[s, s], s:[s, s], s:s}]", "lab", text, "id",
                      text, "claim", text, "devices", text, text, "verdicts", "confirmed",
                      "refuted", "statements", text, text, "relation", "contradiction");
        t->c.differences =
            json_pack("[{s:s, s:[s, {s:s}]}]", "field", text, "values", text, text, text);
        t->c.other_code = json_pack("[s]", text);
        t->c.same_code = false;
        for (size_t k = 0; k < t->c.count; k++)
            if (k == 3 || k == 4)
                memcpy(t->c.pairs[k].field, word, sizeof word);
        /* What gnuplot reads is the table below: it need not draw all of them. */
        bool drawn = h % 10 == 0 && tool_exists("gnuplot");
        char *path = strdup(getenv("PATH") ? getenv("PATH") : "");
        setenv("PATH", drawn ? path : "/nowhere", 1);
        char *markdown = make_page(t), *html = page_file(t, "compare.html");
        setenv("PATH", path, 1);
        free(path);
        assert_has(markdown, "✘ refuted");
        /* Nothing but what the page is made of. */
        assert_not(html, "<script");
        assert_not(html, "<a ");
        assert_not(html, "onerror=alert(1)>");
        assert_not(html, "<img");
        assert_not(html, "<!--");
        assert_int_equal(occurrences(html, "<figure"), drawn ? 2 : 0);
        assert_int_equal(occurrences(html, "<h1>"), 1);
        assert_int_equal(occurrences(html, "<h2>"), 4);
        assert_int_equal(occurrences(html, "<ol>"), 0);
        assert_int_equal(occurrences(html, "<hr"), 0);
        assert_int_equal(occurrences(html, "<blockquote>"), drawn ? 0 : 1);
        /* Rows have as many cells as their tables have columns: three of the sides'. */
        const char *row = strstr(html, "<td>Processor</td>"),
                   *end = row ? strstr(row, "</tr>") : NULL;
        assert_non_null(end);
        size_t cells = 0;
        for (; row && row < end; row = strstr(row + 1, "<td"))
            cells++;
        assert_int_equal(cells, 3);
        char *table = page_file(t, "B/ratios.tsv");
        assert_int_equal(occurrences(table, "\n"), 9);
        assert_int_equal(
            occurrences(table, "`") + occurrences(table, "\"") + occurrences(table, "<"), 0);
        free(table);
        free(html);
        free(markdown);
        json_decref(t->c.claims);
        json_decref(t->c.differences);
        json_decref(t->c.other_code);
        t->c = saved;
        for (int s = 0; s < 2; s++) {
            json_decref(t->side[s].run);
            t->side[s].run = runs[s];
            for (size_t k = 0; k < 10; k++)
                t->side[s].cases[k].id = ids[s][k];
        }
    }
}

/* --- bounds
 * ------------------------------------------------------------------------------------
 */

#define MANY 5000

/* A comparison of MANY cases made in memory: a third slower, bits that differ in as many
 * fields. */
static void many_cases_make_no_long_page(void **state) {
    struct two *t = *state;
    const struct made b = PLAIN;
    make_two(t, &b);
    struct compare_pair *own = t->c.pairs, *pairs = calloc(MANY, sizeof *pairs);
    const size_t count = t->c.count;
    json_t *differences = t->c.differences, *claims = t->c.claims, *firsts = t->side[0].claims;
    assert_non_null(pairs);
    t->c.differences = json_array();
    t->c.claims = json_array();
    t->side[0].claims = json_array();
    for (int k = 0; k < MANY; k++) {
        char id[20];
        snprintf(id, sizeof id, "X%d", k);
        pairs[k] = *pair_of(t, 5);
        pairs[k].bits = k % 2 ? COMPARE_BITS_DIFFER : COMPARE_BITS_VARY;
        snprintf(pairs[k].field, sizeof pairs[k].field, "field %d", k);
        pairs[k].times.ratio.value = 1 + 1e-4 * k;
        pairs[k].times.verdict = k % 3 == 0   ? COMPARE_SLOWER
                                 : k % 3 == 1 ? COMPARE_AMBIGUOUS
                                              : COMPARE_NOT_COMPARABLE;
        pairs[k].times.reason = k % 3 == 0   ? COMPARE_APART
                                : k % 3 == 1 ? COMPARE_WIDE
                                             : COMPARE_FIELD;
        pairs[k].times.more = k % 7;
        json_array_append_new(t->c.differences,
                              json_pack("{s:s, s:[i, i]}", "field", id, "values", k, k + 1));
        json_array_append_new(t->side[0].claims,
                              json_pack("{s:s, s:s, s:s, s:s}", "lab", "x", "id", id, "device",
                                        "cpu", "verdict", "confirmed"));
        if (k < 300)
            json_array_append_new(t->c.claims,
                                  json_pack("{s:s, s:s, s:[s, s], s:[s, s], s:s}", "lab", "x", "id",
                                            id, "devices", "cpu", "cpu", "verdicts", "confirmed",
                                            "refuted", "relation", "contradiction"));
    }
    t->c.pairs = pairs;
    t->c.count = t->c.timed = MANY;
    t->c.bits_differ = t->c.bits_vary = MANY / 2;
    char *text = make_page(t);
    assert_has(text, "### Slower: 1667 cases");
    assert_has(text, "And 1652 more, of smaller differences.");
    assert_has(text, "And 2485 more.");                              /* bits */
    assert_has(text, "And 1646 cases that differ in other fields."); /* times */
    assert_has(text, "And 4940 more fields.");
    assert_has(text, "**300 of 300 claims");
    assert_has(text, "And 260 more, which `--json` has.");
    assert_has(text, "| the interval includes both the same and a difference | 1,667 | 3 | 6 |");
    assert_true(strlen(text) < 60000);
    free(text);
    char *table = page_file(t, "B/ratios.tsv");
    assert_true(occurrences(table, "\n") < 700);
    if (tool_exists("gnuplot")) {
        char *html = page_file(t, "compare.html");
        assert_has(html, "Of 3334 cases the plots show ");
        assert_true(strlen(html) < (2u << 20));
        free(html);
    }
    free(table);
    json_decref(t->c.differences);
    json_decref(t->c.claims);
    json_decref(t->side[0].claims);
    t->c.pairs = own;
    t->c.count = count;
    t->c.differences = differences;
    t->c.claims = claims;
    t->side[0].claims = firsts;
    free(pairs);
}

static void folders_that_hold_something_else(void **state) {
    struct two *t = *state;
    const struct made b = PLAIN;
    char missing[600], path[160], dir[96];
    make_two(t, &b);
    page_folder(t, dir);
    /* An older page is replaced; a result folder, or anything else, is left alone. */
    free(make_page(t));
    free(make_page(t));
    snprintf(path, sizeof path, "%s/session-1", t->path[0]);
    assert_int_equal(compare_page_make(&t->c, 1, path, missing, sizeof missing), -1);
    assert_has(error_text(), "holds no page of compare; name another folder");
    snprintf(path, sizeof path, "%s/none/page", t->f.root);
    assert_int_equal(compare_page_make(&t->c, 1, path, missing, sizeof missing), -1);
    assert_has(error_text(), "cannot make this folder");
    snprintf(path, sizeof path, "%s/B", dir);
    char *command;
    assert_true(asprintf(&command, "rm -r %s; ln -s /tmp %s", path, path) > 0);
    assert_int_equal(system(command), 0);
    free(command);
    assert_int_equal(compare_page_make(&t->c, 1, dir, missing, sizeof missing), -1);
}

int main(void) {
    own_path = getenv("PATH") ? strdup(getenv("PATH")) : "";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_page_says_what_differs, two_setup, two_teardown),
        cmocka_unit_test_setup_teardown(many_sides_are_a_table, two_setup, two_teardown),
        cmocka_unit_test_setup_teardown(cases_are_explained, two_setup, two_teardown),
        cmocka_unit_test_setup_teardown(equal_sides_say_so, two_setup, two_teardown),
        cmocka_unit_test_setup_teardown(verdicts_that_vary, two_setup, two_teardown),
        cmocka_unit_test_setup_teardown(one_session_is_ambiguous, two_setup, two_teardown),
        cmocka_unit_test_setup_teardown(plots_have_all_cases, two_setup, two_teardown),
        cmocka_unit_test_setup_teardown(without_gnuplot, two_setup, two_teardown),
        cmocka_unit_test_setup_teardown(strangers_texts_stay_text, two_setup, two_teardown),
        cmocka_unit_test_setup_teardown(many_cases_make_no_long_page, two_setup, two_teardown),
        cmocka_unit_test_setup_teardown(folders_that_hold_something_else, two_setup, two_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
