/*
 * atomics_explore_test.c: the explorer against all permutations, up to 8 updates.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/atomics/atomics_explore.h"
#include "kernels/rng/philox.h"

struct brute {
    enum atomics_add add;
    const uint64_t *value;
    const uint16_t *before;
    unsigned n;
    uint64_t *bits, *orders; /* one per result met */
    size_t count, room;
};

static void meet(struct brute *b, uint64_t bits) {
    for (size_t k = 0; k < b->count; k++)
        if (b->bits[k] == bits) {
            b->orders[k]++;
            return;
        }
    if (b->count == b->room) {
        b->room = b->room ? 2 * b->room : 64;
        b->bits = realloc(b->bits, b->room * sizeof *b->bits);
        b->orders = realloc(b->orders, b->room * sizeof *b->orders);
        assert_true(b->bits && b->orders);
    }
    b->bits[b->count] = bits;
    b->orders[b->count++] = 1;
}

static void permute(struct brute *b, unsigned done, uint64_t sum) {
    if (done == (1u << b->n) - 1) {
        meet(b, sum);
        return;
    }
    for (unsigned u = 0; u < b->n; u++)
        if (!(done & 1u << u) && !(b->before && (b->before[u] & ~done)))
            permute(b, done | 1u << u, atomics_add_bits(b->add, sum, b->value[u]));
}

/* Returns how many results there are. */
static size_t compare(enum atomics_add add, uint64_t first, const uint64_t *value, unsigned n,
                      const uint16_t *before) {
    struct brute b = {.add = add, .value = value, .before = before, .n = n};
    struct atomics_reachable *all;
    size_t count;
    char why[PLAN_WHY];
    permute(&b, 0, atomics_canonical(add, first));
    assert_int_equal(atomics_explore(add, first, value, n, before, &all, &count, why), 0);
    assert_int_equal(count, b.count);
    for (size_t k = 0; k < count; k++) {
        assert_true(k == 0 || all[k - 1].bits < all[k].bits);
        /* The order that is named leads there and keeps to what comes before what. */
        uint64_t sum = first;
        unsigned done = 0;
        for (unsigned j = 0; j < n; j++) {
            unsigned u = all[k].order[j];
            assert_true(u < n && !(done & 1u << u));
            if (before)
                assert_int_equal(before[u] & ~done, 0);
            done |= 1u << u;
            sum = atomics_add_bits(add, sum, value[u]);
        }
        assert_int_equal(sum, n ? all[k].bits : first);
    }
    for (size_t k = 0; k < b.count; k++) {
        const struct atomics_reachable *found = atomics_reachable_find(add, all, count, b.bits[k]);
        assert_non_null(found);
        assert_int_equal(found->orders, b.orders[k]);
    }
    free(all);
    free(b.bits);
    free(b.orders);
    return count;
}

static uint64_t f32(double x) {
    float f = (float)x;
    uint32_t bits;
    memcpy(&bits, &f, sizeof f);
    return bits;
}

static void test_permutations(void **state) {
    (void)state;
    size_t several = 0;
    for (unsigned n = 0; n <= 8; n++)
        for (uint64_t seed = 0; seed < (n < 8 ? 12u : 3u); seed++) {
            uint64_t value[8];
            for (unsigned u = 0; u < n; u++) {
                double x = philox_normal(seed, n, u);
                if (seed % 3 == 1) /* far apart magnitudes: many results */
                    x *= philox_exp2((double)(philox_u64(seed, 9, u) % 40));
                value[u] = seed % 3 == 2 ? f32((double)(int)(2 * x)) : f32(x); /* and ties */
            }
            several +=
                compare(seed % 2 ? ATOMICS_ADD_F32_FLUSH : ATOMICS_ADD_F32, 0, value, n, NULL) > 1;
        }
    assert_true(several > 30);
}

/* Order forbids results. */
static void test_before(void **state) {
    (void)state;
    uint64_t value[6];
    uint16_t two[6] = {0, 1, 3, 0, 8, 24}; /* two threads of three updates each */
    static const double x[6] = {0x1p25, -0x1p25, 1, 3, 5, 7}; /* between the two first, 1 is lost */
    for (unsigned u = 0; u < 6; u++)
        value[u] = f32(x[u]);
    size_t all = compare(ATOMICS_ADD_F32, 0, value, 6, NULL);
    size_t some = compare(ATOMICS_ADD_F32, 0, value, 6, two);
    assert_true(some >= 1 && some < all);
    uint16_t chain[6] = {0, 1, 3, 7, 15, 31};
    assert_int_equal(compare(ATOMICS_ADD_F32, 0, value, 6, chain), 1);
    uint16_t circle[2] = {2, 1};
    struct atomics_reachable *list;
    size_t count;
    char why[PLAN_WHY];
    assert_int_equal(atomics_explore(ATOMICS_ADD_F32, 0, value, 2, circle, &list, &count, why), -1);
    assert_non_null(strstr(why, "cycle"));
    assert_null(list);
}

static void test_formats(void **state) {
    (void)state;
    uint64_t value[7];
    for (unsigned u = 0; u < 7; u++) {
        double x = philox_normal(8, 1, u);
        memcpy(&value[u], &x, sizeof x);
    }
    assert_true(compare(ATOMICS_ADD_F64, 0, value, 7, NULL) > 1);
    for (unsigned u = 0; u < 7; u++)
        value[u] = 0x3c00 + 0x0203 * u; /* FP16, 1 to some */
    assert_true(compare(ATOMICS_ADD_F16, 0, value, 7, NULL) > 1);
    for (unsigned u = 0; u < 7; u++)
        value[u] = 0x3f80 + 0x0017 * u;
    assert_true(compare(ATOMICS_ADD_BF16, 0, value, 7, NULL) > 1);
    uint64_t special[4] = {0x7f800000, 0xff800000, 0x3f800000, 0x7f7fffff};
    assert_int_equal(compare(ATOMICS_ADD_F32, 0x7f7fffff, special, 4, NULL), 1); /* always NaN */
    uint64_t zeros[3] = {0x80000000, 0, 0x80000000};
    assert_int_equal(compare(ATOMICS_ADD_F32, 0x80000000, zeros, 3, NULL), 1);
}

/* The most updates: 479 million orders counted, none missed. */
static void test_twelve(void **state) {
    (void)state;
    uint64_t value[13], orders = 0;
    struct atomics_reachable *all;
    size_t count;
    char why[PLAN_WHY];
    for (unsigned u = 0; u < 13; u++)
        value[u] = f32(philox_normal(6, 2, u));
    assert_int_equal(atomics_explore(ATOMICS_ADD_F32, 0, value, 12, NULL, &all, &count, why), 0);
    for (size_t k = 0; k < count; k++)
        orders += all[k].orders;
    assert_int_equal(orders, 479001600);
    assert_true(count > 1);
    assert_null(atomics_reachable_find(ATOMICS_ADD_F32, all, count, all[count - 1].bits + 1));
    free(all);
    assert_int_equal(atomics_explore(ATOMICS_ADD_F32, 0, value, 13, NULL, &all, &count, why), -1);
    assert_non_null(strstr(why, "12"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_permutations),
        cmocka_unit_test(test_before),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_twelve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
