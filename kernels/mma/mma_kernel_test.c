/*
 * mma_kernel_test.c: the kernels of mma.h give the predicted bits, all of them: on the SIMT
 * machine, and on a GPU where there is one; for any shape, gap, offset and number.
 */
#include "kernels/mma/mma_kernel_fixture.h"

struct layout {
    size_t m, n, k, gap, off;
};

static size_t compare_plans(const struct layout *layouts, size_t layout_count, bool checked) {
    size_t count, compared = 0;
    struct mma_plan *plans = simt_plans(&count);
    for (size_t p = 0; p < count; p++)
        for (size_t k = 0; k < layout_count; k++) {
            const struct layout *l = &layouts[k];
            struct mma_problem problem = problem_of(&plans[p], l->m, l->n, l->k, l->gap, l->off);
            struct mma_operands o =
                operands_of(&problem, (enum mma_fill)((p + k) % MMA_FILLS), 10 * p + k);
            struct mma_plan plan = fitted(plans[p], &problem);
            run_plan(&o, &plan, checked, plan.merge == MMA_BY_KERNEL ? 1 : 2,
                     (p + k) % MMA_FILLS < MMA_FILL_CANCELLING);
            mma_operands_close(&o);
            compared += l->m * l->n;
        }
    free(plans);
    print_message("%zu plans, %zu outputs: all of them the predicted bits\n", count, compared);
    return count;
}

static void kernels_give_the_predicted_bits(void **state) {
    (void)state;
    static const struct layout layouts[] = {
        {1, 1, 1, 0, 0}, {17, 33, 47, 0, 0}, {16, 16, 48, 0, 0}, {5, 9, 200, 8, 1}};
    assert_true(compare_plans(layouts, COUNT(layouts), false) > 40);
}

static void checked_kernels_have_nothing_to_report(void **state) {
    (void)state;
    static const struct layout layouts[] = {{18, 9, 150, 1, 1}};
    assert_true(compare_plans(layouts, COUNT(layouts), true) > 40);
}

/* More tiles than one in both directions, in groups and in rows, and trailing ones. */
static void many_tiles(void **state) {
    (void)state;
    static const char *const ids[] = {"m16n8k16.t64x64.grouped",
                                      "m16n8k16.t64x64.by-rows.batch-n.s3.turns",
                                      "m16n8k8.t16x128.grouped.f16.s2.in-place.to-f16",
                                      "wmma-16x16x16.t64x64.grouped",
                                      "scalar.f16.grouped",
                                      "m16n8k16.t128x8.batch-n.grouped"};
    for (size_t k = 0; k < COUNT(ids); k++) {
        struct mma_plan plan = parsed(ids[k]);
        struct mma_problem problem = problem_of(&plan, 150, 130, 140, 0, 0);
        struct mma_operands o = operands_of(&problem, MMA_FILL_NORMAL, k);
        run_plan(&o, &plan, false, 1, true);
        mma_operands_close(&o);
    }
}

static void nothing_is_a_shape_too(void **state) {
    (void)state;
    static const size_t shapes[][3] = {{0, 5, 7}, {5, 0, 7}, {5, 7, 0}, {0, 0, 0}};
    static const char *const ids[] = {"m16n8k16", "m16n8k16.s4.turns", "wmma-32x8x16.s2",
                                      "scalar.f16.s8.in-place.to-f16", "m16n8k32.batch-n"};
    for (size_t i = 0; i < COUNT(ids); i++)
        for (size_t k = 0; k < COUNT(shapes); k++) {
            struct mma_plan plan = parsed(ids[i]);
            struct mma_problem problem =
                problem_of(&plan, shapes[k][0], shapes[k][1], shapes[k][2], 0, 0);
            struct mma_operands o = operands_of(&problem, MMA_FILL_NORMAL, 1);
            run_plan(&o, &plan, false, 1, true);
            mma_operands_close(&o);
        }
}

/* NaN, infinities, the largest numbers and subnormals among the operands. */
static void numbers_of_all_kinds(void **state) {
    (void)state;
    static const double odd[] = {NAN, INFINITY, -INFINITY, 6e4, -6e4, 3e38, -3e38, 1e-7, -1e-40, 0};
    static const char *const ids[] = {"scalar.f16",
                                      "scalar.e5m2",
                                      "wmma-16x16x16.f16.acc16",
                                      "wmma-8x32x16",
                                      "m16n8k16",
                                      "m16n8k16.f16.acc16.to-f16",
                                      "m16n8k8.tf32.s2",
                                      "m16n8k32.e4m3",
                                      "m16n8k32.e5m2.acc16",
                                      "m16n8k16.to-f16.s3.in-place",
                                      "m16n8k8.f16.to-bf16"};
    size_t finite = 0, infinite = 0, nan = 0;
    for (size_t i = 0; i < COUNT(ids); i++)
        for (size_t each = 0; each < COUNT(odd); each++) {
            struct mma_plan plan = parsed(ids[i]);
            struct mma_problem problem = problem_of(&plan, 9, 10, 130, 1, 0);
            struct mma_operands o = operands_of(&problem, MMA_FILL_NORMAL, i);
            for (size_t row = 0; row < 9; row += 2) {
                size_t at = row * mma_lda(&problem) + (row * 31 + each * 7) % 130;
                element_set(problem.in, o.a, at, odd[each]);
                element_set(problem.in, o.b, at, odd[(each + row) % COUNT(odd)]);
            }
            struct mma_plan fit = fitted(plan, &problem);
            struct job job;
            float c[9 * 10];
            assert_int_equal(mma_kernel_job_open(&job, device, &o, &fit), 0);
            assert_int_equal(differing(&job, &o, ids[i]), 0);
            assert_int_equal(mma_job_output(&job, c), 0);
            for (size_t k = 0; k < COUNT(c); k++) {
                nan += isnan(c[k]);
                infinite += isinf(c[k]) != 0;
                finite += isfinite(c[k]) != 0;
            }
            job_close(&job);
            mma_operands_close(&o);
        }
    print_message("outputs: %zu finite, %zu infinite, %zu NaN\n", finite, infinite, nan);
    assert_true(finite > 1000 && infinite > 100 && nan > 100);
}

