/*
 * tree_lines_test.c: trees drawn with characters, to the character.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/tree/tree_lines.h"

static char drawn[1 << 14];

static int draw(const struct tree *tree, size_t width, bool utf8) {
    drawn[0] = '\0';
    FILE *out = fmemopen(drawn, sizeof drawn, "w");
    assert_non_null(out);
    int status = tree_write_lines(tree, out, 1, width, utf8);
    assert_int_equal(fclose(out), 0);
    return status;
}

static void pairs_and_chains(void **state) {
    (void)state;
    struct tree *tree = tree_new(3);
    tree_ref first = tree_add(tree, 0, 1);
    tree_set_root(tree, tree_add(tree, first, 2));
    assert_int_equal(draw(tree, 80, false), 0);
    assert_string_equal(drawn, " x0 ---+\n"
                               "       +--+\n"
                               " x1 ---+  +- sum\n"
                               "          |\n"
                               " x2 ------+\n");
    assert_int_equal(draw(tree, 80, true), 0);
    assert_string_equal(drawn, " x0 ───┐\n"
                               "       ├──┐\n"
                               " x1 ───┘  ├─ sum\n"
                               "          │\n"
                               " x2 ──────┘\n");
    /* As wide as it is, and one column less. */
    assert_int_equal(draw(tree, 17, false), 0);
    assert_int_equal(draw(tree, 16, false), -1);
    tree_free(tree);
}

static void one_node_of_many(void **state) {
    (void)state;
    struct tree *tree = tree_new(3);
    const tree_ref children[] = {2, 0, 1};
    tree_set_root(tree, tree_add_n(tree, children, 3));
    assert_int_equal(draw(tree, 80, true), 0);
    assert_string_equal(drawn, " x2 ───┐\n"
                               "       │\n"
                               " x0 ───┼─ sum\n"
                               "       │\n"
                               " x1 ───┘\n");
    tree_free(tree);
}

/* Every input has a line, in the order of the tree; and the drawing tells trees apart. */
static void all_inputs(void **state) {
    (void)state;
    struct tree *tree = tree_new(12);
    tree_ref sum = 11;
    for (tree_ref k = 11; k-- > 0;)
        sum = tree_add(tree, sum, k);
    tree_set_root(tree, sum);
    assert_int_equal(draw(tree, 80, false), 0);
    const char *at = drawn;
    for (int k = 11; k >= 0; k--) {
        char name[8];
        snprintf(name, sizeof name, " x%-2d ", k);
        assert_int_equal(strncmp(at, name, strlen(name)), 0);
        at = strchr(at, '\n') + 1;
        at = k ? strchr(at, '\n') + 1 : at;
    }
    assert_string_equal(at, "");
    tree_free(tree);
}

static void what_is_no_tree(void **state) {
    (void)state;
    struct tree *tree = tree_new(3);
    tree_set_root(tree, tree_add(tree, 0, 1)); /* without input 2 */
    assert_int_equal(draw(tree, 80, false), -1);
    assert_string_equal(drawn, "");
    tree_free(tree);
    tree = tree_new(1);
    tree_set_root(tree, 0);
    assert_int_equal(draw(tree, 80, false), 0);
    assert_string_equal(drawn, " x0 -- sum\n");
    tree_free(tree);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_and_chains),
        cmocka_unit_test(one_node_of_many),
        cmocka_unit_test(all_inputs),
        cmocka_unit_test(what_is_no_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
