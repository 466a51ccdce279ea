/*
 * roofs_test.c: every variant of every op on the CPU and on the SIMT machine does its work, and a
 * kernel that does not is caught. No test looks at a time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "kernels/device/device_fixture.h"
#include "kernels/roofs/roofs.h"
#include "kernels/roofs/roofs_inside.h"

#define MOST 32

static void run_plan(struct roofs_memory *memory, const struct roofs_plan *plan) {
    struct job job;
    if (roofs_job_open(&job, memory, plan) != 0)
        fail_msg("%s", device_error());
    assert_int_equal(roofs_job_check(&job), -1); /* nothing was done yet */
    for (int call = 0; call < 3; ++call)
        if (job_call(&job) != 0)
            fail_msg("%s", device_error());
    if (roofs_job_check(&job) != 0)
        fail_msg("%s", device_error());
    assert_int_equal(job_prove(&job), 0);
    bool moves = plan->op <= ROOFS_COPY, adds = plan->op == ROOFS_FMA32 || plan->op == ROOFS_FMA64;
    assert_true(job.bytes == (moves ? (double)plan->bytes * plan->passes : 0));
    assert_true((job.flops > 0) == adds);
    assert_true(moves || adds ? roofs_job_work(&job) == job.bytes + job.flops
                              : roofs_job_work(&job) >= 1);
    json_t *record = job_plan(&job);
    assert_string_equal(json_string_value(json_object_get(record, "op")),
                        roofs_op_name((enum roofs_op)plan->op));
    assert_int_equal(json_integer_value(json_object_get(record, "bytes")), plan->bytes);
    json_decref(record);
    job_close(&job);
}

/* On a device that it closes. */
static void run_all(struct device *device, const size_t *sizes, size_t size_count,
                    unsigned most_threads, bool checked) {
    struct roofs_memory *memory;
    size_t largest = sizes[size_count - 1];
    assert_int_equal(roofs_memory_open(&memory, device, largest, largest), 0);
    for (int op = 0; op < ROOFS_OPS; ++op)
        for (size_t s = 0; s < size_count; ++s)
            for (unsigned threads = 1; threads <= most_threads; ++threads) {
                struct roofs_plan plans[MOST];
                size_t n =
                    roofs_variants(device, (enum roofs_op)op, sizes[s], threads, plans, MOST);
                assert_in_range(n, 1, MOST - 1);
                for (size_t k = 0; k < n; ++k) {
                    plans[k].checked = checked;
                    if (plans[k].passes > 3)
                        plans[k].passes = 3;
                    if (plans[k].rounds > 1000)
                        plans[k].rounds = 1000;
                    run_plan(memory, &plans[k]);
                }
            }
    roofs_memory_close(memory);
    device_close(device);
}

static void test_cpu(void **state) {
    (void)state;
    static const size_t sizes[] = {8192, 24576, 1 << 20};
    run_all(device_or_skip("cpu"), sizes, 3, 3, false);
}

static void test_every_isa(void **state) {
    (void)state;
    struct device *device;
    assert_int_equal(device_open(&device, DEVICE_CPU, 0), 0);
    struct roofs_memory *memory;
    assert_int_equal(roofs_memory_open(&memory, device, 65536, 65536), 0);
    for (int isa = ROOFS_SCALAR; isa <= ROOFS_AVX512; ++isa)
        for (int op = ROOFS_READ; op <= ROOFS_FMA64; ++op)
            for (int streams = 1; streams <= 8; streams *= 2) {
                struct roofs_plan plan = {.op = (enum roofs_op)op,
                                          .isa = (enum roofs_isa)isa,
                                          .bytes = 40960,
                                          .passes = 2,
                                          .threads = 2,
                                          .streams = streams,
                                          .span = streams == 4 ? 1024 : 0,
                                          .prefetch = streams == 8 ? 512 : 0,
                                          .nontemporal = streams > 2};
                if (roofs_isa_works(plan.isa)) {
                    run_plan(memory, &plan);
                } else {
                    struct job job;
                    assert_int_equal(roofs_job_open(&job, memory, &plan), -1);
                }
            }
    roofs_memory_close(memory);
    device_close(device);
}