/* Every load that pointers allow, and the record says which it was. */
static void loads_follow_the_pointers(void **state) {
    (void)state;
    static const size_t offsets[] = {0, 1, 2, 4, 8};
    static const char *const ids[] = {"m16n8k16", "wmma-16x16x16.f16", "scalar.e4m3",
                                      "m16n8k8.tf32"};
    size_t widths[17] = {0};
    for (size_t i = 0; i < COUNT(ids); i++) {
        uint64_t hash[COUNT(offsets)];
        for (size_t k = 0; k < COUNT(offsets); k++) {
            struct mma_plan plan = parsed(ids[i]);
            struct mma_problem problem = problem_of(&plan, 20, 19, 100, 0, 0);
            problem.lda = problem.ldb = 112 + offsets[k];
            problem.a_offset = offsets[k] * element_bytes(problem.in);
            struct mma_operands o = operands_of(&problem, MMA_FILL_NORMAL, 3);
            hash[k] = run_plan(&o, &plan, k % 2, 1, true);
            assert_int_equal(hash[k], hash[0]);
            widths[mma_widest_load(&problem)]++;
            for (int load = 16; load > mma_widest_load(&problem) && load > 1; load /= 2) {
                char why[PLAN_WHY];
                plan.load = load;
                assert_int_equal(mma_plan_check(&plan, &problem, why), -1);
            }
            mma_operands_close(&o);
        }
    }
    assert_true(widths[1] && widths[4] && widths[8] && widths[16]);
}

/* The same kernels on other cards: other bits, each that card's. */
static void cards_differ_and_are_predicted(void **state) {
    (void)state;
    static const char *const archs[] = {"sm_70", "sm_75", "sm_80", "sm_89", "sm_90", "sm_100"};
    static const char *const ids[] = {"wmma-16x16x16.f16", "m16n8k8.f16", "m16n8k16.f16",
                                      "m16n8k32.e4m3"};
    for (size_t i = 0; i < COUNT(ids); i++) {
        uint64_t hash[COUNT(archs)];
        size_t ran = 0, refused = 0, distinct = 0;
        for (size_t k = 0; k < COUNT(archs); k++) {
            struct mma_plan plan = parsed(ids[i]);
            struct mma_problem problem = problem_of(&plan, 17, 18, 300, 0, 0);
            assert_int_equal(simt_set_arch(archs[k]), 0);
            if (mma_plan_runs(&plan, device) != 0) {
                assert_non_null(strstr(device_error(), "compute capability"));
                refused++;
                continue;
            }
            struct mma_operands o = operands_of(&problem, MMA_FILL_LOG_UNIFORM, 8);
            hash[ran] = run_plan(&o, &plan, false, 1, true);
            mma_operands_close(&o);
            bool old = false;
            for (size_t before = 0; before < ran; before++)
                old |= hash[before] == hash[ran];
            distinct += !old;
            ran++;
        }
        print_message("%-20s %zu cards, %zu results, refused by %zu\n", ids[i], ran, distinct,
                      refused);
        assert_true(distinct >= 2 && (refused > 0 || i == 0));
    }
    assert_int_equal(simt_set_arch(NULL), 0);
}

