/*
 * mma_family_test.c: trees drawn by hand, and what their families are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernels/mma/mma_fingerprint.h"

/* sum + leaf from, from + step, … */
static tree_ref chain(struct tree *t, tree_ref sum, size_t from, size_t to, size_t step) {
    for (size_t i = from; i < to; i += step)
        sum = tree_add(t, sum, (tree_ref)i);
    return sum;
}

static tree_ref backward(struct tree *t, size_t from, size_t to) {
    tree_ref sum = TREE_NONE;
    for (size_t i = to; i-- > from;)
        sum = tree_add(t, sum, (tree_ref)i);
    return sum;
}

/* Pairs, the odd one first. */
static tree_ref pairs(struct tree *t, size_t from, size_t to) {
    tree_ref sum = TREE_NONE;
    for (size_t i = from; i < to; i += 2) {
        sum = tree_add(t, sum, (tree_ref)i + 1);
        sum = tree_add(t, sum, (tree_ref)i);
    }
    return sum;
}

/* Nodes of `block` terms and the sum so far. */
static tree_ref fused(struct tree *t, size_t from, size_t to, size_t block) {
    tree_ref sum = TREE_NONE, child[64];
    for (size_t i = from; i < to; i += block) {
        size_t count = 0;
        for (size_t k = i; k < i + block && k < to; k++)
            child[count++] = (tree_ref)k;
        if (sum != TREE_NONE)
            child[count++] = sum;
        sum = tree_add_n(t, child, count);
    }
    return sum;
}

static tree_ref even_odd(struct tree *t, size_t from, size_t to) {
    return tree_add(t, chain(t, TREE_NONE, from, to, 2), chain(t, TREE_NONE, from + 1, to, 2));
}

static void expect(struct tree *t, tree_ref root, const char *text) {
    struct mma_family f;
    tree_set_root(t, root);
    assert_true(tree_is_complete(t));
    assert_int_equal(mma_family_of(t, &f), 0);
    assert_string_equal(f.text, text);
    tree_free(t);
}

static void single_sums(void **state) {
    (void)state;
    struct tree *t = tree_new(100);
    expect(t, chain(t, TREE_NONE, 0, 100, 1), "one sum; terms in order");
    t = tree_new(100);
    expect(t, backward(t, 0, 100), "one sum; terms from the last");
    t = tree_new(100);
    expect(t, pairs(t, 0, 100), "one sum; terms by pairs, the odd one first");
    t = tree_new(101);
    expect(t, chain(t, pairs(t, 0, 100), 100, 101, 1),
           "one sum; terms by pairs, the odd one first");
    t = tree_new(100);
    expect(t, even_odd(t, 0, 100), "one sum; 2 lanes, added; terms in order");
    t = tree_new(96);
    expect(t, fused(t, 0, 96, 16), "one sum; nodes of 16 terms and the sum so far");
    t = tree_new(101); /* the last node has fewer */
    expect(t, fused(t, 0, 101, 8), "one sum; nodes of 8 terms and the sum so far");
    t = tree_new(1);
    expect(t, 0, "one sum; terms in order");
    t = tree_new(2);
    expect(t, tree_add(t, 0, 1), "one sum; terms in order");
    t = tree_new(3);
    expect(t, tree_add(t, tree_add(t, 0, 2), 1), "one sum; terms in an order of their own");
}

static void slices(void **state) {
    (void)state;
    struct mma_family f;
    struct tree *t = tree_new(256);
    tree_ref sum = TREE_NONE;
    for (size_t i = 0; i < 4; i++)
        sum = tree_add(t, sum, pairs(t, 64 * i, 64 * i + 64));
    tree_set_root(t, sum);
    assert_int_equal(mma_family_of(t, &f), 0);
    assert_true(f.regular);
    assert_int_equal(f.slices, 4);
    assert_int_equal(f.slice, 64);
    assert_int_equal(f.merge, MMA_FAMILY_IN_ORDER);
    assert_int_equal(f.terms, MMA_FAMILY_ODD_FIRST);
    expect(t, sum, "4 slices of 64, in order; terms by pairs, the odd one first");

    t = tree_new(256);
    tree_ref low = tree_add(t, fused(t, 0, 64, 8), fused(t, 64, 128, 8));
    tree_ref high = tree_add(t, fused(t, 128, 192, 8), fused(t, 192, 256, 8));
    expect(t, tree_add(t, low, high),
           "4 slices of 64, pairwise; nodes of 8 terms and the sum so far");

    t = tree_new(96); /* AMX, K = 96: a block's even and odd terms, then the sum so far */
    sum = TREE_NONE;
    for (size_t i = 0; i < 3; i++)
        sum = tree_add(t, sum, even_odd(t, 32 * i, 32 * i + 32));
    expect(t, sum, "3 slices of 32, in order; 2 lanes, added; terms in order");
}

