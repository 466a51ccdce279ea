/*
 * requests_test.c: what the SIMT machine counts of a launch, on kernels whose requests, sectors and
 * passes through the banks can be counted by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/device/device.h"
#include "kernels/simt/requests.h"
#include "kernels/simt/simt.h"

#define FLOATS 8192

static const struct requests_ops *const checked = &requests_ops_checked;
static float *x, *y;

static int begin(void **state) {
    (void)state;
    x = simt_malloc(FLOATS * sizeof *x);
    y = simt_malloc(FLOATS * sizeof *y);
    if (!x || !y)
        return -1;
    memset(x, 0, FLOATS * sizeof *x);
    memset(y, 0, FLOATS * sizeof *y);
    return 0;
}

static int end(void **state) {
    (void)state;
    simt_free(x);
    simt_free(y);
    return simt_configure(NULL);
}

/* The counts of a launch that went well. */
static struct simt_counts after(int status) {
    struct simt_counts counts;
    if (status != 0)
        fail_msg("%s", device_error());
    simt_last_counts(&counts);
    return counts;
}

static void count(enum simt_interleave interleave) {
    struct simt_config config = {.count_requests = 1, .interleave = interleave, .seed = 5};
    assert_int_equal(simt_configure(&config), 0);
}

static void expect_loads(struct simt_counts c, uint64_t requests, uint64_t sectors,
                         uint64_t least) {
    assert_int_equal(c.requests_counted, 1);
    assert_int_equal(c.load_requests, requests);
    assert_int_equal(c.load_sectors, sectors);
    assert_int_equal(c.load_sectors_least, least);
}

static void expect_stores(struct simt_counts c, uint64_t requests, uint64_t sectors,
                          uint64_t least) {
    assert_int_equal(c.store_requests, requests);
    assert_int_equal(c.store_sectors, sectors);
    assert_int_equal(c.store_sectors_least, least);
}

static void expect_passes(struct simt_counts c, uint64_t requests, uint64_t passes,
                          uint64_t least) {
    assert_int_equal(c.shared_requests, requests);
    assert_int_equal(c.shared_passes, passes);
    assert_int_equal(c.shared_passes_least, least);
}

static void test_global(void **state) {
    (void)state;
    for (unsigned k = 0; k < 5; k++) { /* whatever the order that lanes run in */
        count((enum simt_interleave)k);
        struct simt_counts c = after(checked->copy(x, y, 256, 1, 0, 64));
        expect_loads(c, 8, 8 * 4, 8 * 4);
        expect_stores(c, 8, 8 * 4, 8 * 4);
        assert_int_equal(c.loaded_unique, 256 * 4);
        assert_int_equal(c.barriers, 0);
        /* Every second float; one of each sector; one float off. */
        expect_loads(after(checked->copy(x, y, 256, 2, 0, 64)), 8, 8 * 8, 8 * 4);
        expect_loads(after(checked->copy(x, y, 256, 8, 0, 64)), 8, 8 * 32, 8 * 4);
        expect_loads(after(checked->copy(x, y, 256, 1, 1, 64)), 8, 8 * 5, 8 * 4);
        /* All read one. */
        c = after(checked->copy(x, y, 256, 0, 3, 64));
        expect_loads(c, 8, 8, 8);
        assert_int_equal(c.loaded, 256 * 4);
        assert_int_equal(c.loaded_unique, 4);
        /* A tail of 8 lanes, and of 1. */
        expect_loads(after(checked->copy(x, y, 40, 1, 0, 64)), 2, 4 + 1, 4 + 1);
        expect_stores(after(checked->copy(x, y, 33, 1, 0, 64)), 2, 4 + 1, 4 + 1);
        /* Warps of which one is not full. */
        expect_loads(after(checked->copy(x, y, 80, 1, 0, 40)), 4, 2 * (4 + 1), 2 * (4 + 1));
        c = after(checked->copy4(x, y, 512));
        expect_loads(c, 4, 4 * 16, 4 * 16);
        expect_stores(c, 4, 4 * 16, 4 * 16);
    }
}