static void test_simt(void **state) {
    (void)state;
    static const size_t sizes[] = {8192, 81920};
    run_all(device_or_skip("simt"), sizes, 2, 1, false);
}

static void test_simt_checked(void **state) {
    (void)state;
    static const size_t sizes[] = {24576};
    run_all(device_or_skip("simt"), sizes, 1, 1, true);
}

static void run_named(const char *name) {
    static const size_t sizes[] = {8192, 24576, 1 << 20};
    run_all(device_or_skip(name), sizes, 3, 1, false);
}

static void test_cuda(void **state) {
    (void)state;
    run_named("cuda");
}

static void test_ptx(void **state) {
    (void)state;
    run_named("ptx");
}

static void test_sass_80(void **state) {
    (void)state;
    run_named("sass:sm_80");
}

static void test_sass_90(void **state) {
    (void)state;
    run_named("sass:sm_90");
}

/* Kernels that do a little less than they were asked to. */
static int skip_end(const struct roofs_work *work) {
    struct roofs_plan plan = *work->plan;
    plan.bytes -= 2 * ROOFS_PAGE;
    struct roofs_work less = *work;
    less.plan = &plan;
    return roofs_ops_cpu.run[plan.op](&less);
}

static int skip_pass(const struct roofs_work *work) {
    struct roofs_plan plan = *work->plan;
    --plan.passes;
    struct roofs_work less = *work;
    less.plan = &plan;
    return roofs_ops_cpu.run[plan.op](&less);
}

static int skip_round(const struct roofs_work *work) {
    struct roofs_plan plan = *work->plan;
    --plan.rounds;
    struct roofs_work less = *work;
    less.plan = &plan;
    return roofs_ops_cpu.run[plan.op](&less);
}

/* The bytes move, but from and to the wrong place. */
static int swap_pages(const struct roofs_work *work) {
    int status = roofs_ops_cpu.run[work->plan->op](work);
    char *target = work->target, page[64];
    memcpy(page, target, sizeof page);
    memcpy(target, target + ROOFS_PAGE, sizeof page);
    memcpy(target + ROOFS_PAGE, page, sizeof page);
    return status;
}

static int do_nothing(const struct roofs_work *work) {
    (void)work;
    return 0;
}

static void test_skipped_work_is_caught(void **state) {
    (void)state;
    static const struct {
        enum roofs_op op;
        int (*run)(const struct roofs_work *work);
    } lies[] = {
        {ROOFS_READ, skip_end},     {ROOFS_READ, skip_pass},   {ROOFS_READ, do_nothing},
        {ROOFS_WRITE, skip_end},    {ROOFS_WRITE, do_nothing}, {ROOFS_COPY, skip_end},
        {ROOFS_COPY, swap_pages},   {ROOFS_COPY, do_nothing},  {ROOFS_FMA32, skip_round},
        {ROOFS_FMA32, do_nothing},  {ROOFS_FMA64, skip_round}, {ROOFS_ATOMIC, skip_round},
        {ROOFS_ATOMIC, do_nothing},
    };
    struct device *device;
    assert_int_equal(device_open(&device, DEVICE_CPU, 0), 0);
    struct roofs_memory *memory;
    assert_int_equal(roofs_memory_open(&memory, device, 65536, 65536), 0);
    for (size_t k = 0; k < sizeof lies / sizeof *lies; ++k) {
        struct roofs_plan plan = {.op = lies[k].op,
                                  .isa = ROOFS_SCALAR,
                                  .bytes = 65536,
                                  .passes = 2,
                                  .threads = 2,
                                  .streams = 1,
                                  .rounds = 100};
        struct roofs_ops ops = roofs_ops_cpu;
        struct job job;
        assert_int_equal(roofs_job_open(&job, memory, &plan), 0);
        assert_int_equal(job_call(&job), 0);
        assert_int_equal(roofs_job_check(&job), 0);
        job_close(&job);

        ops.run[plan.op] = lies[k].run;
        assert_int_equal(roofs_job_open(&job, memory, &plan), 0);
        roofs_job_use(&job, &ops);
        assert_int_equal(job_call(&job), 0);
        assert_int_equal(roofs_job_check(&job), -1);
        job_close(&job);
    }
    roofs_memory_close(memory);
    device_close(device);
}

