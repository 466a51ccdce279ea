/*
 * sum_tree_test.c: the model by itself: trees against trees written out by hand, and bits against
 * an evaluation of the explicit tree that shares no code with the model's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/sum/binned.h"
#include "kernels/sum/exact.h"
#include "kernels/sum/sum.h"
#include "kernels/sum/sum_data.h"
#include "kernels/tree/tree.h"

static struct sum_plan parsed(const char *text) {
    struct sum_plan plan;
    char why[SUM_WHY];
    if (sum_plan_parse(text, &plan, why))
        fail_msg("%s: %s", text, why);
    return plan;
}

/* (first first+1 … ) added one after another: "(((0 1) 2) 3)" */
static void in_order(char *out, const int *leaf, size_t count) {
    char before[4000];
    snprintf(out, 4000, "%d", leaf[0]);
    for (size_t k = 1; k < count; k++) {
        snprintf(before, sizeof before, "%s", out);
        if (snprintf(out, 4000, "(%s %d)", before, leaf[k]) >= 4000)
            fail_msg("a tree too long to write out");
    }
}

static void trees_by_hand(void **state) {
    (void)state;
    const struct {
        const char *plan;
        size_t n;
        const char *tree;
    } known[] = {
        {"i1.b32", 1, "0"},
        {"i1.b32", 2, "(0 1)"},
        /* Halves: the absent upper lanes drop out, distances 2 and 1 are left. */
        {"i1.b32.shfl-down", 4, "((0 2) (1 3))"},
        {"i1.b32.shared-seq", 4, "((0 2) (1 3))"},
        {"i1.b32.shfl-xor", 4, "((0 1) (2 3))"},
        {"i1.b32.shared-inter", 5, "(((0 1) (2 3)) 4)"},
        {"i1.b32.shfl-down", 5, "(((0 4) 2) (1 3))"},
        /* A thread's items, in its order. */
        {"i4.v1.b32.blocked", 4, "(((0 1) 2) 3)"},
        {"i4.v4.b32.blocked", 4, "(((0 1) 2) 3)"},
        {"i4.v4.b32.strided", 4, "(((0 1) 2) 3)"},
        {"i4.v2.b32.strided", 4, "((0 1) (2 3))"},
        {"i4.v1.b32.strided", 4, "((0 2) (1 3))"},
        {"i2.v1.b32.blocked.shfl-xor", 5, "(((0 1) (2 3)) 4)"},
    };
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
        struct sum_plan plan = parsed(known[k].plan);
        struct tree *tree = sum_tree(&plan, known[k].n);
        assert_non_null(tree);
        assert_true(tree_is_complete(tree));
        char *text = tree_text(tree);
        if (strcmp(text, known[k].tree))
            fail_msg("%s, n = %zu: %s instead of %s", known[k].plan, known[k].n, text,
                     known[k].tree);
        free(text);
        tree_free(tree);
    }
}

/* One value per warp or block, by inputs that are absent but for one in each: the merges alone.
 * With b32.i1 and n = 32 (g - 1) + 1, the last block holds one leaf: it hangs where the final merge
 * puts its block. */
