/*
 * atomics_test.c: the kernels on the SIMT machine against the model: every kind of plan, every
 * schedule, predicted bits for the cures and replayed logs for the rest. Where there is a GPU, the
 * same on it.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/atomics/atomics_explore.h"
#include "kernels/atomics/atomics_model.h"
#include "kernels/atomics/atomics_order.h"
#include "kernels/device/device.h"
#include "kernels/device/device_fixture.h"
#include "kernels/rng/data.h"
#include "kernels/simt/simt.h"

#define N_MOST 4096

static const char *const cures[] = {
    /* One for each way through the kernels. */
    "f32.thread.ordered.a1.i2.b64.tiles",  "f32.warp.ordered.a4.i1.b128.g8",
    "f32.block.ordered.a1.i1.b32.tiles",   "f64.block.ordered.a16.i2.b64.g16",
    "f16x2.block.ordered.a1.i2.b64.tiles", "bf16x2.warp.ordered.a2.i4.b64.g4",
    "f32.block.ticket.a1.i2.b64.tiles",    "f32.block.ticket.a4.i1.b64.g32",
    "f64.block.ticket.a1.i4.b128.g4",      "f16x2.block.ticket.a2.i2.b32.tiles",
    "bf16x2.block.ticket.a1.i1.b64.g8",    "f32.none.fixed.a1.i4.b64.tiles",
    "f32.thread.fixed.a16.i2.b64.g4",      "f64.warp.fixed.a1.i2.b128.g2",
    "f64.block.fixed.a4096.i1.b64.tiles",  "f32.none.binned.a1.i4.b64.tiles",
    "f32.thread.binned.a8.i2.b64.g4",      "f32.block.binned.a1.i4.b256.g2",
    "f64.none.binned.a2.i4.b64.g8",        "f64.warp.binned.a1.i2.b64.tiles",
    "f64.block.binned.a1.i1.b64.g4",
};
static const char *const races[] = {"f32.none.a1.i2.b64.tiles",    "f32.thread.a1.i2.b64.g8",
                                    "f32.warp.a4.i2.b64.tiles",    "f32.block.a1.i1.b64.tiles",
                                    "f64.none.a2.i2.b64.g4",       "f64.block.a1.i1.b32.tiles",
                                    "f16x2.none.a1.i2.b64.g4",     "f16x2.thread.a16.i1.b64.g16",
                                    "bf16x2.none.a1.i1.b64.tiles", "bf16x2.block.a2.i1.b32.g32"};
#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static struct atomics_plan plan_of(const char *text) {
    struct atomics_plan plan;
    char why[PLAN_WHY];
    if (atomics_plan_parse(text, &plan, why))
        fail_msg("%s: %s", text, why);
    return plan;
}

static void fill(const struct atomics_plan *plan, enum data_kind kind, void *x, size_t n) {
    struct data_options options = {.seed = 7, .condition = 1e3};
    unsigned lanes = atomics_type_lanes((enum atomics_type)plan->type);
    assert_int_equal(data_fill(kind, atomics_type_element((enum atomics_type)plan->type), &options,
                               x, n * lanes),
                     0);
}

/* One run's memory and outcome, all on the host. */
struct outcome {
    uint64_t x[N_MOST], result[4096], values[N_MOST], olds[N_MOST];
    uint32_t status;
};
static struct outcome out;

static void run_on(struct device *device, const struct atomics_ops *ops,
                   const struct atomics_plan *plan, size_t n, int unit) {
    size_t each = atomics_type_bytes((enum atomics_type)plan->type);
    size_t workspace_bytes = atomics_workspace_bytes(plan, n);
    void *x, *result, *workspace;
    char text[PLAN_TEXT];
    assert_int_equal(device_alloc(device, &x, n * each), 0);
    assert_int_equal(device_alloc(device, &result, (size_t)plan->addresses * each), 0);
    assert_int_equal(device_alloc(device, &workspace, workspace_bytes), 0);
    assert_int_equal(device_write(device, x, out.x, n * each), 0);
    struct atomics_job job = {x, n, unit, result, workspace, workspace_bytes};
    if (ops->launch(plan, &job, device_stream(device)) || device_sync(device))
        fail_msg("%s: %s", atomics_plan_text(plan, text), device_error());
    assert_int_equal(device_read(device, out.result, result, (size_t)plan->addresses * each), 0);
    assert_int_equal(device_read(device, &out.status, workspace, sizeof out.status), 0);
    if (plan->cure == ATOMICS_LOGGED)
        assert_int_equal(device_read(device, out.olds, (char *)workspace + ATOMICS_WORKSPACE_HEAD,
                                     atomics_updates(plan, n) * each),
                         0);
    device_free(device, x);
    device_free(device, result);
    device_free(device, workspace);
}

