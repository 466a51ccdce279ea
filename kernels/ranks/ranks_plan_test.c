/*
 * ranks_plan_test.c: a plan survives being text, and nothing that is no plan becomes one.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/ranks/ranks_inside.h"

static char why[RANKS_WHY];

static char *text_of(const struct ranks_plan *plan) {
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    assert_non_null(to);
    assert_int_equal(ranks_plan_write(plan, to), 0);
    fclose(to);
    return text;
}

static int read_text(const char *text, size_t size, struct ranks_plan *plan) {
    strcpy(why, "");
    FILE *from = fmemopen((char *)text, size, "r");
    if (!from) /* nothing in it */
        from = fopen("/dev/null", "r");
    assert_non_null(from);
    int status = ranks_plan_read(from, plan, why);
    fclose(from);
    return status;
}

/* No field as it is by default. */
static struct ranks_plan unusual(void) {
    struct ranks_plan plan = ranks_plan_default(RANKS_SMPI, 12);
    plan.algorithm = RANKS_RING;
    plan.cluster = (struct ranks_cluster){4, 1.1, 1.0 / 3, 0.1, 449.7, 2};
    plan.channels = 3;
    plan.rounds = 7;
    plan.steps = 11;
    plan.warmup = 5;
    plan.churning = true;
    plan.batcher = SERVING_BUDGET_ONLY;
    plan.restore_steps = 21;
    plan.cost_scale = 0x1.23456789abcdep-3;
    plan.row_bytes = 12;
    plan.step_budget_us = 123456789;
    plan.gemm.rows = 1, plan.gemm.n = 2, plan.gemm.k = 3;
    plan.fault.kind = RANKS_OTHER_COLLECTIVE, plan.fault.rank = 9, plan.fault.step = 8;
    plan.deadline_s = 0.7;
    plan.seed = UINT64_MAX;
    plan.arms = 3;
    plan.arm[1] = (struct ranks_arm){.bytes = RANKS_BYTES_MOST,
                                     .compute_us = 1e-17,
                                     .jitter = STRAGGLER_GAUSSIAN,
                                     .jitter_us = 3.3,
                                     .stall = STRAGGLER_RARE,
                                     .stall_us = 1200.000000000001,
                                     .chance = 0.001,
                                     .culprit = 11,
                                     .period = 5,
                                     .from = 3,
                                     .to = 10,
                                     .one_late = true,
                                     .fill = RANKS_PROBE,
                                     .probe = {1, 7},
                                     .keep_output = true,
                                     .workspace = {1, UINT64_MAX},
                                     .piece = {UINT64_MAX, 2}};
    plan.arm[2] = plan.arm[0];
    plan.arm[2].stall = STRAGGLER_ROTATING;
    plan.arm[2].jitter = STRAGGLER_EXPONENTIAL;
    return plan;
}

static void check_equal(const struct ranks_plan *plan) {
    struct ranks_plan again;
    char *text = text_of(plan);
    if (read_text(text, strlen(text), &again) != 0)
        fail_msg("%s", why);
    char *second = text_of(&again);
    assert_string_equal(text, second);
    /* The text leaves nothing out: every number and every flag is there in the struct, too. */
    assert_int_equal(again.engine, plan->engine);
    assert_memory_equal(&again.cluster, &plan->cluster, sizeof plan->cluster);
    assert_memory_equal(&again.gemm, &plan->gemm, sizeof plan->gemm);
    assert_memory_equal(&again.fault, &plan->fault, sizeof plan->fault);
    assert_true(again.cost_scale == plan->cost_scale && again.deadline_s == plan->deadline_s);
    assert_true(again.seed == plan->seed && again.step_budget_us == plan->step_budget_us);
    for (unsigned k = 0; k < plan->arms; k++) {
        const struct ranks_arm *a = &again.arm[k], *b = &plan->arm[k];
        assert_true(a->bytes == b->bytes && a->compute_us == b->compute_us);
        assert_true(a->jitter == b->jitter && a->jitter_us == b->jitter_us);
        assert_true(a->stall == b->stall && a->stall_us == b->stall_us && a->chance == b->chance);
        assert_true(a->culprit == b->culprit && a->period == b->period);
        assert_true(a->from == b->from && a->to == b->to);
        assert_true(a->one_late == b->one_late && a->keep_output == b->keep_output);
        assert_true(a->fill == b->fill && a->probe[0] == b->probe[0] && a->probe[1] == b->probe[1]);
        assert_memory_equal(a->workspace, b->workspace, sizeof a->workspace);
        assert_memory_equal(a->piece, b->piece, sizeof a->piece);
    }
    free(text);
    free(second);
}

