/*
 * simt_test.c: the SIMT machine, on kernels with planted bugs and their twins without.
 *
 * `simt_test speed` prints the times of the tree sum that the machine's speed is stated for; as a
 * test it measures nothing.
 */
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernels/device/device.h"
#include "kernels/simt/planted.h"
#include "kernels/simt/simt.h"
#include "kernels/simt/simt_abi.h"

#define DATA_BYTES 65536

static const struct planted_ops *const builds[] = {&planted_ops_simt, &planted_ops_checked};

static const struct planted *find(const struct planted_ops *ops, const char *name) {
    for (unsigned i = 0; i < ops->count; i++)
        if (strcmp(ops->all[i].name, name) == 0)
            return &ops->all[i];
    fail_msg("no planted kernel %s", name);
    return NULL;
}

static void *fresh(void) {
    void *data = simt_malloc(DATA_BYTES);
    assert_non_null(data);
    memset(data, 0, DATA_BYTES);
    return data;
}

static int run_on(const struct planted_ops *ops, const char *name, int bug, unsigned blocks,
                  unsigned threads, void *data) {
    return find(ops, name)->run(bug, blocks, threads, data);
}

static const struct simt_report *report_of(enum simt_report_kind kind) {
    for (size_t k = 0; k < simt_reports(); k++)
        if (simt_report(k)->kind == kind)
            return simt_report(k);
    return NULL;
}

/* Every schedule a config can name, with one seed. */
static struct simt_config schedule(unsigned k) {
    struct simt_config config = {.resident = 4, .seed = 11 + k};
    config.interleave = (enum simt_interleave)(k % 5);
    config.block_order = (enum simt_block_order)(k / 5);
    return config;
}
#define SCHEDULES 15

/* --- what a kernel computes --------------------------------------------------------------------
 */

static void test_indices(void **state) {
    (void)state;
    for (size_t b = 0; b < 2; b++) {
        for (unsigned k = 0; k < SCHEDULES; k++) {
            struct simt_config config = schedule(k);
            assert_int_equal(simt_configure(&config), 0);
            uint32_t *out = fresh();
            assert_int_equal(run_on(builds[b], "indices", 0, 5, 10, out), 0);
            for (uint32_t block = 0; block < 30; block++)
                for (uint32_t t = 0; t < 40; t++)
                    assert_int_equal(out[block * 40 + t], block << 16 | t);
            simt_free(out);
        }
    }
}

