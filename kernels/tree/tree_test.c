/*
 * tree_test.c: the container: what is refused, equality that ignores the order of children, and
 * evaluation against sums written out by hand.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/tree/tree.h"

static struct tree *sequential(size_t n) {
    struct tree *tree = tree_new(n);
    tree_ref sum = TREE_NONE;
    for (size_t i = 0; i < n; i++)
        sum = tree_add(tree, sum, (tree_ref)i);
    tree_set_root(tree, sum);
    return tree;
}

static tree_ref halves(struct tree *tree, size_t from, size_t to) {
    if (to - from == 1)
        return (tree_ref)from;
    size_t middle = from + (to - from) / 2;
    tree_ref low = halves(tree, from, middle);
    return tree_add(tree, low, halves(tree, middle, to));
}

static struct tree *pairwise(size_t n) {
    struct tree *tree = tree_new(n);
    tree_set_root(tree, halves(tree, 0, n));
    return tree;
}

static void expect_text(const struct tree *tree, const char *expected) {
    char *text = tree_text(tree);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static void texts_are_canonical(void **state) {
    (void)state;
    struct tree *tree = tree_new(4);
    tree_ref right = tree_add(tree, 3, 2);
    tree_ref left = tree_add(tree, 1, 0);
    tree_set_root(tree, tree_add(tree, right, left));
    expect_text(tree, "((0 1) (2 3))");
    struct tree *same = pairwise(4), *other = sequential(4);
    expect_text(other, "(((0 1) 2) 3)");
    assert_true(tree_equal(tree, same));
    assert_false(tree_equal(tree, other));
    assert_true(tree_is_complete(tree));
    tree_free(tree);
    tree_free(same);
    tree_free(other);

    struct tree *one = tree_new(1);
    tree_set_root(one, tree_add(one, TREE_NONE, 0));
    expect_text(one, "0");
    assert_int_equal(tree_depth(one), 0);
    assert_true(tree_is_complete(one));
    tree_free(one);
}

static void fused_nodes(void **state) {
    (void)state;
    struct tree *tree = tree_new(5), *turned = tree_new(5), *nested = tree_new(5);
    tree_ref wide = tree_add_n(tree, (tree_ref[]){0, 1, 2, 3}, 4);
    tree_set_root(tree, tree_add(tree, wide, 4));
    wide = tree_add_n(turned, (tree_ref[]){2, 0, 3, 1}, 4);
    tree_set_root(turned, tree_add(turned, 4, wide));
    wide = tree_add_n(nested, (tree_ref[]){0, 1, 2}, 3);
    wide = tree_add_n(nested, (tree_ref[]){wide, 3}, 2);
    tree_set_root(nested, tree_add(nested, 4, wide));
    expect_text(turned, "((0 1 2 3) 4)");
    expect_text(nested, "(((0 1 2) 3) 4)");
    assert_true(tree_equal(tree, turned));
    assert_false(tree_equal(tree, nested));
    assert_int_equal(tree_child_count(tree, tree_root(tree)), 2);
    assert_int_equal(tree_child_count(tree, tree_child(tree, tree_root(tree), 0)), 4);
    assert_int_equal(tree_add_n(tree, (tree_ref[]){3}, 1), 3);
    tree_free(tree);
    tree_free(turned);
    tree_free(nested);
}

static void what_is_no_tree(void **state) {
    (void)state;
    assert_null(tree_new(0));
    struct tree *twice = tree_new(3);
    tree_ref pair = tree_add(twice, 0, 1);
    tree_set_root(twice, tree_add(twice, pair, 1));
    assert_false(tree_is_complete(twice));
    struct tree *again = tree_new(3);
    pair = tree_add(again, 0, 1);
    tree_set_root(again, tree_add(again, pair, 1));
    assert_false(tree_equal(twice, again)); /* nothing equals an incomplete tree */
    tree_free(twice);
    tree_free(again);

    struct tree *missing = tree_new(3);
    tree_set_root(missing, tree_add(missing, 0, 1));
    assert_false(tree_is_complete(missing));
    assert_int_equal(tree_lca_leaves(missing, 0, 2), 0);
    tree_set_root(missing, tree_add(missing, tree_root(missing), 2)); /* finished after a look */
    assert_true(tree_is_complete(missing));
    tree_free(missing);

    struct tree *ahead = tree_new(3); /* a child that does not exist yet spoils the tree for good */
    assert_int_equal(tree_add(ahead, 0, 7), TREE_NONE);
    tree_set_root(ahead, tree_add(ahead, 0, 1));
    assert_int_equal(tree_root(ahead), TREE_NONE);
    assert_false(tree_is_complete(ahead));
    assert_null(tree_text(ahead));
    assert_true(isnan(tree_eval_f32(ahead, (float[]){1, 2, 3})));
    tree_free(ahead);
    tree_free(NULL);
}