static void expect_model(const struct atomics_plan *plan, enum device_kind kind, size_t n,
                         int unit) {
    static uint64_t expected[4096];
    enum atomics_type type = (enum atomics_type)plan->type;
    uint32_t status;
    char why[PLAN_WHY], text[PLAN_TEXT];
    if (atomics_model(plan, kind, out.x, n, unit, expected, &status, why))
        fail_msg("%s: %s", atomics_plan_text(plan, text), why);
    assert_int_equal(out.status, status);
    for (size_t a = 0; a < (size_t)plan->addresses; a++)
        for (unsigned lane = 0; lane < atomics_type_lanes(type); lane++) {
            uint64_t got = atomics_get(type, out.result, a, lane);
            uint64_t want = atomics_get(type, expected, a, lane);
            if (!atomics_same_bits(atomics_add_plain(type), got, want))
                fail_msg("%s: n %zu: address %zu lane %u: %llx is not the predicted %llx",
                         atomics_plan_text(plan, text), n, a, lane, (unsigned long long)got,
                         (unsigned long long)want);
        }
}

static void expect_replay(const struct atomics_plan *plan, enum device_kind kind, size_t n,
                          struct atomics_log_check *check) {
    enum atomics_type type = (enum atomics_type)plan->type;
    char text[PLAN_TEXT];
    atomics_update_values(plan, out.x, n, out.values);
    struct atomics_log log = {.type = type,
                              .add = atomics_add_rule(type, kind),
                              .addresses = (size_t)plan->addresses,
                              .updates = atomics_updates(plan, n),
                              .values = out.values,
                              .olds = out.olds,
                              .results = out.result};
    assert_int_equal(atomics_log_check(&log, 3, NULL, check), 0);
    if (check->held != check->chains)
        fail_msg("%s: n %zu: %zu of %zu replayed; address %zu: %s", atomics_plan_text(plan, text),
                 n, check->held, check->chains, check->failed_address,
                 atomics_order_text(check->failure));
}

static struct simt_config schedule(unsigned k) {
    struct simt_config config = {.resident = 1 + k % 4, .seed = 5 + k};
    config.interleave = (enum simt_interleave)(k % 5);
    config.block_order = (enum simt_block_order)(k % 3);
    return config;
}

/* The cures: one result, the predicted one, under every schedule. */
static void check_cures(struct device *device, const struct atomics_ops *ops, unsigned schedules) {
    for (size_t p = 0; p < COUNT(cures); p++) {
        struct atomics_plan plan = plan_of(cures[p]);
        for (unsigned k = 0; k < schedules; k++) {
            size_t n = k % 3 == 0 ? 1000 : k % 3 == 1 ? 1537 : 31;
            struct simt_config config = schedule(k);
            fill(&plan, k % 2 ? DATA_CANCELLING : DATA_NORMAL, out.x, n);
            if (device_kind(device) == DEVICE_SIMT)
                assert_int_equal(simt_configure(&config), 0);
            if (device_compiled(device_kind(device)))
                device_schedule(k);
            int unit = atomics_fixed_unit(n, 1024);
            run_on(device, ops, &plan, n, unit);
            expect_model(&plan, device_kind(device), n, unit);
        }
    }
}

