/*
 * mma_slices_gpu_test.c: a GPU's kernels, run by the SIMT machine, as PTX and as machine code on
 * the CPU, and by a GPU where there is one, give a CPU's bits.
 */
#include "kernels/mma/mma_slices_fixture.h"
#include "kernels/mma/mma_slices_gpu.h"

/* The devices there are; simt twice, the second time checked. */
static struct device *devices[6];
static size_t device_count_here;
#define CHECKED 1

static int open_devices(void **state) {
    if (open_cpu(state) != 0)
        return -1;
    for (int i = 0; i < 2; i++)
        if (device_open(&devices[device_count_here++], DEVICE_SIMT, 0) != 0)
            return -1;
    if (device_count(DEVICE_PTX) == 0)
        print_message("no PTX here: %s\n", device_error());
    else if (device_open(&devices[device_count_here++], DEVICE_PTX, 0) != 0)
        return -1;
    int archs = device_count(DEVICE_SASS);
    if (archs == 0)
        print_message("no machine code here: %s\n", device_error());
    for (int k = 0; k < archs && k < 2; k++)
        if (device_open(&devices[device_count_here], DEVICE_SASS, k) == 0)
            device_count_here++;
    if (device_count(DEVICE_CUDA) > 0)
        return device_open(&devices[device_count_here++], DEVICE_CUDA, 0);
    print_message("no GPU here: %s\n", device_error());
    return 0;
}

static int close_devices(void **state) {
    while (device_count_here > 0)
        device_close(devices[--device_count_here]);
    return close_cpu(state);
}

static float *output_on(size_t device, const struct mma_operands *o,
                        const struct mma_slices_gpu_plan *plan) {
    const struct mma_shape *s = &o->problem.shape;
    float *c = calloc(s->m * s->n + 1, sizeof *c);
    struct job job;
    assert_non_null(c);
    if (mma_slices_gpu_job_open(&job, devices[device], o, plan, device == CHECKED) != 0 ||
        job_prove(&job) != 0 || mma_job_output(&job, c) != 0)
        fail_msg("%s", device_error());
    job_close(&job);
    return c;
}

static void same_as_on_a_cpu(size_t device, const struct mma_operands *o,
                             const struct mma_slices_gpu_plan *plan) {
    const struct mma_shape *s = &o->problem.shape;
    struct mma_slices_plan cpu_plan = plan_of(plan->slices, plan->kept);
    float *expected = output_of(o, &cpu_plan), *got = output_on(device, o, plan);
    char text[PLAN_TEXT];
    for (size_t i = 0; i < s->m * s->n; i++)
        if (mma_hash(&got[i], 1) != mma_hash(&expected[i], 1))
            fail_msg("%s, %s: element %zu is %a, on a CPU %a", device_id(devices[device]),
                     plan_text(&mma_slices_gpu_plans, plan, text), i, (double)got[i],
                     (double)expected[i]);
    free(expected);
    free(got);
}

static void test_plans_have_a_cpus_bits(void **state) {
    (void)state;
    struct mma_slices_gpu_plan any = {0};
    struct plan_list list;
    struct mma_operands o;
    struct mma_problem p = problem_of(9, 19, 140);
    open_operands(&o, &p, MMA_FILL_NORMAL, 11);
    assert_int_equal(plan_pairs(&mma_slices_gpu_plans, 0, &any, &list), 0);
    for (size_t device = 0; device < device_count_here; device++)
        for (size_t i = 0; i < list.count; i++) {
            /* The checked build takes its time: every other one. */
            if (device != CHECKED || i % 2 == 0)
                same_as_on_a_cpu(device, &o, (const struct mma_slices_gpu_plan *)list.plans + i);
        }
    print_message("%zu plans, %zu devices\n", list.count, device_count_here);
    free(list.plans);
    mma_operands_close(&o);
}

static void test_fields_decide_what_they_should(void **state) {
    (void)state;
    struct mma_operands o;
    struct mma_problem p = problem_of(5, 18, 150);
    open_operands(&o, &p, MMA_FILL_NORMAL, 12);
    struct mma_slices_gpu_plan plan = mma_slices_gpu_plan_default(), mutant;
    plan.tile = 16;
    for (int slices = 3; slices <= 4; slices++) {
        plan.slices = slices;
        float *c = output_on(0, &o, &plan);
        for (size_t field = 0; field < MMA_SLICES_GPU_FIELDS; field++) {
            assert_true(plan_mutant(&mma_slices_gpu_plans, &plan, field, &mutant));
            float *d = output_on(0, &o, &mutant);
            assert_int_equal(mma_hash(c, 90) != mma_hash(d, 90),
                             MMA_SLICES_GPU_DECIDE >> field & 1);
            free(d);
        }
        free(c);
    }
    mma_operands_close(&o);
}

