/*
 * atomics_order_test.c: orders recovered from logs that are made here, true ones and wrong ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/atomics/atomics_order.h"
#include "kernels/rng/data.h"
#include "kernels/rng/philox.h"

#define N 2000

static uint64_t value[N], old[N];
static uint32_t order[N], truth[N];

/* Random numbers of an addition's format. */
static void fill(enum atomics_add add, size_t n, uint64_t seed) {
    for (size_t k = 0; k < n; k++) {
        double x = philox_normal(seed, 1, k);
        if (add == ATOMICS_ADD_F64) {
            memcpy(&value[k], &x, sizeof x);
        } else if (add == ATOMICS_ADD_F16 || add == ATOMICS_ADD_BF16) {
            uint16_t half;
            element_set(add == ATOMICS_ADD_F16 ? ELEMENT_F16 : ELEMENT_BF16, &half, 0, x);
            value[k] = half;
        } else {
            float f = (float)x;
            uint32_t bits;
            memcpy(&bits, &f, sizeof f);
            value[k] = bits;
        }
    }
}

/* The updates in a shuffled order, each noting what it finds; the last value. */
static uint64_t make_log(enum atomics_add add, uint64_t first, size_t n, uint64_t seed) {
    for (size_t k = 0; k < n; k++)
        truth[k] = (uint32_t)k;
    for (size_t k = n; k > 1; k--) {
        size_t j = (size_t)philox_below(philox_u64(seed, 2, k), k);
        uint32_t t = truth[k - 1];
        truth[k - 1] = truth[j];
        truth[j] = t;
    }
    uint64_t at = first;
    for (size_t k = 0; k < n; k++) {
        old[truth[k]] = at;
        at = atomics_add_bits(add, at, value[truth[k]]);
    }
    return at;
}

static void assert_order(enum atomics_add add, uint64_t first, uint64_t last, size_t n) {
    bool seen[N] = {false};
    assert_int_equal(atomics_order(add, first, last, value, old, n, order), ATOMICS_ORDER_FOUND);
    uint64_t at = atomics_canonical(add, first);
    for (size_t k = 0; k < n; k++) {
        assert_true(order[k] < n && !seen[order[k]]);
        seen[order[k]] = true;
        assert_int_equal(at, atomics_canonical(add, old[order[k]])); /* right at every step */
        at = atomics_add_bits(add, at, value[order[k]]);
    }
    assert_int_equal(at, atomics_canonical(add, last));
    assert_int_equal(atomics_replay(add, first, value, order, n), at);
}

static void test_random(void **state) {
    (void)state;
    for (enum atomics_add add = 0; add < ATOMICS_ADDS; add++)
        for (uint64_t seed = 0; seed < 20; seed++) {
            size_t n = seed < 10 ? seed + 1 : seed * 100;
            fill(add, n, seed);
            assert_order(add, 0, make_log(add, 0, n, seed), n);
        }
}

/* Where all partial sums differ there is one path, and it is the order that was. */
static void test_unique(void **state) {
    (void)state;
    for (size_t k = 0; k < 50; k++)
        value[k] = (uint64_t)(1023 + (int)k)
                   << 52; /* distinct powers of two: every subset differs */
    uint64_t last = make_log(ATOMICS_ADD_F64, 0, 50, 9);
    assert_order(ATOMICS_ADD_F64, 0, last, 50);
    for (size_t k = 0; k < 50; k++)
        assert_int_equal(order[k], truth[k]);
}

/* Values that repeat: equal updates, zeros of both signs, updates too small to change anything,
 * and sums that come back to where they were. */
static void test_ambiguous(void **state) {
    (void)state;
    static const uint32_t some[] = {0x3f800000, 0xbf800000, 0x00000000, 0x80000000,
                                    0x4b800000, 0xcb800000, 0x00000001, 0x3f000000};
    for (uint64_t seed = 0; seed < 50; seed++) {
        for (size_t k = 0; k < N; k++)
            value[k] = some[philox_below(philox_u64(seed, 3, k), 8)];
        for (int flush = 0; flush < 2; flush++) {
            enum atomics_add add = flush ? ATOMICS_ADD_F32_FLUSH : ATOMICS_ADD_F32;
            assert_order(add, 0, make_log(add, 0, N, seed), N);
            assert_order(add, 0x80000000, make_log(add, 0x80000000, N, seed + 100), N);
        }
    }
    for (size_t k = 0; k < N; k++)
        value[k] = 0;
    assert_order(ATOMICS_ADD_F32, 0, make_log(ATOMICS_ADD_F32, 0, N, 1), N);
}