static void check_logs(struct device *device, const struct atomics_ops *ops, unsigned schedules) {
    size_t differ = 0;
    for (size_t p = 0; p < COUNT(races); p++)
        for (unsigned k = 0; k < schedules; k++) {
            struct atomics_plan plan = plan_of(races[p]);
            struct simt_config config = schedule(k);
            struct atomics_log_check check;
            size_t n = k % 2 ? 700 : 1111;
            plan.cure = ATOMICS_LOGGED;
            fill(&plan, DATA_NORMAL, out.x, n);
            if (device_kind(device) == DEVICE_SIMT)
                assert_int_equal(simt_configure(&config), 0);
            if (device_compiled(device_kind(device)))
                device_schedule(k);
            run_on(device, ops, &plan, n, 0);
            expect_replay(&plan, device_kind(device), n, &check);
            differ += check.shuffled_differ;
            if (k == 4 && device_kind(device) == DEVICE_SIMT) {
                /* The plain kernel under the same schedule gives the same bits: a log only looks.
                 */
                static uint64_t logged[4096];
                memcpy(logged, out.result, sizeof logged);
                plan.cure = ATOMICS_PLAIN;
                assert_int_equal(simt_configure(&config), 0);
                run_on(device, ops, &plan, n, 0);
                assert_memory_equal(out.result, logged,
                                    (size_t)plan.addresses *
                                        atomics_type_bytes((enum atomics_type)plan.type));
            }
        }
    /* A replay that any order would pass shows nothing. */
    assert_true(differ > COUNT(races) * schedules / 2);
}

static struct device *simt(void) {
    struct device *device;
    assert_int_equal(device_open(&device, DEVICE_SIMT, 0), 0);
    return device;
}

static void test_cures(void **state) {
    (void)state;
    struct device *device = simt();
    check_cures(device, atomics_ops_for(DEVICE_SIMT, false), 15);
    check_cures(device, atomics_ops_for(DEVICE_SIMT, true), 5);
    device_close(device);
}

/* Every legal plan of one tile shape: run, or logged and replayed, once. */
static void test_every_plan(void **state) {
    (void)state;
    struct device *device = simt();
    const struct atomics_ops *ops = atomics_ops_for(DEVICE_SIMT, false);
    const unsigned mask = ATOMICS_FIELD_BIT(items) | ATOMICS_FIELD_BIT(block);
    struct atomics_plan fixed = atomics_plan_default();
    struct plan_list list;
    size_t n = 333, ran = 0;
    fixed.items = 2;
    fixed.block = 64;
    assert_int_equal(atomics_plans_all(mask, &fixed, &list), 0);
    struct atomics_plan *plans = list.plans;
    size_t count = list.count;
    for (size_t k = 0; k < count; k++) {
        struct atomics_plan *plan = &plans[k];
        struct simt_config config = schedule((unsigned)k);
        struct atomics_log_check check;
        if (plan->cure == ATOMICS_PLAIN || plan->grid > 4) /* n has no more than three tiles */
            continue;
        if (plan->addresses > 256 && k % 16) /* mostly clearing memory */
            continue;
        ran++;
        fill(plan, DATA_NORMAL, out.x, n);
        assert_int_equal(simt_configure(&config), 0);
        run_on(device, ops, plan, n, -40);
        if (plan->cure == ATOMICS_LOGGED)
            expect_replay(plan, DEVICE_SIMT, n, &check);
        else
            expect_model(plan, DEVICE_SIMT, n, -40);
    }
    assert_true(ran > 1000);
    free(plans);
    device_close(device);
}

