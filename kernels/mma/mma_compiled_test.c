/*
 * mma_compiled_test.c: what nvcc made of the kernels of mma.h, run on the CPU, gives the predicted
 * bits, all of them: products of all plans, single instructions on operands of every kind, whatever
 * the schedule. And a rule that is not the card's is noticed.
 */
#include "kernels/device/device_fixture.h"
#include "kernels/mma/mma_kernel_fixture.h"
#include "kernels/mma/mma_probe.h"
#include "kernels/mma/mma_rule.h"

struct layout {
    size_t m, n, k, gap, off;
};

/* One plan on one layout, as predicted; outputs that were compared. */
static size_t expect_predicted(const struct mma_plan *any, const struct layout *l, size_t seed) {
    struct mma_problem problem = problem_of(any, l->m, l->n, l->k, l->gap, l->off);
    struct mma_plan plan = fitted(*any, &problem);
    enum mma_fill fill = (enum mma_fill)(seed % MMA_FILLS);
    struct mma_operands o = operands_of(&problem, fill, seed);
    run_plan(&o, &plan, false, plan.merge == MMA_BY_KERNEL ? 1 : 2, fill < MMA_FILL_CANCELLING);
    mma_operands_close(&o);
    return l->m * l->n;
}

static void products(const char *name) {
    static const struct layout layouts[] = {
        {1, 1, 1, 0, 0}, {17, 33, 47, 0, 0}, {16, 16, 48, 0, 0}, {5, 9, 200, 8, 1}};
    size_t count, ran = 0, compared = 0;
    device = device_or_skip(name);
    struct mma_plan *plans = simt_plans(&count);
    for (size_t p = 0; p < count; p++) {
        if (mma_plan_runs(&plans[p], device) != 0) {
            assert_non_null(strstr(device_error(), "compute capability"));
            continue;
        }
        ran++;
        for (size_t k = 0; k < COUNT(layouts); k++)
            compared += expect_predicted(&plans[p], &layouts[k], 10 * p + k);
    }
    free(plans);
    print_message("%s: %zu of %zu plans run, %zu outputs: all of them the predicted bits\n", name,
                  ran, count, compared);
    assert_true(ran > 30);
    device_close(device);
}

/* Every instruction that is there, on seven kinds of operands. */
static void instructions(const char *name) {
    size_t count, asked = 0, sums = 0;
    device = device_or_skip(name);
    const struct mma_probe_instruction *all = mma_probe_instructions(&count);
    int arch = mma_probe_arch(device);
    for (size_t i = 0; i < count; i++) {
        if (arch < all[i].least)
            continue;
        asked++;
        for (int data = 0; data < MMA_PROBE_DATA; data++) {
            struct mma_probe_answer answer;
            if (mma_probe_ask(device, false, &all[i], (enum mma_probe_data)data, 20, 5, NULL,
                              &answer) != 0)
                fail_msg("%s, %s: %s", name, all[i].name, device_error());
            if (answer.differ)
                fail_msg("%s, %s, %s: %a, expected %a", name, all[i].name,
                         mma_probe_data_name((enum mma_probe_data)data), (double)answer.got,
                         (double)answer.expected);
            assert_non_null(answer.rule);
            assert_int_equal(answer.last, answer.last_expected);
            sums += answer.sums;
        }
    }
    print_message("%s (sm_%d): %zu instructions, %zu sums: all of them the predicted bits\n", name,
                  arch, asked, sums);
    assert_true(asked >= 11);
    device_close(device);
}

