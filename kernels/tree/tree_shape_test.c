/*
 * tree_shape_test.c: words and drawings of trees whose shape is known.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/tree/tree.h"
#include "kernels/tree/tree_shape.h"

enum merge { HALVES, NEIGHBOURS, IN_ORDER };

/* Lanes down the array, then merged, then what is left over. */
static struct tree *lanes(size_t n, size_t width, enum merge merge) {
    struct tree *tree = tree_new(n);
    tree_ref lane[64];
    size_t i = 0;
    for (size_t l = 0; l < width; l++)
        lane[l] = TREE_NONE;
    for (; i + width <= n; i += width)
        for (size_t l = 0; l < width; l++)
            lane[l] = tree_add(tree, lane[l], (tree_ref)(i + l));
    for (size_t step = width / 2; step && merge == HALVES; step /= 2)
        for (size_t l = 0; l < step; l++)
            lane[l] = tree_add(tree, lane[l], lane[l + step]);
    for (size_t step = 1; step < width && merge == NEIGHBOURS; step *= 2)
        for (size_t l = 0; l < width; l += 2 * step)
            lane[l] = tree_add(tree, lane[l], lane[l + step]);
    for (size_t l = 1; l < width && merge == IN_ORDER; l++)
        lane[0] = tree_add(tree, lane[0], lane[l]);
    for (; i < n; i++)
        lane[0] = tree_add(tree, lane[0], (tree_ref)i);
    tree_set_root(tree, lane[0]);
    return tree;
}

static struct tree *backward(size_t n) {
    struct tree *tree = tree_new(n);
    tree_ref sum = TREE_NONE;
    for (size_t i = n; i-- > 0;)
        sum = tree_add(tree, sum, (tree_ref)i);
    tree_set_root(tree, sum);
    return tree;
}

static struct tree *fused(size_t n, size_t width) {
    struct tree *tree = tree_new(n);
    tree_ref sum = TREE_NONE, child[33];
    for (size_t i = 0; i < n; i += width) {
        size_t count = 0;
        for (size_t k = i; k < i + width && k < n; k++)
            child[count++] = (tree_ref)k;
        if (sum != TREE_NONE)
            child[count++] = sum;
        sum = tree_add_n(tree, child, count);
    }
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

static void says(struct tree *tree, const char *expected) {
    char *words = tree_words(tree);
    assert_non_null(words);
    assert_string_equal(words, expected);
    free(words);
    tree_free(tree);
}

static void words(void **state) {
    (void)state;
    says(lanes(1, 1, HALVES), "1 input");
    says(lanes(2, 1, HALVES), "2 inputs added");
    says(lanes(100, 1, HALVES), "100 inputs in order");
    says(backward(100), "100 inputs in order from the last");
    says(lanes(32, 32, HALVES), "32 inputs pairwise, the farthest apart first");
    says(lanes(32, 32, NEIGHBOURS), "32 inputs pairwise, neighbours first");
    says(pairwise(100), "4 × [25 inputs in a balanced tree] pairwise, neighbours first");
    says(pairwise(11), "11 inputs in a balanced tree");
    says(lanes(1024, 16, HALVES),
         "16 × [64 inputs 16 apart in order] pairwise, the farthest apart first");
    says(lanes(67, 8, IN_ORDER),
         "8 × [8 inputs 8 apart in order] in order, then 3 inputs in order");
    says(fused(16, 16), "16 inputs in one fused node");
    says(fused(48, 16),
         "16 inputs in one fused node, then 2 fused nodes of 16 inputs and the sum so far");
    struct tree *none = tree_new(3);
    assert_null(tree_words(none));
    tree_free(none);
}

static void equal_shapes(void **state) {
    (void)state;
    struct tree *tree = tree_new(9);
    tree_ref a = tree_add(tree, tree_add(tree, 0, 1), 2);
    tree_ref b = tree_add(tree, 5, tree_add(tree, 8, 3));
    tree_ref c = tree_add_n(tree, (tree_ref[]){4, 6, 7}, 3);
    tree_set_root(tree, tree_add(tree, tree_add(tree, a, b), c));
    struct tree_shapes shapes;
    assert_int_equal(tree_shapes_new(&shapes, tree), 0);
    assert_int_equal(shapes.shape[a], shapes.shape[b]); /* whichever side the pair is on */
    assert_int_not_equal(shapes.shape[a], shapes.shape[c]);
    assert_int_equal(shapes.shape[0], shapes.shape[8]);
    assert_int_equal(shapes.depth[b], 2);
    tree_shapes_free(&shapes);
    tree_free(tree);
}

static size_t occurrences(const char *text, const char *word) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, word)); at += strlen(word))
        count++;
    return count;
}

static char *dot_of(struct tree *tree, size_t collapse) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(tree_write_dot(tree, out, collapse), 0);
    assert_int_equal(fclose(out), 0);
    tree_free(tree);
    return text;
}

static void drawings(void **state) {
    (void)state;
    /* Whole: a node per addition, a label per input, one edge fewer than nodes. */
    char *text = dot_of(pairwise(16), 64);
    assert_int_equal(occurrences(text, "label=\"+\""), 15);
    assert_int_equal(occurrences(text, "shape=plaintext"), 16);
    assert_int_equal(occurrences(text, " -> "), 30);
    for (int i = 0; i < 16; i++) {
        char label[20];
        snprintf(label, sizeof label, "label=\"%d\"", i);
        assert_int_equal(occurrences(text, label), 1);
    }
    free(text);
    /* Folded: sixteen boxes of inputs under fifteen additions. */
    text = dot_of(lanes(1024, 16, HALVES), 64);
    assert_int_equal(occurrences(text, "64 inputs in order"), 16);
    assert_int_equal(occurrences(text, "label=\"+\""), 15);
    assert_int_equal(occurrences(text, "15, 31, … 1023"), 1);
    free(text);
    /* Folded further: one of sixteen. */
    text = dot_of(lanes(1024, 16, HALVES), 8);
    assert_int_equal(occurrences(text, "64 inputs in order"), 1);
    assert_int_equal(occurrences(text, "× 16"), 1);
    free(text);
    text = dot_of(lanes(1 << 16, 1, HALVES), 64);
    assert_int_equal(occurrences(text, "65536 inputs in order"), 1);
    assert_int_equal(occurrences(text, " -> "), 0);
    free(text);
    text = dot_of(fused(48, 16), 64);
    assert_int_equal(occurrences(text, "fused, 17"), 2);
    assert_int_equal(occurrences(text, "fused, 16"), 1);
    free(text);
    /* No tree, no drawing. */
    struct tree *missing = tree_new(3);
    tree_set_root(missing, tree_add(missing, 0, 1));
    FILE *out = fopen("/dev/null", "w");
    assert_int_equal(tree_write_dot(missing, out, 64), -1);
    fclose(out);
    tree_free(missing);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(equal_shapes),
        cmocka_unit_test(drawings),
    };
    return cmocka_run_group_tests_name("tree_shape", tests, NULL, NULL);
}
