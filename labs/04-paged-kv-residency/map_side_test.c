/*
 * map_side_test.c: knees are found where they were planted, noise or not, and put down to
 * translation only when both controls clear it; differences between replicas are told from noise
 * and from drift; a trial's bits are those predicted, whatever the poison.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernels/rng/philox.h"
#include "labs/04-paged-kv-residency/map_side.h"

/* --- knees -------------------------------------------------------------------------------------
 */

#define KIB 1024.0

/* Powers of two from 64 KiB to 1 GiB: `base`, times `step` from each of the footprints on, within
 * `noise` of that (uniform). */
static struct ladder planted(double base, double step, const double *from, size_t count,
                             double noise, uint64_t seed) {
    struct ladder l = {0};
    for (unsigned power = 16; power <= 30; power++) {
        double ns = base, bytes = (double)(1u << power);
        for (size_t k = 0; k < count; k++)
            ns *= bytes >= from[k] ? step : 1;
        ns *= 1 + noise * (2 * philox_unit(philox_u64(seed, 0, l.count)) - 1);
        l.bytes[l.count] = bytes;
        l.ns[l.count++] = ns;
    }
    return l;
}

static void knees_are_where_they_were_planted(void **state) {
    (void)state;
    static const double at[] = {512 * KIB, 16384 * KIB, 262144 * KIB};
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct ladder l = planted(2, 2.2, at, 3, seed == 0 ? 0 : 0.08, seed);
        struct knee knees[KNEES_MOST];
        assert_int_equal(ladder_knees(&l, knees), 3);
        for (size_t k = 0; k < 3; k++) {
            /* Noise may make a level look left one point early, or reached one point late. */
            assert_true(knees[k].from == at[k] / 2 || (seed > 0 && knees[k].from == at[k] / 4));
            assert_true(knees[k].to == at[k] || (seed > 0 && knees[k].to == 2 * at[k]));
            assert_true(fabs(knees[k].growth / 2.2 - 1) < (seed == 0 ? 1e-9 : 0.2));
        }
    }
}

static void a_flat_ladder_has_no_knee(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct ladder l = planted(5, 1, NULL, 0, 0.08, seed);
        struct knee knees[KNEES_MOST];
        assert_int_equal(ladder_knees(&l, knees), 0);
    }
}

static void one_slow_sample_is_no_knee(void **state) {
    (void)state;
    struct ladder l = planted(5, 1, NULL, 0, 0.02, 3);
    struct knee knees[KNEES_MOST];
    l.ns[6] *= 3;
    assert_true(ladder_knees(&l, knees) <= 1);
    /* Spread over the points after it, it is far below a factor of three. */
    assert_true(ladder_growth(&l, l.bytes[0], l.bytes[l.count - 1]) < 1.2);
}

static void a_ramp_is_one_knee_with_a_wide_bracket(void **state) {
    (void)state;
    static const double ramp[] = {512 * KIB, 1024 * KIB, 2048 * KIB, 4096 * KIB};
    struct ladder l = planted(2, 1.5, ramp, 4, 0, 0);
    struct knee knees[KNEES_MOST];
    assert_int_equal(ladder_knees(&l, knees), 1);
    assert_true(knees[0].from == 256 * KIB && knees[0].to == 4096 * KIB);
}

static void translation_needs_both_controls(void **state) {
    (void)state;
    static const double at[] = {512 * KIB}, late[] = {8192 * KIB};
    struct ladder small = planted(2, 2.2, at, 1, 0.05, 1),
                  knee_there = planted(2, 2, at, 1, 0.05, 2);
    struct ladder flat = planted(2, 1, NULL, 0, 0.05, 3),
                  knee_later = planted(2, 2, late, 1, 0.05, 4);
    struct ladder empty = {0};
    struct knee knees[KNEES_MOST];
    assert_int_equal(ladder_knees(&small, knees), 1);
    assert_true(knee_moves(knees, &flat, &flat));
    assert_true(knee_moves(knees, &knee_later, &flat));
    assert_false(knee_moves(knees, &knee_there, &flat)); /* large pages show it as well */
    assert_false(knee_moves(knees, &flat, &knee_there)); /* so do the lines alone */
    assert_false(knee_moves(knees, &empty, &flat));      /* no control, no cause */
}

static void splintered_pages_are_noticed(void **state) {
    (void)state;
    static const double tlb[] = {512 * KIB}, cache[] = {4096 * KIB};
    struct ladder flat = planted(2, 1, NULL, 0, 0.05, 1), early = planted(2, 2.5, tlb, 1, 0.05, 2);
    struct ladder late = planted(2, 2.5, cache, 1, 0.05, 3), empty = {0};
    assert_true(pages_splintered(&early, &flat));
    assert_false(pages_splintered(&flat, &flat));
    assert_false(pages_splintered(&late, &flat)); /* beyond one page: a cache, or its own limit */
    assert_false(pages_splintered(&empty, &flat));
}

/* --- replicas ----------------------------------------------------------------------------------
 */

#define MAPS 12
#define ROUNDS 11

/* Times with 2 % of noise, a drift that all maps share, and `effect` in the logarithm of time for
 * each doubling of a map's runs. */