static uint32_t float_bits(float v) {
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static void test_warp_operations(void **state) {
    (void)state;
    for (size_t b = 0; b < 2; b++) {
        for (unsigned k = 0; k < SCHEDULES; k++) {
            struct simt_config config = schedule(k);
            assert_int_equal(simt_configure(&config), 0);
            uint32_t *out = fresh();
            assert_int_equal(run_on(builds[b], "warp_operations", 0, 2, 64, out), 0);
            for (uint32_t i = 0; i < 128; i++) {
                uint32_t t = i % 64, lane = t % 32, warp = t - lane;
                const uint32_t *mine = out + i * 12;
                assert_int_equal(mine[0], warp + 5);
                assert_int_equal(mine[1], lane < 3 ? t : t - 3);
                assert_int_equal(mine[2], lane > 28 ? t : t + 3);
                assert_int_equal(mine[3], t ^ 9);
                assert_int_equal(mine[4], lane % 8 > 5 ? t : t + 2);
                assert_int_equal(mine[5], 0x49249249);
                assert_int_equal(mine[6], 2);
                assert_int_equal(mine[7], float_bits((float)(t ^ 1)));
                assert_int_equal(mine[8], t ^ 2);
                assert_int_equal(mine[9], t ^ 4);
                assert_int_equal(mine[10], 496);
                assert_int_equal(mine[11], lane < 8 ? t ^ 1 : t);
            }
            simt_free(out);
        }
    }
}

static void test_atomics(void **state) {
    (void)state;
    for (size_t b = 0; b < 2; b++) {
        for (unsigned k = 0; k < SCHEDULES; k++) {
            struct simt_config config = schedule(k);
            assert_int_equal(simt_configure(&config), 0);
            uint32_t *out = fresh();
            assert_int_equal(run_on(builds[b], "atomics", 0, 5, 40, out), 0);
            float f;
            double d;
            assert_int_equal(out[0], 200);
            assert_int_equal((int32_t)out[1], -200);
            assert_int_equal(out[2], 199);
            assert_int_equal((int32_t)out[3], -199);
            assert_int_equal(out[4], 0xffffffff);
            assert_int_equal(out[5], 200 % 7);
            memcpy(&f, &out[6], sizeof f);
            assert_true(f == 200);
            assert_int_equal(out[9], 200); /* the upper half of a 64-bit counter */
            memcpy(&d, &out[10], sizeof d);
            assert_true(d == 100);
            assert_int_equal(out[12], 0x5e405a40);      /* 400 and 200 in FP16 */
            assert_int_equal(out[13] & 0xffff, 0x4348); /* 200 in BF16 */
            assert_int_equal(out[13] >> 16, 0x43c8);    /* 400 */
            assert_int_equal(out[15], 400);
            assert_int_equal(out[16], 0); /* subnormals are flushed in global memory … */
            memcpy(&f, &out[17], sizeof f);
            assert_true(f == 5); /* … and kept in shared memory, in each of 5 blocks */
            simt_free(out);
        }
    }
}

static void test_barriers(void **state) {
    (void)state;
    for (size_t b = 0; b < 2; b++) {
        assert_int_equal(simt_configure(NULL), 0);
        int32_t *out = fresh();
        assert_int_equal(run_on(builds[b], "barriers", 0, 1, 100, out), 0);
        for (int t = 0; t < 100; t++) {
            assert_int_equal(out[t * 3], 50);
            assert_int_equal(out[t * 3 + 1], 1);
            assert_int_equal(out[t * 3 + 2], 0);
        }
        assert_int_equal(run_on(builds[b], "barriers", 0, 1, 7, out), 0);
        assert_int_equal(out[0], 3);
        assert_int_equal(out[1], 0);
        assert_int_equal(out[2], 1);
        simt_free(out);
    }
}

/* --- every report, with the bug and without ----------------------------------------------------
 */

struct expectation {
    const char *name, *kernel;
    enum simt_report_kind kind;
    int checked_only; /* the plain build does not look at memory */
};

static const struct expectation expectations[] = {
    {"divergent_barrier", "divergent_barrier", SIMT_DIVERGENT_BARRIER, 0},
    {"divergent_warp", "divergent_warp", SIMT_DIVERGENT_WARP, 0},
    {"shuffle_exited", "shuffle_exited", SIMT_SHUFFLE_LANE, 0},
    {"shuffle_inactive", "shuffle_inactive", SIMT_SHUFFLE_LANE, 0},
    {"bounds_static", "bounds_static", SIMT_BOUNDS_ARRAY, 1},
    {"bounds_dynamic", "bounds_dynamic", SIMT_BOUNDS_SHARED, 1},
    {"bounds_global", "bounds_global", SIMT_BOUNDS_GLOBAL, 1},
    {"bounds_copy", "bounds_copy", SIMT_BOUNDS_GLOBAL, 1},
    {"uninitialised", "uninitialised", SIMT_UNINITIALISED, 1},
    {"race_barrier", "race_barrier", SIMT_RACE, 1},
    {"race_warp", "race_warp", SIMT_RACE, 1},
    {"race_shuffle", "race_warp", SIMT_RACE, 1},
    {"race_vote", "race_warp", SIMT_RACE, 1},
    {"volatile_flag", "volatile_flag", SIMT_RACE, 1},
    {"volatile_lock", "volatile_lock", SIMT_DEADLOCK, 0},
    {"endless", "endless", SIMT_ENDLESS, 0},
    {"endless_atomic", "endless_atomic", SIMT_ENDLESS, 0},
    {"misaligned", "misaligned", SIMT_MISALIGNED, 1},
    {"misaligned_store", "misaligned_store", SIMT_MISALIGNED, 1},
    {"local_array", "local_array", SIMT_BOUNDS_ARRAY, 1},
    {"divided", "divided", SIMT_DIVISION, 0},
    {"runaway", "runaway", SIMT_STACK, 0},
    {"wild", "wild", SIMT_BOUNDS_GLOBAL, 0},
    {"race_partial", "race_partial", SIMT_RACE, 1},
    {"race_halves", "race_halves", SIMT_RACE, 1},
    {"race_blocks", "race_blocks", SIMT_RACE, 1},
    {"race_atomic", "race_atomic", SIMT_RACE, 1},
    {"last_block", "last_block", SIMT_RACE, 1},
    {"last_block_reader", "last_block", SIMT_RACE, 1},
    {"chain", "chain", SIMT_RACE, 1},
    {"chain_reader", "chain", SIMT_RACE, 1},
    {"block_fence", "block_fence", SIMT_RACE, 1},
    {"grid_barrier", "grid_barrier", SIMT_DEADLOCK, 0},
    {"spin_lock", "spin_lock", SIMT_DEADLOCK, 0},
};
#define EXPECTATIONS (sizeof expectations / sizeof *expectations)

static void test_planted_bugs(void **state) {
    (void)state;
    for (size_t i = 0; i < EXPECTATIONS; i++) {
        const struct expectation *e = &expectations[i];
        for (size_t b = (size_t)e->checked_only; b < 2; b++) {
            for (unsigned k = 0; k < SCHEDULES; k++) {
                struct simt_config config = schedule(k);
                if (e->kind == SIMT_ENDLESS) {
                    config.thread_seconds = 0.1;
                    config.launch_seconds = 0.2;
                }
                /* Under a chosen order a buggy wait may never come to pass. */
                assert_int_equal(simt_configure(&config), 0);
                void *data = fresh();
                int rc = run_on(builds[b], e->name, 1, 4, 64, data);
                simt_free(data);
                if (rc != -1)
                    fail_msg("%s, schedule %u: the bug is not found", e->name, k);
                const struct simt_report *r = report_of(e->kind);
                if (!r)
                    fail_msg("%s, schedule %u: reported as: %s", e->name, k, device_error());
                assert_string_equal(r->kernel, e->kernel);
                assert_true(r->block < 4);
                assert_true(r->thread < 64);
                if (!strstr(r->where, "planted_test.cu:"))
                    fail_msg("%s: no source line but '%s'", e->name, r->where);
                assert_non_null(strstr(r->text, simt_report_name(e->kind)));
                assert_null(strchr(device_error(), '\n'));
                if (e->kind == SIMT_RACE) {
                    assert_true(r->has_other);
                    assert_non_null(strstr(r->other_where, "planted_test.cu:"));
                }
            }
        }
    }
}

static void test_without_bugs(void **state) {
    (void)state;
    for (size_t i = 0; i < EXPECTATIONS; i++) {
        const struct expectation *e = &expectations[i];
        for (size_t b = 0; b < 2; b++) {
            for (unsigned k = 0; k < SCHEDULES; k++) {
                struct simt_config config = schedule(k);
                assert_int_equal(simt_configure(&config), 0);
                void *data = fresh();
                if (run_on(builds[b], e->name, 0, 4, 64, data))
                    fail_msg("%s, schedule %u: %s", e->name, k, device_error());
                assert_int_equal(simt_reports(), 0);
                if (strcmp(e->name, "last_block") == 0)
                    assert_true(((float *)data)[1] == 10);
                if (strcmp(e->name, "chain") == 0)
                    assert_int_equal(((uint32_t *)data)[512 + 3], 6);
                simt_free(data);
            }
        }
    }
}

/* A thread that has left the kernel, or a whole warp, does not count at a barrier. */
static void test_barrier_after_exit(void **state) {
    (void)state;
    for (size_t b = 0; b < 2; b++)
        for (unsigned k = 0; k < SCHEDULES; k++) {
            struct simt_config config = schedule(k);
            assert_int_equal(simt_configure(&config), 0);
            int *out = fresh();
            assert_int_equal(run_on(builds[b], "barrier_after_exit", 1, 1, 96, out), 0);
            assert_int_equal(out[0], 95);
            assert_int_equal(run_on(builds[b], "barrier_after_exit", 0, 1, 96, out), 0);
            assert_int_equal(out[0], 64);
            simt_free(out);
        }
}

/* A correct hand-over by a volatile flag gives its number under every schedule. */
static void test_volatile_flag(void **state) {
    (void)state;
    for (size_t b = 0; b < 2; b++)
        for (unsigned k = 0; k < SCHEDULES; k++) {
            struct simt_config config = schedule(k);
            assert_int_equal(simt_configure(&config), 0);
            uint32_t *out = fresh();
            assert_int_equal(run_on(builds[b], "volatile_flag", 0, 2, 32, out), 0);
            assert_int_equal(out[128], 42);
            simt_free(out);
            out = fresh();
            assert_int_equal(run_on(builds[b], "volatile_lock", 0, 4, 32, out), 0);
            assert_int_equal(out[64], 4);
            simt_free(out);
        }
}

/* The line of a race is the line of the access: both ends of it. */
static void test_report_lines(void **state) {
    (void)state;
    assert_int_equal(simt_configure(NULL), 0);
    void *data = fresh();
    assert_int_equal(run_on(&planted_ops_checked, "race_blocks", 1, 4, 32, data), -1);
    simt_free(data);
    const struct simt_report *r = report_of(SIMT_RACE);
    assert_non_null(r);
    assert_int_equal(r->other_block, 0);
    assert_int_equal(r->block, 1);
    assert_int_equal(r->thread, 0);
    assert_string_equal(r->where, r->other_where); /* one line writes for all blocks */
    assert_int_equal(r->times, 6);                 /* block 1 with 0, block 2 with 0 and 1, … */
    /* The line holds that write. */
    int line = atoi(strrchr(r->where, ':') + 1);
    FILE *f = fopen("kernels/simt/planted_test.cu", "r");
    if (!f)
        skip(); /* run from somewhere else */
    char text[200] = "";
    for (int k = 0; k < line; k++)
        assert_non_null(fgets(text, sizeof text, f));
    fclose(f);
    assert_non_null(strstr(text, "out[bug ? 0 : blockIdx.x]"));
}

static void test_reports_cleared(void **state) {
    (void)state;
    assert_int_equal(simt_configure(NULL), 0);
    void *data = fresh();
    assert_int_equal(run_on(&planted_ops_checked, "race_halves", 1, 1, 64, data), -1);
    assert_true(simt_reports() > 0);
    simt_reports_clear();
    assert_int_equal(simt_reports(), 0);
    assert_null(simt_report(0));
    /* The machine goes on working after a launch it gave up. */
    assert_int_equal(run_on(&planted_ops_checked, "divergent_barrier", 1, 1, 64, data), -1);
    assert_int_equal(run_on(&planted_ops_checked, "divergent_barrier", 0, 1, 64, data), 0);
    simt_free(data);
}

/* A partial last warp: lanes the block does not have are not waited for, and not readable. */
static void test_partial_warp(void **state) {
    (void)state;
    assert_int_equal(simt_configure(NULL), 0);
    void *data = fresh();
    assert_int_equal(run_on(&planted_ops_simt, "warp_operations", 0, 1, 40, data), -1);
    const struct simt_report *r = report_of(SIMT_SHUFFLE_LANE);
    assert_non_null(r);
    assert_int_equal(r->thread, 37); /* lane 5 of 8 reads lane 8 */
    assert_non_null(strstr(r->text, "does not have"));
    simt_free(data);
}

/* --- residency ---------------------------------------------------------------------------------
 */

static void test_residency(void **state) {
    (void)state;
    for (size_t b = 0; b < 2; b++) {
        struct simt_config config = {.resident = 6};
        assert_int_equal(simt_configure(&config), 0);
        uint32_t *data = fresh();
        assert_int_equal(run_on(builds[b], "grid_barrier", 0, 6, 32, data), 0);
        /* Three of six blocks spin for ever for those whose places they hold. */
        config.resident = 3;
        assert_int_equal(simt_configure(&config), 0);
        data[0] = 0;
        assert_int_equal(run_on(builds[b], "grid_barrier", 0, 6, 32, data), -1);
        const struct simt_report *r = report_of(SIMT_DEADLOCK);
        assert_non_null(r);
        assert_non_null(strstr(r->text, "blocks 0, 1, 2: 1 thread (thread 0) for memory"));
        assert_non_null(strstr(r->text, "3 blocks wait for one of 3 resident places"));
        simt_free(data);
    }
}

/* Launched together, all blocks are resident whatever is configured, or none starts. */
static void test_together(void **state) {
    (void)state;
    for (size_t b = 0; b < 2; b++) {
        struct simt_config config = {.resident = 3, .workers = 2};
        assert_int_equal(simt_configure(&config), 0);
        uint32_t *data = fresh();
        assert_int_equal(run_on(builds[b], "grid_together", 0, 20, 32, data), 0);
        assert_int_equal(simt_reports(), 0);
        data[0] = 0;
        assert_int_equal(run_on(builds[b], "grid_together", 0, 16, 1024, data), 0);
        data[0] = 0;
        assert_int_equal(run_on(builds[b], "grid_together", 0, 17, 1024, data), -1);
        assert_non_null(strstr(device_error(), "wait for each other"));
        assert_non_null(report_of(SIMT_LAUNCH));
        assert_int_equal(data[0], 0);
        assert_int_equal(simt_configure(NULL), 0);
        simt_free(data);
    }
}

/* --- record and replay -------------------------------------------------------------------------
 */

static char folder[] = "/tmp/simt-test-XXXXXX";
static char path_a[64], path_b[64];

static char *slurp(const char *path, size_t *size) {
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *bytes = malloc(1 << 22);
    assert_non_null(bytes);
    *size = fread(bytes, 1, 1 << 22, f);
    fclose(f);
    return bytes;
}

static void test_replay(void **state) {
    (void)state;
    unsigned distinct = 0;
    uint32_t before[5] = {0};
    for (unsigned k = 0; k < SCHEDULES; k++) {
        for (size_t b = 0; b < 2; b++) {
            struct simt_config config = schedule(k);
            config.record = path_a;
            assert_int_equal(simt_configure(&config), 0);
            uint32_t first[5], second[5];
            uint32_t *data = fresh();
            assert_int_equal(run_on(builds[b], "order_of_adds", 0, 9, 70, data), 0);
            memcpy(first, data, sizeof first);
            /* A second launch in the same file; it spins. */
            assert_int_equal(run_on(builds[b], "chain", 0, 4, 32, data + 64), 0);

            struct simt_config replay = {.replay = path_a, .record = path_b};
            assert_int_equal(simt_configure(&replay), 0);
            memset(data, 0, DATA_BYTES);
            assert_int_equal(run_on(builds[b], "order_of_adds", 0, 9, 70, data), 0);
            memcpy(second, data, sizeof second);
            assert_int_equal(run_on(builds[b], "chain", 0, 4, 32, data + 64), 0);
            assert_int_equal(simt_configure(NULL), 0);
            assert_memory_equal(first, second, sizeof first);
            size_t na, nb;
            char *a = slurp(path_a, &na), *c = slurp(path_b, &nb);
            assert_int_equal(na, nb);
            assert_memory_equal(a, c, na);
            free(a);
            free(c);
            if (b == 0) {
                distinct += memcmp(first, before, sizeof first) != 0;
                memcpy(before, first, sizeof first);
            } else {
                /* The checked build follows the same schedule to the same bits. */
                assert_memory_equal(first, before, sizeof first);
            }
            simt_free(data);
        }
    }
    assert_true(distinct > 5); /* schedules do differ in what they compute */
}

static void test_replay_refused(void **state) {
    (void)state;
    struct simt_config config = {.interleave = SIMT_RANDOM, .seed = 3, .record = path_a};
    assert_int_equal(simt_configure(&config), 0);
    void *data = fresh();
    assert_int_equal(run_on(&planted_ops_simt, "order_of_adds", 0, 9, 70, data), 0);
    struct simt_config replay = {.replay = path_a};
    /* Another shape, another kernel, one launch too many. */
    assert_int_equal(simt_configure(&replay), 0);
    assert_int_equal(run_on(&planted_ops_simt, "order_of_adds", 0, 8, 70, data), -1);
    assert_non_null(strstr(device_error(), "does not fit"));
    assert_int_equal(simt_configure(&replay), 0);
    assert_int_equal(run_on(&planted_ops_simt, "chain", 0, 9, 70, data), -1);
    assert_int_equal(simt_configure(&replay), 0);
    assert_int_equal(run_on(&planted_ops_simt, "order_of_adds", 0, 9, 70, data), 0);
    assert_int_equal(run_on(&planted_ops_simt, "order_of_adds", 0, 9, 70, data), -1);
    /* Files that are no recordings, at any place they are cut. */
    size_t size;
    char *bytes = slurp(path_a, &size);
    replay.replay = path_b;
    for (size_t keep = 0; keep + 1 < size; keep += keep < 120 ? 7 : 911) {
        FILE *f = fopen(path_b, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(bytes, 1, keep, f), keep);
        fclose(f);
        int rc = simt_configure(&replay);
        if (rc == 0) /* cut after the first line: no launch in it */
            assert_int_equal(run_on(&planted_ops_simt, "order_of_adds", 0, 9, 70, data), -1);
    }
    /* Steps that cannot be followed. */
    for (size_t at = size - 4; at > size / 2; at -= 4)
        memset(bytes + at, 0x41, 4);
    FILE *f = fopen(path_b, "wb");
    assert_non_null(f);
    fwrite(bytes, 1, size, f);
    fclose(f);
    assert_int_equal(simt_configure(&replay), 0);
    assert_int_equal(run_on(&planted_ops_simt, "order_of_adds", 0, 9, 70, data), -1);
    free(bytes);
    replay.replay = "/nonexistent/schedule";
    assert_int_equal(simt_configure(&replay), -1);
    assert_non_null(strstr(device_error(), "/nonexistent/schedule"));
    struct simt_config record = {.record = "/nonexistent/schedule"};
    assert_int_equal(simt_configure(&record), -1);
    assert_int_equal(simt_configure(NULL), 0);
    simt_free(data);
}

static void test_orders_differ(void **state) {
    (void)state;
    /* A seed is all that a random schedule depends on. */
    uint32_t bits[3];
    for (int k = 0; k < 3; k++) {
        struct simt_config config = {.interleave = SIMT_RANDOM, .seed = k == 2 ? 8 : 7};
        assert_int_equal(simt_configure(&config), 0);
        uint32_t *data = fresh();
        assert_int_equal(run_on(&planted_ops_simt, "order_of_adds", 0, 16, 256, data), 0);
        bits[k] = data[0] ^ data[1] ^ data[2] ^ data[3] ^ data[4];
        simt_free(data);
    }
    assert_int_equal(bits[0], bits[1]);
    assert_int_not_equal(bits[0], bits[2]);
}

/* --- memory, counts, workers, limits -----------------------------------------------------------
 */

static void test_memory(void **state) {
    (void)state;
    unsigned char *a = simt_malloc(1001), *b = simt_malloc(0);
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal((uintptr_t)a % 256, 0);
    for (int i = 0; i < 1001; i++)
        assert_int_equal(a[i], 0xff);
    simt_free(b);
    simt_free(a);
    simt_free(NULL);
    assert_null(simt_malloc((size_t)1 << 50));
    assert_true(simt_memory_free() > 1 << 20);
    /* Freed memory is found out. */
    assert_int_equal(simt_configure(NULL), 0);
    void *data = fresh();
    simt_free(data);
    assert_int_equal(run_on(&planted_ops_checked, "bounds_global", 0, 2, 32, data), -1);
    assert_non_null(report_of(SIMT_BOUNDS_GLOBAL));
    /* Memory goes round: far more in all than there is at once. */
    for (int k = 0; k < 300; k++) {
        void *p = simt_malloc((size_t)256 << 10);
        assert_non_null(p);
        simt_free(p);
    }
}

static void test_counts(void **state) {
    (void)state;
    enum { N = 5000 };
    float *x = simt_malloc(N * sizeof *x), *partials = simt_malloc(64 * sizeof *partials);
    for (int i = 0; i < N; i++)
        x[i] = 1;
    assert_int_equal(simt_configure(NULL), 0);
    assert_int_equal(planted_ops_checked.sum(x, N, 4, partials), 0);
    struct simt_counts counts;
    simt_last_counts(&counts);
    assert_true(counts.checked);
    assert_int_equal(counts.loaded, 4 * N);
    assert_int_equal(counts.loaded_unique, 4 * N);
    assert_int_equal(counts.stored, 4 * 5);
    assert_int_equal(counts.stored_unique, 4 * 5);
    assert_true(counts.switches > 0);
    /* One address, many times. */
    uint32_t *data = fresh();
    assert_int_equal(run_on(&planted_ops_checked, "race_atomic", 0, 3, 32, data), 0);
    simt_last_counts(&counts);
    assert_int_equal(counts.loaded, 3 * 32 * 4);
    assert_int_equal(counts.stored, 3 * 32 * 4);
    assert_int_equal(counts.loaded_unique, 4);
    assert_int_equal(counts.stored_unique, 4);
    assert_int_equal(planted_ops_simt.sum(x, N, 4, partials), 0);
    simt_last_counts(&counts);
    assert_false(counts.checked);
    assert_int_equal(counts.loaded, 0);
    simt_free(data);
    simt_free(partials);
    simt_free(x);
}

static void test_workers(void **state) {
    (void)state;
    enum { N = 100000, BLOCKS = (N + 1023) / 1024 };
    float *x = simt_malloc(N * sizeof *x), *one = simt_malloc(BLOCKS * sizeof *one);
    float *three = simt_malloc(BLOCKS * sizeof *three);
    for (int i = 0; i < N; i++)
        x[i] = 1.0f / (float)(i + 1);
    assert_int_equal(simt_configure(NULL), 0);
    assert_int_equal(planted_ops_simt.sum(x, N, 4, one), 0);
    struct simt_config config = {.workers = 3};
    assert_int_equal(simt_configure(&config), 0);
    for (int k = 0; k < 20; k++) {
        memset(three, 0xff, BLOCKS * sizeof *three);
        assert_int_equal(planted_ops_simt.sum(x, N, 4, three), 0);
        assert_memory_equal(one, three, BLOCKS * sizeof *one);
    }
    /* Failures of any worker are the launch's, and waiting for each other works. */
    uint32_t *data = fresh();
    assert_int_equal(run_on(&planted_ops_simt, "divergent_barrier", 1, 1, 64, data), -1);
    assert_non_null(report_of(SIMT_DIVERGENT_BARRIER));
    memset(data, 0, DATA_BYTES);
    assert_int_equal(run_on(&planted_ops_simt, "grid_barrier", 0, 8, 32, data), 0);
    memset(data, 0, DATA_BYTES);
    assert_int_equal(run_on(&planted_ops_simt, "grid_barrier", 1, 8, 32, data), -1);
    memset(data, 0, DATA_BYTES);
    assert_int_equal(run_on(&planted_ops_simt, "spin_lock", 0, 50, 32, data), 0);
    assert_int_equal(data[1], 50);
    assert_int_equal(simt_configure(NULL), 0);
    simt_free(data);
    simt_free(three);
    simt_free(one);
    simt_free(x);
}

static void test_limits(void **state) {
    (void)state;
    assert_int_equal(simt_configure(NULL), 0);
    void *data = fresh();
    assert_int_equal(run_on(&planted_ops_simt, "grid_barrier", 0, 0, 32, data), -1);
    assert_non_null(report_of(SIMT_LAUNCH));
    assert_int_equal(run_on(&planted_ops_simt, "grid_barrier", 0, 1, 0, data), -1);
    assert_int_equal(run_on(&planted_ops_simt, "grid_barrier", 0, 1, 1025, data), -1);
    assert_int_equal(run_on(&planted_ops_simt, "barriers", 0, 1, 1024, data), 0);
    struct simt_config config = {.interleave = (enum simt_interleave)77};
    assert_int_equal(simt_configure(&config), -1);
    assert_int_equal(simt_configure(NULL), 0);
    simt_free(data);
}

/* --- narrow formats and conversions ------------------------------------------------------------
 */

struct format {
    uint16_t (*narrow)(double);
    float (*widen)(uint16_t);
    uint16_t (*fma)(uint16_t, uint16_t, uint16_t);
    uint16_t infinity;
};
static const struct format formats[] = {
    {simt_double_to_half, simt_half_to_float, simt_half_fma, 0x7c00},
    {simt_double_to_bfloat, simt_bfloat_to_float, simt_bfloat_fma, 0x7f80},
};

static void test_narrow(void **state) {
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        const struct format *f = &formats[k];
        for (uint32_t bits = 0; bits < f->infinity; bits++) {
            double here = (double)f->widen((uint16_t)bits);
            double next = (double)f->widen((uint16_t)(bits + 1));
            if (bits + 1u == f->infinity) /* the number that would follow the largest */
                next = here + (here - (double)f->widen((uint16_t)(bits - 1)));
            double middle = (here + next) / 2; /* exact: a double has bits to spare */
            uint16_t even = (uint16_t)(bits + (bits & 1));
            assert_int_equal(f->narrow(here), bits);
            assert_int_equal(f->narrow(-here), bits | 0x8000);
            assert_int_equal(f->narrow(middle), even);
            assert_int_equal(f->narrow(-middle), even | 0x8000);
            assert_int_equal(f->narrow(nextafter(middle, 0)), bits);
            assert_int_equal(f->narrow(nextafter(middle, INFINITY)), bits + 1);
        }
        assert_int_equal(f->narrow(INFINITY), f->infinity);
        assert_int_equal(f->narrow(1e300), f->infinity);
        assert_int_equal(f->narrow(1e-300), 0);
        assert_int_equal(f->narrow((double)NAN), 0x7fff);
        assert_true(isnan(f->widen(0x7fff)));
    }
}

