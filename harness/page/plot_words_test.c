/* plot_words_test.c: plots in words, and with characters. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/page/home.h"
#include "harness/page/plot_text.h"
#include "harness/page/plot_words.h"
#include "harness/page/screen.h"
#include "harness/page/tool.h"

/* --- what a script says --- */

#define SECTION                                                                                    \
    "set output out(\"a\")\nset xlabel \"n\"\nset ylabel \"GB/s\"\nset xtics (\"one\" 1, \"two "   \
    "thirds\" 2)\n"

static void test_views(void **state) {
    (void)state;
    static const struct {
        const char *script;
        int x, y;
    } scripts[] = {
        {SECTION "plot \"data1.tsv\" using 2:3 with lines\n", 2, 3},
        {SECTION "plot for [i=0:3] \"data1.tsv\" index i \\\n   using 2:4 \\\n with points\n", 2,
         4},
        /* The band and the model stand beside what is meant. */
        {SECTION "plot \"data1.tsv\" using 2:4:5 with filledcurves notitle, \\\n"
                 "  \"data1.tsv\" using 2:6 with lines notitle, \\\n"
                 "  \"data1.tsv\" using 2:3 with lines title columnheader(1)\n",
         2, 3},
        {SECTION "plot \"data1.tsv\" using ($2 * 1.03 ** (i - 2)):3:4:5 with yerrorbars\n", 2, 3},
        {SECTION "plot \"data1.tsv\" using (0.06 * (i - 3)):3 with yerrorbars\n", 0, 3},
        {SECTION "plot \"data1.tsv\" using 2:(($3+$4)/2):($2-0.3) with boxxyerror\n", 2, 0},
        {SECTION "plot \"data1.tsv\" using 2:(column(3 + k)) with boxes\n", 2, 0},
        {SECTION "plot \"data1.tsv\" using ($2 < 1 ? 0.5 : $2):($4 - 40 * i) with steps\n", 2, 4},
        {SECTION "stats \"data1.tsv\" using 7\nplot \"data1.tsv\" using 2:5 with lines\n", 2, 5},
        {SECTION "plot \"data2.tsv\" using 4:5, \"data1.tsv\" using 2:3\n", 2, 3},
        {SECTION "plot \"data1.tsv\" using 2:", 2, 0},
        {SECTION "plot \"data1.tsv\" using (", 0, 0},
        {SECTION "plot \"data1.tsv\" using", 0, 0},
    };
    struct plot_view view;
    char mark[PLOT_LABEL];
    for (size_t k = 0; k < sizeof scripts / sizeof *scripts; k++) {
        bool found = plot_view_of(scripts[k].script, "a", 1, &view);
        if (!found || view.x != scripts[k].x || view.y != scripts[k].y)
            fail_msg("%s: %d, columns %d and %d", scripts[k].script, found, view.x, view.y);
        assert_string_equal(view.x_label, "n");
        assert_string_equal(view.y_label, "GB/s");
        assert_string_equal(plot_view_mark(&view, 2, mark), "two thirds");
        assert_null(plot_view_mark(&view, 3, mark));
    }
    assert_false(plot_view_of(scripts[0].script, "b", 1, &view));
    assert_false(plot_view_of(scripts[0].script, "a", 2, &view));
    assert_false(plot_view_of(NULL, "a", 1, &view));
    /* Another plot's labels are not this one's. */
    static const char two[] = SECTION "plot \"data1.tsv\" using 2:3\neval fresh\n"
                                      "set output out(\"b\")\nplot \"data1.tsv\" using 3:4\n";
    assert_true(plot_view_of(two, "b", 1, &view));
    assert_string_equal(view.x_label, "");
    assert_int_equal(view.x, 3);
}

/* Every plot of this tree can be told: its axes have names, and its data are found in the script.
 */
static void test_all_labs_can_be_told(void **state) {
    (void)state;
    char home[4096], path[4200];
    size_t plots = 0;
    assert_int_equal(home_find(home, sizeof home), 0);
    snprintf(path, sizeof path, "%s/labs", home);
    DIR *labs = opendir(path);
    if (!labs)
        skip();
    for (struct dirent *entry; (entry = readdir(labs));) {
        struct plot_set set;
        if (!home_is_lab(entry->d_name) || plot_legend(entry->d_name, &set) || !set.known)
            continue;
        for (size_t k = 0; k < set.legend.shown_count; k++)
            for (int i = 1; set.legend.shown[k].is_plot && i <= LEGEND_DATA_MAX; i++) {
                struct plot_view view;
                if (!(set.legend.shown[k].needs & 1u << i))
                    continue;
                plots++;
                if (!plot_view_of(set.script, set.legend.shown[k].name, i, &view))
                    fail_msg("%s: plot %s draws no data %d", entry->d_name,
                             set.legend.shown[k].name, i);
                if (!*view.y_label && !*view.x_label)
                    fail_msg("%s: plot %s has no labels", entry->d_name, set.legend.shown[k].name);
                int most = 1 + (int)set.legend.data[i].columns.count;
                if (view.x > most || view.y > most)
                    fail_msg("%s: plot %s, data %d: columns %d and %d of %d", entry->d_name,
                             set.legend.shown[k].name, i, view.x, view.y, most);
            }
        plot_set_free(&set);
    }
    closedir(labs);
    assert_true(plots > 0);
}

