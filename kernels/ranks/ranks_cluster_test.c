/*
 * ranks_cluster_test.c: times of single sums on simulated clusters of one and of two levels, with
 * and without a slow node, as they follow from the wires.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernels/ranks/ranks.h"

#define BYTES (1 << 20)
#define ENVELOPE 16

/* A message, in us. */
static double message(double latency_us, double gbs, double bytes) {
    return 2 * latency_us + (bytes + ENVELOPE) / (1e3 * gbs);
}

static void check_sum(unsigned ranks, const struct ranks_cluster *cluster,
                      enum ranks_algorithm algorithm, double expected_us) {
    char why[RANKS_WHY];
    struct ranks_log log;
    struct ranks_plan plan = ranks_plan_default(RANKS_SMPI, ranks);
    plan.algorithm = algorithm;
    plan.cluster = *cluster;
    plan.arm[0].bytes = BYTES;
    plan.steps = 2, plan.warmup = 0;
    if (ranks_engine_check(RANKS_SMPI, why) != 0) {
        print_message("not tested: %s\n", why);
        skip();
    }
    if (ranks_run(&plan, NULL, &log, NULL, why) != 0)
        fail_msg("%s", why);
    double longest = 0;
    for (unsigned r = 0; r < ranks; r++)
        longest = fmax(longest, ranks_at(&log, 1, r)->end_us - ranks_at(&log, 1, r)->start_us);
    if (fabs(longest - expected_us) > 1e-6 * expected_us)
        fail_msg("%u ranks, %u to a node, slow node %d: %.9g us, not %.9g", ranks,
                 cluster->per_node, cluster->slow_node, longest, expected_us);
    ranks_log_close(&log);
}

static const struct ranks_cluster nodes = {.per_node = 2,
                                           .latency_us = 1.5,
                                           .gbs = 20,
                                           .inner_latency_us = 0.25,
                                           .inner_gbs = 160,
                                           .slow_node = -1};

/* Recursive doubling: a message to the neighbour, then one to the rank two further. */
static void test_one_level(void **state) {
    (void)state;
    struct ranks_cluster flat = nodes;
    flat.per_node = 1;
    check_sum(2, &flat, RANKS_DOUBLING, message(1.5, 20, BYTES));
    check_sum(4, &flat, RANKS_DOUBLING, 2 * message(1.5, 20, BYTES));
    flat.slow_node = 3;
    check_sum(4, &flat, RANKS_DOUBLING, 2 * message(1.5, 10, BYTES));
    check_sum(2, &(struct ranks_cluster){1, 1.5, 20, 0, 0, 0}, RANKS_DOUBLING,
              message(1.5, 10, BYTES));
}

/* Both ranks of a node send over its one outer wire at once: each has half of it. */
static void test_two_levels(void **state) {
    (void)state;
    struct ranks_cluster slow = nodes;
    slow.slow_node = 1;
    check_sum(2, &nodes, RANKS_DOUBLING, message(0.25, 160, BYTES));
    check_sum(4, &nodes, RANKS_DOUBLING, message(0.25, 160, BYTES) + message(1.5, 10, BYTES));
    check_sum(4, &slow, RANKS_DOUBLING, message(0.25, 80, BYTES) + message(1.5, 5, BYTES));
}

/* Eight parts go around at once: of the eight messages of a turn, those between nodes take longest.
 */
static void test_ring(void **state) {
    (void)state;
    check_sum(8, &nodes, RANKS_RING, 14 * message(1.5, 20, BYTES / 8.0));
}

/* Inner wires that are slower than outer ones are part of the way. */
static void test_long_inner_wires(void **state) {
    (void)state;
    struct ranks_cluster odd = nodes;
    odd.inner_latency_us = 4;
    check_sum(2, &odd, RANKS_DOUBLING, message(4, 160, BYTES));
    check_sum(4, &odd, RANKS_DOUBLING, message(4, 160, BYTES) + message(4, 10, BYTES));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_level),
        cmocka_unit_test(test_two_levels),
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_long_inner_wires),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
