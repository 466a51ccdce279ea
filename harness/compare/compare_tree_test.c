/*
 * compare_tree_test.c: where two trees part, and texts that are none.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/compare/compare_tree.h"

static void where_they_part(void **state) {
    (void)state;
    const struct {
        const char *a, *b, *place, *part_a, *part_b;
        size_t under, steps;
    } tries[] = {
        {"((0 1) (2 3))", "((0 1) (2 3))", "root", "", "", 0, 0},
        {"7", "7", "root", "", "", 0, 0},
        {"0", "1", "root", "0", "1", 1, 0},
        {"((0 1) (2 3))", "(((0 1) 2) 3)", "root", "((0 1) (2 3))", "(((0 1) 2) 3)", 4, 0},
        {"((0 1) (2 3))", "((0 1) (3 2))", "root, 2", "(2 3)", "(3 2)", 2, 1},
        {"((0 1) (2 (3 (4 5))))", "((0 1) (2 ((3 4) 5)))", "root, 2, 2", "(3 (4 5))", "((3 4) 5)",
         3, 2},
        {"(0 1 2)", "((0 1) 2)", "root", "(0 1 2)", "((0 1) 2)", 3, 0},
        {"(0 (1 2 3) 4)", "(0 (1 3 2) 4)", "root, 2", "(1 2 3)", "(1 3 2)", 3, 1},
    };
    for (size_t k = 0; k < sizeof tries / sizeof *tries; k++) {
        struct compare_trees t;
        assert_int_equal(compare_trees(tries[k].a, tries[k].b, &t), 0);
        assert_int_equal(t.tree[0].under, tries[k].under);
        assert_string_equal(t.place, tries[k].place);
        assert_string_equal(t.tree[0].part, tries[k].part_a);
        assert_string_equal(t.tree[1].part, tries[k].part_b);
        assert_int_equal(t.steps, tries[k].steps);
    }
    struct compare_trees t;
    assert_int_equal(compare_trees("(((0 1) 2) 3)", "((0 1) (2 3))", &t), 0);
    assert_int_equal(t.tree[0].leaves, 4);
    assert_int_equal(t.tree[0].depth, 3);
    assert_int_equal(t.tree[1].depth, 2);
}

static void what_is_no_tree(void **state) {
    (void)state;
    static const char *const tries[] = {"",     "()",      "(",      ")",    "(0",  "0)",
                                        "(0))", "(0) (1)", "(0 1)x", "(a)",  "0 1", " 0",
                                        "-1",   "((0 1)",  "(0,1)",  "(()1)"};
    struct compare_trees t;
    for (size_t k = 0; k < sizeof tries / sizeof *tries; k++) {
        assert_int_equal(compare_trees(tries[k], "(0 1)", &t), 1);
        assert_int_equal(compare_trees("(0 1)", tries[k], &t), 1);
        assert_int_equal(t.tree[0].under, 0);
    }
}

/* "(((0 1) 2) 3 …", which a reader that recursed would not survive. */
static char *serial(size_t leaves, size_t swapped) {
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    for (size_t k = 1; k < leaves; k++)
        fputc('(', to);
    fputc('0', to);
    for (size_t k = 1; k < leaves; k++)
        fprintf(to, " %zu)", k == swapped ? k + 1 : k == swapped + 1 ? k - 1 : k);
    fclose(to);
    return text;
}

static void deep_trees(void **state) {
    (void)state;
    struct compare_trees t;
    char *a = serial(30000, 40000), *b = serial(30000, 100), *c = serial(60000, 70000);
    assert_int_equal(compare_trees(a, b, &t), 0);
    assert_int_equal(t.tree[0].leaves, 30000);
    assert_int_equal(t.tree[0].depth, 29999);
    /* Both children of the node that adds 101 differ. */
    assert_int_equal(t.tree[0].under, 102);
    assert_int_equal(t.steps, 30000 - 102);
    assert_true(strlen(t.place) < sizeof t.place);
    assert_non_null(strstr(t.place, "..."));
    assert_non_null(strstr(t.tree[0].part, " ... "));
    assert_non_null(strstr(t.tree[0].part, " 100) 101)"));
    assert_non_null(strstr(t.tree[1].part, " 101) 100)"));
    assert_true(strlen(c) > COMPARE_TREE_BYTES);
    assert_int_equal(compare_trees(a, c, &t), 1);
    free(a);
    free(b);
    free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_they_part),
        cmocka_unit_test(what_is_no_tree),
        cmocka_unit_test(deep_trees),
    };
    return cmocka_run_group_tests_name("compare_tree", tests, NULL, NULL);
}
