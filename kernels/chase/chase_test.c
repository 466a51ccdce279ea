/*
 * chase_test.c: a lap visits every place once, on the CPU and on the SIMT machine; links that were
 * spoilt and loops that do less are caught. No test looks at a time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/chase/chase.h"
#include "kernels/chase/chase_inside.h"
#include "kernels/device/device_fixture.h"

enum { ORDERS = CHASE_LOCAL + 1 };

static struct device *open_device(enum device_kind kind) {
    struct device *device;
    if (device_open(&device, kind, 0) != 0)
        fail_msg("%s", device_error());
    return device;
}

static struct job open_job(struct device *device, const struct chase_plan *plan) {
    struct job job;
    if (chase_job_open(&job, device, plan) != 0)
        fail_msg("%s", device_error());
    return job;
}

static void run_plan(struct device *device, const struct chase_plan *plan) {
    struct job job = open_job(device, plan);
    char text[PLAN_TEXT];
    assert_int_equal(job_prove(&job), -1); /* nothing was done yet */
    for (int call = 0; call < 3; call++)
        if (job_call(&job) != 0)
            fail_msg("%s: %s", plan_text(&chase_family, plan, text), device_error());
    if (job_prove(&job) != 0)
        fail_msg("%s: %s", plan_text(&chase_family, plan, text), device_error());
    assert_int_equal(job_call(&job), 0); /* a check leaves the job as it was */
    assert_int_equal(job_prove(&job), 0);
    unsigned cold = (unsigned)plan->lanes - plan->hot_lanes;
    size_t lap = plan->bytes / plan->stride / cold;
    size_t hot = plan->hot_lanes ? plan->hot_bytes / 64 / plan->hot_lanes * plan->hot_lanes : 0;
    assert_int_equal(chase_job_places(&job), lap * cold + hot);
    assert_true(chase_job_hops(&job) == (double)(lap * plan->laps));
    bool gpu = device_kind(device) == DEVICE_CUDA;
    assert_true(gpu ? chase_job_cycles(&job) > 1 : isnan(chase_job_cycles(&job)));
    job_close(&job);
}

static void run_all(struct device *device, bool checked) {
    static const size_t strides[] = {64, 192, 1024, 4096, 65536};
    for (int order = 0; order < ORDERS; order++)
        for (int lanes = 1; lanes <= 32; lanes *= 2)
            for (size_t s = 0; s < sizeof strides / sizeof *strides; s++)
                for (unsigned kind_of = 0; kind_of < 6; kind_of++) {
                    /* Places that no number of lanes divides. */
                    struct chase_plan plan = {.bytes = (size_t)(2 * lanes + 71) * strides[s] + 64,
                                              .stride = strides[s],
                                              .placing = (int)kind_of % 3,
                                              .order = order,
                                              .lanes = lanes,
                                              .joined = kind_of >= 3,
                                              .laps = kind_of + 1,
                                              .seed = (uint64_t)lanes,
                                              .checked = checked};
                    run_plan(device, &plan);
                }
}

static void test_cpu(void **state) {
    (void)state;
    struct device *device = open_device(DEVICE_CPU);
    run_all(device, false);
    device_close(device);
}

static void test_simt(void **state) {
    (void)state;
    struct device *device = open_device(DEVICE_SIMT);
    run_all(device, false);
    device_close(device);
}

static void run_mixed(struct device *device, bool checked) {
    for (int lanes = 2; lanes <= 32; lanes *= 2) {
        int step = lanes > 8 ? 5 : 1;
        for (int hot = 1; hot < lanes; hot += step)
            for (int joined = 0; joined < 2; joined++) {
                struct chase_plan plan = {.bytes = 256 << 10,
                                          .stride = 1024,
                                          .placing = CHASE_SPREAD,
                                          .order = CHASE_CYCLE,
                                          .lanes = lanes,
                                          .joined = joined,
                                          .hot_lanes = (unsigned)hot,
                                          .hot_bytes = (size_t)(2 * lanes + 5) * 64,
                                          .laps = 2,
                                          .seed = (uint64_t)hot,
                                          .checked = checked};
                run_plan(device, &plan);
            }
    }
}

