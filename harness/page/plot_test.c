/* plot_test.c: legends, tables, the running of other programs, and plots from end to end. */
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
#include <time.h>
#include <unistd.h>

#include "harness/error.h"
#include "harness/page/home.h"
#include "harness/page/plot.h"
#include "harness/page/table.h"
#include "harness/page/tool.h"
#include "harness/store/result.h"

/* A private folder for each test. */
struct place {
    char path[4096];
    struct folder folder;
};

static int place_make(void **state) {
    struct place *place = calloc(1, sizeof *place);
    *state = place;
    return !place || home_private(place->path, sizeof place->path) ||
           folder_open(&place->folder, place->path);
}

static int place_remove(void **state) {
    struct place *place = *state;
    folder_close(&place->folder);
    home_private_remove(place->path);
    free(place);
    return 0;
}

static void write_text(const struct folder *folder, const char *name, const char *text) {
    assert_int_equal(folder_write(folder, name, text, strlen(text)), 0);
}

static void assert_error_has(const char *part) {
    if (!strstr(error_text(), part))
        fail_msg("\"%s\" is not in: %s", part, error_text());
}

/* --- legends --- */

static void test_legend_reads_all_lines(void **state) {
    (void)state;
    struct legend legend;
    static const char text[] =
        "# a comment\n"
        "#@ data 2 bandwidth: bytes,roof fraction by device,series where kind=read\n"
        "#@ plot read-bw 2: Read: by footprint\n"
        "#@ text Steps are\n"
        "#@ text caches.\n"
        "#@ table price: Price\n"
        "plot 'x'\n";
    assert_int_equal(legend_parse(text, "plot.gp", &legend), 0);
    const struct legend_data *data = &legend.data[2];
    assert_int_equal(legend.data[1].number, 0);
    assert_string_equal(data->table, "bandwidth");
    assert_int_equal(data->columns.count, 2);
    assert_string_equal(data->columns.name[1], "roof fraction");
    assert_int_equal(data->by.count, 2);
    assert_string_equal(data->by.name[1], "series");
    assert_string_equal(data->where.name[0], "kind");
    assert_string_equal(data->equals.name[0], "read");
    assert_int_equal(legend.shown_count, 2);
    assert_true(legend.shown[0].is_plot);
    assert_int_equal(legend.shown[0].needs, 1u << 2);
    assert_string_equal(legend.shown[0].title, "Read: by footprint");
    assert_string_equal(legend.shown[0].text, "Steps are caches.");
    assert_false(legend.shown[1].is_plot);
    assert_string_equal(legend.shown[1].name, "price");
}

static void test_one_plot_comes_first(void **state) {
    (void)state;
    struct legend legend;
    const char *good = "#@ data 1 t: a\n#@ plot one 1: One\n#@ plot two 1: Two\n#@ front\n"
                       "#@ text Look.\n";
    assert_int_equal(legend_parse(good, "plot.gp", &legend), 0);
    assert_false(legend.shown[0].is_front);
    assert_true(legend.shown[1].is_front);
    assert_string_equal(legend.shown[1].text, "Look.");
    static const char *const bad[] = {
        "#@ front\n", "#@ table t: T\n#@ front\n",
        "#@ data 1 t: a\n#@ plot one 1: One\n#@ front\n#@ plot two 1: Two\n#@ front\n"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        assert_int_equal(legend_parse(bad[k], "plot.gp", &legend), -1);
}

static void test_legend_names_the_bad_line(void **state) {
    (void)state;
    static const char *const wrong[] = {"#@ data 0 t: a\n",
                                        "#@ data 25 t: a\n",
                                        "#@ data 1 T: a\n",
                                        "#@ data 1 t a\n",
                                        "#@ data 1 t:\n",
                                        "#@ data 1 t: a, b\n",
                                        "#@ data 1 t: a$b\n",
                                        "#@ data 1 t: a where b\n",
                                        "#@ plot p 1: Not declared\n",
                                        "#@ plot p: No number\n",
                                        "#@ table ../x: Title\n",
                                        "#@ table x\n",
                                        "#@ text of nothing\n",
                                        "#@ draw x\n"};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        struct legend legend;
        char text[200];
        snprintf(text, sizeof text, "# first\n%s", wrong[k]);
        if (legend_parse(text, "plot.gp", &legend) != -1)
            fail_msg("accepted: %s", wrong[k]);
        assert_error_has("plot.gp:2: ");
    }
}