/* The nearest number of the format to v, by search, ties to even. */
static uint16_t nearest(const struct format *f, __float128 v) {
    uint16_t sign = v < 0 ? 0x8000 : 0;
    __float128 a = v < 0 ? -v : v;
    uint32_t low = 0, high = f->infinity;
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if ((__float128)f->widen((uint16_t)middle) <= a)
            low = middle;
        else
            high = middle;
    }
    __float128 below = f->widen((uint16_t)low), above = f->widen((uint16_t)high);
    if (high == f->infinity) /* as far above the largest number as the one before is below it */
        above = 2 * below - f->widen((uint16_t)(low - 1));
    __float128 down = a - below, up = above - a;
    return (uint16_t)(sign | (down < up || (down == up && low % 2 == 0) ? low : high));
}

static void test_narrow_fma(void **state) {
    (void)state;
    uint64_t random = 1;
    for (int i = 0; i < 400000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        const struct format *f = &formats[i % 2];
        uint16_t a = (uint16_t)(random >> 16), b = (uint16_t)(random >> 32),
                 c = (uint16_t)(random >> 48);
        if (i % 2) { /* BF16's range is too wide for 113 bits: stay near 1 */
            a = (uint16_t)((a & 0x87ff) | 0x3c00);
            b = (uint16_t)((b & 0x87ff) | 0x3c00);
            c = (uint16_t)((c & 0x8fff) | 0x3000);
        }
        float fa = f->widen(a), fb = f->widen(b), fc = f->widen(c);
        if (!isfinite(fa) || !isfinite(fb) || !isfinite(fc))
            continue;
        __float128 exact = (__float128)fa * fb + fc;
        uint16_t got = f->fma(a, b, c);
        if (exact == 0)
            assert_int_equal(got & 0x7fff, 0);
        else
            assert_int_equal(got, nearest(f, exact));
    }
}