static void ancestors_and_depth(void **state) {
    (void)state;
    struct tree *chain = sequential(1000), *balanced = pairwise(1024);
    assert_int_equal(tree_depth(chain), 999);
    assert_int_equal(tree_depth(balanced), 10);
    for (size_t i = 0; i < 1000; i += 37)
        for (size_t j = 0; j < 1000; j++)
            assert_int_equal(tree_lca_leaves(chain, i, j), i == j ? 1 : (i > j ? i : j) + 1);
    for (size_t i = 0; i < 1024; i += 41)
        for (size_t j = 0; j < 1024; j++) {
            size_t expected = 1;
            while (i / expected != j / expected)
                expected *= 2;
            assert_int_equal(tree_lca_leaves(balanced, i, j), expected);
        }
    tree_free(chain);
    tree_free(balanced);
}

static void evaluation(void **state) {
    (void)state;
    float x[4] = {16777216.0f, 1.0f, 1.0f, -16777216.0f};
    double y[4] = {9007199254740992.0, 1.0, 1.0, -9007199254740992.0};
    struct tree *chain = sequential(4), *balanced = pairwise(4);
    assert_true(tree_eval_f32(chain, x) == 0.0f);    /* both ones are lost */
    assert_true(tree_eval_f32(balanced, x) == 1.0f); /* 1 - 2^24 is exact */
    x[3] = 1.0f;
    y[3] = 1.0;
    assert_true(tree_eval_f32(chain, x) == 16777216.0f);
    assert_true(tree_eval_f32(balanced, x) == 16777218.0f);
    assert_true(tree_eval_f64(chain, y) == 9007199254740992.0);
    assert_true(tree_eval_f64(balanced, y) == 9007199254740994.0);
    /* Signed zeros: the sum of negative zeros is one, and nothing starts from +0. */
    assert_true(signbit(tree_eval_f32(chain, (float[]){-0.0f, -0.0f, -0.0f, -0.0f})));
    tree_free(chain);
    tree_free(balanced);
}

static void a_million_leaves(void **state) {
    (void)state;
    size_t n = 1 << 20;
    struct tree *chain = sequential(n), *same = sequential(n);
    float *x = malloc(n * sizeof *x);
    assert_non_null(x);
    float sum = 0.1f;
    for (size_t i = 0; i < n; i++) {
        x[i] = 0.1f;
        sum = i ? sum + x[i] : sum;
    }
    assert_int_equal(tree_depth(chain), n - 1);
    assert_true(tree_equal(chain, same));
    assert_true(tree_eval_f32(chain, x) == sum);
    free(x);
    tree_free(chain);
    tree_free(same);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_canonical), cmocka_unit_test(fused_nodes),
        cmocka_unit_test(what_is_no_tree),     cmocka_unit_test(ancestors_and_depth),
        cmocka_unit_test(evaluation),          cmocka_unit_test(a_million_leaves),
    };
    return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
