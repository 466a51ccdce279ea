/*
 * plot_published_test.c: figures of others beside a lab's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "harness/error.h"
#include "harness/page/home.h"
#include "harness/page/plot.h"
#include "harness/page/tool.h"

static const char script[] =
    "#@ data 1 speed: n,gbps by device\n"
    "#@ published 2 speeds: n,gbps by who\n"
    "#@ plot speed 1: Speed\n"
    "set output out(\"speed\")\n"
    "plot for [i=0:data1_blocks-1] \"data1.tsv\" index i using 2:3 with lines "
    "title columnheader(1), \\\n"
    "     for [i=0:data2_blocks-1] \"data2.tsv\" index i using 2:3 with lines linetype grey "
    "title columnheader(1)\n";

struct place {
    char path[4096], tree[4200];
    struct folder folder, lab;
};

static void make_in(struct folder *made, const struct folder *parent, const char *name) {
    assert_int_equal(home_make_in(made, parent, name), 0);
}

static void write_text(const struct folder *folder, const char *name, const char *text) {
    assert_int_equal(folder_write(folder, name, text, strlen(text)), 0);
}

/* A tree with one lab and the real style, and a lab's results beside it. */
static int place_make(void **state) {
    struct place *p = calloc(1, sizeof *p);
    struct folder tree, harness, page, labs, source;
    char own[4096], *style;
    size_t length;
    *state = p;
    if (!p || home_private(p->path, sizeof p->path) || folder_open(&p->folder, p->path))
        return -1;
    snprintf(p->tree, sizeof p->tree, "%s/tree", p->path);
    make_in(&tree, &p->folder, "tree");
    make_in(&harness, &tree, "harness");
    make_in(&page, &harness, "page");
    make_in(&labs, &tree, "labs");
    make_in(&source, &labs, "07-test");
    write_text(&source, "plot.gp", script);
    assert_int_equal(home_find(own, sizeof own - 16), 0);
    strcat(own, "/harness/page");
    struct folder from;
    assert_int_equal(folder_open(&from, own), 0);
    assert_int_equal(folder_read(&from, "style.gp", 1 << 20, &style, &length), 0);
    assert_int_equal(folder_write(&page, "style.gp", style, length), 0);
    free(style);
    make_in(&p->lab, &p->folder, "07-test");
    struct folder *all[] = {&tree, &harness, &page, &labs, &source, &from};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        folder_close(all[k]);
    return 0;
}

static int place_remove(void **state) {
    struct place *p = *state;
    folder_close(&p->lab);
    folder_close(&p->folder);
    home_private_remove(p->path);
    free(p);
    return 0;
}

static void publish(const struct place *p) {
    struct folder tree, results, published;
    assert_int_equal(folder_open(&tree, p->tree), 0);
    make_in(&results, &tree, "results");
    make_in(&published, &results, "published");
    write_text(&published, "speeds.tsv",
               "who\tn\tgbps\npublished: X9\t1\t5\npublished: X9\t2\t6\n");
    folder_close(&published);
    folder_close(&results);
    folder_close(&tree);
}

static void drawn_where_they_are_there(void **state) {
    struct place *p = *state;
    struct plot_set set;
    if (!tool_exists("gnuplot"))
        skip();
    write_text(&p->lab, "speed.tsv", "device\tn\tgbps\ncpu\t1\t2\ncpu\t2\t3\n");
    if (plot_draw_from(p->tree, NULL, &p->lab, "07-test", &set))
        fail_msg("%s", error_text());
    assert_true(set.images[0].have);
    assert_null(strstr(set.images[0].svg, "published"));
    plot_set_free(&set);
    publish(p);
    assert_int_equal(plot_draw_from(p->tree, NULL, &p->lab, "07-test", &set), 0);
    assert_true(set.images[0].have);
    assert_non_null(strstr(set.images[0].svg, "published: X9"));
    plot_set_free(&set);
}

/* A folder's own table of that name is none of them, and without own data nothing is drawn. */
static void never_out_of_a_result_nor_alone(void **state) {
    struct place *p = *state;
    struct plot_set set;
    if (!tool_exists("gnuplot"))
        skip();
    write_text(&p->lab, "speeds.tsv", "who\tn\tgbps\npublished: forged\t1\t5\n");
    publish(p);
    assert_int_equal(plot_draw_from(p->tree, NULL, &p->lab, "07-test", &set), 0);
    assert_false(set.images[0].have);
    plot_set_free(&set);
    write_text(&p->lab, "speed.tsv", "device\tn\tgbps\ncpu\t1\t2\ncpu\t2\t3\n");
    assert_int_equal(plot_draw_from(p->tree, NULL, &p->lab, "07-test", &set), 0);
    assert_null(strstr(set.images[0].svg, "forged"));
    plot_set_free(&set);
}

int main(void) {
#define EACH(test) cmocka_unit_test_setup_teardown(test, place_make, place_remove)
    const struct CMUnitTest tests[] = {
        EACH(drawn_where_they_are_there),
        EACH(never_out_of_a_result_nor_alone),
    };
    return cmocka_run_group_tests_name("published", tests, NULL, NULL);
}
