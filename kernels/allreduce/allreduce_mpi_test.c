/*
 * allreduce_mpi_test.c: orders of MPI libraries against trees written by hand, and orders found
 * from sums against the orders that gave them. What engines really do: ranks_orders_test.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/allreduce/allreduce_mpi.h"
#include "kernels/tree/tree.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct allreduce_orders orders_of(enum ranks_engine engine, enum ranks_algorithm algorithm,
                                         unsigned ranks, size_t n) {
    struct allreduce_mpi sum = {engine, algorithm, ranks, n};
    struct allreduce_orders orders;
    char why[PLAN_WHY];
    if (allreduce_mpi_orders(&sum, &orders, why) != 0)
        fail_msg("%s", why);
    return orders;
}

/* Every element once, and every tree of all ranks. */
static void expect_whole(const struct allreduce_orders *orders, unsigned ranks, size_t n) {
    assert_int_equal(orders->n, n);
    for (size_t k = 0; k < orders->count; k++) {
        struct tree *tree = allreduce_order_tree(&orders->range[k].order);
        assert_non_null(tree);
        assert_int_equal(tree_leaves(tree), ranks);
        assert_true(tree_is_complete(tree));
        tree_free(tree);
        assert_true(orders->range[k].until > (k ? orders->range[k - 1].until : 0));
    }
    assert_int_equal(orders->count ? orders->range[orders->count - 1].until : 0, n);
}

static void expect(enum ranks_engine engine, enum ranks_algorithm algorithm, unsigned ranks,
                   size_t n, size_t i, const char *expected) {
    struct allreduce_orders orders = orders_of(engine, algorithm, ranks, n);
    expect_whole(&orders, ranks, n);
    struct tree *tree = allreduce_order_tree(allreduce_orders_at(&orders, i));
    char *text = tree_text(tree);
    if (strcmp(text, expected) != 0)
        fail_msg("%s %s, %u ranks, element %zu of %zu: %s, not %s", ranks_engine_name(engine),
                 ranks_algorithm_name(algorithm), ranks, i, n, text, expected);
    free(text);
    tree_free(tree);
    allreduce_orders_close(&orders);
}

/* The trees, as read off the algorithms' descriptions with pencil and paper. */
static void test_trees(void **state) {
    (void)state;
    const enum ranks_engine open = RANKS_OPENMPI, smpi = RANKS_SMPI;
    expect(open, RANKS_LINEAR, 5, 9, 3, "(0 (1 (2 (3 4))))");
    expect(smpi, RANKS_NONOVERLAPPING, 5, 9, 3, "((((0 1) 2) 3) 4)");
    expect(open, RANKS_DOUBLING, 8, 9, 3, "(((0 1) (2 3)) ((4 5) (6 7)))");
    expect(open, RANKS_DOUBLING, 5, 9, 3, "(((0 1) 2) (3 4))");
    expect(smpi, RANKS_DOUBLING, 7, 9, 3, "(((0 1) (2 3)) ((4 5) 6))");
    expect(open, RANKS_DOUBLING, 1, 9, 3, "0");
    /* 17 elements in blocks of 4, 4, 3, 3, 3: block b begins with rank b. */
    expect(open, RANKS_RING, 5, 17, 3, "((((0 1) 2) 3) 4)");
    expect(open, RANKS_RING, 5, 17, 4, "(0 (((1 2) 3) 4))");
    expect(open, RANKS_RING, 5, 17, 8, "((0 ((2 3) 4)) 1)");
    expect(open, RANKS_RING, 5, 17, 14, "((((0 4) 1) 2) 3)");
    expect(open, RANKS_SEGMENTED_RING, 5, 17, 8, "((0 ((2 3) 4)) 1)");
    expect(open, RANKS_RING, 5, 4, 0, "(((0 1) 2) (3 4))");
    /* In blocks of 3 and two left over: block b begins with rank b + 1. */
    expect(smpi, RANKS_RING, 5, 17, 2, "(0 (((1 2) 3) 4))");
    expect(smpi, RANKS_RING, 5, 17, 3, "((0 ((2 3) 4)) 1)");
    expect(smpi, RANKS_RING, 5, 17, 11, "((((0 4) 1) 2) 3)");
    expect(smpi, RANKS_RING, 5, 17, 16, "((((0 1) 2) 3) 4)");
    expect(smpi, RANKS_RING, 5, 4, 0, "((((0 1) 2) 3) 4)");
    /* Segments are of 1 MiB, and worth while from one for each rank. */
    expect(smpi, RANKS_SEGMENTED_RING, 3, 786431, 0, "(0 (1 2))");
    expect(smpi, RANKS_SEGMENTED_RING, 3, 786432, 0, "((0 1) 2)");
    expect(smpi, RANKS_RING, 3, 786432, 0, "(0 (1 2))");
    expect(open, RANKS_RABENSEIFNER, 6, 4, 0, "(((0 1) (2 3)) (4 5))");
    expect(open, RANKS_RABENSEIFNER, 6, 3, 0, "(0 (1 (2 (3 (4 5)))))");
    expect(smpi, RANKS_RABENSEIFNER, 6, 3, 0, "(((0 1) (2 3)) (4 5))");
    /* Open MPI's reduce: binary, linear, binomial. */
    expect(open, RANKS_NONOVERLAPPING, 7, 1023, 0, "((0 ((1 3) 5)) ((2 4) 6))");
    expect(open, RANKS_NONOVERLAPPING, 7, 1024, 0, "(0 (1 (2 (3 (4 (5 6))))))");
    expect(open, RANKS_NONOVERLAPPING, 7, 16384, 0, "(((0 1) (2 3)) ((4 5) 6))");
    expect(open, RANKS_NONOVERLAPPING, 3, 2, 0, "((0 1) 2)");
    expect(open, RANKS_NONOVERLAPPING, 3, 1, 0, "(0 (1 2))");
}