static void merges_by_sizes(void **state) {
    (void)state;
    const struct {
        const char *plan;
        size_t n, i, j, leaves;
    } known[] = {
        /* Six warps of 32, serial: warp k joins after 32 k leaves. */
        {"i1.b192.serial", 192, 0, 32, 64},
        {"i1.b192.serial", 192, 0, 160, 192},
        {"i1.b192.serial", 192, 128, 160, 192},
        {"i1.b192.serial", 192, 32, 64, 96},
        /* Tree: neighbours, (01)(23)(45), then ((01)(23)), then all. */
        {"i1.b192.tree", 192, 128, 160, 64},
        {"i1.b192.tree", 192, 32, 96, 128},
        {"i1.b192.tree", 192, 64, 128, 192},
        /* First warp by halves over six lanes: (0 4) (1 5), then with 2 and 3, then all. */
        {"i1.b192.warp.shfl-down", 192, 0, 128, 64},
        {"i1.b192.warp.shfl-down", 192, 0, 64, 96},
        {"i1.b192.warp.shfl-down", 192, 32, 96, 96},
        {"i1.b192.warp.shfl-down", 192, 0, 32, 192},
        /* First warp by neighbours: as the tree. */
        {"i1.b192.warp.shfl-xor", 192, 128, 160, 64},
        /* Blocks one after another. */
        {"i1.b32.thread", 320, 0, 32, 64},
        {"i1.b32.thread", 320, 0, 288, 320},
        {"i1.b32.thread", 320, 256, 288, 320},
        /* Ten blocks in a block of 32 threads by halves: lanes 0 and 8, 1 and 9 meet first. */
        {"i1.b32.block", 320, 0, 256, 64},
        {"i1.b32.block", 320, 32, 288, 64},
        {"i1.b32.last", 320, 32, 288, 64},
        /* 33 blocks: thread 0 takes block 32 after its own. */
        {"i1.b32.block", 33 * 32, 0, 32 * 32, 64},
        /* The kernel again: 33 values make two tiles; the 33rd comes last of all. */
        {"i1.b32.kernel", 33 * 32, 0, 32 * 32, 33 * 32},
        {"i1.b32.kernel", 33 * 32, 0, 16 * 32, 64},
        /* Eight blocks over ten tiles: block 0 carries its accumulators on to tile 8. */
        {"i1.b32.g8.thread", 320, 0, 256, 2},
        {"i1.b32.g8.thread", 320, 31, 256 + 31, 2},
        {"i1.b32.tiles.thread", 320, 0, 256, 288},
    };
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
        struct sum_plan plan = parsed(known[k].plan);
        struct tree *tree = sum_tree(&plan, known[k].n);
        assert_non_null(tree);
        size_t leaves = tree_lca_leaves(tree, known[k].i, known[k].j);
        if (leaves != known[k].leaves)
            fail_msg("%s, n = %zu: leaves %zu and %zu meet over %zu, not %zu", known[k].plan,
                     known[k].n, known[k].i, known[k].j, leaves, known[k].leaves);
        tree_free(tree);
    }
}

static void a_whole_strided_thread(void **state) {
    (void)state;
    /* One warp, 16 items in vectors of two: thread 0 takes 0 1 64 65 128 129 … */
    struct sum_plan plan = parsed("i16.v2.b32.strided.g8");
    int leaf[16];
    for (int k = 0; k < 16; k++)
        leaf[k] = k / 2 * 64 + k % 2;
    char want[4000];
    in_order(want, leaf, 16);
    struct tree *tree = sum_tree(&plan, 512);
    char *text = tree_text(tree);
    assert_non_null(strstr(text, want));
    free(text);
    tree_free(tree);
}

static void order_free_sums_have_no_tree(void **state) {
    (void)state;
    struct sum_plan plan = parsed("binned");
    assert_null(sum_tree(&plan, 10));
    plan = parsed("exact");
    assert_null(sum_tree(&plan, 10));
    plan = parsed("plain");
    assert_null(sum_tree(&plan, 0));
}

/* --- evaluation of the explicit tree -----------------------------------------------------------
 */

/* Leaves rounded to the accumulator's type, as doubles (which hold every float). */
static double leaf_value(const struct sum_plan *plan, const void *data, size_t i) {
    uint16_t short_bits;
    uint32_t bits;
    float narrow;
    _Float16 half;
    double value;
    switch (plan->type) {
    case ELEMENT_F32:
        memcpy(&narrow, (const char *)data + 4 * i, 4);
        return (double)narrow;
    case ELEMENT_F64:
        memcpy(&value, (const char *)data + 8 * i, 8);
        return value;
    case ELEMENT_BF16:
        memcpy(&short_bits, (const char *)data + 2 * i, 2);
        bits = (uint32_t)short_bits << 16;
        memcpy(&narrow, &bits, 4);
        return (double)narrow;
    default:
        memcpy(&half, (const char *)data + 2 * i, 2);
        return (double)half;
    }
}

struct pair {
    double s, c;
};

/* a + b in the accumulator's precision. */
static double rounded_sum(const struct sum_plan *plan, double a, double b) {
    return plan->acc == SUM_ACC32 ? (double)((float)a + (float)b) : a + b;
}

/* The rounding error of s = a + b as the exact difference, not by TwoSum's six operations: for
 * floats by a double, whose 53 bits hold it here; for doubles by the exact accumulator. */
static double exact_error(const struct sum_plan *plan, double a, double b, double s) {
    (void)plan;
    double parts[3] = {a, b, -s};
    return exact_sum_f64(parts, 3);
}

