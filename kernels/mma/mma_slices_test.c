/*
 * mma_slices_test.c: the integer GEMM's bits depend on the operands and the slices kept, and on
 * nothing else; and they are those of the model.
 */
#include "kernels/mma/mma_slices_fixture.h"

/* --- one result -------------------------------------------------------------------------------
 */

static void test_one_result_over_all_plans_and_batches(void **state) {
    (void)state;
    static const size_t batches[] = {1, 6, 35};
    size_t ran = 0, skipped = 0;
    EACH_KIND(kind) {
        uint64_t row0 = 0;
        for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
            const size_t m = batches[i], n = 93;
            struct mma_problem p = problem_of(m, n, 200);
            struct mma_operands o;
            struct mma_slices_plan fixed = {.slices = kinds[kind].slices, .kept = kinds[kind].kept};
            struct plan_list list;
            uint64_t all = 0;
            open_operands(&o, &p, MMA_FILL_NORMAL, 7);
            assert_int_equal(plan_all(&mma_slices_plans, MMA_SLICES_DECIDE, &fixed, &list), 0);
            for (size_t k = 0; k < list.count; k++) {
                const struct mma_slices_plan *plan = (const struct mma_slices_plan *)list.plans + k;
                char text[PLAN_TEXT];
                assert_int_equal(mma_slices_products(plan), kinds[kind].products);
                if (!mma_slices_usable((enum mma_slices_isa)plan->isa)) {
                    skipped++;
                    continue;
                }
                float *c = output_of(&o, plan);
                uint64_t hash = mma_hash(c, m * n), first = mma_hash(c, n);
                if (k == 0)
                    all = hash;
                if (k == 0 && i == 0)
                    row0 = first;
                if (hash != all || first != row0)
                    fail_msg("%s at M = %zu has other bits",
                             plan_text(&mma_slices_plans, plan, text), m);
                ran++;
                free(c);
            }
            free(list.plans);
            mma_operands_close(&o);
        }
    }
    print_message("%zu runs had one result per kind; %zu are not for this processor\n", ran,
                  skipped);
}

static void test_fields_decide_what_they_should(void **state) {
    (void)state;
    struct mma_problem p = problem_of(9, 40, 300);
    struct mma_operands o;
    open_operands(&o, &p, MMA_FILL_NORMAL, 3);
    EACH_KIND(kind) {
        struct mma_slices_plan plan = plan_of(kinds[kind].slices, kinds[kind].kept);
        float *c = output_of(&o, &plan);
        for (int field = 0; field < MMA_SLICES_FIELDS; field++) {
            struct mma_slices_plan mutant;
            char text[PLAN_TEXT];
            /* Small tiles fit every other value, 16x16 AMX alone. */
            if (plan.isa < MMA_SLICES_AMX && field != MMA_SLICES_FIELD_tile)
                plan.tile = MMA_SLICES_TILE(4, 16);
            if (!plan_mutant(&mma_slices_plans, &plan, (size_t)field, &mutant)) {
                /* AMX's tile, and with more than four classes VNNI's, is the only one. */
                assert_true(field == MMA_SLICES_FIELD_tile || field == MMA_SLICES_FIELD_isa);
                continue;
            }
            if (!mma_slices_usable((enum mma_slices_isa)mutant.isa))
                continue;
            float *d = output_of(&o, &mutant);
            bool differs = mma_hash(c, 360) != mma_hash(d, 360);
            if (differs != (MMA_SLICES_DECIDE >> field & 1))
                fail_msg("%s %s", plan_text(&mma_slices_plans, &mutant, text),
                         differs ? "has other bits" : "has the same bits");
            free(d);
        }
        free(c);
    }
    mma_operands_close(&o);
}

/* --- the model --------------------------------------------------------------------------------
 */

static void test_predicted_bits_are_measured_bits(void **state) {
    (void)state;
    size_t checked = 0;
    struct mma_problem p = problem_of(11, 35, 333);
    for (int fill = 0; fill < MMA_FILLS; fill++) {
        struct mma_operands o;
        open_operands(&o, &p, (enum mma_fill)fill, 20 + (uint64_t)fill);
        EACH_KIND(kind)
        checked += check_all_isas(&o, kinds[kind].slices, kinds[kind].kept,
                                  mma_fill_name((enum mma_fill)fill));
        mma_operands_close(&o);
    }
    print_message("%zu predicted elements were as predicted\n", checked);
}