static void test_defaults(void **state) {
    (void)state;
    static const struct {
        enum ranks_engine engine;
        unsigned ranks;
        size_t n;
        enum ranks_algorithm chosen;
    } known[] = {
        {RANKS_OPENMPI, 3, 1, RANKS_RING},
        {RANKS_OPENMPI, 3, 2, RANKS_DOUBLING},
        {RANKS_OPENMPI, 3, 1023, RANKS_DOUBLING},
        {RANKS_OPENMPI, 3, 1024, RANKS_RING},
        {RANKS_OPENMPI, 3, 2047, RANKS_RING},
        {RANKS_OPENMPI, 3, 2048, RANKS_DOUBLING},
        {RANKS_OPENMPI, 3, 4096, RANKS_RING},
        {RANKS_OPENMPI, 3, 16384, RANKS_SEGMENTED_RING},
        {RANKS_OPENMPI, 3, 65536, RANKS_RABENSEIFNER},
        {RANKS_OPENMPI, 4, 3, RANKS_RING},
        {RANKS_OPENMPI, 4, 4, RANKS_DOUBLING},
        {RANKS_OPENMPI, 7, 2047, RANKS_DOUBLING},
        {RANKS_OPENMPI, 7, 2048, RANKS_RABENSEIFNER},
        {RANKS_OPENMPI, 15, 1, RANKS_DOUBLING},
        {RANKS_OPENMPI, 16, 15, RANKS_SEGMENTED_RING},
        {RANKS_OPENMPI, 16, 16, RANKS_DOUBLING},
        {RANKS_OPENMPI, 16, 1024, RANKS_RABENSEIFNER},
        {RANKS_SMPI, 3, 1024, RANKS_NONOVERLAPPING},
    };
    for (size_t k = 0; k < COUNT(known); k++) {
        struct allreduce_mpi sum = {known[k].engine, RANKS_DEFAULT, known[k].ranks, known[k].n};
        assert_int_equal(allreduce_mpi_chosen(&sum), known[k].chosen);
    }
    /* What the header says of sizes: only three ranks' orders depend on them. */
    for (unsigned ranks = 2; ranks <= ALLREDUCE_RANKS_MOST; ranks++) {
        struct allreduce_orders first = orders_of(RANKS_OPENMPI, RANKS_DEFAULT, ranks, 100000);
        size_t differing = 0;
        for (size_t n = 1; n < 100000; n += n < 20 ? 1 : n / 3) {
            struct allreduce_orders other = orders_of(RANKS_OPENMPI, RANKS_DEFAULT, ranks, n);
            differing += !allreduce_orders_agree(&first, &other, n);
            allreduce_orders_close(&other);
        }
        assert_true((differing > 0) == (ranks == 3));
        allreduce_orders_close(&first);
    }
}

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        struct allreduce_mpi sum;
        const char *part;
    } bad[] = {
        {{RANKS_OPENMPI, RANKS_RING, 17, 8}, "not for 17"},
        {{RANKS_OPENMPI, RANKS_RING, 0, 8}, "not for 0"},
        {{RANKS_NCCL, RANKS_RING, 4, 8}, "nccl"},
        {{RANKS_SMPI, RANKS_LINEAR, 4, 8}, "has no algorithm linear"},
        {{RANKS_OPENMPI, RANKS_TREE, 4, 8}, "has no algorithm tree"},
    };
    struct allreduce_orders orders;
    char why[PLAN_WHY];
    for (size_t k = 0; k < COUNT(bad); k++) {
        assert_int_equal(allreduce_mpi_orders(&bad[k].sum, &orders, why), -1);
        assert_non_null(strstr(why, bad[k].part));
        allreduce_orders_close(&orders);
    }
    orders = orders_of(RANKS_SMPI, RANKS_RING, 4, 0);
    assert_int_equal(orders.count, 0);
    allreduce_orders_close(&orders);
}

