/*
 * mma_fingerprint_kernels_test.c: the GPU kernels on the SIMT machine, and as PTX on the CPU, seen
 * from outside: the card, the split and the remainder that their outputs show are those of the
 * plan.
 */
#include "kernels/device/device_fixture.h"
#include "kernels/mma/mma_fingerprint.h"
#include "kernels/mma/mma_kernel_fixture.h"

struct shown {
    const char *arch, *plan;
    size_t k;
    const char *family;
};

static void expect_shown(const struct shown *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (device_kind(device) == DEVICE_SIMT)
            assert_int_equal(simt_set_arch(cases[i].arch), 0);
        struct mma_plan plan = parsed(cases[i].plan);
        struct mma_problem problem = problem_of(&plan, 3, 5, cases[i].k, 1, 0);
        struct mma_operands o;
        struct mma_fingerprint print;
        struct mma_family family;
        struct job job;
        assert_int_equal(mma_operands_open(&o, &problem, MMA_FILL_NORMAL, i), 0);
        if (mma_kernel_job_open(&job, device, &o, &plan) != 0)
            fail_msg("%s: %s", cases[i].plan, device_error());
        if (mma_fingerprint_open(&print, &job, NULL) != 0)
            fail_msg("%s: %s", cases[i].plan, device_error());
        if (!print.complete)
            fail_msg("%s: %s", cases[i].plan, print.text);
        assert_int_equal(print.classes.count, 1);
        assert_int_equal(mma_family_of(print.tree[0].found.tree, &family), 0);
        assert_string_equal(family.text, cases[i].family);
        for (size_t e = 0; e < 3 * 5; e++) {
            float ours, model;
            assert_int_equal(mma_reveal_value(&print.tree[0], &o, e / 5, e % 5, &ours), 0);
            assert_int_equal(mma_job_element(&job, e / 5, e % 5, &model), 0);
            assert_true(same(ours, model));
        }
        mma_fingerprint_close(&print);
        job_close(&job);
        mma_operands_close(&o);
    }
    assert_int_equal(simt_set_arch(NULL), 0);
}

static void kernels_show_their_plans(void **state) {
    (void)state;
    static const struct shown cases[] = {
        {"sm_80", "m16n8k16", 70, "one sum; nodes of 8 terms and the sum so far"},
        {"sm_90", "m16n8k16", 70, "one sum; nodes of 16 terms and the sum so far"},
        {"sm_90", "m16n8k16.s2", 100,
         "2 slices of 64, added, the remainder of 36 last; nodes of 16 terms and the sum so far"},
        {"sm_70", "wmma-16x16x16.f16", 40, "one sum; nodes of 4 terms and the sum so far"},
        {"sm_90", "scalar.s2", 100,
         "2 slices of 64, added, the remainder of 36 last; terms in order"},
    };
    expect_shown(cases, COUNT(cases));
}

static void ptx_shows_its_plans(void **state) {
    (void)state;
    static const struct shown cases[] = {
        {NULL, "m16n8k16", 70, "one sum; nodes of 8 terms and the sum so far"},
        {NULL, "wmma-16x16x16.f16.s2", 100,
         "2 slices of 64, added, the remainder of 36 last; nodes of 8 terms and the sum so far"},
    };
    struct device *simt = device;
    device = device_or_skip("ptx");
    expect_shown(cases, COUNT(cases));
    device_close(device);
    device = simt;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_show_their_plans),
        cmocka_unit_test(ptx_shows_its_plans),
    };
    return cmocka_run_group_tests_name("mma_fingerprint_kernels", tests, open_device, close_device);
}