/* A model that misread one field would not predict these bits. */
static void test_misread(void **state) {
    (void)state;
    struct device *device = simt();
    const struct atomics_ops *ops = atomics_ops_for(DEVICE_SIMT, false);
    static const char *const misread[] = {
        "f32.warp.ordered.a1.i2.b64.g8",   "f32.thread.ordered.a1.i2.b64.g8",
        "f32.block.ordered.a1.i4.b64.g8",  "f32.block.ordered.a1.i2.b128.g8",
        "f32.block.ordered.a1.i2.b64.g16", "f32.block.ordered.a1.i2.b64.tiles",
        "f32.block.ordered.a2.i2.b64.g8",  "f32.block.ticket.a1.i2.b64.g8",
        "f32.block.fixed.a1.i2.b64.g8",    "f32.block.binned.a1.i2.b64.g8"};
    struct atomics_plan plan = plan_of("f32.block.ordered.a1.i2.b64.g8");
    size_t n = 3000;
    for (size_t m = 0; m < COUNT(misread); m++) {
        struct atomics_plan other = plan_of(misread[m]);
        unsigned differ = 0;
        for (uint64_t seed = 0; seed < 8; seed++) {
            struct data_options options = {.seed = seed};
            uint64_t predicted[2];
            assert_int_equal(data_fill(DATA_NORMAL, ELEMENT_F32, &options, out.x, n), 0);
            run_on(device, ops, &plan, n, 0);
            expect_model(&plan, DEVICE_SIMT, n, 0);
            assert_int_equal(
                atomics_model(&other, DEVICE_SIMT, out.x, n, -45, predicted, NULL, NULL), 0);
            differ += memcmp(predicted, out.result, sizeof(float)) != 0;
        }
        assert_true(differ > 0);
    }
    device_close(device);
}

static void test_logs(void **state) {
    (void)state;
    struct device *device = simt();
    check_logs(device, atomics_ops_for(DEVICE_SIMT, false), 15);
    check_logs(device, atomics_ops_for(DEVICE_SIMT, true), 5);
    device_close(device);
}

static void check_named(const char *name) {
    struct device *device = device_or_skip(name);
    const struct atomics_ops *ops = atomics_ops_for(device_kind(device), false);
    assert_non_null(ops);
    unsigned schedules = device_compiled(device_kind(device)) ? 10 : 3;
    check_cures(device, ops, schedules);
    check_logs(device, ops, 20);
    ptx_configure(NULL);
    print_message("%s: %zu cured sums, %zu logged ones: all of them as predicted\n", name,
                  COUNT(cures) * schedules, COUNT(races) * 20);
    device_close(device);
}

static void test_gpu(void **state) {
    (void)state;
    check_named("cuda");
}

static void test_ptx(void **state) {
    (void)state;
    check_named("ptx");
}

static void test_sass_80(void **state) {
    (void)state;
    check_named("sass:sm_80");
}

static void test_sass_90(void **state) {
    (void)state;
    check_named("sass:sm_90");
}

/* 1,000 random schedules: a log that always replays, results that differ, cures that do not. */
static void test_schedules(void **state) {
    (void)state;
    struct device *device = simt();
    const struct atomics_ops *ops = atomics_ops_for(DEVICE_SIMT, false);
    struct atomics_plan plan = plan_of("f32.block.logged.a1.i1.b32.tiles");
    size_t n = 32 * 24;
    uint32_t seen[64] = {0};
    size_t distinct = 0;
    fill(&plan, DATA_NORMAL, out.x, n);
    for (unsigned k = 0; k < 1000; k++) {
        struct simt_config config = {.resident = 6,
                                     .block_order = SIMT_BLOCKS_RANDOM,
                                     .interleave = SIMT_RANDOM,
                                     .seed = 1000 + k};
        struct atomics_log_check check;
        assert_int_equal(simt_configure(&config), 0);
        plan.cure = ATOMICS_LOGGED;
        run_on(device, ops, &plan, n, 0);
        expect_replay(&plan, DEVICE_SIMT, n, &check);
        uint32_t bits = (uint32_t)atomics_get(ATOMICS_F32, out.result, 0, 0);
        size_t at = 0;
        while (at < distinct && seen[at] != bits)
            at++;
        if (at == distinct && distinct < COUNT(seen))
            seen[distinct++] = bits;
    }
    assert_true(distinct > 2);
    device_close(device);
}

