/*
 * cub_plan_test.c: the predicted trees of CUB by themselves. That they are CUB's is what
 * cub_target_test.c is for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernels/tree/cub_plan.h"

static size_t depth_of(const struct cub_plan *plan, size_t n) {
    struct tree *tree = cub_plan_tree(plan, n);
    assert_non_null(tree);
    assert_true(tree_is_complete(tree));
    size_t depth = tree_depth(tree);
    tree_free(tree);
    return depth;
}

/* Counted by hand: items of a thread, 5 of a warp, and the other warps. */
static void depths(void **state) {
    (void)state;
    struct cub_plan old = cub_plan_of(ELEMENT_F64, true, 80, 108, 0),
                    wide = cub_plan_of(ELEMENT_F64, true, 100, 148, 0),
                    narrow = cub_plan_of(ELEMENT_F64, false, 100, 148, 0);
    assert_int_equal(depth_of(&old, 1), 0);
    assert_int_equal(depth_of(&old, 1000), 3 + 5 + 7);
    assert_int_equal(depth_of(&wide, 1000), 1 + 5 + 15);
    assert_int_equal(depth_of(&narrow, 1000), 1 + 5 + 19);
    assert_int_equal(depth_of(&old, 256 * 8), 7 + 5 + 7);
    assert_int_equal(depth_of(&old, 256 * 8 * 32), 7 + 5 + 7 + 5);
}

/* Of each architecture, type and count: threads, items and loads as CUB scales them. */
static void what_is_tuned(void **state) {
    (void)state;
    static const struct {
        enum element type;
        bool wide;
        int arch;
        unsigned threads, items, vector;
    } known[] = {
        {ELEMENT_F32, true, 80, 256, 16, 4},  {ELEMENT_F64, false, 90, 256, 8, 4},
        {ELEMENT_F32, true, 100, 256, 16, 4}, {ELEMENT_F32, false, 100, 512, 16, 2},
        {ELEMENT_F64, true, 100, 512, 7, 1},  {ELEMENT_F64, false, 100, 640, 8, 1},
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        struct cub_plan plan = cub_plan_of(known[k].type, known[k].wide, known[k].arch, 10, 0);
        assert_int_equal(plan.threads, known[k].threads);
        assert_int_equal(plan.items, known[k].items);
        assert_int_equal(plan.vector, known[k].vector);
        assert_int_equal(plan.most_blocks, 10 * (2048 / plan.threads) * 5);
    }
}

/* On a small card a block takes several tiles, and then the card is part of the tree. */
static void small_cards(void **state) {
    (void)state;
    struct cub_plan one = cub_plan_of(ELEMENT_F64, true, 80, 1, 1),
                    two = cub_plan_of(ELEMENT_F64, true, 80, 2, 1);
    assert_int_equal(cub_plan_reach(&one), 5 * 2048);
    for (size_t n = 5 * 2048 - 1; n < 5 * 2048 + 3; n++) {
        struct tree *a = cub_plan_tree(&one, n), *b = cub_plan_tree(&two, n);
        assert_true(a && b && tree_is_complete(a) && tree_is_complete(b));
        assert_int_equal(tree_equal(a, b), n <= cub_plan_reach(&one));
        tree_free(a);
        tree_free(b);
    }
    assert_null(cub_plan_tree(&one, 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(depths),
        cmocka_unit_test(what_is_tuned),
        cmocka_unit_test(small_cards),
    };
    return cmocka_run_group_tests_name("cub_plan", tests, NULL, NULL);
}
