/*
 * kv_slab_test.c: contiguous ranges against a map of single slots, and planted faults.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/kv_pool/kv_inside.h"
#include "kernels/rng/philox.h"

enum { SLOTS = 400 };

/* owner[i]: start of the range that slot i is in, or -1. */
static int owner[SLOTS];

static unsigned hole_at(unsigned start) {
    unsigned n = 0;
    while (start + n < SLOTS && owner[start + n] < 0)
        n++;
    return n;
}

static int64_t naive_take(enum kv_fit fit, uint64_t slots) {
    int64_t best = -1;
    unsigned best_hole = 0;
    for (unsigned i = 0; i < SLOTS; i++) {
        unsigned hole = hole_at(i);
        if (slots > 0 && hole >= slots && (best < 0 || (fit == KV_BEST_FIT && hole < best_hole))) {
            best = i;
            best_hole = hole;
        }
        i += hole;
    }
    for (uint64_t i = 0; best >= 0 && i < slots; i++)
        owner[(uint64_t)best + i] = (int)best;
    return best;
}

static int naive_release(int64_t start) {
    if (start < 0 || start >= SLOTS || owner[start] != start)
        return -1;
    for (unsigned i = 0; i < SLOTS; i++)
        if (owner[i] == start)
            owner[i] = -1;
    return 0;
}

static void compare(const struct kv_slab *slab) {
    unsigned free_slots = 0, holes = 0, largest = 0;
    for (unsigned i = 0; i < SLOTS; i++) {
        unsigned hole = hole_at(i);
        free_slots += hole;
        holes += hole > 0;
        largest = hole > largest ? hole : largest;
        i += hole;
    }
    char why[KV_WHY] = "";
    if (kv_slab_audit(slab, why) != 0)
        fail_msg("%s", why);
    assert_int_equal(kv_slab_free_slots(slab), free_slots);
    assert_int_equal(kv_slab_holes(slab), holes);
    assert_int_equal(kv_slab_largest_hole(slab), largest);
}

static void test_both_fits_like_a_map_of_slots(void **state) {
    (void)state;
    for (int fit = 0; fit < KV_FIT_COUNT; fit++) {
        struct kv_slab *slab;
        assert_int_equal(kv_slab_open(&slab, (enum kv_fit)fit, SLOTS), 0);
        memset(owner, -1, sizeof owner);
        unsigned refused_by_holes = 0;
        for (uint64_t i = 0; i < 100000; i++) {
            struct philox_block draw = philox_at(5, (uint64_t)fit, i);
            if (draw.v[0] % 16 == 0) {
                uint64_t slots = draw.v[1] % 40; /* sometimes 0 */
                uint64_t had = kv_slab_free_slots(slab);
                int64_t start = naive_take((enum kv_fit)fit, slots);
                assert_int_equal(kv_slab_take(slab, slots), start);
                refused_by_holes += start < 0 && slots > 0 && slots <= had;
            } else {
                int64_t start = (int64_t)(draw.v[1] % (SLOTS + 4)) - 2;
                assert_int_equal(kv_slab_release(slab, start), naive_release(start));
            }
            if (i % 16 == 0)
                compare(slab);
        }
        assert_true(refused_by_holes > 100); /* what a contiguous allocator suffers from */
        kv_slab_close(slab);
    }
}

static void test_fits_differ(void **state) {
    (void)state;
    static const int64_t expected[KV_FIT_COUNT] = {[KV_FIRST_FIT] = 0, [KV_BEST_FIT] = 60};
    for (int fit = 0; fit < KV_FIT_COUNT; fit++) {
        struct kv_slab *slab;
        assert_int_equal(kv_slab_open(&slab, (enum kv_fit)fit, 100), 0);
        assert_int_equal(kv_slab_take(slab, 50), 0);
        assert_int_equal(kv_slab_take(slab, 10), 50);
        assert_int_equal(kv_slab_take(slab, 20), 60);
        assert_int_equal(kv_slab_take(slab, 20), 80);
        assert_int_equal(kv_slab_take(slab, 1), -1);
        assert_int_equal(kv_slab_release(slab, 0), 0);
        assert_int_equal(kv_slab_release(slab, 60), 0);
        assert_int_equal(kv_slab_take(slab, 60), -1); /* 70 are free, in two holes */
        assert_int_equal(kv_slab_take(slab, 15), expected[fit]);
        assert_int_equal(kv_slab_take(slab, UINT64_MAX), -1);
        kv_slab_close(slab);
    }
}

static void test_wrong_sizes_are_refused(void **state) {
    (void)state;
    struct kv_slab *slab;
    assert_int_equal(kv_slab_open(&slab, KV_FIT_COUNT, 1), -1);
    assert_int_equal(kv_slab_open(&slab, KV_FIRST_FIT, 0), -1);
    assert_int_equal(kv_slab_open(&slab, KV_FIRST_FIT, (uint64_t)INT64_MAX + 1), -1);
    assert_null(slab);
    kv_slab_close(NULL);
    assert_string_equal(kv_fit_name(KV_BEST_FIT), "best-fit");
    assert_string_equal(kv_fit_name(KV_FIT_COUNT), "?");
    /* Numbers near the end of their type. */
    assert_int_equal(kv_slab_open(&slab, KV_BEST_FIT, INT64_MAX), 0);
    assert_int_equal(kv_slab_take(slab, INT64_MAX - 1), 0);
    assert_int_equal(kv_slab_take(slab, 1), INT64_MAX - 1);
    assert_int_equal(kv_slab_audit(slab, NULL), 0);
    kv_slab_close(slab);
}

/* Ranges at 0, 10 and 20 of 10 each, of 100. */
static struct kv_slab *worn(void) {
    struct kv_slab *slab;
    assert_int_equal(kv_slab_open(&slab, KV_FIRST_FIT, 100), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(kv_slab_take(slab, 10), 10 * i);
    assert_int_equal(kv_slab_audit(slab, NULL), 0);
    return slab;
}

static void found(struct kv_slab *slab, const char *words) {
    char why[KV_WHY] = "";
    assert_int_equal(kv_slab_audit(slab, why), -1);
    assert_non_null(strstr(why, words));
    kv_slab_close(slab);
}

static void test_planted_faults_are_found(void **state) {
    (void)state;
    struct kv_slab *slab = worn();
    slab->free_slots--;
    found(slab, "70 slots are free but 69 are counted");
    slab = worn();
    slab->ranges[1].start = 9;
    found(slab, "starts before 10");
    slab = worn();
    slab->ranges[2].slots = 81;
    found(slab, "reaches beyond slot 100");
    slab = worn();
    slab->ranges[2].start = UINT64_MAX - 2;
    found(slab, "reaches beyond");
    slab = worn();
    slab->ranges[1].slots = 0;
    found(slab, "the range at 10 is empty");
    slab = worn();
    slab->count--;
    found(slab, "80 slots are free but 70 are counted");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_fits_like_a_map_of_slots),
        cmocka_unit_test(test_fits_differ),
        cmocka_unit_test(test_wrong_sizes_are_refused),
        cmocka_unit_test(test_planted_faults_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
