/*
 * replicas_test.c: differences between replicas are told from noise and from drift, and put down to
 * what of the map goes with them.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernels/rng/philox.h"
#include "labs/04-paged-kv-residency/replicas.h"

#define MAPS 12
#define ROUNDS 11

/* Times with 2 % of noise, a drift that all maps share, and `effect` in the logarithm of time for
 * each doubling of a map's runs. */
static json_t *replicas(double effect, double drift, uint64_t seed) {
    json_t *cases = json_array();
    for (size_t m = 0; m < MAPS; m++) {
        double doublings = (double)((m * 7) % MAPS) / 4, mean = 0;
        json_t *time = json_array();
        for (size_t k = 0; k < ROUNDS; k++) {
            double log_time =
                effect * doublings + drift * (double)k + 0.02 * philox_normal(seed, m, k);
            json_array_append_new(time, json_real(5e-3 * exp(log_time)));
            mean += log_time / ROUNDS;
        }
        json_array_append_new(
            cases, json_pack("{s:s, s:s, s:{s:f, s:i}, s:{s:f}, s:[{s:s, s:s, s:s, s:i, s:o}]}",
                             "id", "04/replica/x", "device", "cpu", "counters", "map runs",
                             100 * exp2(doublings), "map pages", 32, "bench", "median",
                             5e-3 * exp(mean), "series", "name", "time", "unit", "s", "kind",
                             "time", "n", ROUNDS, "values", time));
    }
    return cases;
}

static struct replica_finding compared(double effect, double drift, uint64_t seed) {
    struct rows rows;
    struct replica_finding found;
    json_t *cases = replicas(effect, drift, seed);
    assert_int_equal(rows_from(cases, &rows), 0);
    rows.seed = seed;
    assert_int_equal(replica_compare(&rows, &found), 0);
    rows_free(&rows);
    json_decref(cases);
    assert_true(found.apart >= 1 && found.apart_by_chance >= 1);
    return found;
}

static size_t found_in(double effect, double drift, size_t times) {
    size_t found = 0;
    for (uint64_t seed = 0; seed < times; seed++) {
        struct replica_finding f = compared(effect, drift, seed);
        found += f.p <= 0.01 && f.apart > f.apart_by_chance;
    }
    return found;
}

static void maps_are_told_from_noise(void **state) {
    (void)state;
    assert_int_equal(found_in(0.05, 0, 20), 20);
    assert_true(found_in(0, 0, 20) <= 1);
}

static void drift_is_no_difference_between_maps(void **state) {
    (void)state;
    assert_true(found_in(0, 0.1, 20) <= 1);
    assert_int_equal(found_in(0.05, 0.1, 20), 20);
}

static void the_map_explains_what_it_causes(void **state) {
    (void)state;
    struct replica_finding f = compared(0.1, 0, 1);
    assert_true(f.r2.value > 0.95 && f.r2.low > 0.9 && f.r2.high <= 1);
    f = compared(0, 0, 1);
    assert_true(f.r2.value < 0.5 && f.r2.low < 0.2);
}

static void too_little_is_no_answer(void **state) {
    (void)state;
    struct replica_finding f;
    json_t *cases = replicas(0, 0, 1);
    struct rows rows, few;
    assert_int_equal(rows_from(cases, &rows), 0);
    few = rows;
    few.count = 2;
    assert_int_equal(replica_compare(&few, &f), -1);
    few.count = 3;
    assert_int_equal(replica_compare(&few, &f), 0);
    /* One map with a sample less than the others. */
    json_t *series = json_array_get(json_object_get(json_array_get(cases, 1), "series"), 0);
    json_array_remove(json_object_get(series, "values"), 0);
    assert_int_equal(replica_compare(&rows, &f), -1);
    few.count = 0;
    assert_int_equal(replica_compare(&few, &f), -1);
    rows_free(&rows);
    json_decref(cases);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_are_told_from_noise),
        cmocka_unit_test(drift_is_no_difference_between_maps),
        cmocka_unit_test(the_map_explains_what_it_causes),
        cmocka_unit_test(too_little_is_no_answer),
    };
    return cmocka_run_group_tests_name("replicas", tests, NULL, NULL);
}