static void what_does_not_run_is_refused_by_name(void **state) {
    (void)state;
    struct mma_plan plan = parsed("wgmma.bf16");
    struct mma_problem problem = problem_of(&plan, 16, 16, 64, 0, 0);
    struct mma_operands o = operands_of(&problem, MMA_FILL_ONES, 1);
    struct device *cpu;
    struct job job;
    assert_int_equal(mma_kernel_job_open(&job, device, &o, &plan), -1);
    assert_non_null(strstr(device_error(), "Hopper"));
    plan = parsed("m16n8k16.f16");
    assert_int_equal(mma_kernel_job_open(&job, device, &o, &plan), -1);
    assert_non_null(strstr(device_error(), "the problem is of bf16"));
    plan = parsed("m16n8k16.bf16");
    assert_int_equal(device_open(&cpu, DEVICE_CPU, 0), 0);
    assert_int_equal(mma_kernel_job_open(&job, cpu, &o, &plan), -1);
    assert_non_null(strstr(device_error(), "mma_cpu.h"));
    device_close(cpu);
    mma_operands_close(&o);

    /* And so is a launch by hand whose pointers do not allow its loads, or that lacks a workspace.
     */
    static _Alignas(16) const char memory[16];
    struct mma_call call = {.plan = parsed("m16n8k16.load16.s2"), .problem = problem};
    call.problem.shape.k = 128, call.problem.lda = call.problem.ldb = 0;
    call.a = memory + 8;
    assert_int_equal(mma_kernel_launch(&call, DEVICE_SIMT, false), -1);
    assert_non_null(strstr(device_error(), "at most 8 bytes"));
    call.a = NULL;
    assert_int_equal(mma_kernel_launch(&call, DEVICE_SIMT, false), -1);
    assert_non_null(strstr(device_error(), "no workspace"));
}

/* Blocks that take turns neither wait for ever nor add in another order, whoever comes first. */
static void schedules_change_nothing(void **state) {
    (void)state;
    static const char *const ids[] = {"m16n8k16.t64x64.s4.turns", "wmma-8x32x16.t64x64.s3.in-place",
                                      "scalar.f16.s8.turns.to-f16", "m16n8k16.t64x64.s3.kernel"};
    struct simt_config configs[] = {
        {.resident = 1, .block_order = SIMT_BLOCKS_REVERSE},
        {.resident = 4, .block_order = SIMT_BLOCKS_REVERSE, .interleave = SIMT_REVERSE},
        {.resident = 3, .interleave = SIMT_ROUND_ROBIN},
        {.resident = 8, .interleave = SIMT_LAST_FIRST},
        {.resident = 5, .block_order = SIMT_BLOCKS_RANDOM, .interleave = SIMT_RANDOM, .seed = 7},
    };
    for (size_t c = 0; c < COUNT(configs); c++) {
        assert_int_equal(simt_configure(&configs[c]), 0);
        for (size_t k = 0; k < COUNT(ids); k++) {
            struct mma_plan plan = parsed(ids[k]);
            struct mma_problem problem = problem_of(&plan, 70, 10, 500, 0, 0);
            struct mma_operands o = operands_of(&problem, MMA_FILL_CANCELLING, k);
            run_plan(&o, &plan, c % 2, 2, false);
            mma_operands_close(&o);
        }
    }
    simt_configure(NULL);
}

static void a_gpu_gives_the_predicted_bits(void **state) {
    (void)state;
    /* The last one has whole tiles of every size, and trailing ones. */
    static const struct layout layouts[] = {{1, 1, 1, 0, 0},
                                            {17, 33, 47, 0, 0},
                                            {16, 16, 48, 0, 0},
                                            {5, 9, 200, 8, 1},
                                            {130, 264, 200, 0, 0}};
    struct device *simt = device, *gpu;
    struct mma_plan *plans;
    size_t count, ran = 0, compared = 0;
    const struct mma_plan any = mma_plan_default();
    if (device_open(&gpu, DEVICE_CUDA, 0) != 0) {
        print_message("not testable here: %s\n", device_error());
        skip();
    }
    device = gpu;
    assert_int_equal(mma_plans_pairs(0, &any, &plans, &count), 0);
    for (size_t p = 0; p < count; p++) {
        if (mma_plan_runs(&plans[p], gpu) != 0)
            continue;
        ran++;
        for (size_t k = 0; k < COUNT(layouts); k++) {
            const struct layout *l = &layouts[k];
            struct mma_problem problem = problem_of(&plans[p], l->m, l->n, l->k, l->gap, l->off);
            struct mma_plan plan = fitted(plans[p], &problem);
            if (mma_plan_check(&plan, &problem, NULL) != 0) /* wgmma of misaligned operands */
                continue;
            struct mma_operands o =
                operands_of(&problem, (enum mma_fill)((p + k) % MMA_FILLS), 10 * p + k);
            run_plan(&o, &plan, false, 1, (p + k) % MMA_FILLS < MMA_FILL_CANCELLING);
            mma_operands_close(&o);
            compared += l->m * l->n;
        }
    }
    free(plans);
    device_close(gpu);
    device = simt;
    print_message("%zu of %zu plans run on this GPU, %zu outputs: all of them the predicted bits\n",
                  ran, count, compared);
    assert_true(ran > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_give_the_predicted_bits),
        cmocka_unit_test(many_tiles),
        cmocka_unit_test(nothing_is_a_shape_too),
        cmocka_unit_test(numbers_of_all_kinds),
        cmocka_unit_test(loads_follow_the_pointers),
        cmocka_unit_test(cards_differ_and_are_predicted),
        cmocka_unit_test(what_does_not_run_is_refused_by_name),
        cmocka_unit_test(schedules_change_nothing),
        cmocka_unit_test(checked_kernels_have_nothing_to_report),
        cmocka_unit_test(a_gpu_gives_the_predicted_bits),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