static void test_round_trip(void **state) {
    (void)state;
    for (int engine = 0; engine < RANKS_ENGINE_COUNT; engine++) {
        struct ranks_plan plan = ranks_plan_default((enum ranks_engine)engine, 4);
        assert_int_equal(ranks_plan_check(&plan, why), 0);
        check_equal(&plan);
    }
    struct ranks_plan plan = unusual();
    check_equal(&plan);
    plan = ranks_plan_default(RANKS_OPENMPI, 8);
    plan.group = 4, plan.serves = true;
    plan.arms = RANKS_ARMS_MOST;
    for (unsigned k = 1; k < RANKS_ARMS_MOST; k++)
        plan.arm[k] = plan.arm[0];
    check_equal(&plan);
}

/* Cut anywhere, it is refused, with the line where it ends. */
static void test_cut_text(void **state) {
    (void)state;
    struct ranks_plan plan = unusual(), again;
    char *text = text_of(&plan), line[32];
    unsigned number = 1;
    for (size_t size = 0; size < strlen(text); size++) {
        assert_int_equal(read_text(text, size, &again), -1);
        snprintf(line, sizeof line, "line %u ", number);
        if (!strstr(why, line))
            fail_msg("%zu bytes: \"%s\" does not say %s", size, why, line);
        number += text[size] == '\n';
    }
    free(text);
}

static void refused_text(const char *from, const char *to, const char *words) {
    struct ranks_plan plan = unusual(), again;
    char *text = text_of(&plan), changed[8192];
    char *at = strstr(text, from);
    assert_non_null(at);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    if (read_text(changed, strlen(changed), &again) != -1)
        fail_msg("accepted: %s", to);
    if (!strstr(why, words))
        fail_msg("%s: \"%s\" does not say \"%s\"", to, why, words);
    free(text);
}

static void test_wrong_text(void **state) {
    (void)state;
    refused_text("nanolab-ranks-plan 1", "nanolab-ranks-plan 2", "line 1 ");
    refused_text("engine smpi", "engine mpi", "\"engine\"");
    refused_text("engine smpi", "engine smpi ", "\"engine\"");
    refused_text("ranks 12", "ranks 0", "0 ranks");
    refused_text("ranks 12", "ranks 4294967308", "\"ranks\"");
    refused_text("ranks 12", "ranks -12", "\"ranks\"");
    refused_text("ranks 12", "ranks 12x", "\"ranks\"");
    refused_text("ranks 12", "ranks", "\"ranks\"");
    refused_text("ranks 12", "ranks 0x0c", "\"ranks\"");
    refused_text("ranks 12", "ranks 99999999999999999999999", "\"ranks\"");
    refused_text("slow_node 2", "slow_node -2", "slow node");
    refused_text("slow_node 2", "slow_node --2", "\"cluster.slow_node\"");
    refused_text("slow_node 2", "slow_node 2147483648", "\"cluster.slow_node\"");
    refused_text("rounds 7", "rounds 4194305", "in all");
    refused_text("arms 3", "arms 129", "129 arms");
    refused_text("arms 3", "arms 4294967295", "arms");
    refused_text("arms 3", "arms 2", "goes on");
    refused_text("arms 3", "arms 4", "\"bytes\"");
    refused_text("one_late 1", "one_late 2", "\"one_late\"");
    refused_text("chance 0.001", "chance nan", "\"chance\"");
    refused_text("chance 0.001", "chance inf", "\"chance\"");
    refused_text("chance 0.001", "chance 1e999", "\"chance\"");
    refused_text("chance 0.001", "chance 1.001", "chance");
    char long_line[400] = "chance ";
    memset(long_line + 7, '0', sizeof long_line - 8);
    refused_text("chance 0.001", long_line, "\"chance\"");
}