/* What is seen under schedules is among what the explorer lists, and much of the list is seen. */
static void test_explored(void **state) {
    (void)state;
    struct device *device = simt();
    const struct atomics_ops *ops = atomics_ops_for(DEVICE_SIMT, false);
    static const char *const plans[] = {"f32.block.plain.a1.i2.b32.tiles",
                                        "f64.block.plain.a1.i2.b32.tiles",
                                        "f16x2.block.plain.a1.i2.b32.tiles"};
    for (size_t p = 0; p < COUNT(plans); p++) {
        struct atomics_plan plan = plan_of(plans[p]);
        enum atomics_type type = (enum atomics_type)plan.type;
        enum atomics_add add = atomics_add_rule(type, DEVICE_SIMT);
        size_t n = 64 * 7;
        uint64_t value[7];
        struct atomics_reachable *all;
        size_t count, met = 0;
        fill(&plan, DATA_NORMAL, out.x, n);
        assert_int_equal(atomics_updates(&plan, n), 7);
        atomics_update_values(&plan, out.x, n, out.values);
        for (size_t u = 0; u < 7; u++)
            value[u] = atomics_get(type, out.values, u, 0);
        assert_int_equal(atomics_explore(add, 0, value, 7, NULL, &all, &count, NULL), 0);
        assert_true(count > 1);
        bool *seen = calloc(count, sizeof *seen);
        assert_non_null(seen);
        for (unsigned k = 0; k < 300; k++) {
            struct simt_config config = {.resident = 7,
                                         .block_order = SIMT_BLOCKS_RANDOM,
                                         .interleave = SIMT_RANDOM,
                                         .seed = k};
            assert_int_equal(simt_configure(&config), 0);
            run_on(device, ops, &plan, n, 0);
            const struct atomics_reachable *found =
                atomics_reachable_find(add, all, count, atomics_get(type, out.result, 0, 0));
            assert_non_null(found);
            met += !seen[found - all];
            seen[found - all] = true;
        }
        assert_true(met > 1);
        free(seen);
        free(all);
    }
    device_close(device);
}

/* Subnormals: a float in global memory loses them, whoever adds; partials keep them. */
static void test_subnormals(void **state) {
    (void)state;
    struct device *device = simt();
    const struct atomics_ops *ops = atomics_ops_for(DEVICE_SIMT, false);
    float tiny[64];
    for (size_t i = 0; i < 64; i++)
        tiny[i] = 0x1p-149f * (float)(i + 1);
    static const char *const plans[] = {"f32.none.logged.a1.i1.b32.tiles",
                                        "f32.block.ordered.a1.i1.b32.tiles"};
    for (size_t p = 0; p < 2; p++) {
        struct atomics_plan plan = plan_of(plans[p]);
        memcpy(out.x, tiny, sizeof tiny);
        run_on(device, ops, &plan, 64, 0);
        assert_int_equal(atomics_get(ATOMICS_F32, out.result, 0, 0), p ? 64 * 65 / 2 : 0);
        struct atomics_log_check check;
        if (p == 0)
            expect_replay(&plan, DEVICE_SIMT, 64, &check);
        else
            expect_model(&plan, DEVICE_SIMT, 64, 0);
    }
    device_close(device);
}

/* What fixed point and bins do with elements that are no ordinary numbers. */
static void test_special(void **state) {
    (void)state;
    static const struct {
        float a, b;
        uint32_t status, bits, binned;
    } cases[] = {
        {NAN, 1, ATOMICS_NAN, 0x7fc00000, 0x7fc00000},
        {INFINITY, 1, ATOMICS_PLUS_INF, 0x7f800000, 0x7f800000},
        {-INFINITY, 1, ATOMICS_MINUS_INF, 0xff800000, 0xff800000},
        {INFINITY, -INFINITY, ATOMICS_PLUS_INF | ATOMICS_MINUS_INF, 0x7fc00000, 0x7fc00000},
        {1e30f, 1, ATOMICS_RANGE, 0x7fc00000, 0x7149f2ca},
        {-1e30f, INFINITY, ATOMICS_RANGE | ATOMICS_PLUS_INF, 0x7f800000, 0x7f800000},
        {1024, 1, 0, 0x44802000, 0x44802000}, /* the limit itself is inside */
    };
    struct device *device = simt();
    const struct atomics_ops *ops = atomics_ops_for(DEVICE_SIMT, false);
    static const char *const plans[] = {
        "f32.none.fixed.a1.i1.b32.tiles", "f32.block.fixed.a1.i1.b32.tiles",
        "f32.none.binned.a1.i1.b32.tiles", "f32.block.binned.a1.i1.b32.tiles"};
    int unit = atomics_fixed_unit(100, 1024);
    assert_true(atomics_fixed_limit(100, unit) == 1024);
    for (size_t p = 0; p < COUNT(plans); p++)
        for (size_t c = 0; c < COUNT(cases); c++) {
            struct atomics_plan plan = plan_of(plans[p]);
            bool fixed = plan.cure == ATOMICS_FIXED;
            float x[100] = {0};
            x[17] = cases[c].a;
            x[71] = cases[c].b;
            memcpy(out.x, x, sizeof x);
            run_on(device, ops, &plan, 100, unit);
            expect_model(&plan, DEVICE_SIMT, 100, unit);
            assert_int_equal(atomics_get(ATOMICS_F32, out.result, 0, 0),
                             fixed ? cases[c].bits : cases[c].binned);
            uint32_t binned_status = cases[c].status & ~(uint32_t)ATOMICS_RANGE;
            assert_int_equal(out.status, fixed ? cases[c].status : binned_status);
        }
    device_close(device);
}