/* --- found -------------------------------------------------------------------------------------
 */

struct probes {
    float *data, *sums[ALLREDUCE_RANKS_MOST * ALLREDUCE_RANKS_MOST];
};

/* What probes would give by these orders. */
static struct probes probes_of(const struct allreduce_orders *orders, unsigned ranks) {
    size_t n = orders->n, pairs = (size_t)ranks * (ranks - 1) / 2, k = 0;
    struct probes p = {.data = malloc((pairs * n + 1) * sizeof(float))};
    float *x = malloc((ranks * n + 1) * sizeof *x);
    for (unsigned a = 0; a < ranks; a++)
        for (unsigned b = a + 1; b < ranks; b++, k++) {
            struct ranks_arm arm = {.fill = RANKS_PROBE, .probe = {a, b}};
            for (unsigned r = 0; r < ranks; r++)
                for (size_t i = 0; i < n; i++)
                    x[r * n + i] = ranks_fill(&arm, 1, ranks, r, i);
            p.sums[k] = p.data + k * n;
            allreduce_orders_sum(orders, x, n, p.sums[k]);
        }
    free(x);
    return p;
}

static void test_found(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 5, 40, 1030};
    static const enum ranks_engine engines[] = {RANKS_OPENMPI, RANKS_SMPI};
    char why[PLAN_WHY];
    for (unsigned e = 0; e < COUNT(engines); e++)
        for (int a = RANKS_DEFAULT; a < RANKS_ALGORITHM_COUNT; a++)
            for (unsigned ranks = 1; ranks <= ALLREDUCE_RANKS_MOST; ranks++)
                for (size_t s = 0; s < COUNT(sizes); s++) {
                    if (!ranks_algorithm_has(engines[e], (enum ranks_algorithm)a))
                        continue;
                    struct allreduce_orders is, found;
                    is = orders_of(engines[e], (enum ranks_algorithm)a, ranks, sizes[s]);
                    struct probes p = probes_of(&is, ranks);
                    if (allreduce_orders_found(ranks, is.n, p.sums, &found, why) != 0)
                        fail_msg("%s", why);
                    expect_whole(&found, ranks, is.n);
                    assert_true(allreduce_orders_agree(&is, &found, is.n));
                    struct allreduce_mpi sum = {engines[e], (enum ranks_algorithm)a, ranks, is.n};
                    assert_true(allreduce_orders_named(&found, engines[e], ranks) >>
                                    allreduce_mpi_chosen(&sum) &
                                1);
                    free(p.data);
                    allreduce_orders_close(&is);
                    allreduce_orders_close(&found);
                }
}