static void test_shapes_of_any_size(void **state) {
    (void)state;
    static const size_t sizes[][3] = {{0, 3, 5},   {3, 0, 5},  {2, 3, 0},    {1, 1, 1},
                                      {1, 17, 63}, {17, 1, 2}, {16, 16, 64}, {33, 9, 129}};
    for (size_t device = 0; device < device_count_here; device++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            struct mma_problem p = problem_of(sizes[i][0], sizes[i][1], sizes[i][2]);
            struct mma_slices_gpu_plan plan = mma_slices_gpu_plan_default();
            struct mma_operands o;
            p.lda = p.shape.k + 3, p.ldb = p.shape.k + 5, p.ldc = p.shape.n + 2;
            p.a_offset = 4, p.b_offset = 12, p.c_offset = 20;
            open_operands(&o, &p, MMA_FILL_NORMAL, i);
            plan.split = i % 2 ? 3 : 1;
            plan.tile = i < 4 ? 64 : i % 2 ? 16 : 8;
            same_as_on_a_cpu(device, &o, &plan);
            mma_operands_close(&o);
        }
}

/* proof is not asked: these outputs are infinite, and more. */
static void test_numbers_of_any_size_and_none(void **state) {
    (void)state;
    struct mma_operands o;
    struct mma_problem p = problem_of(7, 13, 90);
    open_operands(&o, &p, MMA_FILL_NORMAL, 13);
    make_hostile(&o);
    for (int specials = 0; specials < 2; specials++) {
        for (size_t device = 0; device < device_count_here; device++)
            EACH_KIND(kind) {
                struct mma_slices_gpu_plan plan = mma_slices_gpu_plan_default();
                struct job job;
                plan.slices = kinds[kind].slices;
                plan.kept = kinds[kind].kept;
                plan.split = kind % 2 ? 1 : 2;
                plan.tile = kind % 2 == device % 2 ? 64 : 16;
                if (mma_slices_gpu_job_open(&job, devices[device], &o, &plan, device == CHECKED) !=
                        0 ||
                    mma_job_poison(&job) != 0 || job_call(&job) != 0)
                    fail_msg("%s", device_error());
                struct job_bits got, expected;
                assert_int_equal(job_bits(&job, &got), 0);
                assert_int_equal(job_predict(&job, &expected), 0);
                assert_true(got.bits == expected.bits);
                job_close(&job);
            }
        row_of(&o, true, 2)[3] = NAN;
        row_of(&o, true, 4)[0] = INFINITY;
        row_of(&o, false, 5)[0] = -3;
        row_of(&o, false, 6)[89] = -INFINITY;
        row_of(&o, false, 8)[0] = 2;
    }
    mma_operands_close(&o);
}

static void test_long_sums(void **state) {
    (void)state;
    struct mma_operands o;
    struct mma_problem p = problem_of(1, 2, 40000);
    struct mma_slices_gpu_plan plan = mma_slices_gpu_plan_default();
    plan.tile = 8;
    open_operands(&o, &p, MMA_FILL_NORMAL, 14);
    same_as_on_a_cpu(0, &o, &plan);
    mma_operands_close(&o);
}

static void test_what_is_refused(void **state) {
    (void)state;
    struct mma_operands o = {.problem = problem_of(0, 0, 8)};
    struct mma_slices_gpu_plan plan = mma_slices_gpu_plan_default();
    struct job job;
    assert_int_equal(mma_slices_gpu_job_open(&job, cpu, &o, &plan, false), -1);
    assert_non_null(strstr(device_error(), "cpu"));
    o.problem.in = ELEMENT_F16;
    assert_int_equal(mma_slices_gpu_job_open(&job, devices[0], &o, &plan, false), -1);
    assert_non_null(strstr(device_error(), "f32"));
    o.problem.in = ELEMENT_F32;
    o.problem.shape.m = (size_t)1 << 19;
    assert_int_equal(mma_slices_gpu_job_open(&job, devices[0], &o, &plan, false), -1);
    assert_non_null(strstr(device_error(), "rows"));
    plan.tile = 7;
    assert_int_equal(mma_slices_gpu_job_open(&job, devices[0], &o, &plan, false), -1);
    assert_non_null(strstr(device_error(), "illegal"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plans_have_a_cpus_bits),
        cmocka_unit_test(test_fields_decide_what_they_should),
        cmocka_unit_test(test_shapes_of_any_size),
        cmocka_unit_test(test_numbers_of_any_size_and_none),
        cmocka_unit_test(test_long_sums),
        cmocka_unit_test(test_what_is_refused),
    };
    return cmocka_run_group_tests(tests, open_devices, close_devices);
}