/* Ten schedules: blocks that take turns, copies that come early and late. */
static void schedules(const char *name) {
    static const char *const ids[] = {"m16n8k16.t64x64.s4.turns", "wmma-8x32x16.t64x64.s3.in-place",
                                      "scalar.f16.s8.turns.to-f16", "m16n8k16.t64x64.s3.kernel"};
    const struct layout layout = {70, 10, 500, 0, 0};
    device = device_or_skip(name);
    for (unsigned s = 0; s < 10; s++) {
        device_schedule(s);
        for (size_t k = 0; k < COUNT(ids); k++) {
            struct mma_plan plan = parsed(ids[k]);
            expect_predicted(&plan, &layout, 100 + k);
        }
    }
    ptx_configure(NULL);
    device_close(device);
}

/* --- what must be noticed ------------------------------------------------------------------------
 */

static void to_nearest(struct mma_rule *rule) {
    rule->rounding = MMA_NEAREST_EVEN;
}
static void smaller_blocks(struct mma_rule *rule) {
    rule->block /= 2;
}
static void more_bits(struct mma_rule *rule) {
    rule->fraction++;
}

/* Outputs that are not the predicted ones, of a product by the machine with another rule. */
static size_t differ_by(void (*change)(struct mma_rule *rule), const char *id) {
    struct mma_plan plan = parsed(id);
    struct mma_problem problem = problem_of(&plan, 17, 33, 200, 0, 0);
    struct mma_operands o = operands_of(&problem, MMA_FILL_NORMAL, 4);
    float c[17 * 33], value;
    struct job job;
    size_t differ = 0;
    ptx_configure(&(struct ptx_config){.rule = change});
    if (mma_kernel_job_open(&job, device, &o, &plan) != 0 || job_call(&job) != 0 ||
        mma_job_output(&job, c) != 0)
        fail_msg("%s: %s", id, device_error());
    ptx_configure(NULL);
    for (size_t k = 0; k < COUNT(c); k++) {
        assert_int_equal(mma_job_element(&job, k / 33, k % 33, &value), 0);
        differ += !same(c[k], value);
    }
    job_close(&job);
    mma_operands_close(&o);
    return differ;
}

static void another_rule_is_noticed(const char *name) {
    static const struct {
        const char *what;
        void (*change)(struct mma_rule *rule);
    } changes[] = {{"rounded to nearest", to_nearest},
                   {"blocks of half as many products", smaller_blocks},
                   {"a fraction bit more", more_bits}};
    static const char *const ids[] = {"m16n8k16", "wmma-16x16x16.f16"};
    device = device_or_skip(name);
    for (size_t i = 0; i < COUNT(ids); i++) {
        assert_int_equal(differ_by(NULL, ids[i]), 0);
        for (size_t k = 0; k < COUNT(changes); k++) {
            size_t differ = differ_by(changes[k].change, ids[i]);
            print_message("%s, %s: %zu of %d outputs differ\n", ids[i], changes[k].what, differ,
                          17 * 33);
            assert_true(differ > 0);
        }
    }
    device_close(device);
}

#define ON(machine, name)                                                                          \
    static void machine##_products(void **state) {                                                 \
        (void)state;                                                                               \
        products(name);                                                                            \
    }                                                                                              \
    static void machine##_instructions(void **state) {                                             \
        (void)state;                                                                               \
        instructions(name);                                                                        \
    }                                                                                              \
    static void machine##_schedules(void **state) {                                                \
        (void)state;                                                                               \
        schedules(name);                                                                           \
    }                                                                                              \
    static void machine##_notices_another_rule(void **state) {                                     \
        (void)state;                                                                               \
        another_rule_is_noticed(name);                                                             \
    }
#define TESTS_ON(machine)                                                                          \
    cmocka_unit_test(machine##_instructions), cmocka_unit_test(machine##_products),                \
        cmocka_unit_test(machine##_schedules), cmocka_unit_test(machine##_notices_another_rule)

ON(ptx, "ptx")
ON(sass_80, "sass:sm_80")
ON(sass_90, "sass:sm_90")

int main(void) {
    const struct CMUnitTest tests[] = {
        TESTS_ON(ptx),
        TESTS_ON(sass_80),
        TESTS_ON(sass_90),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