static void test_bad_plans_are_named(void **state) {
    (void)state;
    struct device *device;
    assert_int_equal(device_open(&device, DEVICE_CPU, 0), 0);
    struct roofs_memory *memory;
    assert_int_equal(roofs_memory_open(&memory, device, 16384, 16384), 0);
    const struct roofs_plan good = {
        .op = ROOFS_READ, .isa = ROOFS_SCALAR, .bytes = 16384, .threads = 1, .streams = 1};
    struct job job;
    struct roofs_plan bad = good;
    bad.bytes = 12345;
    assert_int_equal(roofs_job_open(&job, memory, &bad), -1);
    bad.bytes = 32768;
    assert_int_equal(roofs_job_open(&job, memory, &bad), -1);
    assert_non_null(strstr(device_error(), "does not fit"));
    bad = good;
    bad.streams = 3;
    assert_int_equal(roofs_job_open(&job, memory, &bad), -1);
    bad = good;
    bad.span = 100;
    assert_int_equal(roofs_job_open(&job, memory, &bad), -1);
    bad = good;
    bad.threads = 0;
    assert_int_equal(roofs_job_open(&job, memory, &bad), -1);
    bad = good;
    bad.isa = ROOFS_GPU;
    assert_int_equal(roofs_job_open(&job, memory, &bad), -1);
    bad = good;
    bad.isa = ROOFS_LIBC;
    assert_int_equal(roofs_job_open(&job, memory, &bad), -1);
    assert_non_null(strstr(device_error(), "the C library"));
    char text[ROOFS_TEXT];
    bad = good;
    bad.prefetch = 512;
    assert_string_equal(roofs_plan_text(&bad, text), "scalar/streams=1/span=0/prefetch=512");
    roofs_memory_close(memory);
    device_close(device);
}

/* Results of many machines are compared by these: they stay as they are. */
static void test_texts(void **state) {
    (void)state;
    static const struct {
        struct roofs_plan plan;
        const char *text;
    } known[] = {
        {{.isa = ROOFS_AVX512, .streams = 4, .span = 4096, .prefetch = 16384},
         "avx512/streams=4/span=4096/prefetch=16384"},
        {{.op = ROOFS_WRITE, .isa = ROOFS_LIBC, .streams = 1}, "libc/cached"},
        {{.op = ROOFS_COPY, .isa = ROOFS_AVX2, .nontemporal = 1}, "avx2/nontemporal"},
        {{.op = ROOFS_FMA64, .isa = ROOFS_SCALAR, .nontemporal = 1}, "scalar"},
        {{.op = ROOFS_ATOMIC, .shared = 1}, "scalar/shared"},
        {{.op = ROOFS_EMPTY, .wait = 1}, "scalar"},
        {{.op = ROOFS_COPY, .isa = ROOFS_GPU, .streams = 8, .blocks = 1056, .threads = 256},
         "gpu/streams=8/grid=1056x256"},
        {{.op = ROOFS_FMA32, .isa = ROOFS_GPU, .blocks = 2, .threads = 256}, "gpu/grid=2x256"},
        {{.op = ROOFS_ATOMIC, .isa = ROOFS_GPU, .blocks = 2, .threads = 256},
         "gpu/grid=2x256/private"},
        {{.op = ROOFS_EMPTY, .isa = ROOFS_GPU, .blocks = 1, .threads = 32, .wait = 1},
         "gpu/grid=1x32/wait"},
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        char text[ROOFS_TEXT];
        assert_string_equal(roofs_plan_text(&known[k].plan, text), known[k].text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_cpu),
        cmocka_unit_test(test_every_isa),
        cmocka_unit_test(test_simt),
        cmocka_unit_test(test_simt_checked),
        cmocka_unit_test(test_cuda),
        cmocka_unit_test(test_ptx),
        cmocka_unit_test(test_sass_80),
        cmocka_unit_test(test_sass_90),
        cmocka_unit_test(test_skipped_work_is_caught),
        cmocka_unit_test(test_bad_plans_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