static void test_lanes_apart(void **state) {
    (void)state;
    for (unsigned k = 0; k < 5; k++) {
        count((enum simt_interleave)k);
        /* 32, 24, 16 and 8 lanes, the fourth in every sector: 4 sectors each. */
        struct simt_counts c = after(checked->ragged(x, y));
        expect_loads(c, 4, 4 * 4, 4 + 3 + 2 + 1);
        expect_stores(c, 1, 4, 4);
        c = after(checked->parted(x, y));
        expect_loads(c, 1, 4, 4);
        expect_stores(c, 2, 2 * 4, 2 * 2);
    }
}

static void test_banks(void **state) {
    (void)state;
    static const struct {
        unsigned stride, passes;
    } strides[] = {{1, 1}, {2, 2}, {3, 1}, {4, 4}, {16, 16}, {17, 1}, {31, 1}, {32, 32}};
    count(SIMT_IN_ORDER);
    for (size_t k = 0; k < sizeof strides / sizeof *strides; k++)
        expect_passes(after(checked->shared(x, y, strides[k].stride)), 4, 4 * strides[k].passes, 4);
    expect_passes(after(checked->shared_double((double *)x, (double *)y)), 4, 8, 8);
    expect_passes(after(checked->shared_one(x, y)), 4, 4, 4);
}

static void test_tree(void **state) {
    (void)state;
    /* The first store by 8 warps; in each of 8 steps, three accesses by the warps that are active;
     * the last read. With neighbours, step k has a stride of 2 << k floats. */
    uint64_t requests = 8 + 1, conflicts = 0;
    for (unsigned k = 0; k < 8; k++) {
        unsigned active = 128u >> k, warps = (active + 31) / 32, lanes = active / warps;
        unsigned stride = 2u << k, fullest = lanes * (stride < 32 ? stride : 32) / 32;
        requests += 3ull * warps;
        conflicts += 3ull * warps * (fullest - 1);
    }
    count(SIMT_IN_ORDER);
    struct simt_counts c = after(checked->tree(x, y, 0));
    expect_passes(c, requests, requests, requests);
    assert_int_equal(c.barriers, 9);
    c = after(checked->tree(x, y, 1));
    expect_passes(c, requests, requests + conflicts, requests);
    assert_int_equal(c.stored_unique, 4);
}

static void test_barriers_and_atomics(void **state) {
    (void)state;
    static const struct requests_ops *const both[] = {&requests_ops_simt, &requests_ops_checked};
    for (unsigned workers = 1; workers <= 2; workers++)
        for (size_t k = 0; k < 2; k++) { /* these are counted in every build, and unasked */
            struct simt_config config = {.workers = workers};
            assert_int_equal(simt_configure(&config), 0);
            struct simt_counts c = after(both[k]->atomics((unsigned *)y));
            assert_int_equal(c.barriers, 2 * 3);
            assert_int_equal(c.atomics_global, 2 * 64);
            assert_int_equal(c.atomics_shared, 2 * 2 * 64);
            assert_int_equal(c.requests_counted, 0);
            assert_int_equal(c.load_requests + c.store_requests + c.shared_requests, 0);
        }
    count(SIMT_IN_ORDER);
    struct simt_counts c = after(requests_ops_simt.copy(x, y, 256, 1, 0, 64));
    assert_int_equal(c.requests_counted, 0); /* the plain build sees no accesses */
}

static void test_too_far_ahead(void **state) {
    (void)state;
    count(SIMT_IN_ORDER);
    expect_loads(after(checked->ahead(x, y, 1000)), 1000, 1000, 1000);
    assert_int_equal(after(checked->ahead(x, y, 70000)).requests_counted, 0);
}

static void test_image(void **state) {
    (void)state;
    count(SIMT_IN_ORDER);
    y[0] = 3;
    after(checked->variable(y));
    assert_true(y[1] == 3);
    struct simt_config config = {.image_read_only = 1};
    assert_int_equal(simt_configure(&config), 0);
    assert_int_equal(checked->variable(y), -1);
    assert_int_equal(simt_report(0)->kind, SIMT_BOUNDS_GLOBAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_global),
        cmocka_unit_test(test_lanes_apart),
        cmocka_unit_test(test_banks),
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_barriers_and_atomics),
        cmocka_unit_test(test_too_far_ahead),
        cmocka_unit_test(test_image),
    };
    return cmocka_run_group_tests_name("simt requests", tests, begin, end);
}