/* --- what data say --- */

static char *words_of(const char *script, const char *data, const char *quantities) {
    struct plot_set set = {0};
    char *text = NULL;
    size_t length;
    json_t *units = quantities ? json_loads(quantities, 0, NULL) : NULL;
    assert_int_equal(legend_parse(script, "plot.gp", &set.legend), 0);
    set.script = strdup(script);
    set.data[1].text = strdup(data);
    FILE *out = open_memstream(&text, &length);
    plot_words(&set, 0, units, false, out);
    assert_int_equal(fclose(out), 0);
    plot_set_free(&set);
    json_decref(units);
    return text;
}

static void test_words(void **state) {
    (void)state;
    static const char script[] = "#@ data 1 t: bytes,speed,low by device\n#@ plot a 1: A\n"
                                 "set output out(\"a\")\nset xlabel \"footprint\"\n"
                                 "set ylabel \"speed\"\nplot \"data1.tsv\" using 2:3\n";
    char *text = words_of(script,
                          "cpu\tbytes\tspeed\tlow\ncpu\t1024\t5\t1\ncpu\t2048\t9\t1\n"
                          "cpu\t4096\tnan\t1\ncpu\t8192\t7\t1\n\n\n"
                          "simt\tbytes\tspeed\tlow\nsimt\t1024\t2\t1\nsimt\t2048\t2\t1\n\n\n"
                          "one\tbytes\tspeed\tlow\none\t1024\t3\t1\n\n\n"
                          "none\tbytes\tspeed\tlow\nnone\t1024\tnan\t1\n",
                          "{\"speed\": {\"unit\": \"bytes/s\"}}");
    assert_string_equal(
        text, "- To the right: footprint.\n- Upward: speed.\n"
              "- cpu: 3 points; first 5.00 B/s at 1 KiB (the least), last 7.00 B/s at 8 "
              "KiB; most 9.00 B/s at 2 KiB.\n"
              "- simt: 2 points; first 2.00 B/s at 1 KiB, last 2.00 B/s at 2 KiB; all the "
              "same.\n"
              "- one: one point, 3.00 B/s at 1 KiB.\n");
    free(text);
    /* Computed from several columns: each is told by its name; text is not. */
    text = words_of("#@ data 1 t: place,from,to,who\n#@ plot a 1: A\nset output out(\"a\")\n"
                    "set xtics (\"left\" 0, \"right\" 1)\nset ylabel \"%\"\n"
                    "plot \"data1.tsv\" using 2:(($3+$4)/2)\n",
                    "t\tplace\tfrom\tto\twho\nt\t0\t1\t4\tx\nt\t1\t3\t2\ty\n", NULL);
    assert_string_equal(text, "- To the right: place.\n- Upward: %.\n"
                              "- t, from: 2 points; first 1 at left (the least), last 3 at right "
                              "(the most).\n"
                              "- t, to: 2 points; first 4 at left (the most), last 2 at right (the "
                              "least).\n");
    free(text);
}

static void test_numbers(void **state) {
    (void)state;
    struct legend legend;
    char *text = NULL, data[] = "cpu\tn\tt\ncpu\t1\t10\ncpu\t2\t20\n\n\nsimt\tn\tt\nsimt\t1\tnan\n";
    size_t length;
    assert_int_equal(legend_parse("#@ data 1 t: n,t by device\n", "plot.gp", &legend), 0);
    const struct plot_data numbers = {.text = data, .length = strlen(data)};
    FILE *out = open_memstream(&text, &length);
    plot_data_words(&legend.data[1], &numbers, out);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, "- cpu: n 1, t 10.\n- cpu: n 2, t 20.\n- simt: n 1, t nan.\n");
    free(text);
}

/* --- with characters --- */

static void cleaned(const char *from, bool utf8, bool colour, const char *expected) {
    const struct plot_text as_text = {.columns = 80, .utf8 = utf8, .colour = colour};
    char *text = strdup(from);
    size_t length = strlen(text);
    plot_text_clean(text, &length, &as_text);
    assert_string_equal(text, expected);
    assert_int_equal(length, strlen(expected));
    free(text);
}

static void test_text_is_cleaned(void **state) {
    (void)state;
    cleaned("\f   \n\n a  b \n\n  c\n \n\n", true, false, " a  b\n\n  c\n");
    cleaned("2⁴ × 3 µs\n", true, false, "2⁴ × 3 µs\n");
    cleaned("2⁴ × 3 µs →\n", false, false, "24 x 3 us ?\n");
    cleaned("\033[0;31;49mA\033[0m\n", true, true, "\033[0;31;49mA\033[0m\n");
    cleaned("\033[0;31;49mA\033[0m\n", true, false, "A\n");
    /* Only colours are. */
    cleaned("a\033]0;title\ab\033[2Jc\xc2\x9b"
            "d\xff\n",
            true, true, "a]0;titleb[2Jcd\n");
    cleaned("no end", true, false, "no end");
    cleaned("", true, false, "");
    cleaned("\n\n", true, false, "");
}

