/*
 * ranks_orders_test.c: the orders in which engines really add, found from their outputs, against
 * those that kernels/allreduce/allreduce_mpi.h says: each algorithm, on both sides of each size at
 * which something changes; what an engine takes by itself, in versions of which that is known. An
 * engine that is not here is skipped by name.
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

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void skip_without(enum ranks_engine engine) {
    char why[RANKS_WHY];
    if (ranks_engine_check(engine, why) == 0)
        return;
    print_message("%s\n", why);
    skip();
}

/* All of an engine's algorithms, or its default alone. */
static void probe(enum ranks_engine engine, unsigned ranks, bool all, const size_t *n,
                  size_t sizes) {
    char why[RANKS_WHY];
    for (int a = RANKS_DEFAULT; a < (all ? RANKS_ALGORITHM_COUNT : 1); a++) {
        struct ranks_plan plan = ranks_plan_default(engine, ranks);
        struct allreduce_orders found[16];
        plan.algorithm = (enum ranks_algorithm)a;
        if (!ranks_algorithm_has(engine, plan.algorithm) ||
            (!allreduce_mpi_knows(engine) && (a == RANKS_DEFAULT || a == RANKS_NONOVERLAPPING)))
            continue;
        if (allreduce_orders_probe(&plan, NULL, n, sizes, found, NULL, why) != 0)
            fail_msg("%s: %s", ranks_algorithm_name(plan.algorithm), why);
        for (size_t k = 0; k < sizes; k++) {
            struct allreduce_mpi sum = {engine, plan.algorithm, ranks, n[k]};
            struct allreduce_orders known;
            if (allreduce_mpi_orders(&sum, &known, why) != 0)
                fail_msg("%s", why);
            if (!allreduce_orders_agree(&known, &found[k], n[k]))
                fail_msg("%s adds up %zu elements of %u ranks by %s in other orders, of 0x%x",
                         ranks_engine_name(engine), n[k], ranks,
                         ranks_algorithm_name(plan.algorithm),
                         allreduce_orders_named(&found[k], engine, ranks));
            allreduce_orders_close(&known);
            allreduce_orders_close(&found[k]);
        }
    }
}

static void test_smpi(void **state) {
    (void)state;
    static const size_t n[] = {1, 7, 40, 1023, 1030};
    skip_without(RANKS_SMPI);
    for (unsigned ranks = 2; ranks <= 5; ranks++)
        probe(RANKS_SMPI, ranks, true, n, COUNT(n));
    probe(RANKS_SMPI, 8, true, n, COUNT(n));
    probe(RANKS_SMPI, 13, true, n + 2, 1);
    probe(RANKS_SMPI, 16, true, n + 4, 1);
    /* Segments begin to matter. */
    static const size_t segments[] = {((size_t)2 << 18) - 1, (size_t)2 << 18};
    probe(RANKS_SMPI, 2, true, segments, COUNT(segments));
}

static void test_openmpi(void **state) {
    (void)state;
    static const size_t three[] = {1, 2, 1023, 1024, 2047, 2048, 4096, 16384, 65536},
                        five[] = {1, 3, 7, 1023, 1024, 2048, 16384}, nine[] = {1, 1023, 2047};
    skip_without(RANKS_OPENMPI);
    probe(RANKS_OPENMPI, 3, true, three, COUNT(three));
    probe(RANKS_OPENMPI, 5, true, five, COUNT(five));
    probe(RANKS_OPENMPI, 9, false, nine, COUNT(nine)); /* more ranks than cores: few sums */
}

/* A probe of what cannot be probed says why. */
static void test_refusals(void **state) {
    (void)state;
    const size_t n[] = {8, 0};
    struct allreduce_orders found[2];
    struct ranks_plan plan = ranks_plan_default(RANKS_SMPI, 17);
    char why[RANKS_WHY];
    assert_int_equal(allreduce_orders_probe(&plan, NULL, n, 1, found, NULL, why), -1);
    assert_non_null(strstr(why, "17 ranks"));
    plan = ranks_plan_default(RANKS_SMPI, 4);
    assert_int_equal(allreduce_orders_probe(&plan, NULL, n, 2, found, NULL, why), -1);
    assert_non_null(strstr(why, "0 bytes"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_smpi),
        cmocka_unit_test(test_openmpi),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