static void test_contend(void **state) {
    (void)state;
    struct device *device = simt();
    const struct atomics_ops *ops = atomics_ops_for(DEVICE_SIMT, true);
    uint32_t before[8], after[8];
    void *memory, *stream;
    assert_int_equal(device_alloc(device, &memory, sizeof before), 0);
    for (size_t k = 0; k < 8; k++)
        before[k] = 0x3f800000u + (uint32_t)k;
    assert_int_equal(device_write(device, memory, before, sizeof before), 0);
    assert_int_equal(ops->stream_begin(&stream), 0);
    assert_int_equal(ops->contend(memory, 8, 5, 2, stream), 0);
    assert_int_equal(ops->stream_end(stream), 0);
    assert_int_equal(device_read(device, after, memory, sizeof after), 0);
    assert_memory_equal(before, after, sizeof before);
    struct simt_counts counts;
    simt_last_counts(&counts);
    assert_int_equal(counts.stored, 2 * 128 * 5 * 4); /* every thread, every round, 4 bytes */
    assert_int_equal(ops->contend(memory, 0, 5, 2, NULL), -1);
    device_free(device, memory);
    device_close(device);
}

static void test_refusals(void **state) {
    (void)state;
    const struct atomics_ops *ops = atomics_ops_for(DEVICE_SIMT, false);
    struct device *device = simt();
    struct atomics_plan plan = plan_of("f32.none.fixed.a1.i1.b32.tiles");
    void *memory;
    assert_int_equal(device_alloc(device, &memory, 4096), 0);
    struct atomics_job job = {memory, 10, 0, memory, memory, 4096};
    job.n = 0;
    assert_int_equal(ops->launch(&plan, &job, NULL), -1);
    assert_non_null(strstr(device_error(), "at least 1"));
    job.n = 10;
    job.workspace_bytes = ATOMICS_WORKSPACE_HEAD;
    assert_int_equal(ops->launch(&plan, &job, NULL), -1);
    assert_non_null(strstr(device_error(), "too small"));
    job.workspace_bytes = 4096;
    job.unit = 901;
    assert_int_equal(ops->launch(&plan, &job, NULL), -1);
    assert_non_null(strstr(device_error(), "outside"));
    job.unit = 0;
    job.x = (char *)memory + 2;
    assert_int_equal(ops->launch(&plan, &job, NULL), -1);
    assert_non_null(strstr(device_error(), "aligned"));
    assert_null(atomics_ops_for(DEVICE_CPU, false));
    device_free(device, memory);
    device_close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cures),      cmocka_unit_test(test_logs),
        cmocka_unit_test(test_every_plan), cmocka_unit_test(test_misread),
        cmocka_unit_test(test_schedules),  cmocka_unit_test(test_explored),
        cmocka_unit_test(test_subnormals), cmocka_unit_test(test_special),
        cmocka_unit_test(test_contend),    cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_gpu),        cmocka_unit_test(test_ptx),
        cmocka_unit_test(test_sass_80),    cmocka_unit_test(test_sass_90),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
