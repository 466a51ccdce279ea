/*
 * mma_onednn_test.c: oneDNN's product is wired up right, for every shape, stride and offset; and
 * says what it is.
 */
#include "kernels/mma/mma_onednn.h"

#include <jansson.h>
#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct device *cpu;

static int open_device(void **state) {
    (void)state;
    return device_open(&cpu, DEVICE_CPU, 0);
}
static int close_device(void **state) {
    (void)state;
    device_close(cpu);
    return 0;
}

static void need_bf16(void) {
    if (!mma_onednn_takes(ELEMENT_BF16)) {
        print_message("oneDNN has no bf16 on this processor (%s)\n", mma_onednn_isa());
        skip();
    }
}

static const struct mma_problem problems[] = {
    {.shape = {1, 1, 1}, .in = ELEMENT_BF16, .out = ELEMENT_F32},
    {.shape = {17, 33, 65}, .in = ELEMENT_BF16, .out = ELEMENT_F32},
    {.shape = {17, 33, 65}, .in = ELEMENT_F32, .out = ELEMENT_F32},
    {.shape = {5, 100, 300},
     .in = ELEMENT_BF16,
     .out = ELEMENT_F32,
     .lda = 301,
     .ldb = 311,
     .ldc = 103,
     .a_offset = 2,
     .b_offset = 6,
     .c_offset = 4},
    {.shape = {64, 7, 129},
     .in = ELEMENT_F32,
     .out = ELEMENT_F32,
     .lda = 130,
     .ldb = 133,
     .ldc = 9,
     .a_offset = 4,
     .b_offset = 12,
     .c_offset = 8},
    {.shape = {128, 256, 512}, .in = ELEMENT_BF16, .out = ELEMENT_F32},
    {.shape = {0, 9, 9}, .in = ELEMENT_BF16, .out = ELEMENT_F32},
    {.shape = {9, 0, 9}, .in = ELEMENT_BF16, .out = ELEMENT_F32},
    {.shape = {9, 9, 0}, .in = ELEMENT_BF16, .out = ELEMENT_F32, .ldc = 12},
    {.shape = {9, 9, 0}, .in = ELEMENT_F32, .out = ELEMENT_F32},
};

static void test_every_shape(void **state) {
    (void)state;
    for (size_t p = 0; p < sizeof problems / sizeof *problems; p++)
        for (int fill = MMA_FILL_NORMAL; fill <= MMA_FILL_ONES; fill++)
            for (int way = 0; way < 4 && mma_onednn_takes(problems[p].in); way++) {
                struct mma_onednn_options options = {.weights = (enum mma_onednn_weights)(way % 2),
                                                     .threads = (unsigned)way / 2 + 1};
                struct mma_operands operands;
                struct job job;
                struct job_bits bits, again;
                int threads = omp_get_max_threads();
                assert_int_equal(mma_operands_open(&operands, &problems[p], (enum mma_fill)fill, p),
                                 0);
                if (mma_onednn_job_open(&job, cpu, &operands, &options) != 0)
                    fail_msg("problem %zu: %s", p, device_error());
                if (job_prove(&job) != 0)
                    fail_msg("problem %zu, way %d, %s: %s", p, way, mma_onednn_implementation(&job),
                             device_error());
                assert_int_equal(job_bits(&job, &bits), 0);
                assert_int_equal(mma_job_poison(&job), 0);
                assert_int_equal(job_call(&job), 0);
                assert_int_equal(job_bits(&job, &again), 0);
                assert_true(bits.bits == again.bits);
                assert_int_equal(omp_get_max_threads(), threads);
                job_close(&job);
                mma_operands_close(&operands);
            }
}

/* What is prepared beforehand is B: a call reads A anew. */
static void test_calls_read_a(void **state) {
    (void)state;
    need_bf16();
    struct mma_problem problem = {.shape = {3, 20, 70}, .in = ELEMENT_BF16, .out = ELEMENT_F32};
    struct mma_onednn_options options = {.weights = MMA_ONEDNN_PACKED, .threads = 1};
    struct mma_operands operands;
    struct job job;
    float c[3 * 20];
    assert_int_equal(mma_operands_open(&operands, &problem, MMA_FILL_ONES, 1), 0);
    assert_int_equal(mma_onednn_job_open(&job, cpu, &operands, &options), 0);
    struct mma_job *base = job.context;
    for (int k = 0; k < 70; k++)
        element_set(ELEMENT_BF16, base->a, (size_t)k + 70, 2);
    element_set(ELEMENT_BF16, base->a, 140, (double)INFINITY);
    element_set(ELEMENT_BF16, base->a, 0, (double)NAN);
    assert_int_equal(job_call(&job), 0);
    assert_int_equal(mma_job_output(&job, c), 0);
    for (int n = 0; n < 20; n++) {
        assert_true(isnan(c[n]));
        assert_true(c[20 + n] == 140);
        assert_true(c[40 + n] == INFINITY);
    }
    assert_int_not_equal(job_prove(&job), 0); /* its operands say otherwise */
    job_close(&job);
    mma_operands_close(&operands);
}