/* --- tables --- */

static void test_table_reads_cells(void **state) {
    struct place *place = *state;
    struct table table;
    write_text(&place->folder, "t.tsv", "n\tratio\tplan\n1\t0.5\ta=1,b=2\n2\t\tx y\n");
    assert_int_equal(table_read(&place->folder, "t.tsv", &table), 0);
    assert_int_equal(table.columns, 3);
    assert_int_equal(table.rows, 2);
    assert_string_equal(table_cell(&table, 0, 1), "ratio");
    assert_string_equal(table_cell(&table, 1, 2), "a=1,b=2");
    assert_string_equal(table_cell(&table, 2, 1), "");
    assert_int_equal(table_column(&table, "plan"), 2);
    assert_int_equal(table_column(&table, "none"), -1);
    table_free(&table);
}

static void test_table_refuses_the_rest(void **state) {
    struct place *place = *state;
    static const struct {
        const char *text, *why;
    } wrong[] = {{"", "cut off"},
                 {"a\tb\n1\t2", "cut off"},
                 {"a\tb\n1\n", ":2: 1 cells where the header has 2"},
                 {"a\n1\t2\n", ":2: 2 cells"},
                 {"a\n`id`\n", ":2: byte 0x60"},
                 {"a\n\"x\"\n", "byte 0x22"},
                 {"a\n'x'\n", "byte 0x27"},
                 {"a\n<script>\n", "byte 0x3c"},
                 {"a\n$HOME\n", "byte 0x24"},
                 {"a\n@x\n", "byte 0x40"},
                 {"a\n{x}\n", "byte 0x7b"},
                 {"a\nx|y\n", "byte 0x7c"},
                 {"a\nx\\ny\n", "byte 0x5c"},
                 {"a\n#x\n", "byte 0x23"},
                 {"a\n1\r\n", "byte 0x0d"},
                 {"a\n\x1b[31m\n", "byte 0x1b"},
                 {"a\n\xe2\x80\xae\n", "byte 0xe2"}};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        struct table table;
        write_text(&place->folder, "t.tsv", wrong[k].text);
        if (table_read(&place->folder, "t.tsv", &table) != -1)
            fail_msg("accepted: %s", wrong[k].text);
        assert_error_has(wrong[k].why);
        assert_null(table.text);
    }
    struct table table;
    assert_int_equal(folder_write(&place->folder, "t.tsv", "a\n\0\n", 4), 0);
    assert_int_equal(table_read(&place->folder, "t.tsv", &table), -1);
    assert_error_has("zero byte");
}

static void test_table_limits(void **state) {
    struct place *place = *state;
    struct table table;
    char text[1000];
    memset(text, 'a', TABLE_CELL_MAX + 1);
    strcpy(text + TABLE_CELL_MAX + 1, "\n");
    write_text(&place->folder, "t.tsv", text);
    assert_int_equal(table_read(&place->folder, "t.tsv", &table), -1);
    assert_error_has("200 characters");
    memset(text, '\t', TABLE_COLUMNS_MAX);
    strcpy(text + TABLE_COLUMNS_MAX, "\n");
    write_text(&place->folder, "t.tsv", text);
    assert_int_equal(table_read(&place->folder, "t.tsv", &table), -1);
    assert_error_has("64 columns");
}

static void test_table_is_never_a_link(void **state) {
    struct place *place = *state;
    struct table table;
    write_text(&place->folder, "real.tsv", "a\n1\n");
    assert_int_equal(symlinkat("real.tsv", place->folder.fd, "t.tsv"), 0);
    assert_int_equal(table_read(&place->folder, "t.tsv", &table), -1);
    assert_int_equal(mkfifoat(place->folder.fd, "fifo.tsv", 0600), 0);
    assert_int_equal(table_read(&place->folder, "fifo.tsv", &table), -1);
}

