/*
 * mma_fingerprint_plans_test.c: our own plans and libraries: the same order exactly where the bits
 * are the same, and families that say what the plan's record says.
 */
#include "kernels/mma/mma_cpu.h"
#include "kernels/mma/mma_fingerprint_fixture.h"
#include "kernels/mma/mma_onednn.h"
#include "kernels/mma/mma_openblas.h"
#include "kernels/mma/mma_planted.h"
#include "kernels/mma/mma_slices.h"

#define MOST 24

static const char *const ids[] = {
    "scalar.split1",
    "scalar.split2",
    "scalar.split4",
    "scalar.split4.merge-pairs",
    "avx2.split1",
    "avx2.split2",
    "avx2.split4.merge-serial",
    "avx2.split4.merge-pairs",
    "avx512-bf16.split1",
    "avx512-bf16.split1.k256.packing.t2",
    "avx512-bf16.split2",
    "avx512-bf16.split4.merge-serial",
    "avx512-bf16.split4.merge-pairs",
    "amx-model.split1",
    "amx-model.split2",
    "amx.split1",
    "amx.split4",
};

/* What the plan's record promises, and what the tree says. */
static void compare_with_plan(const struct mma_cpu_plan *plan, const struct mma_fingerprint *print,
                              size_t k) {
    struct mma_family family;
    struct mma_slice slices[MMA_CPU_SLICES_MOST];
    size_t count = mma_cpu_slices(plan, k, slices);
    const struct mma_rule *rule = mma_cpu_rule((enum mma_cpu_isa)plan->isa, ELEMENT_BF16);
    const struct mma_revealed *r = mma_fingerprint_revealed(print, 0, 0);
    if (r->found.status != RECOVER_FOUND)
        fail_msg("%s", print->text);
    assert_int_equal(print->classes.count, 1); /* its tiles do not show in the bits */
    assert_int_equal(mma_family_of(r->found.tree, &family), 0);
    if (!family.regular)
        fail_msg("%s", family.text);
    if (rule->chains == 2 && count == 1) { /* slices of the instruction's own length */
        assert_int_equal(family.slice, rule->k);
        assert_int_equal(family.lanes, 2);
    } else {
        assert_int_equal(family.slices, count);
        assert_int_equal(family.slice, slices[0].end - slices[0].begin);
        size_t last = slices[count - 1].end - slices[count - 1].begin;
        assert_int_equal(family.rest, last == family.slice ? 0 : last);
        assert_int_equal(family.rest_first, false);
        assert_int_equal(family.lanes, 1);
        assert_int_equal(family.terms, rule->swap ? MMA_FAMILY_ODD_FIRST : MMA_FAMILY_ASCENDING);
    }
    if (count == 4)
        assert_int_equal(family.merge, plan->merge == MMA_CPU_MERGE_PAIRS ? MMA_FAMILY_PAIRWISE
                                                                          : MMA_FAMILY_IN_ORDER);
}

static void our_plans(void **state) {
    (void)state;
    enum { K = 256 };
    struct fingerprint_seen seen[MOST];
    struct mma_problem problem = {.shape = {5, 19, K}, .in = ELEMENT_BF16, .out = ELEMENT_F32};
    struct mma_operands o = planted_operands(&problem, 5);
    size_t count = 0, same = 0;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        struct mma_cpu_plan plan;
        struct job job;
        assert_int_equal(mma_cpu_plan_parse(ids[i], &plan, NULL), 0);
        if (!mma_cpu_isa_usable((enum mma_cpu_isa)plan.isa)) {
            print_message("skipped: no %s on this CPU\n",
                          mma_cpu_isa_name((enum mma_cpu_isa)plan.isa));
            continue;
        }
        assert_int_equal(mma_cpu_job_open(&job, planted_cpu, &o, &plan), 0);
        struct mma_fingerprint print;
        fingerprint_look(&job, ids[i], &seen[count], &print);
        if (plan.isa < MMA_CPU_AMX || plan.split == 1)
            compare_with_plan(&plan, &print, K);
        mma_fingerprint_close(&print);
        job_close(&job);
        for (size_t k = 0; k < count; k++)
            fingerprint_compare(&seen[k], &seen[count], &same);
        count++;
    }
    assert_true(count >= 4 && (count < 8 || same >= 4)); /* scalar and avx2 are the same */
    mma_operands_close(&o);
}