static struct replica_set replicas(double effect, double drift, uint64_t seed) {
    struct replica_set set = {.count = MAPS};
    for (size_t m = 0; m < MAPS; m++) {
        struct replica *r = &set.of[m];
        double doublings = (double)((m * 7) % MAPS) / 4;
        *r = (struct replica){.samples = ROUNDS,
                              .seconds = malloc(ROUNDS * sizeof *r->seconds),
                              .round = malloc(ROUNDS * sizeof *r->round),
                              .runs = 100 * exp2(doublings),
                              .pages = 32};
        double mean = 0;
        for (size_t k = 0; k < ROUNDS; k++) {
            r->round[k] = (double)k;
            r->seconds[k] = 5e-3 * exp(effect * doublings + drift * (double)k +
                                       0.02 * philox_normal(seed, m, k));
            mean += log(r->seconds[k]) / ROUNDS;
        }
        r->median = exp(mean);
    }
    return set;
}

static size_t found_in(double effect, double drift, size_t times) {
    size_t found = 0;
    for (uint64_t seed = 0; seed < times; seed++) {
        struct replica_set set = replicas(effect, drift, seed);
        struct replica_finding f;
        assert_int_equal(replica_judge(&set, seed, &f), 0);
        assert_int_equal(f.maps, MAPS);
        assert_int_equal(f.samples, MAPS * ROUNDS);
        assert_true(f.p50 <= f.p95 && f.p95 <= f.p99);
        found += f.p <= 0.01 && f.apart > f.apart_by_chance;
        assert_true(f.spread >= 1 && f.apart >= f.spread);
        replica_set_close(&set);
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
    struct replica_set set = replicas(0.1, 0, 1);
    struct replica_finding f;
    assert_int_equal(replica_judge(&set, 1, &f), 0);
    assert_true(f.r2 > 0.95 && f.r2_low > 0.9 && f.r2_high <= 1);
    assert_true(f.rank_runs > 0.95);
    assert_true(f.rank_pages == 0); /* all maps touch as many: it goes with nothing */
    replica_set_close(&set);
    set = replicas(0, 0, 1);
    assert_int_equal(replica_judge(&set, 1, &f), 0);
    assert_true(f.r2 < 0.5 && f.r2_low < 0.2);
    replica_set_close(&set);
}

static void too_little_is_no_answer(void **state) {
    (void)state;
    struct replica_set set = replicas(0, 0, 1);
    struct replica_finding f;
    set.of[3].samples = 1;
    assert_int_equal(replica_judge(&set, 1, &f), -1);
    replica_set_close(&set);
    assert_int_equal(replica_judge(&set, 1, &f), -1);
}

/* --- trials ------------------------------------------------------------------------------------
 */

static void a_trial_has_the_predicted_bits(enum device_kind kind, const char *text) {
    static const int32_t tokens[] = {70, 0, 33};
    struct device *device;
    struct paged_plan plan = paged_plan_default();
    struct kv_table table;
    struct trial trial;
    char why[PLAN_WHY];
    size_t inside;
    assert_int_equal(device_open(&device, kind, 0), 0);
    assert_int_equal(paged_plan_parse(text, &plan, why), 0);
    assert_int_equal(small_table(&table, 3, tokens, (unsigned)plan.block, KV_MAP_PERMUTED, 7), 0);
    struct paged_shape shape = {.kv_heads = 2, .table = &table};
    assert_int_equal(trial_open(&trial, device, &plan, &shape, 5), 0);
    assert_int_equal(trial_predict(&trial), 0);
    assert_int_equal(trial_run(&trial, false), 0);
    uint64_t hash = hash_floats(trial.out, trial.outputs);
    assert_true(hash == hash_floats(trial.expected, trial.outputs));
    assert_int_equal(trial_inside(&trial, &inside), 0);
    assert_int_equal(inside, trial.outputs);
    trial.out[5] += 0.01f; /* the bound is no formality … */
    trial.out[6] = NAN;    /* … and NaN is never inside it */
    assert_int_equal(trial_inside(&trial, &inside), 0);
    assert_int_equal(inside, trial.outputs - 2);
    assert_true(trial_other_poison(&trial) > 0);
    assert_int_equal(trial_other_poison(&trial), 0);
    assert_int_equal(trial_run(&trial, false), 0);
    assert_true(hash == hash_floats(trial.out, trial.outputs));
    trial_close(&trial);
    kv_table_close(&table);
    device_close(device);
}

static void trials_meet_their_prediction(void **state) {
    (void)state;
    static const char *const plans[] = {"f32.b16.d64.g1.s1", "hnd.bf16.b4.d128.g2.s4",
                                        "vllm.f16.b64.d64.g4.s2"};
    for (size_t k = 0; k < sizeof plans / sizeof *plans; k++) {
        a_trial_has_the_predicted_bits(DEVICE_SIMT, plans[k]);
        a_trial_has_the_predicted_bits(DEVICE_CPU, plans[k]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knees_are_where_they_were_planted),
        cmocka_unit_test(a_flat_ladder_has_no_knee),
        cmocka_unit_test(one_slow_sample_is_no_knee),
        cmocka_unit_test(a_ramp_is_one_knee_with_a_wide_bracket),
        cmocka_unit_test(translation_needs_both_controls),
        cmocka_unit_test(splintered_pages_are_noticed),
        cmocka_unit_test(maps_are_told_from_noise),
        cmocka_unit_test(drift_is_no_difference_between_maps),
        cmocka_unit_test(the_map_explains_what_it_causes),
        cmocka_unit_test(too_little_is_no_answer),
        cmocka_unit_test(trials_meet_their_prediction),
    };
    return cmocka_run_group_tests_name("the map's side", tests, NULL, NULL);
}