/* What the selection writes, as a text the caller frees. */
static char *blocks(const struct folder *folder, const char *line, struct table_extent *extent) {
    struct legend legend;
    struct table table;
    char *text = NULL;
    size_t length;
    assert_int_equal(legend_parse(line, "plot.gp", &legend), 0);
    assert_int_equal(table_read(folder, "t.tsv", &table), 0);
    FILE *out = open_memstream(&text, &length);
    int status = table_write_blocks(&table, &legend.data[1], out, extent);
    fclose(out);
    table_free(&table);
    if (!status)
        return text;
    free(text);
    return NULL;
}

static void test_blocks_by_series(void **state) {
    struct place *place = *state;
    struct table_extent extent;
    write_text(&place->folder, "t.tsv",
               "device\tkind\tn\tt\ncpu\tread\t1\t10\nsimt\tread\t1\t\ncpu\tread\t2\t20\n"
               "cpu\twrite\t1\t99\n");
    char *text = blocks(&place->folder, "#@ data 1 t: n,t by device,kind\n", &extent);
    assert_string_equal(text, "cpu, read\tn\tt\ncpu, read\t1\t10\ncpu, read\t2\t20\n\n\n"
                              "simt, read\tn\tt\nsimt, read\t1\tnan\n\n\n"
                              "cpu, write\tn\tt\ncpu, write\t1\t99\n");
    assert_int_equal(extent.blocks, 3);
    assert_int_equal(extent.rows, 4);
    free(text);
    text = blocks(&place->folder, "#@ data 1 t: t where kind=write\n", &extent);
    assert_string_equal(text, "t\tt\nt\t99\n");
    assert_int_equal(extent.blocks, 1);
    assert_int_equal(extent.rows, 1);
    free(text);
    text = blocks(&place->folder, "#@ data 1 t: t by kind where kind=copy\n", &extent);
    assert_string_equal(text, "");
    assert_int_equal(extent.blocks, 0);
    free(text);
    assert_null(blocks(&place->folder, "#@ data 1 t: gone\n", &extent));
    assert_error_has("no column \"gone\"");
}

/* --- other programs --- */

static void test_tool(void **state) {
    struct place *place = *state;
    char *output = NULL;
    size_t length;
    const char *env[] = {"env", NULL};
    struct tool_run tool = {
        .argv = env, .package = "coreutils", .folder = place->path, .seconds = 20};
    setenv("NANOLAB_SECRET", "x", 1);
    assert_int_equal(tool_run(&tool, &output, &length), 0);
    assert_non_null(strstr(output, "LC_ALL=C.UTF-8"));
    assert_null(strstr(output, "NANOLAB_SECRET"));
    assert_int_equal(strlen(output), length);
    free(output);

    const char *none[] = {"nanolab-no-such-program", NULL};
    tool.argv = none;
    tool.package = "some-package";
    assert_int_equal(tool_run(&tool, NULL, NULL), -1);
    assert_error_has("apt-get install some-package");

    const char *slow[] = {"sleep", "60", NULL};
    tool.argv = slow;
    tool.seconds = 0.05;
    assert_int_equal(tool_run(&tool, NULL, NULL), -1);
    assert_error_has("without an end");

    const char *wrong[] = {"ls", "no-such-file", NULL};
    tool.argv = wrong;
    tool.seconds = 20;
    assert_int_equal(tool_run(&tool, NULL, NULL), -1);
    assert_error_has("status 2: ls: cannot access 'no-such-file'");

    const char *cat[] = {"cat", NULL};
    tool.argv = cat;
    tool.input = "in";
    write_text(&place->folder, "in", "from a file");
    assert_int_equal(tool_run(&tool, &output, &length), 0);
    assert_string_equal(output, "from a file");
    free(output);
}

/* --- end to end --- */

static const char script[] =
    "#@ data 1 speed: n,gbps by device\n"
    "#@ data 2 absent: n\n"
    "#@ plot speed 1: Speed\n"
    "#@ plot absent 2: Nothing\n"
    "set output out(\"speed\")\n"
    "eval powers_x\n"
    "plot for [i=0:data1_blocks-1] \"data1.tsv\" index i using 2:3 with linespoints \\\n"
    "    linetype i+1 title columnheader(1)\n"
    "if (data2_rows > 0) {\n"
    "    set output out(\"absent\")\n"
    "    plot \"data2.tsv\" using 2\n"
    "}\n";