static char *lab_as_text(const struct plot_text *as_text) {
    char home[4096], path[4096], *text = NULL;
    struct folder folder;
    struct plot_set set;
    static const char table[] =
        "data\tdevice\tmethod\tn\tdistinct\tplans\nuniform\tcpu_1\tplain\t1\t1\t9\n"
        "uniform\tcpu_1\tplain\t256\t7\t9\nnormal\tcpu_1\tplain\t1\t2\t9\n"
        "normal\tcpu_1\tplain\t256\t3\t9\n";
    assert_int_equal(home_find(home, sizeof home), 0);
    assert_int_equal(home_private(path, sizeof path), 0);
    assert_int_equal(folder_open(&folder, path), 0);
    assert_int_equal(folder_write(&folder, "distinct.tsv", table, sizeof table - 1), 0);
    if (plot_draw_text_from(home, &folder, "01-float-staging", as_text, &set) || !set.known)
        fail_msg("%s", error_text());
    for (size_t k = 0; k < set.legend.shown_count; k++)
        if (strcmp(set.legend.shown[k].name, "distinct") == 0) {
            assert_true(set.images[k].have);
            free(text);
            text = strdup(set.images[k].text);
        } else
            assert_false(set.images[k].have);
    assert_string_equal(set.missing, "");
    plot_set_free(&set);
    folder_close(&folder);
    home_private_remove(path);
    return text;
}

static size_t longest_line(const char *text) {
    size_t longest = 0;
    for (const char *at = text; *at;) {
        size_t bytes = strcspn(at, "\n"), columns = 0;
        for (size_t k = 0; k < bytes; k++)
            columns += (at[k] & 0xc0) != 0x80;
        longest = columns > longest ? columns : longest;
        at += bytes + (at[bytes] == '\n');
    }
    return longest;
}

static void test_a_lab_as_text(void **state) {
    (void)state;
    struct plot_text as_text = {.columns = 60, .utf8 = true};
    if (!tool_exists("gnuplot"))
        skip();
    char *text = lab_as_text(&as_text);
    assert_non_null(strstr(text, "Distinct results over all plans"));
    assert_non_null(strstr(text, "uniform, cpu_1")); /* not a subscript */
    assert_non_null(strstr(text, "numbers summed, n"));
    assert_non_null(strstr(text, "2⁴"));
    assert_non_null(strchr(text, 'A'));
    assert_null(strchr(text, '\033'));
    assert_in_range(longest_line(text), 40, 60);
    free(text);
    as_text = (struct plot_text){.columns = 100};
    text = lab_as_text(&as_text);
    assert_in_range(longest_line(text), 80, 100);
    for (const char *at = text; *at; at++)
        assert_true((unsigned char)*at < 0x80);
    assert_non_null(strstr(text, "2^4"));
    free(text);
    as_text = (struct plot_text){.columns = 80, .utf8 = true, .colour = true};
    text = lab_as_text(&as_text);
    assert_non_null(strstr(text, "\033["));
    free(text);
}

/* --- a screen --- */

static void test_screen(void **state) {
    (void)state;
    struct screen screen;
    static const struct {
        const char *all, *type, *lang;
        bool utf8;
    } names[] = {{NULL, NULL, "en_US.UTF-8", true}, {"C", NULL, "en_US.UTF-8", false},
                 {"", "de_DE.utf8", "C", true},     {NULL, NULL, NULL, false},
                 {NULL, NULL, "POSIX", false},      {NULL, NULL, "en_US.ISO-8859-1", false}};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        const char *const values[] = {names[k].all, names[k].type, names[k].lang};
        static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
        for (size_t i = 0; i < 3; i++)
            if (values[i])
                setenv(variables[i], values[i], 1);
            else
                unsetenv(variables[i]);
        screen_find(&screen, -1, 77);
        assert_int_equal(screen.width, 77);
        assert_false(screen.terminal);
        assert_false(screen.colour);
        assert_int_equal(screen.utf8, names[k].utf8);
    }
    char text[] = "2⁸ × µ\xff…";
    screen_to_ascii(text);
    assert_string_equal(text, "28 x u??");
}

static void test_main_refuses(void **state) {
    (void)state;
    char *none[] = {"plot", NULL}, *option[] = {"plot", "--plane", "x", NULL},
         *absent[] = {"plot", "--words", "/nowhere/at/all", NULL};
    assert_int_equal(plot_main(1, none), 2);
    assert_int_equal(plot_main(3, option), 2);
    assert_int_equal(plot_main(3, absent), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_views),           cmocka_unit_test(test_all_labs_can_be_told),
        cmocka_unit_test(test_words),           cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_text_is_cleaned), cmocka_unit_test(test_a_lab_as_text),
        cmocka_unit_test(test_screen),          cmocka_unit_test(test_main_refuses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