static void test_mixed(void **state) {
    (void)state;
    static const enum device_kind kinds[] = {DEVICE_CPU, DEVICE_SIMT};
    for (int k = 0; k < 2; k++) {
        struct device *device = open_device(kinds[k]);
        run_mixed(device, false);
        device_close(device);
    }
}

static void test_simt_checked(void **state) {
    (void)state;
    struct device *device = open_device(DEVICE_SIMT);
    for (int lanes = 1; lanes <= 32; lanes *= 2) {
        struct chase_plan plan = {.bytes = 300 << 10,
                                  .stride = 4096,
                                  .placing = CHASE_SPREAD,
                                  .order = CHASE_CYCLE,
                                  .lanes = lanes,
                                  .hot_lanes = (unsigned)lanes / 2,
                                  .hot_bytes = 8192,
                                  .laps = 2,
                                  .checked = true};
        run_plan(device, &plan);
    }
    device_close(device);
}

static void run_named(const char *name) {
    struct device *device = device_or_skip(name);
    run_all(device, false);
    run_mixed(device, false);
    device_close(device);
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

static void test_pages(void **state) {
    (void)state;
    struct device *device = open_device(DEVICE_CPU);
    struct chase_plan plan = {.bytes = (size_t)4 << 20,
                              .stride = 4096,
                              .placing = CHASE_SPREAD,
                              .order = CHASE_CYCLE,
                              .lanes = 1,
                              .pages = PAGES_4K,
                              .laps = 1};
    struct job job = open_job(device, &plan);
    assert_int_equal(chase_job_huge_bytes(&job), 0);
    job_close(&job);
    plan.pages = PAGES_2M;
    if (chase_job_open(&job, device, &plan) == 0) {
        assert_int_equal(chase_job_huge_bytes(&job), plan.bytes);
        job_close(&job);
    } else {
        assert_true(pages_unavailable());
    }
    device_close(device);
}

/* --- orders ------------------------------------------------------------------------------------
 */

static void walk_places(struct job *job, uint32_t *visited) {
    const struct chase_region *region = chase_job_region(job, 0);
    uint64_t at = region->base + chase_offset(region, 0);
    for (uint32_t k = 0; k < region->places; k++) {
        visited[k] = chase_place(region, at);
        at = *(const uint64_t *)at;
    }
    assert_int_equal(chase_place(region, at), 0);
}

static void test_orders(void **state) {
    (void)state;
    enum { PLACES = 256 };
    struct device *device = open_device(DEVICE_CPU);
    uint32_t visited[ORDERS][PLACES];
    for (int order = 0; order < ORDERS; order++) {
        struct chase_plan plan = {
            .bytes = PLACES * 128, .stride = 128, .order = order, .lanes = 1, .laps = 1, .seed = 7};
        struct job job = open_job(device, &plan);
        walk_places(&job, visited[order]);
        job_close(&job);
    }
    unsigned sequential = 0, local = 0, within_page = 0, cycle = 0;
    for (uint32_t k = 0; k + 1 < PLACES; k++) {
        sequential += visited[CHASE_SEQUENTIAL][k + 1] == k + 1;
        local += visited[CHASE_LOCAL][k + 1] == visited[CHASE_LOCAL][k] + 1;
        within_page += visited[CHASE_LOCAL][k] / 32 == visited[CHASE_LOCAL][k + 1] / 32;
        cycle += visited[CHASE_CYCLE][k] / 32 == visited[CHASE_CYCLE][k + 1] / 32;
    }
    assert_int_equal(sequential, PLACES - 1);
    assert_true(local < 40);
    /* 8 pages of 32 places, up to the start, which may split its page. */
    assert_in_range(within_page, PLACES - 1 - 8, PLACES - 1 - 7);
    assert_in_range(cycle, 8, 80); /* 1/8 of 255, more or less */
    device_close(device);
}

static void test_spread_is_even(void **state) {
    (void)state;
    static const size_t strides[] = {4096, 65536, 192};
    for (size_t s = 0; s < 3; s++) {
        struct chase_plan plan = {
            .bytes = strides[s] * 4096, .stride = strides[s], .placing = CHASE_SPREAD, .lanes = 1};
        struct chase_region region[2];
        assert_int_equal(chase_plan_regions(&plan, region), 1);
        unsigned used[1024] = {0};
        uint32_t lines = region->lines, shifts = 0;
        for (uint32_t place = 0; place < region->places; place++) {
            uint64_t offset = chase_offset(region, place);
            assert_int_equal(offset / strides[s], place);
            assert_int_equal(chase_place(region, offset), place);
            assert_int_equal(chase_place(region, offset + 8), CHASE_NOWHERE);
            used[offset % strides[s] / 64]++;
            if (place % lines == 0 && place)
                shifts += offset % strides[s] != 0;
        }
        for (uint32_t line = 0; line < lines; line++)
            assert_in_range(used[line], 4096 / lines, 4096 / lines + 2);
        assert_true(shifts > 0); /* not one diagonal over and over */
    }
}

/* --- what must be caught -----------------------------------------------------------------------
 */

/* Makes the second place of the first chain's ring point to where `skip` more hops lead. */
static void spoil(struct device *device, struct job *job, unsigned index, unsigned skip) {
    const struct chase_region *region = chase_job_region(job, index);
    uint64_t at = region->base + chase_offset(region, 0), to;
    assert_int_equal(device_read(device, &to, (void *)at, sizeof to), 0);
    for (unsigned k = 0; k < skip; k++)
        assert_int_equal(device_read(device, &to, (void *)to, sizeof to), 0);
    assert_int_equal(device_write(device, (void *)at, &to, sizeof to), 0);
}

static void spoil_and_check(enum device_kind kind) {
    struct device *device = open_device(kind);
    struct chase_plan plan = {.bytes = 64 << 12,
                              .stride = 4096,
                              .placing = CHASE_SPREAD,
                              .order = CHASE_CYCLE,
                              .lanes = 2,
                              .hot_lanes = 1,
                              .hot_bytes = 2048,
                              .laps = 1};
    /* The cold ring has 64 places, the hot one 32: skipping 32 (or 16) leaves a ring whose length
     * divides the hops, so that the ends alone say nothing; skipping 1 sends it astray at once. */
    static const unsigned skips[2][2] = {{1, 32}, {1, 16}};
    for (unsigned index = 0; index < 2; index++)
        for (unsigned k = 0; k < 2; k++) {
            struct job job = open_job(device, &plan);
            spoil(device, &job, index, skips[index][k]);
            assert_int_equal(job_call(&job), 0);
            assert_int_equal(job_prove(&job), -1);
            bool astray = strstr(device_error(), "astray") != NULL;
            bool ended = strstr(device_error(), "wrong place") != NULL;
            assert_true(skips[index][k] == 1 ? ended : astray);
            job_close(&job);
        }
    device_close(device);
}

static void test_spoilt_links_are_caught(void **state) {
    (void)state;
    spoil_and_check(DEVICE_CPU);
    spoil_and_check(DEVICE_SIMT);
}

static int skip_hop(const struct chase_walk *walk, void *stream) {
    struct chase_walk less = *walk;
    less.hops--;
    return chase_ops_cpu.walk(&less, stream);
}

static int skip_all(const struct chase_walk *walk, void *stream) {
    struct chase_walk less = *walk;
    less.hops = 0;
    return chase_ops_cpu.walk(&less, stream);
}

static int skip_laps(const struct chase_walk *walk, void *stream) {
    struct chase_walk less = *walk;
    less.hops %= 64;
    return chase_ops_cpu.walk(&less, stream);
}

static int do_nothing(const struct chase_walk *walk, void *stream) {
    (void)walk;
    (void)stream;
    return 0;
}

static void test_skipped_hops_are_caught(void **state) {
    (void)state;
    static int (*const lies[])(const struct chase_walk *walk, void *stream) = {skip_hop, skip_all,
                                                                               do_nothing};
    struct device *device = open_device(DEVICE_CPU);
    struct chase_plan plan = {
        .bytes = 64 << 12, .stride = 4096, .order = CHASE_CYCLE, .lanes = 1, .laps = 2};
    for (size_t k = 0; k < sizeof lies / sizeof *lies; k++) {
        struct chase_ops ops = chase_ops_cpu;
        ops.walk = lies[k];
        struct job job = open_job(device, &plan);
        chase_job_use(&job, &ops);
        assert_int_equal(job_call(&job), 0);
        assert_int_equal(job_prove(&job), -1);
        job_close(&job);
    }
    /* Whole laps fewer leave every end as it must be, unless a hot lane tells. */
    plan.bytes = 65 << 12;
    plan.lanes = 2;
    plan.hot_lanes = 1;
    plan.laps = 3;
    struct chase_ops ops = chase_ops_cpu;
    ops.walk = skip_laps;
    struct job job = open_job(device, &plan);
    chase_job_use(&job, &ops);
    assert_int_equal(job_call(&job), 0);
    assert_int_equal(job_prove(&job), -1);
    job_close(&job);
    device_close(device);
}

/* --- plans -------------------------------------------------------------------------------------
 */

static void refused(struct chase_plan plan, const char *because) {
    assert_int_equal(chase_plan_check(&plan), -1);
    assert_non_null(strstr(device_error(), because));
}

static void test_bad_plans_are_named(void **state) {
    (void)state;
    const struct chase_plan good = {
        .bytes = 1 << 20, .stride = 4096, .order = CHASE_CYCLE, .lanes = 8};
    assert_int_equal(chase_plan_check(&good), 0);
    struct chase_plan bad = good;
    bad.lanes = 3;
    refused(bad, "3 is no value of the plan field 'lanes'");
    bad.lanes = 64;
    refused(bad, "64 is no value of the plan field 'lanes'");
    bad = good;
    bad.stride = 100;
    refused(bad, "multiple of 64");
    bad.stride = 0;
    refused(bad, "multiple of 64");
    bad = good;
    bad.bytes = 8 * 4096;
    refused(bad, "at least 2");
    bad = good;
    bad.hot_lanes = 8;
    refused(bad, "cold");
    bad.hot_lanes = 7;
    bad.hot_bytes = 512;
    refused(bad, "hot set");
    bad = good;
    bad.order = ORDERS;
    refused(bad, "plan field 'order'");
    struct device *device = open_device(DEVICE_CPU);
    struct job job;
    assert_int_equal(chase_job_open(&job, device, &bad), -1);
    assert_null(job.context);
    device_close(device);
}

static void test_records(void **state) {
    (void)state;
    struct chase_plan plan = {.bytes = 1 << 20,
                              .stride = 4096,
                              .placing = CHASE_SPREAD,
                              .order = CHASE_CYCLE,
                              .lanes = 8,
                              .joined = true,
                              .pages = PAGES_2M,
                              .hot_lanes = 7};
    char text[PLAN_TEXT];
    assert_string_equal(plan_text(&chase_family, &plan, text), "cycle.spread.l8.joined.2m");
    json_t *record = chase_plan_json(&plan);
    static const struct {
        const char *name;
        json_int_t value;
    } numbers[] = {
        {"lanes", 8}, {"bytes", 1 << 20}, {"stride", 4096}, {"hot lanes", 7}, {"hot bytes", 16384}};
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        assert_int_equal(json_integer_value(json_object_get(record, numbers[k].name)),
                         numbers[k].value);
    assert_string_equal(json_string_value(json_object_get(record, "placing")), "spread");
    json_decref(record);
}

static void test_laps_are_guessed(void **state) {
    (void)state;
    struct chase_plan plan = {.bytes = 8192, .stride = 64, .order = CHASE_CYCLE, .lanes = 1};
    struct device *device = open_device(DEVICE_CPU);
    struct job job = open_job(device, &plan);
    assert_in_range((uint64_t)chase_job_hops(&job), 100000, 10000000);
    assert_int_equal((uint64_t)chase_job_hops(&job) % 128, 0);
    job_close(&job);
    device_close(device);
    assert_int_equal(chase_plan_laps(&plan, DEVICE_SIMT), 1);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpu),
        cmocka_unit_test(test_simt),
        cmocka_unit_test(test_mixed),
        cmocka_unit_test(test_simt_checked),
        cmocka_unit_test(test_cuda),
        cmocka_unit_test(test_ptx),
        cmocka_unit_test(test_sass_80),
        cmocka_unit_test(test_sass_90),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_spread_is_even),
        cmocka_unit_test(test_spoilt_links_are_caught),
        cmocka_unit_test(test_skipped_hops_are_caught),
        cmocka_unit_test(test_bad_plans_are_named),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_laps_are_guessed),
    };
    return cmocka_run_group_tests_name("chase", tests, NULL, NULL);
}