/* A tree with one lab and the real style, and a lab's result folder beside it. */
static void make_tree(const struct place *place, const char *plot_gp, char *tree, size_t size,
                      struct folder *lab) {
    struct folder home, harness, page, labs, source, own, own_harness, own_page;
    char path[4096], *style;
    size_t length;
    snprintf(tree, size, "%s/tree", place->path);
    assert_int_equal(home_make_in(&home, &place->folder, "tree"), 0);
    assert_int_equal(home_make_in(&harness, &home, "harness"), 0);
    assert_int_equal(home_make_in(&page, &harness, "page"), 0);
    assert_int_equal(home_make_in(&labs, &home, "labs"), 0);
    assert_int_equal(home_make_in(&source, &labs, "07-test"), 0);
    assert_int_equal(home_find(path, sizeof path), 0);
    assert_int_equal(folder_open(&own, path), 0);
    assert_int_equal(folder_open_in(&own_harness, &own, "harness"), 0);
    assert_int_equal(folder_open_in(&own_page, &own_harness, "page"), 0);
    assert_int_equal(folder_read(&own_page, "style.gp", 1 << 20, &style, &length), 0);
    assert_int_equal(folder_write(&page, "style.gp", style, length), 0);
    write_text(&source, "plot.gp", plot_gp);
    assert_int_equal(home_make_in(lab, &place->folder, "07-test"), 0);
    write_text(lab, "speed.tsv", "device\tn\tgbps\ncpu\t1\t2\ncpu\t16\t3\ncpu_2\t1\t4\n");
    free(style);
    struct folder *all[] = {&home, &harness, &page, &labs, &source, &own, &own_harness, &own_page};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        folder_close(all[k]);
}

static void test_plot_end_to_end(void **state) {
    struct place *place = *state;
    struct folder lab;
    struct plot_set set, again;
    char tree[4200];
    if (!tool_exists("gnuplot"))
        skip();
    make_tree(place, script, tree, sizeof tree, &lab);
    if (plot_draw_from(tree, NULL, &lab, "07-test", &set))
        fail_msg("%s", error_text());
    assert_true(set.known);
    assert_true(set.images[0].have);
    assert_false(set.images[1].have);
    assert_non_null(strstr(set.images[0].svg, "<svg"));
    assert_non_null(strstr(set.images[0].svg, "cpu_2")); /* not a subscript */
    assert_memory_equal(set.images[0].png, "\x89PNG", 4);
    /* Drawn again, to the byte. */
    assert_int_equal(plot_draw_from(tree, NULL, &lab, "07-test", &again), 0);
    assert_int_equal(set.images[0].svg_length, again.images[0].svg_length);
    assert_memory_equal(set.images[0].svg, again.images[0].svg, set.images[0].svg_length);
    assert_int_equal(set.images[0].png_length, again.images[0].png_length);
    assert_memory_equal(set.images[0].png, again.images[0].png, set.images[0].png_length);
    assert_int_equal(plot_save(&lab, &set), 1);
    struct folder plots;
    assert_int_equal(folder_open_in(&plots, &lab, "plots"), 0);
    assert_true(folder_has(&plots, "speed.svg") && folder_has(&plots, "speed.png"));
    folder_close(&plots);
    plot_set_free(&set);
    plot_set_free(&again);
    folder_close(&lab);
}

static void test_plot_saves_through_no_link(void **state) {
    struct place *place = *state;
    struct folder lab, aside;
    struct plot_set set;
    char tree[4200];
    if (!tool_exists("gnuplot"))
        skip();
    make_tree(place, script, tree, sizeof tree, &lab);
    assert_int_equal(home_make_in(&aside, &place->folder, "aside"), 0);
    assert_int_equal(symlinkat("../aside", lab.fd, "plots"), 0);
    assert_int_equal(plot_draw_from(tree, NULL, &lab, "07-test", &set), 0);
    assert_int_equal(plot_save(&lab, &set), -1);
    assert_false(folder_has(&aside, "speed.svg"));
    plot_set_free(&set);
    folder_close(&aside);
    folder_close(&lab);
}