static void test_shapes_of_any_size(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 17};
    static const size_t lengths[] = {0, 1, 3, 63, 64, 65, 130};
    for (size_t m = 0; m < 4; m++)
        for (size_t n = 0; n < 4; n++)
            for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
                struct mma_problem p = problem_of(sizes[m], sizes[n], lengths[k]);
                /* Rows that are apart, and nothing on a boundary. */
                p.lda = p.shape.k + 3, p.ldb = p.shape.k + 5, p.ldc = p.shape.n + 2;
                p.a_offset = 4, p.b_offset = 12, p.c_offset = 20;
                struct mma_operands o;
                open_operands(&o, &p, MMA_FILL_NORMAL, k);
                size_t kind = (m + n + k) % KINDS;
                check_all_isas(&o, kinds[kind].slices, kinds[kind].kept, "shape");
                struct mma_slices_plan plan = plan_of(kinds[kind].slices, kinds[kind].kept);
                struct job job;
                assert_int_equal(mma_slices_job_open(&job, cpu, &o, &plan), 0);
                if (job_prove(&job) != 0)
                    fail_msg("%zu x %zu x %zu: %s", p.shape.m, p.shape.n, p.shape.k,
                             device_error());
                struct job_bits got, expected;
                assert_int_equal(job_bits(&job, &got), 0);
                assert_int_equal(job_predict(&job, &expected), 0);
                assert_true(got.bits == expected.bits);
                job_close(&job);
                mma_operands_close(&o);
            }
}

/* AMX's loop against plain C on any bytes, so also on sums that wrap around. */
static void test_tiles_multiply_as_plain_code_does(void **state) {
    (void)state;
    enum { GROUPS = 48, BYTES = GROUPS * 16 * 4 * 4 };
    static uint8_t a[BYTES], b[BYTES];
    static int32_t got[5 * 256], expected[5 * 256];
    for (size_t i = 0; i < BYTES; i++) {
        a[i] = (uint8_t)philox_at(1, 0, i).v[0];
        b[i] = (uint8_t)philox_at(1, 1, i).v[0];
    }
    EACH_KIND(kind) {
        size_t slices = (size_t)kinds[kind].slices;
        struct mma_slices_block block = {.a = a,
                                         .b = b,
                                         .a_at = {GROUPS * 4 * slices, GROUPS * 4, 4},
                                         .b_group = 64 * slices,
                                         .groups = GROUPS,
                                         .slices = (int)slices,
                                         .classes = (int)slices + kinds[kind].kept,
                                         .rows = 16,
                                         .columns = 16};
        mma_slices_multiply_portable(&block, expected);
        mma_slices_multiply_soft_tiles(&block, got);
        assert_memory_equal(got, expected, (size_t)block.classes * 256 * sizeof *got);
#ifdef __x86_64__
        if (mma_slices_usable(MMA_SLICES_AMX)) {
            mma_slices_multiply_amx(&block, got);
            assert_memory_equal(got, expected, (size_t)block.classes * 256 * sizeof *got);
        }
#endif
    }
}

static void refused(const struct mma_operands *o, struct mma_slices_plan plan, const char *word) {
    struct job job;
    assert_int_equal(mma_slices_job_open(&job, cpu, o, &plan), -1);
    if (!strstr(device_error(), word))
        fail_msg("'%s' does not say '%s'", device_error(), word);
    job_close(&job);
}

static void test_what_is_refused(void **state) {
    (void)state;
    struct mma_operands o = {.problem = problem_of(0, 0, (size_t)1 << 17)};
    struct mma_slices_plan plan = plan_of(4, 1);
    refused(&o, plan, "do not fit 64 bits");
    o.problem.shape.k = (size_t)1 << 24;
    refused(&o, plan_of(3, 0), "do not fit 64 bits");
    o.problem.shape.k = 8;
    o.problem.in = ELEMENT_BF16;
    refused(&o, plan, "f32");
    o.problem.in = ELEMENT_F32;
    plan.slices = 5;
    refused(&o, plan, "illegal");
    plan = plan_of(4, 0);
    plan.isa = MMA_SLICES_AMX;
    plan.tile = MMA_SLICES_TILE(4, 16);
    refused(&o, plan, "16x16");
    plan.tile = MMA_SLICES_TILE(16, 16);
    if (!mma_slices_usable(MMA_SLICES_AMX))
        refused(&o, plan, "no amx-int8");
    struct device *simt;
    struct job job;
    assert_int_equal(device_open(&simt, DEVICE_SIMT, 0), 0);
    plan = plan_of(4, 0);
    assert_int_equal(mma_slices_job_open(&job, simt, &o, &plan), -1);
    assert_non_null(strstr(device_error(), "simt"));
    device_close(simt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_result_over_all_plans_and_batches),
        cmocka_unit_test(test_fields_decide_what_they_should),
        cmocka_unit_test(test_predicted_bits_are_measured_bits),
        cmocka_unit_test(test_shapes_of_any_size),
        cmocka_unit_test(test_tiles_multiply_as_plain_code_does),
        cmocka_unit_test(test_what_is_refused),
    };
    return cmocka_run_group_tests(tests, open_cpu, close_cpu);
}
