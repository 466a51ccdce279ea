/*
 * mma_openblas_test.c: cblas_sgemm as a job multiplies what it is given, on the threads it is
 * given.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cblas.h>
#include <cmocka.h>
#include <jansson.h>

#include "kernels/mma/mma_openblas.h"

static struct device *cpu;

static int open_cpu(void **state) {
    (void)state;
    return device_open(&cpu, DEVICE_CPU, 0);
}

static int close_cpu(void **state) {
    (void)state;
    device_close(cpu);
    return 0;
}

static void test_it_multiplies(void **state) {
    (void)state;
    static const size_t sizes[][3] = {{0, 3, 4}, {3, 0, 4},  {2, 3, 0},     {1, 1, 1},
                                      {1, 9, 5}, {17, 1, 3}, {13, 21, 130}, {64, 48, 256}};
    for (int threads = 1; threads <= 2; threads++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            struct mma_problem p = {.shape = {sizes[i][0], sizes[i][1], sizes[i][2]},
                                    .in = ELEMENT_F32,
                                    .out = ELEMENT_F32};
            struct mma_operands o;
            struct job job;
            if (i % 2)
                p.lda = p.shape.k + 1, p.ldb = p.shape.k + 2, p.ldc = p.shape.n + 3;
            assert_int_equal(mma_operands_open(&o, &p, MMA_FILL_NORMAL, i), 0);
            if (mma_openblas_job_open(&job, cpu, &o, threads) != 0 || job_prove(&job) != 0)
                fail_msg("%zu x %zu x %zu: %s", sizes[i][0], sizes[i][1], sizes[i][2],
                         device_error());
            if (p.shape.m && p.shape.n)
                assert_int_equal(openblas_get_num_threads(), threads);
            assert_false(mma_job_has_model(&job));
            json_t *plan = job_plan(&job);
            assert_int_equal(json_integer_value(json_object_get(plan, "threads")), threads);
            json_decref(plan);
            job_close(&job);
            mma_operands_close(&o);
        }
}

static void refused(const struct mma_problem *p, struct device *device, int threads,
                    const char *word) {
    struct mma_operands o = {.problem = *p};
    struct job job;
    assert_int_equal(mma_openblas_job_open(&job, device, &o, threads), -1);
    if (!strstr(device_error(), word))
        fail_msg("'%s' does not say '%s'", device_error(), word);
    job_close(&job);
}

static void test_what_is_refused(void **state) {
    (void)state;
    struct mma_problem p = {.shape = {0, 0, 8}, .in = ELEMENT_F32, .out = ELEMENT_F32};
    struct device *simt;
    refused(&p, cpu, 0, "threads");
    p.shape.m = (size_t)1 << 31;
    refused(&p, cpu, 1, "32 bits");
    p.shape.m = 0, p.ldb = (size_t)1 << 31;
    refused(&p, cpu, 1, "32 bits");
    p.ldb = 0, p.out = ELEMENT_F16;
    refused(&p, cpu, 1, "f32");
    assert_int_equal(device_open(&simt, DEVICE_SIMT, 0), 0);
    p.out = ELEMENT_F32;
    refused(&p, simt, 1, "simt");
    device_close(simt);
}

static void test_it_says_which_it_is(void **state) {
    (void)state;
    char text[256];
    assert_ptr_equal(mma_openblas_version(text, sizeof text), text);
    assert_non_null(strstr(text, "OpenBLAS"));
    assert_non_null(strstr(text, openblas_get_corename()));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_multiplies),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_it_says_which_it_is),
    };
    return cmocka_run_group_tests(tests, open_cpu, close_cpu);
}
