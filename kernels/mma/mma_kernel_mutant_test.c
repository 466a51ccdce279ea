/*
 * mma_kernel_mutant_test.c: fields of a plan that decide over bits do: a model that misreads one of
 * them is found out. And the others do not: kernels that differ in them alone leave the same bits.
 */
#include "kernels/mma/mma_kernel_fixture.h"

#define M 9
#define N 10
#define K 300

static bool decides_bits(enum mma_field_id field) {
    return (1u << field) &
           (MMA_FIELD_BIT(kernel) | MMA_FIELD_BIT(in) | MMA_FIELD_BIT(acc) | MMA_FIELD_BIT(out) |
            MMA_FIELD_BIT(split) | MMA_FIELD_BIT(grain) | MMA_FIELD_BIT(merge));
}

/* The hash of the outputs as a model with this plan has them; it reads the same bytes. */
static uint64_t predicted(const struct mma_plan *plan, const struct mma_operands *operands) {
    struct mma_operands o = *operands;
    float c[M * N];
    o.problem.in = (enum element)plan->in;
    o.problem.out = (enum element)plan->out;
    for (size_t k = 0; k < M * N; k++)
        assert_int_equal(mma_model_element(plan, simt_arch_number(), &o, k / N, k % N, &c[k]), 0);
    return mma_hash(c, M * N);
}

static bool readable(const struct mma_plan *plan, const struct mma_plan *mutant) {
    return mutant->kernel != MMA_WARPGROUP &&
           element_bytes((enum element)mutant->in) <= element_bytes((enum element)plan->in);
}

static void every_wrong_model_is_caught(void **state) {
    (void)state;
    static const enum mma_fill fills[] = {MMA_FILL_CANCELLING, MMA_FILL_LOG_UNIFORM};
    size_t count, caught[MMA_FIELDS] = {0}, neutral[MMA_FIELDS] = {0};
    struct mma_plan *plans = simt_plans(&count);
    for (size_t p = 0; p < count; p++) {
        bool differs[MMA_FIELDS] = {false};
        struct mma_plan wrong;
        for (size_t d = 0; d < COUNT(fills); d++) {
            struct mma_problem problem = problem_of(&plans[p], M, N, K, 0, 0);
            struct mma_operands o = operands_of(&problem, fills[d], p);
            struct mma_plan plan = fitted(plans[p], &problem);
            uint64_t got = run_plan(&o, &plan, false, 1, false);
            assert_true(got == predicted(&plan, &o));
            for (enum mma_field_id f = 0; f < MMA_FIELDS; f++)
                if (mma_plan_mutant(&plan, f, &wrong) && readable(&plan, &wrong))
                    differs[f] |= got != predicted(&wrong, &o);
            mma_operands_close(&o);
        }
        for (enum mma_field_id f = 0; f < MMA_FIELDS; f++) {
            char text[MMA_TEXT], other[MMA_TEXT];
            if (!mma_plan_mutant(&plans[p], f, &wrong) || !readable(&plans[p], &wrong))
                continue;
            assert_string_not_equal(mma_plan_text(&plans[p], text), mma_plan_text(&wrong, other));
            caught[f] += differs[f];
            neutral[f] += !differs[f];
            if (differs[f] && !decides_bits(f))
                fail_msg("%s: the model of %s gives other bits", text, other);
        }
    }
    for (enum mma_field_id f = 0; f < MMA_FIELDS; f++) {
        print_message("%-7s wrong in the model: caught for %zu plans, neutral for %zu\n",
                      mma_fields[f].name, caught[f], neutral[f]);
        assert_true(decides_bits(f) ? caught[f] > 0 : neutral[f] > 0);
    }
    free(plans);
}

/* Not in the model alone: the kernels themselves. */
static void other_fields_change_no_bit(void **state) {
    (void)state;
    static const char *const ids[] = {"m16n8k16.t64x64.s2", "m16n8k8.f16.acc16.t128x128.st1",
                                      "m16n8k32.t128x8.batch-n", "wmma-16x16x16.t16x128.s3",
                                      "scalar.tf32.st1"};
    size_t compared = 0;
    for (size_t k = 0; k < COUNT(ids); k++) {
        struct mma_plan plan = parsed(ids[k]), other;
        struct mma_problem problem = problem_of(&plan, M, N, K + 16, 0, 0);
        struct mma_operands o = operands_of(&problem, MMA_FILL_LOG_UNIFORM, k);
        uint64_t expected = run_plan(&o, &plan, false, 1, true);
        for (enum mma_field_id f = 0; f < MMA_FIELDS; f++)
            for (size_t v = 0; v < mma_fields[f].count && !decides_bits(f); v++) {
                other = plan;
                mma_plan_set(&other, f, mma_fields[f].values[v].value);
                if (mma_plan_check(&other, &problem, NULL) != 0)
                    continue;
                assert_true(run_plan(&o, &other, false, 1, true) == expected);
                compared++;
            }
        mma_operands_close(&o);
    }
    print_message("%zu plans left the bits of the plan they differ from\n", compared);
    assert_true(compared > 40);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_wrong_model_is_caught),
        cmocka_unit_test(other_fields_change_no_bit),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