static void test_plot_reports_failures(void **state) {
    struct place *place = *state;
    struct folder lab;
    struct plot_set set;
    char tree[4200];
    if (!tool_exists("gnuplot"))
        skip();
    make_tree(place, "#@ data 1 speed: n\n#@ plot speed 1: Speed\nno such command\n", tree,
              sizeof tree, &lab);
    assert_int_equal(plot_draw_from(tree, NULL, &lab, "07-test", &set), 0);
    assert_non_null(strstr(set.missing, "gnuplot: failed"));
    plot_set_free(&set);
    folder_close(&lab);
    /* A script that forgets a plot it has declared. */
    make_tree(place, "#@ data 1 speed: n\n#@ plot speed 1: Speed\n", tree, sizeof tree, &lab);
    assert_int_equal(plot_draw_from(tree, NULL, &lab, "07-test", &set), 0);
    assert_non_null(strstr(set.missing, "did not write speed.svg"));
    assert_false(set.images[0].have);
    plot_set_free(&set);
    /* A cell with a command in it is refused before gnuplot runs. */
    write_text(&lab, "speed.tsv", "device\tn\n`touch pwned`\t1\n");
    assert_int_equal(plot_draw_from(tree, NULL, &lab, "07-test", &set), 0);
    assert_non_null(strstr(set.missing, "byte 0x60 in cell 1: a table takes letters"));
    plot_set_free(&set);
    assert_int_equal(plot_draw_from(tree, NULL, &lab, "../07-test", &set), -1);
    folder_close(&lab);
}

/* One bad table, or one plot that fails, does not take the others away. */
static void test_one_bad_table_takes_its_own_plots_only(void **state) {
    struct place *place = *state;
    struct folder lab;
    struct plot_set set;
    char tree[4200];
    if (!tool_exists("gnuplot"))
        skip();
    static const char two[] =
        "#@ data 1 speed: n,gbps by device\n#@ data 2 other: n\n#@ plot speed 1: Speed\n"
        "#@ plot other 2: Other\n"
        "if (data1_rows) {\nset output out(\"speed\")\n"
        "plot \"data1.tsv\" index 0 using 2:3 with points\nset output\n}\n"
        "if (data2_rows) {\n%sset output out(\"other\")\n"
        "plot \"data2.tsv\" index 0 using 2:2 with points\nset output\n}\n";
    static const struct {
        const char *table, *command, *says;
    } tries[] = {{"n\n1\n2\n", "", ""},
                 {"n\n`id`\n", "", "byte 0x60"},
                 {"n\n1\n2", "", "cut off"},
                 {"m\n1\n2\n", "", "no column \"n\""},
                 {"n\n1\n2\n", "no such command\n", "gnuplot: failed"}};
    for (size_t k = 0; k < sizeof tries / sizeof *tries; k++) {
        char plot_gp[1000];
        snprintf(plot_gp, sizeof plot_gp, two, tries[k].command);
        make_tree(place, plot_gp, tree, sizeof tree, &lab);
        write_text(&lab, "other.tsv", tries[k].table);
        assert_int_equal(plot_draw_from(tree, NULL, &lab, "07-test", &set), 0);
        assert_true(set.images[0].have);
        assert_int_equal(set.images[1].have, k == 0);
        if (!strstr(set.missing, tries[k].says) || (k == 0 && *set.missing))
            fail_msg("\"%s\" is not in: %s", tries[k].says, set.missing);
        plot_set_free(&set);
        folder_close(&lab);
    }
}

static char *many_rows(size_t series, size_t rows) {
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    fputs("device\tn\n", out);
    for (size_t r = 0; r < rows; r++)
        fprintf(out, "series %zu\t%zu\n", r * 7919 % series, r);
    fclose(out);
    return text;
}