/* Post-order over the tree without recursion: nodes are made after their children. */
static uint64_t evaluate(const struct sum_plan *plan, const struct tree *tree, const void *x,
                         const void *y, size_t n) {
    size_t nodes = 2 * n;
    struct pair *value = malloc(nodes * sizeof *value);
    assert_non_null(value);
    for (size_t i = 0; i < n; i++) {
        double leaf = leaf_value(plan, x, i);
        if (plan->input == SUM_OF_PRODUCTS) {
            double other = leaf_value(plan, y, i);
            leaf = plan->acc == SUM_ACC32 ? (double)((float)leaf * (float)other) : leaf * other;
        }
        value[i] = (struct pair){leaf, 0};
    }
    tree_ref root = tree_root(tree);
    for (tree_ref node = (tree_ref)n; n > 1 && node <= root; node++) {
        assert_int_equal(tree_child_count(tree, node), 2);
        struct pair a = value[tree_child(tree, node, 0)], b = value[tree_child(tree, node, 1)];
        double s = rounded_sum(plan, a.s, b.s), c = 0;
        if (plan->method == SUM_COMPENSATED)
            c = rounded_sum(plan, rounded_sum(plan, a.c, b.c), exact_error(plan, a.s, b.s, s));
        value[node] = (struct pair){s, c};
    }
    struct pair sum = value[root];
    free(value);
    double result = sum.c != 0 && isfinite(sum.c) ? rounded_sum(plan, sum.s, sum.c) : sum.s;
    uint64_t bits = 0;
    float narrow = (float)result;
    if (plan->acc == SUM_ACC64)
        memcpy(&bits, &result, 8);
    else
        memcpy(&bits, &narrow, 4);
    return bits;
}

static void model_is_the_tree(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 2, 3, 31, 33, 64, 255, 1000, 1025, 4097, 20011};
    struct sum_choice choice = {0};
    struct sum_plan *plans;
    size_t count, compared = 0;
    char text[SUM_TEXT];
    assert_int_equal(sum_plans_pairs(&choice, &plans, &count), 0);
    for (size_t p = 0; p < count; p++) {
        struct sum_plan *plan = &plans[p];
        if (plan->method != SUM_PLAIN && plan->method != SUM_COMPENSATED)
            plan->method = p % 2 ? SUM_PLAIN : SUM_COMPENSATED;
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
            size_t n = sizes[k];
            struct tree *tree = sum_tree(plan, n);
            assert_non_null(tree);
            assert_true(tree_is_complete(tree));
            assert_int_equal(sum_depth(plan, n), tree_depth(tree));
            for (enum sum_data kind = 0; kind < DATA_KINDS; kind++) {
                void *x = sum_data_new(kind, plan->type, 10 * k + p, n);
                void *y = sum_data_new(DATA_NORMAL, plan->type, 99, n);
                uint64_t bits, want = evaluate(plan, tree, x, y, n);
                assert_int_equal(sum_model(plan, x, y, n, &bits), 0);
                if (!sum_same_bits(plan->acc, bits, want))
                    fail_msg("%s, n = %zu, %s: model %lx, tree %lx", sum_plan_text(plan, text), n,
                             sum_data_names[kind], bits, want);
                compared++;
                free(x);
                free(y);
            }
            tree_free(tree);
        }
    }
    free(plans);
    print_message("%zu results of the model are those of the explicit tree\n", compared);
}

static void order_free_bits_ignore_the_plan(void **state) {
    (void)state;
    struct sum_plan a = parsed("f32.binned.i1.b32"), b = parsed("f32.binned.i8.b256.blocked");
    struct sum_plan e = parsed("f32.exact");
    size_t n = 10007;
    float *x = sum_data_new(DATA_CANCELLING, ELEMENT_F32, 3, n);
    uint64_t bits_a, bits_b, bits_e;
    assert_int_equal(sum_model(&a, x, NULL, n, &bits_a), 0);
    for (size_t i = 0; i < n / 2; i++) {
        float swap = x[i];
        x[i] = x[n - 1 - i];
        x[n - 1 - i] = swap;
    }
    assert_int_equal(sum_model(&b, x, NULL, n, &bits_b), 0);
    assert_int_equal(bits_a, bits_b);
    assert_int_equal(sum_model(&e, x, NULL, n, &bits_e), 0);
    float value;
    uint32_t low = (uint32_t)bits_e;
    memcpy(&value, &low, 4);
    assert_true(value == exact_sum_f32(x, n));
    free(x);
}

static void nothing_to_sum(void **state) {
    (void)state;
    struct sum_plan plan = sum_plan_default();
    uint64_t bits;
    assert_int_equal(sum_model(&plan, NULL, NULL, 0, &bits), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_by_hand),          cmocka_unit_test(merges_by_sizes),
        cmocka_unit_test(a_whole_strided_thread), cmocka_unit_test(order_free_sums_have_no_tree),
        cmocka_unit_test(model_is_the_tree),      cmocka_unit_test(order_free_bits_ignore_the_plan),
        cmocka_unit_test(nothing_to_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