/* What a plan must not be, and the words that say so. */
#define REFUSED(words, ...)                                                                        \
    do {                                                                                           \
        struct ranks_plan plan = ranks_plan_default(RANKS_SMPI, 8);                                \
        assert_int_equal(ranks_plan_check(&plan, why), 0);                                         \
        __VA_ARGS__;                                                                               \
        strcpy(why, "");                                                                           \
        if (ranks_plan_check(&plan, why) != -1)                                                    \
            fail_msg("accepted: " #__VA_ARGS__);                                                   \
        if (!strstr(why, words))                                                                   \
            fail_msg("\"%s\" does not say \"%s\"", why, words);                                    \
    } while (0)

static void test_limits(void **state) {
    (void)state;
    REFUSED("0 ranks", plan.ranks = 0);
    REFUSED("4097 ranks", plan.ranks = RANKS_MOST + 1);
    REFUSED("0 arms", plan.arms = 0);
    REFUSED("129 arms", plan.arms = RANKS_ARMS_MOST + 1);
    REFUSED("in all", plan.steps = 0);
    REFUSED("in all", plan.rounds = 0);
    REFUSED("in all", plan.steps = UINT32_MAX, plan.rounds = UINT32_MAX);
    REFUSED("in all", plan.steps = (unsigned)RANKS_STEPS_MOST / 8 + 1);
    REFUSED("no all-reduce called tree", plan.algorithm = RANKS_TREE);
    REFUSED("no all-reduce called linear", plan.algorithm = RANKS_LINEAR);
    REFUSED("a single rank", plan.algorithm = RANKS_RABENSEIFNER, plan.ranks = 1);
    REFUSED("groups of 3", plan.group = 3);
    REFUSED("groups of 8", plan.group = 8);
    REFUSED("groups of 1", plan.group = 1);
    REFUSED("deadline", plan.deadline_s = 0);
    REFUSED("deadline", plan.deadline_s = NAN);
    REFUSED("channels", plan.channels = 65);
    REFUSED("spinning", plan.compute = RANKS_SPIN);
    REFUSED("need the engine nccl", plan.compute = RANKS_KERNEL);
    REFUSED("need the engine openmpi", plan.compute = RANKS_GEMM);
    REFUSED("a product is 0", plan.engine = RANKS_OPENMPI, plan.compute = RANKS_GEMM);
    REFUSED("nodes of 3", plan.cluster.per_node = 3);
    REFUSED("nodes of 0", plan.cluster.per_node = 0);
    REFUSED("wires", plan.cluster.gbs = 0);
    REFUSED("wires", plan.cluster.latency_us = -1);
    REFUSED("inside", plan.cluster.per_node = 2, plan.cluster.inner_gbs = NAN);
    REFUSED("slow node", plan.cluster.slow_node = 8);
    REFUSED("no signal", plan.fault.kind = RANKS_KILLED);
    REFUSED("no signal", plan.fault.kind = RANKS_STOPPED);
    REFUSED("rank 8", plan.fault.kind = RANKS_OTHER_COLLECTIVE, plan.fault.rank = 8);
    REFUSED("step 22", plan.fault.kind = RANKS_OTHER_COLLECTIVE, plan.fault.step = 22);
    REFUSED("rank 0 writes", plan.fault.kind = RANKS_FULL_DISK, plan.fault.rank = 1);
    REFUSED("cost_scale", plan.serves = true, plan.cost_scale = 0);
    REFUSED("row_bytes", plan.serves = true, plan.row_bytes = 2);
    REFUSED("row_bytes", plan.serves = true, plan.row_bytes = RANKS_BYTES_MOST / 32 + 4);
    REFUSED("step_budget_us", plan.serves = true, plan.step_budget_us = 0);
    REFUSED("buffer is 0", plan.arm[0].bytes = 0);
    REFUSED("buffer is 6", plan.arm[0].bytes = 6);
    REFUSED("buffer", plan.arm[0].bytes = RANKS_BYTES_MOST + 4);
    REFUSED("us of computing", plan.arm[0].compute_us = -1);
    REFUSED("us of computing", plan.arm[0].stall_us = INFINITY);
    REFUSED("chance", plan.arm[0].chance = -0.1);
    REFUSED("persistent, rotating or rare", plan.arm[0].stall = STRAGGLER_SLOW_LINK);
    REFUSED("culprit 8", plan.arm[0].culprit = 8);
    REFUSED("probes 8", plan.arm[0].probe[0] = 8);
    REFUSED("both ends", plan.arm[0].fill = RANKS_PROBE);
    REFUSED("share 16 parts", plan.ranks = 12, plan.arm[0].fill = RANKS_PARTS);
    REFUSED("arm 1", plan.arms = 2);
    REFUSED("with groups", plan.group = 4, plan.arm[0].one_late = true);
    REFUSED("not spin", plan.engine = RANKS_OPENMPI, plan.compute = RANKS_SPIN,
            plan.arm[0].one_late = true);
    REFUSED("real memory", plan.ranks = 1024, plan.arm[0].bytes = 16 << 20);
}

static void test_names(void **state) {
    (void)state;
    assert_string_equal(ranks_engine_name(RANKS_NCCL), "nccl");
    assert_string_equal(ranks_algorithm_name(RANKS_RABENSEIFNER), "rabenseifner");
    assert_string_equal(ranks_doing_name(RANKS_SUMMING), "in a sum");
    for (int engine = 0; engine < RANKS_ENGINE_COUNT; engine++)
        assert_true(ranks_algorithm_has((enum ranks_engine)engine, RANKS_DEFAULT));
    assert_true(ranks_algorithm_has(RANKS_OPENMPI, RANKS_LINEAR));
    assert_true(ranks_algorithm_has(RANKS_NCCL, RANKS_TREE));
    assert_false(ranks_algorithm_has(RANKS_NCCL, RANKS_DOUBLING));
    assert_false(ranks_algorithm_has(RANKS_SMPI, RANKS_LINEAR));
}

static void test_oversubscribed(void **state) {
    (void)state;
    struct ranks_plan plan = ranks_plan_default(RANKS_OPENMPI, RANKS_MOST);
    assert_true(ranks_oversubscribed(&plan)); /* so many cores nobody has */
    plan.ranks = 1;
    assert_false(ranks_oversubscribed(&plan));
    plan = ranks_plan_default(RANKS_SMPI, RANKS_MOST);
    assert_false(ranks_oversubscribed(&plan));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_cut_text),
        cmocka_unit_test(test_wrong_text), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_names),      cmocka_unit_test(test_oversubscribed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
