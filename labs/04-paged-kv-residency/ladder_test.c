/*
 * ladder_test.c: knees are found where they were planted, noise or not, and put down to translation
 * only when both controls clear it.
 */
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernels/rng/philox.h"
#include "labs/04-paged-kv-residency/timed.h"

#define KIB 1024.0

struct planting {
    double step;
    const double *from; /* footprints from which on times are `step` times as long */
    size_t count;
    double noise; /* uniform */
    uint64_t seed;
    unsigned slow; /* this point takes three times as long; 0: none */
};

/* The recorded chases of a curve: powers of two from 64 KiB to 1 GiB. */
static struct ladder planted(struct planting p) {
    json_t *cases = json_array();
    struct rows rows;
    for (unsigned k = 0; k <= 14; k++) {
        double bytes = 65536.0 * (1u << k), seconds = 2e-9;
        for (size_t at = 0; at < p.count; at++)
            seconds *= bytes >= p.from[at] ? p.step : 1;
        seconds *= 1 + p.noise * (2 * philox_unit(philox_u64(p.seed, 0, k)) - 1);
        seconds *= p.slow && k == p.slow ? 3 : 1;
        json_array_append_new(cases, json_pack("{s:s, s:{s:s, s:f}, s:{s:f}}", "id", "04/ladder/x",
                                               "params", "curve", "4k", "range", bytes, "counters",
                                               "seconds per hop", seconds));
    }
    assert_int_equal(rows_from(cases, &rows), 0);
    struct ladder l = ladder_of(&rows, "4k");
    rows_free(&rows);
    json_decref(cases);
    assert_int_equal(l.count, 15);
    return l;
}

static const double one_at[] = {512 * KIB}, later[] = {8192 * KIB};
static const double three_at[] = {512 * KIB, 16384 * KIB, 262144 * KIB};

static void knees_are_where_they_were_planted(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct ladder l = planted((struct planting){2.2, three_at, 3, seed ? 0.08 : 0, seed, 0});
        size_t count;
        struct knee *knees = ladder_knees(&l, &count);
        assert_int_equal(count, 3);
        for (size_t k = 0; k < 3; k++) {
            /* Noise may make a level look left one point early, or reached one point late. */
            double at = three_at[k];
            assert_true(knees[k].from == at / 2 || (seed > 0 && knees[k].from == at / 4));
            assert_true(knees[k].to == at || (seed > 0 && knees[k].to == 2 * at));
            assert_true(fabs(knees[k].growth / 2.2 - 1) < (seed == 0 ? 1e-9 : 0.2));
        }
        free(knees);
        ladder_free(&l);
    }
}

static size_t knee_count(struct planting p, struct knee *first) {
    struct ladder l = planted(p);
    size_t count;
    struct knee *knees = ladder_knees(&l, &count);
    if (count > 0)
        *first = knees[0];
    free(knees);
    ladder_free(&l);
    return count;
}

static void what_is_flat_has_no_knee(void **state) {
    (void)state;
    struct knee knee;
    for (uint64_t seed = 0; seed < 200; seed++)
        assert_int_equal(knee_count((struct planting){1, NULL, 0, 0.08, seed, 0}, &knee), 0);
    /* One slow sample, spread over the points after it, is far below a factor of three. */
    struct ladder l = planted((struct planting){1, NULL, 0, 0.02, 3, 6});
    assert_true(ladder_growth(&l, l.bytes[0], l.bytes[l.count - 1]) < 1.2);
    assert_true(isnan(ladder_growth(&l, 1, l.bytes[0])));
    ladder_free(&l);
}

static void a_ramp_is_one_knee_with_a_wide_bracket(void **state) {
    (void)state;
    static const double ramp[] = {512 * KIB, 1024 * KIB, 2048 * KIB, 4096 * KIB};
    struct knee knee;
    assert_int_equal(knee_count((struct planting){1.5, ramp, 4, 0, 0, 0}, &knee), 1);
    assert_true(knee.from == 256 * KIB && knee.to == 4096 * KIB);
}

static void translation_needs_both_controls(void **state) {
    (void)state;
    struct knee knee;
    assert_int_equal(knee_count((struct planting){2.2, one_at, 1, 0.05, 1, 0}, &knee), 1);
    struct ladder there = planted((struct planting){2, one_at, 1, 0.05, 2, 0});
    struct ladder flat = planted((struct planting){1, NULL, 0, 0.05, 3, 0});
    struct ladder late = planted((struct planting){2, later, 1, 0.05, 4, 0}), empty = {0};
    assert_true(knee_is_translation(&knee, &flat, &flat));
    assert_true(knee_is_translation(&knee, &late, &flat));
    assert_false(knee_is_translation(&knee, &there, &flat)); /* large pages show it as well */
    assert_false(knee_is_translation(&knee, &flat, &there)); /* so do the lines alone */
    assert_false(knee_is_translation(&knee, &empty, &flat)); /* no control, no cause */
    ladder_free(&there);
    ladder_free(&flat);
    ladder_free(&late);
}

static void splintered_pages_are_noticed(void **state) {
    (void)state;
    struct ladder flat = planted((struct planting){1, NULL, 0, 0.05, 1, 0});
    struct ladder early = planted((struct planting){2.5, one_at, 1, 0.05, 2, 0});
    struct ladder late = planted((struct planting){2.5, later, 1, 0.05, 3, 0}), empty = {0};
    assert_true(pages_splintered(&early, &flat));
    assert_false(pages_splintered(&flat, &flat));
    assert_false(pages_splintered(&late, &flat)); /* beyond one page: a cache, or its own limit */
    assert_false(pages_splintered(&empty, &flat));
    ladder_free(&flat);
    ladder_free(&early);
    ladder_free(&late);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knees_are_where_they_were_planted),
        cmocka_unit_test(what_is_flat_has_no_knee),
        cmocka_unit_test(a_ramp_is_one_knee_with_a_wide_bracket),
        cmocka_unit_test(translation_needs_both_controls),
        cmocka_unit_test(splintered_pages_are_noticed),
    };
    return cmocka_run_group_tests_name("ladder", tests, NULL, NULL);
}