static void test_saturation(void **state) {
    (void)state;
    assert_int_equal(simt_to_i32(3e9), INT32_MAX);
    assert_int_equal(simt_to_i32(-3e9), INT32_MIN);
    assert_int_equal(simt_to_i32((double)NAN), 0);
    assert_int_equal(simt_to_i32(-5), -5);
    assert_int_equal(simt_to_u32(-1), 0);
    assert_int_equal(simt_to_u32(1e10), UINT32_MAX);
    assert_true(simt_to_i64(1e19) == INT64_MAX);
    assert_true(simt_to_i64((double)NAN) == INT64_MIN);
    assert_true(simt_to_u64(-1) == 0);
    assert_true(simt_to_u64(1e20) == UINT64_MAX);
    for (int k = 0; k < SIMT_RULES; k++) {
        assert_non_null(simt_rules[k].name);
        assert_non_null(simt_rules[k].text);
    }
}

/* --- speed -------------------------------------------------------------------------------------
 */

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int print_speed(void) {
    enum { N = 1 << 20 };
    float *x = simt_malloc(N * sizeof *x), *partials = simt_malloc(N / 256 * sizeof *partials);
    for (int i = 0; i < N; i++)
        x[i] = 1;
    const unsigned items[] = {1, 4, 8};
    for (size_t b = 0; b < 2; b++) {
        for (size_t k = 0; k < 3; k++) {
            double best = INFINITY;
            for (int repeat = 0; repeat < 5; repeat++) {
                double start = seconds();
                if (builds[b]->sum(x, N, items[k], partials)) {
                    fprintf(stderr, "%s\n", device_error());
                    return 1;
                }
                best = fmin(best, seconds() - start);
            }
            printf("%s, %u items a thread: %.3f s of one core\n", b ? "checked" : "plain", items[k],
                   best);
        }
    }
    return 0;
}