static void test_special(void **state) {
    (void)state;
    static const uint32_t some[] = {0x7f800000, 0xff800000, 0x7fc00001, 0x3f800000,
                                    0xffc12345, 0x7f7fffff, 0x7f7fffff, 0xc0000000};
    for (uint64_t seed = 0; seed < 20; seed++) {
        for (size_t k = 0; k < 8; k++)
            value[k] = some[k];
        uint64_t last = make_log(ATOMICS_ADD_F32, 0, 8, seed);
        assert_order(ATOMICS_ADD_F32, 0, last, 8);
        /* The hardware's payloads are its own. */
        for (size_t k = 0; k < 8; k++)
            if ((old[k] & 0x7fffffff) > 0x7f800000)
                old[k] = 0xffc00000 + k;
        assert_order(ATOMICS_ADD_F32, 0, 0x7fffffff, 8);
    }
}

static void test_none(void **state) {
    (void)state;
    assert_int_equal(atomics_order(ATOMICS_ADD_F32, 5, 5, value, old, 0, order), 0);
    assert_int_equal(atomics_order(ATOMICS_ADD_F32, 5, 6, value, old, 0, order),
                     ATOMICS_ORDER_WRONG_END);
}

/* A log that is not true has no path, or not to the end; each way by its name. */
static void test_wrong(void **state) {
    (void)state;
    enum atomics_add add = ATOMICS_ADD_F32;
    fill(add, 300, 4);
    uint64_t last = make_log(add, 0, 300, 4), kept;
    assert_order(add, 0, last, 300);
    assert_int_equal(atomics_order(add, 0, last ^ 1, value, old, 300, order),
                     ATOMICS_ORDER_WRONG_END);
    assert_int_equal(atomics_order(add, 0x3f000001, last, value, old, 300, order),
                     ATOMICS_ORDER_NO_START);
    kept = old[17];
    old[17] ^= 1; /* found a value nobody left */
    assert_int_equal(atomics_order(add, 0, last, value, old, 300, order), ATOMICS_ORDER_UNEVEN);
    old[17] = kept;
    kept = value[17];
    value[17] ^= 0x400000; /* added something else than it says */
    assert_int_equal(atomics_order(add, 0, last, value, old, 300, order), ATOMICS_ORDER_UNEVEN);
    value[17] = kept;
    /* A lost update: it found a value that another one found too. */
    kept = old[truth[20]];
    old[truth[20]] = old[truth[19]];
    assert_int_equal(atomics_order(add, 0, last, value, old, 300, order), ATOMICS_ORDER_UNEVEN);
    old[truth[20]] = kept;
    assert_order(add, 0, last, 300);
    /* Subnormals flushed by the device but not by the model. */
    value[0] = 1, value[1] = 2;
    last = make_log(ATOMICS_ADD_F32_FLUSH, 0, 2, 0);
    assert_int_equal(atomics_order(add, 0, last, value, old, 2, order), ATOMICS_ORDER_UNEVEN);
    /* A circle beside the path. */
    value[0] = 0x3f800000, old[0] = 0;          /* 0 -> 1 */
    value[1] = 0x40000000, old[1] = 0x41000000; /* 8 -> 10 */
    value[2] = 0xc0000000, old[2] = 0x41200000; /* 10 -> 8 */
    assert_int_equal(atomics_order(add, 0, 0x3f800000, value, old, 3, order), ATOMICS_ORDER_APART);
}