/* Two orders that differ in one element are told apart, and so are a ring's at any size. */
static void test_other_orders(void **state) {
    (void)state;
    struct allreduce_orders ring = orders_of(RANKS_OPENMPI, RANKS_RING, 4, 40),
                            longer = orders_of(RANKS_OPENMPI, RANKS_RING, 4, 44),
                            other = orders_of(RANKS_SMPI, RANKS_RING, 4, 40);
    assert_true(allreduce_orders_agree(&ring, &longer, 10));
    assert_false(allreduce_orders_agree(&ring, &longer, 11));
    assert_false(allreduce_orders_agree(&ring, &longer, 41));
    assert_false(allreduce_orders_agree(&ring, &other, 1));
    assert_int_equal(allreduce_orders_named(&ring, RANKS_OPENMPI, 4),
                     1u << RANKS_RING | 1u << RANKS_SEGMENTED_RING);
    assert_int_equal(allreduce_orders_named(&ring, RANKS_SMPI, 4), 0);
    allreduce_orders_close(&ring);
    allreduce_orders_close(&longer);
    allreduce_orders_close(&other);
}

/* Sums that no tree gives: all four ranks at once, counts that contradict each other, no counts. */
static void test_no_tree(void **state) {
    (void)state;
    /* Of pairs 01, 02, 03, 12, 13, 23. */
    static float sums[][6] = {
        {0, 0, 0, 0, 0, 0}, {2, 0, 2, 0, 0, 2},    {2, 2, 2, 2, 2, 2}, {2, 0, 0, 0, 0, -1},
        {2, 0, 0, 0, 0, 3}, {2, 0, 0, 0, 0, 0.5f}, {2, 0, 0, 1, 0, 2},
    };
    char why[PLAN_WHY];
    for (size_t k = 0; k < COUNT(sums); k++) {
        float *pairs[6];
        struct allreduce_orders found;
        for (size_t pair = 0; pair < 6; pair++)
            pairs[pair] = &sums[k][pair];
        why[0] = '\0';
        assert_int_equal(allreduce_orders_found(4, 1, pairs, &found, why), -1);
        assert_non_null(strstr(why, "element 0"));
        assert_null(found.range);
    }
}

/* --- parts -------------------------------------------------------------------------------------
 */

/* Doubling adds up sixteen parts in one order, whoever has them; a ring and a line do not. */
static void test_split(void **state) {
    (void)state;
    struct allreduce_orders all = orders_of(RANKS_OPENMPI, RANKS_DOUBLING, 16, 40);
    for (unsigned ranks = 1; ranks <= 16; ranks *= 2) {
        struct allreduce_orders some = orders_of(RANKS_OPENMPI, RANKS_DOUBLING, ranks, 40),
                                ring = orders_of(RANKS_OPENMPI, RANKS_RING, ranks, 40),
                                line = orders_of(RANKS_SMPI, RANKS_NONOVERLAPPING, ranks, 40);
        allreduce_orders_split(&some, 16);
        expect_whole(&some, 16, 40);
        assert_true(allreduce_orders_agree(&all, &some, 40));
        allreduce_orders_split(&ring, 16);
        allreduce_orders_split(&line, 16);
        assert_true(allreduce_orders_agree(&all, &ring, 40) == (ranks <= 2));
        assert_true(allreduce_orders_agree(&all, &line, 40) == (ranks <= 2));
        allreduce_orders_close(&some);
        allreduce_orders_close(&ring);
        allreduce_orders_close(&line);
    }
    allreduce_orders_close(&all);
}

/* What a rank hands in of a split sum is what the split orders add up. */
static void test_parts(void **state) {
    (void)state;
    enum { N = 33 };
    float parts[16 * N], handed[8 * N], by_parts[N], by_ranks[N];
    struct ranks_arm arm = {.fill = RANKS_PARTS};
    struct allreduce_orders ring = orders_of(RANKS_OPENMPI, RANKS_RING, 8, N);
    for (unsigned r = 0; r < 16; r++)
        for (size_t i = 0; i < N; i++) {
            parts[r * N + i] = ranks_input(7, r, i);
            if (r < 8)
                handed[r * N + i] = ranks_fill(&arm, 7, 8, r, i);
        }
    allreduce_orders_sum(&ring, handed, N, by_ranks);
    allreduce_orders_split(&ring, 16);
    allreduce_orders_sum(&ring, parts, N, by_parts);
    assert_memory_equal(by_ranks, by_parts, sizeof by_parts);
    allreduce_orders_close(&ring);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trees),        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_refusals),     cmocka_unit_test(test_found),
        cmocka_unit_test(test_other_orders), cmocka_unit_test(test_no_tree),
        cmocka_unit_test(test_split),        cmocka_unit_test(test_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