/* Tables of 24 MB: of as many series as rows, of one, and of some: linear, whichever. */
static void test_large_tables_take_seconds(void **state) {
    (void)state;
    static const struct {
        size_t series, rows;
        const char *says;
    } tries[] = {{1200000, 1200000, "LIMIT_PLOT_SERIES, 500"},
                 {1, 1200000, NULL},
                 {400, 1200000, "LIMIT_PLOT_WORK"},
                 {501, 501, "LIMIT_PLOT_SERIES"},
                 {500, 8000, NULL}};
    for (size_t k = 0; k < sizeof tries / sizeof *tries; k++) {
        struct legend_data data = {.number = 1, .table = "t"};
        struct table table;
        struct table_extent extent;
        struct timespec from, to;
        char *text = many_rows(tries[k].series, tries[k].rows), *out_text = NULL;
        size_t length;
        strcpy(data.columns.name[0], "n");
        strcpy(data.by.name[0], "device");
        data.columns.count = data.by.count = 1;
        clock_gettime(CLOCK_MONOTONIC, &from);
        assert_int_equal(table_parse(text, strlen(text), "t.tsv", &table), 0);
        FILE *out = open_memstream(&out_text, &length);
        int status = table_write_blocks(&table, &data, out, &extent);
        fclose(out);
        clock_gettime(CLOCK_MONOTONIC, &to);
        assert_true(to.tv_sec - from.tv_sec < 20);
        assert_int_equal(status, tries[k].says ? -1 : 0);
        if (tries[k].says)
            assert_error_has(tries[k].says);
        else
            assert_int_equal(extent.blocks, tries[k].series);
        free(out_text);
        table_free(&table);
    }
}

/* Every lab's plot.gp of this tree says what it needs in a form that is understood. */
static void test_legends_of_this_tree(void **state) {
    (void)state;
    char home[4096], tree[4200], names[HOME_LABS_MAX][HOME_NAME_MAX];
    assert_int_equal(home_find(home, sizeof home), 0);
    snprintf(tree, sizeof tree, "%s/labs", home);
    int count = reader_labs(tree, names, HOME_LABS_MAX);
    assert_true(count >= 1);
    for (int k = 0; k < count; k++) {
        struct plot_set set;
        if (plot_legend(names[k], &set))
            fail_msg("%s", error_text());
        plot_set_free(&set);
    }
}

static void test_main_refuses(void **state) {
    struct place *place = *state;
    char *none[] = {"plot", NULL}, *option[] = {"plot", "--all", NULL},
         *absent[] = {"plot", "/nowhere/at/all", NULL}, *empty[] = {"plot", place->path, NULL};
    assert_int_equal(plot_main(1, none), 2);
    assert_int_equal(plot_main(2, option), 2);
    assert_int_equal(plot_main(2, absent), 2);
    assert_int_equal(plot_main(2, empty), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_legend_reads_all_lines),
        cmocka_unit_test(test_one_plot_comes_first),
        cmocka_unit_test(test_legend_names_the_bad_line),
        cmocka_unit_test_setup_teardown(test_table_reads_cells, place_make, place_remove),
        cmocka_unit_test_setup_teardown(test_table_refuses_the_rest, place_make, place_remove),
        cmocka_unit_test_setup_teardown(test_table_limits, place_make, place_remove),
        cmocka_unit_test_setup_teardown(test_table_is_never_a_link, place_make, place_remove),
        cmocka_unit_test_setup_teardown(test_blocks_by_series, place_make, place_remove),
        cmocka_unit_test_setup_teardown(test_tool, place_make, place_remove),
        cmocka_unit_test_setup_teardown(test_plot_end_to_end, place_make, place_remove),
        cmocka_unit_test_setup_teardown(test_plot_saves_through_no_link, place_make, place_remove),
        cmocka_unit_test_setup_teardown(test_plot_reports_failures, place_make, place_remove),
        cmocka_unit_test_setup_teardown(test_one_bad_table_takes_its_own_plots_only, place_make,
                                        place_remove),
        cmocka_unit_test(test_large_tables_take_seconds),
        cmocka_unit_test(test_legends_of_this_tree),
        cmocka_unit_test_setup_teardown(test_main_refuses, place_make, place_remove),
    };
    return cmocka_run_group_tests_name("plot", tests, NULL, NULL);
}