/* A whole run: addresses and lanes apart, and one wrong word found. */
static void test_log_check(void **state) {
    (void)state;
    enum { A = 4, U = 101 };
    uint16_t values[2 * U], olds[2 * U], results[2 * A] = {0};
    for (size_t k = 0; k < 2 * U; k++)
        element_set(ELEMENT_F16, values, k, philox_normal(5, 6, k));
    for (size_t k = 0; k < U; k++) {
        size_t u[2] = {k, U - 1 - k}; /* the high halves arrive in another order */
        for (size_t lane = 0; lane < 2; lane++) {
            size_t at = 2 * (u[lane] % A) + lane, from = 2 * u[lane] + lane;
            olds[from] = results[at];
            results[at] = (uint16_t)atomics_add_bits(ATOMICS_ADD_F16, results[at], values[from]);
        }
    }
    struct atomics_log log = {.type = ATOMICS_F16X2,
                              .add = ATOMICS_ADD_F16,
                              .addresses = A,
                              .updates = U,
                              .values = values,
                              .olds = olds,
                              .results = results};
    struct atomics_log_check check;
    assert_int_equal(atomics_log_check(&log, 1, NULL, &check), 0);
    assert_int_equal(check.chains, 2 * A);
    assert_int_equal(check.held, 2 * A);
    assert_true(check.shuffled_differ > A);
    results[5] ^= 1; /* the high half of address 2 */
    assert_int_equal(atomics_log_check(&log, 1, NULL, &check), 0);
    assert_int_equal(check.held, 2 * A - 1);
    assert_int_equal(check.failure, ATOMICS_ORDER_WRONG_END);
    assert_int_equal(check.failed_address, 2);
}

static void test_add(void **state) {
    (void)state;
    assert_int_equal(atomics_add_bits(ATOMICS_ADD_F32, 0x00000001, 0x00000001), 2);
    assert_int_equal(atomics_add_bits(ATOMICS_ADD_F32_FLUSH, 0x00000001, 0x00000001), 0);
    assert_int_equal(atomics_add_bits(ATOMICS_ADD_F32_FLUSH, 0x80000001, 0x80000000), 0x80000000);
    /* Normal operands, subnormal result. */
    assert_int_equal(atomics_add_bits(ATOMICS_ADD_F32_FLUSH, 0x00800001, 0x80800000), 0);
    assert_int_equal(atomics_add_bits(ATOMICS_ADD_F32_FLUSH, 0x80800001, 0x00800000), 0x80000000);
    assert_int_equal(atomics_add_bits(ATOMICS_ADD_F32, 0x00800001, 0x80800000), 1);
    assert_int_equal(atomics_add_bits(ATOMICS_ADD_F32, 0x7f800000, 0xff800000), 0x7fffffff);
    assert_int_equal(atomics_add_bits(ATOMICS_ADD_F16, 0x6800, 0x3c00), 0x6800); /* 2048 + 1 */
    assert_int_equal(atomics_add_bits(ATOMICS_ADD_F16, 0x7bff, 0x7bff), 0x7c00);
    assert_int_equal(atomics_add_bits(ATOMICS_ADD_F16, 0x0001, 0x0001), 0x0002);
    assert_int_equal(atomics_add_bits(ATOMICS_ADD_BF16, 0x4380, 0x3f80), 0x4380); /* 256 + 1 */
    assert_int_equal(atomics_add_bits(ATOMICS_ADD_F64, 0x3ff0000000000000, 0x3ff0000000000000),
                     0x4000000000000000);
    assert_int_equal(atomics_ulps(ATOMICS_ADD_F32, 0x3f800000, 0x3f800003), 3);
    assert_int_equal(atomics_ulps(ATOMICS_ADD_F32, 0x00000002, 0x80000003), 5);
    assert_int_equal(atomics_ulps(ATOMICS_ADD_F32, 0, 0x80000000), 0);
    assert_true(atomics_ulps(ATOMICS_ADD_F32, 0x7fc00000, 0) == UINT64_MAX);
    assert_true(atomics_ulps(ATOMICS_ADD_F32, 0x7f800000, 0x7f7fffff) == UINT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),    cmocka_unit_test(test_unique),
        cmocka_unit_test(test_ambiguous), cmocka_unit_test(test_special),
        cmocka_unit_test(test_none),      cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_log_check), cmocka_unit_test(test_add),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