/* Packed or not, other weights that are written are those of the next call. */
static void test_other_weights(void **state) {
    (void)state;
    struct mma_problem problem = {.shape = {3, 20, 70}, .in = ELEMENT_F32, .out = ELEMENT_F32};
    struct mma_operands first, second;
    assert_int_equal(mma_operands_open(&first, &problem, MMA_FILL_NORMAL, 1), 0);
    assert_int_equal(mma_operands_open(&second, &problem, MMA_FILL_NORMAL, 2), 0);
    for (int weights = MMA_ONEDNN_PLAIN; weights <= MMA_ONEDNN_PACKED; weights++) {
        struct mma_onednn_options options = {.weights = (enum mma_onednn_weights)weights,
                                             .threads = 2};
        struct mma_operands mixed = {problem, first.a, second.b};
        struct job job;
        float c[3 * 20];
        assert_int_equal(mma_onednn_job_open(&job, cpu, &first, &options), 0);
        assert_int_equal(mma_job_write(&job, NULL, second.b), 0);
        assert_int_equal(job_call(&job), 0);
        assert_int_equal(job_call(&mma_onednn_quiet), 0);
        assert_int_equal(mma_job_output(&job, c), 0);
        assert_true(mma_error(&mixed, c, 0, 0) < 1e-6);
        assert_true(mma_error(&first, c, 0, 0) > 0.5);
        assert_int_equal(mma_job_restore(&job), 0);
        assert_int_equal(job_prove(&job), 0);
        job_close(&job);
    }
    mma_operands_close(&first);
    mma_operands_close(&second);
}

static void test_refuses_what_it_cannot(void **state) {
    (void)state;
    assert_false(mma_onednn_takes(ELEMENT_F16));
    struct mma_problem problem = {.shape = {3, 4, 5}, .in = ELEMENT_F16, .out = ELEMENT_F32};
    struct mma_onednn_options options = {0};
    struct mma_operands operands;
    struct job job;
    assert_int_equal(mma_operands_open(&operands, &problem, MMA_FILL_ONES, 1), 0);
    assert_int_not_equal(mma_onednn_job_open(&job, cpu, &operands, &options), 0);
    assert_non_null(strstr(device_error(), "f16"));
    mma_operands_close(&operands);
}

static void test_says_what_it_is(void **state) {
    (void)state;
    struct mma_problem problem = {.shape = {3, 4, 5}, .in = ELEMENT_F32, .out = ELEMENT_F32};
    struct mma_onednn_options options = {.weights = MMA_ONEDNN_PACKED, .threads = 2};
    struct mma_operands operands;
    struct job job;
    char version[24];
    const char *texts[][2] = {{"library", "oneDNN"},
                              {"version", mma_onednn_version(version, sizeof version)},
                              {"implementation", NULL},
                              {"isa", mma_onednn_isa()},
                              {"weights", "packed"}};
    assert_int_equal(mma_operands_open(&operands, &problem, MMA_FILL_ONES, 1), 0);
    assert_int_equal(mma_onednn_job_open(&job, cpu, &operands, &options), 0);
    texts[2][1] = mma_onednn_implementation(&job);
    assert_true(strlen(texts[2][1]) > 2);
    json_t *plan = job_plan(&job);
    for (size_t k = 0; k < 5; k++)
        assert_string_equal(json_string_value(json_object_get(plan, texts[k][0])), texts[k][1]);
    assert_int_equal(json_integer_value(json_object_get(plan, "threads")), 2);
    json_decref(plan);
    job_close(&job);
    mma_operands_close(&operands);
}

/* Side by side in one process: each copy keeps to its limit. */
static void test_limits(void **state) {
    (void)state;
    struct mma_problem problem = {.shape = {33, 40, 500}, .in = ELEMENT_F32, .out = ELEMENT_F32};
    struct mma_onednn_options plain = {.threads = 2}, less = {.threads = 2, .isa = "avx"},
                              same = {.isa = mma_onednn_isa()};
    struct mma_operands operands;
    struct job all, few;
    assert_int_equal(mma_operands_open(&operands, &problem, MMA_FILL_NORMAL, 1), 0);
    less.isa = "abacus";
    assert_int_not_equal(mma_onednn_job_open(&few, cpu, &operands, &less), 0);
    assert_non_null(strstr(device_error(), "abacus"));
    assert_int_equal(mma_onednn_job_open(&few, cpu, &operands, &same), 0);
    job_close(&few);
    less.isa = strcmp(mma_onednn_isa(), "avx") == 0 ? "sse41" : "avx";
    assert_int_equal(mma_onednn_job_open(&all, cpu, &operands, &plain), 0);
#ifdef __SANITIZE_ADDRESS__
    assert_int_not_equal(mma_onednn_job_open(&few, cpu, &operands, &less), 0);
    assert_non_null(strstr(device_error(), "sanitised"));
#else
    if (mma_onednn_job_open(&few, cpu, &operands, &less) != 0)
        fail_msg("%s", device_error());
    for (int round = 0; round < 2; round++) {
        assert_int_equal(job_prove(&few), 0);
        assert_int_equal(job_prove(&all), 0);
    }
    json_t *plan = job_plan(&few);
    assert_string_equal(json_string_value(json_object_get(plan, "isa")), less.isa);
    json_decref(plan);
    plan = job_plan(&all);
    assert_string_equal(json_string_value(json_object_get(plan, "isa")), mma_onednn_isa());
    json_decref(plan);
    job_close(&few);
#endif
    job_close(&all);
    less.isa = "avx512_core_amx";
    if (strcmp(mma_onednn_isa(), less.isa) != 0) {
        assert_int_not_equal(mma_onednn_job_open(&few, cpu, &operands, &less), 0);
        assert_non_null(strstr(device_error(), "oneDNN"));
    }
    mma_operands_close(&operands);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),        cmocka_unit_test(test_every_shape),
        cmocka_unit_test(test_calls_read_a),  cmocka_unit_test(test_refuses_what_it_cannot),
        cmocka_unit_test(test_other_weights), cmocka_unit_test(test_says_what_it_is),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