static int make_folder(void **state) {
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path_a, sizeof path_a, "%s/a", folder);
    snprintf(path_b, sizeof path_b, "%s/b", folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    unlink(path_a);
    unlink(path_b);
    return rmdir(folder);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "speed") == 0)
        return print_speed();
    const struct CMUnitTest results[] = {
        cmocka_unit_test(test_indices),      cmocka_unit_test(test_warp_operations),
        cmocka_unit_test(test_atomics),      cmocka_unit_test(test_barriers),
        cmocka_unit_test(test_partial_warp),
    };
    const struct CMUnitTest reports[] = {
        cmocka_unit_test(test_planted_bugs),       cmocka_unit_test(test_without_bugs),
        cmocka_unit_test(test_report_lines),       cmocka_unit_test(test_reports_cleared),
        cmocka_unit_test(test_together),           cmocka_unit_test(test_residency),
        cmocka_unit_test(test_barrier_after_exit), cmocka_unit_test(test_volatile_flag),
    };
    const struct CMUnitTest schedules[] = {
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_replay_refused),
        cmocka_unit_test(test_orders_differ),
    };
    const struct CMUnitTest rest[] = {
        cmocka_unit_test(test_memory),     cmocka_unit_test(test_counts),
        cmocka_unit_test(test_workers),    cmocka_unit_test(test_limits),
        cmocka_unit_test(test_narrow),     cmocka_unit_test(test_narrow_fma),
        cmocka_unit_test(test_saturation),
    };
    return cmocka_run_group_tests_name("simt results", results, NULL, NULL) +
           cmocka_run_group_tests_name("simt reports", reports, NULL, NULL) +
           cmocka_run_group_tests_name("simt schedules", schedules, make_folder, remove_folder) +
           cmocka_run_group_tests_name("simt rest", rest, NULL, NULL);
}