static void remainders(void **state) {
    (void)state;
    struct tree *t = tree_new(100);
    tree_ref sum = chain(t, TREE_NONE, 96, 100, 1);
    for (size_t i = 0; i < 3; i++)
        sum = tree_add(t, sum, chain(t, TREE_NONE, 32 * i, 32 * i + 32, 1));
    expect(t, sum, "4 slices of 32, in order, the remainder of 4 first; terms in order");

    t = tree_new(100);
    sum = TREE_NONE;
    for (size_t i = 0; i < 4; i++)
        sum = tree_add(t, sum, chain(t, TREE_NONE, 32 * i, i < 3 ? 32 * i + 32 : 100, 1));
    expect(t, sum, "4 slices of 32, in order, the remainder of 4 last; terms in order");

    t = tree_new(100); /* two unlike slices */
    expect(t, tree_add(t, chain(t, TREE_NONE, 0, 64, 1), chain(t, TREE_NONE, 64, 100, 1)),
           "2 slices of 64, added, the remainder of 36 last; terms in order");

    t = tree_new(4096); /* a library's: five blocks of 768, and 256 */
    sum = TREE_NONE;
    for (size_t i = 0; i < 6; i++)
        sum = tree_add(t, sum, pairs(t, 768 * i, i < 5 ? 768 * i + 768 : 4096));
    expect(t, sum,
           "6 slices of 768, in order, the remainder of 256 last; terms by pairs, the odd one "
           "first");
}

/* K leaves something over: shorter lanes, and a last pair of slices that share what is left. */
static void uneven(void **state) {
    (void)state;
    struct tree *t = tree_new(101);
    expect(t, even_odd(t, 0, 101), "one sum; 2 lanes, added; terms in order");

    t = tree_new(500); /* 16 lanes of 31 and 32, pairwise */
    tree_ref lane[16];
    for (size_t i = 0; i < 16; i++)
        lane[i] = chain(t, TREE_NONE, i, 500, 16);
    for (size_t step = 8; step; step /= 2)
        for (size_t i = 0; i < step; i++)
            lane[i] = tree_add(t, lane[2 * i], lane[2 * i + 1]);
    expect(t, lane[0], "one sum; 16 lanes, pairwise; terms in order");

    t = tree_new(1024);
    tree_ref sum = tree_add(t, chain(t, TREE_NONE, 0, 320, 1), chain(t, TREE_NONE, 320, 640, 1));
    sum = tree_add(t, sum, chain(t, TREE_NONE, 640, 832, 1));
    expect(t, tree_add(t, sum, chain(t, TREE_NONE, 832, 1024, 1)),
           "4 slices of 320, in order, the last 2 of 192; terms in order");

    t = tree_new(250); /* the last of four is shorter, and they are added by pairs */
    tree_ref low = tree_add(t, pairs(t, 0, 64), pairs(t, 64, 128));
    tree_ref high = tree_add(t, pairs(t, 128, 192), pairs(t, 192, 250));
    expect(t, tree_add(t, low, high),
           "4 slices of 64, pairwise, the remainder of 58 last; terms by pairs, the odd one first");

    t = tree_new(200); /* a matrix unit's, the last node of each slice with fewer terms */
    sum = tree_add(t, fused(t, 0, 72, 16), fused(t, 72, 144, 16));
    expect(t, tree_add(t, sum, fused(t, 144, 200, 16)),
           "3 slices of 72, in order, the remainder of 56 last; nodes of 16 terms and the sum so "
           "far");
}

static void irregular(void **state) {
    (void)state;
    struct mma_family f;
    struct tree *t = tree_new(30); /* the shorter slice comes first in K */
    tree_ref a = chain(t, TREE_NONE, 0, 7, 1), b = chain(t, TREE_NONE, 7, 30, 1);
    tree_set_root(t, tree_add(t, a, b));
    assert_int_equal(mma_family_of(t, &f), 0);
    assert_false(f.regular);
    char *words = tree_words(t);
    assert_string_equal(f.text, words);
    free(words);
    tree_free(t);

    t = tree_new(60); /* slices from the last */
    tree_ref sum = chain(t, TREE_NONE, 40, 60, 1);
    sum = tree_add(t, sum, chain(t, TREE_NONE, 20, 40, 1));
    tree_set_root(t, tree_add(t, sum, chain(t, TREE_NONE, 0, 20, 1)));
    assert_int_equal(mma_family_of(t, &f), 0);
    assert_false(f.regular);
    tree_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_sums), cmocka_unit_test(slices),    cmocka_unit_test(remainders),
        cmocka_unit_test(uneven),      cmocka_unit_test(irregular),
    };
    return cmocka_run_group_tests_name("mma_family", tests, NULL, NULL);
}
