/*
 * mma_sass_test.c: machine code of matrix products with one thing changed, which must be noticed: a
 * register of a fragment, a wait for copies or a barrier left out.
 */
#include "kernels/mma/mma_kernel_fixture.h"
#include "kernels/sass/sass_control_fixture.h"

/* Ten stages: with three of them in turn the last one lies where the sums pass through. */
enum { ROWS = 40, COLUMNS = 36, DEPTH = 300 };
static const char *const machines[] = {"sass:sm_80", "sass:sm_90"};

static bool other_product(struct device *sass, const void *text) {
    struct mma_plan plan = parsed(text);
    struct mma_problem problem = problem_of(&plan, ROWS, COLUMNS, DEPTH, 0, 0);
    struct mma_operands o = operands_of(&problem, MMA_FILL_NORMAL, 5);
    struct job job;
    float c[ROWS * COLUMNS], value;
    size_t wrong = 0;
    if (mma_kernel_job_open(&job, sass, &o, &plan) != 0)
        fail_msg("%s: %s", (const char *)text, device_error());
    bool failed = mma_job_poison(&job) != 0 || job_call(&job) != 0 || mma_job_output(&job, c) != 0;
    for (size_t k = 0; k < ROWS * COLUMNS && !failed && !wrong; k++) {
        assert_int_equal(mma_job_element(&job, k / COLUMNS, k % COLUMNS, &value), 0);
        wrong += !same(c[k], value);
    }
    job_close(&job);
    mma_operands_close(&o);
    return failed || wrong;
}

static bool multiplies(const struct sass_instruction *i) {
    return i->op == SASS_OP_HMMA;
}
static void take_another_register(struct sass_instruction *i) {
    i->operands[2].number ^= 1;
}
static bool waits_for_copies(const struct sass_instruction *i) {
    return i->op == SASS_OP_DEPBAR;
}

static void changed_code_is_noticed(void **state) {
    (void)state;
    static const char *const texts[COUNT(machines)] = {"wmma-16x16x16.t64x64.st3",
                                                       "m16n8k16.t64x64.st1.s3.turns"};
    static const struct sass_control controls[] = {
        {"another register of a fragment", multiplies, take_another_register, 0, NULL},
        {"nobody waits for copies", waits_for_copies, sass_control_leave_out, 4, NULL},
    };
    for (size_t m = 0; m < COUNT(machines); m++) {
        struct device *sass = device_or_skip(machines[m]);
        bool missed[SASS_PLACES];
        print_message("%s\n", texts[m]);
        for (size_t c = 0; c < COUNT(controls); c++)
            sass_control(sass, &controls[c], other_product, texts[m], missed);
        assert_false(other_product(sass, texts[m]));
        device_close(sass);
    }
}

/* A barrier may be met on one way through a kernel alone: where there is one stage, where there are
 * several, where blocks take turns. */
static bool other_by_either(struct device *sass, const void *texts) {
    const char *const *text = texts;
    bool other = false;
    for (; *text && !other; text++)
        other = other_product(sass, *text);
    return other;
}

static void each_barrier_that_is_left_out_is_noticed(void **state) {
    (void)state;
    static const char *const texts[COUNT(machines)][3] = {
        {"wmma-16x16x16.t64x64.st3", "wmma-16x16x16.t64x64.st1.s3.turns"},
        {"m16n8k16.t64x64.st3", "m16n8k16.t64x64.st1.s3.turns"}};
    static const struct sass_control control = {"a barrier left out", sass_control_barrier,
                                                sass_control_leave_out, 24, NULL};
    for (size_t m = 0; m < COUNT(machines); m++) {
        struct device *sass = device_or_skip(machines[m]);
        bool missed[SASS_PLACES];
        print_message("%s, %s\n", texts[m][0], texts[m][1]);
        unsigned count = sass_control(sass, &control, other_by_either, texts[m], missed);
        for (unsigned k = 0, left = count; left > 0; left -= missed[k++])
            if (missed[k])
                print_message("barrier %u: not noticed\n", k);
        assert_int_equal(count, 0);
        assert_false(other_by_either(sass, texts[m]));
        device_close(sass);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changed_code_is_noticed),
        cmocka_unit_test(each_barrier_that_is_left_out_is_noticed),
    };
    return cmocka_run_group_tests_name("mma_sass", tests, NULL, NULL);
}