/* A library and ours: whoever has the same order has the same bits. */
static void ours_and_onednn(void **state) {
    (void)state;
    struct mma_problem problem = {.shape = {4, 32, 320}, .in = ELEMENT_BF16, .out = ELEMENT_F32};
    struct mma_operands o = planted_operands(&problem, 7);
    struct mma_onednn_options options = {.weights = MMA_ONEDNN_PACKED};
    struct fingerprint_seen library, ours;
    struct mma_fingerprint print;
    struct job job;
    size_t same = 0;
    if (mma_onednn_job_open(&job, planted_cpu, &o, &options) != 0) {
        mma_operands_close(&o);
        print_message("skipped: %s\n", device_error());
        skip();
    }
    fingerprint_look(&job, "oneDNN", &library, &print);
    mma_fingerprint_close(&print);
    job_close(&job);
    for (int isa = MMA_CPU_SCALAR; isa < MMA_CPU_ISAS; isa++) {
        if (!mma_cpu_isa_usable((enum mma_cpu_isa)isa))
            continue;
        struct mma_cpu_plan plan = mma_cpu_plan_default((enum mma_cpu_isa)isa, 1);
        assert_int_equal(mma_cpu_job_open(&job, planted_cpu, &o, &plan), 0);
        fingerprint_look(&job, mma_cpu_isa_name((enum mma_cpu_isa)isa), &ours, &print);
        mma_fingerprint_close(&print);
        fingerprint_compare(&library, &ours, &same);
        print_message("oneDNN and %s: %s\n", ours.name,
                      mma_hash128_equal(library.order, ours.order) ? "one order" : "two orders");
        job_close(&job);
    }
    mma_operands_close(&o);
}

/* OpenBLAS: batches of several sizes, two numbers of threads, and ours. */
static void openblas(void **state) {
    (void)state;
    static const struct {
        size_t m;
        int threads;
    } cases[] = {{1, 1}, {4, 1}, {4, 2}, {37, 1}};
    struct mma_fingerprint print;
    struct job job;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct mma_problem problem = {
            .shape = {cases[k].m, 45, 500}, .in = ELEMENT_F32, .out = ELEMENT_F32};
        struct mma_operands o = planted_operands(&problem, k);
        struct fingerprint_seen library, ours;
        size_t same = 0;
        assert_int_equal(mma_openblas_job_open(&job, planted_cpu, &o, cases[k].threads), 0);
        fingerprint_look(&job, "OpenBLAS", &library, &print);
        for (uint32_t class = 0; class < print.classes.count; class ++)
            if (print.tree[class].found.status != RECOVER_FOUND)
                fail_msg("class %u: %s\n%s", (unsigned)class, print.tree[class].found.why,
                         print.text);
        mma_fingerprint_close(&print);
        job_close(&job);
        struct mma_cpu_plan plan = mma_cpu_plan_default(MMA_CPU_SCALAR, 1);
        assert_int_equal(mma_cpu_job_open(&job, planted_cpu, &o, &plan), 0);
        fingerprint_look(&job, "ours", &ours, &print);
        fingerprint_compare(&library, &ours, &same);
        mma_fingerprint_close(&print);
        job_close(&job);
        mma_operands_close(&o);
    }
}

/* Sums of integers have no order: one fingerprint for all splits, and another with more slices. */
static void integers(void **state) {
    (void)state;
    static const struct { int slices, split; } cases[] = {{3, 1}, {3, 2}, {4, 1}};
    struct mma_problem problem = {.shape = {3, 20, 300}, .in = ELEMENT_F32, .out = ELEMENT_F32};
    struct mma_operands o = planted_operands(&problem, 1);
    struct mma_hash128 order[3];
    for (size_t k = 0; k < 3; k++) {
        struct mma_slices_plan plan = mma_slices_plan_default(1);
        struct mma_fingerprint print;
        struct job job;
        plan.slices = cases[k].slices;
        plan.split = cases[k].split;
        mma_slices_plan_fit(&plan);
        if (mma_slices_job_open(&job, planted_cpu, &o, &plan) != 0)
            fail_msg("%s", device_error());
        assert_int_equal(mma_fingerprint_open(&print, &job, NULL), 0);
        assert_false(print.complete);
        assert_int_equal(print.classes.count, 1);
        print_message("%d slices: %s\n", plan.slices,
                      recover_status_name(print.tree[0].found.status));
        order[k] = print.order;
        mma_fingerprint_close(&print);
        job_close(&job);
    }
    assert_true(mma_hash128_equal(order[0], order[1]));
    assert_false(mma_hash128_equal(order[0], order[2]));
    mma_operands_close(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_plans),
        cmocka_unit_test(ours_and_onednn),
        cmocka_unit_test(openblas),
        cmocka_unit_test(integers),
    };
    return cmocka_run_group_tests_name("mma_fingerprint_plans", tests, planted_open_cpu,
                                       planted_close_cpu);
}
