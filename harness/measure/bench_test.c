/*
 * bench_test.c: does the timing harness report what is there? A clock that the test moves itself
 * gives known times, which must come back exactly, and noise of known size, which must be
 * recovered. No test here depends on the speed of the machine.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/bench.h"
#include "harness/measure/clock.h"
#include "harness/measure/stats.h"
#include "kernels/rng/philox.h"

/* One clock for all cases of a test; a case's call moves it. */
static double now_value;

static double fake_now(void *context) {
    (void)context;
    return now_value;
}

static const struct bench_clock fake_clock = {fake_now, NULL, 0};

/* What one call takes: base × (1 + noise(sample)), where a sample is one setup. */
struct fake {
    double base;
    double (*noise)(uint64_t sample, uint64_t stream);
    uint64_t stream, sample;
    unsigned fail_at; /* the call that fails, from 1; 0: none */
    unsigned calls, setups, validations;
    bool wrong;
};

static int fake_call(void *context) {
    struct fake *fake = context;
    if (++fake->calls == fake->fail_at)
        return -1;
    double noise = fake->noise ? fake->noise(fake->sample, fake->stream) : 0.0;
    now_value += fake->base * (1.0 + noise);
    return 0;
}

static int fake_setup(void *context) {
    struct fake *fake = context;
    ++fake->setups;
    ++fake->sample;
    now_value += 1000.0; /* must not be timed */
    return 0;
}

static int fake_validate(void *context) {
    struct fake *fake = context;
    ++fake->validations;
    return fake->wrong ? -1 : 0;
}

static struct bench_case fake_case(const char *id, struct fake *fake) {
    return (struct bench_case){.id = id,
                               .call = fake_call,
                               .setup = fake_setup,
                               .validate = fake_validate,
                               .context = fake};
}

static struct bench_options fake_options(void) {
    now_value = 0;
    return (struct bench_options){
        .limits = {.min_sample_seconds = 1.0 / 1024,
                   .settle_spread = 0.001,
                   .min_samples = 10,
                   .max_samples = 400,
                   .max_seconds = 1e9},
        .seed = 1,
        .clock = &fake_clock,
    };
}

static double gaussian_2_percent(uint64_t sample, uint64_t stream) {
    return 0.02 * philox_normal(77, stream, sample);
}

/* An exponential tail to the right, mean 10 %: the shape of interference. */
static double exponential_tail(uint64_t sample, uint64_t stream) {
    return -0.10 * philox_log(philox_unit_above(philox_u64(78, stream, sample)));
}

static double drift(uint64_t sample, uint64_t stream) {
    (void)stream;
    return 0.01 * (double)sample;
}

/* Every sample may be any size: the spread never stops growing. */
static double wild(uint64_t sample, uint64_t stream) {
    return philox_exp2(0.2 * (double)sample * philox_unit(philox_u64(79, stream, sample)));
}

static void test_exact_times(void **state) {
    (void)state;
    /* 2^-14 s and 2^-8 s: multiples of the clock's steps, so every difference is exact. */
    struct fake quick = {.base = 0x1p-14}, slow = {.base = 0x1p-8};
    struct bench_case cases[] = {fake_case("quick", &quick), fake_case("slow", &slow)};
    cases[0].bytes_per_call = 1024;
    cases[1].flops_per_call = 10;
    struct bench_options options = fake_options();
    struct bench_result r[2];
    assert_int_equal(bench_run(cases, 2, &options, r), 0);
    assert_int_equal(r[0].calls, 16); /* 16 × 2^-14 = 1/1024 */
    assert_int_equal(r[1].calls, 1);
    const double exact[] = {0x1p-14, 0x1p-8};
    for (int k = 0; k < 2; ++k) {
        assert_int_equal(r[k].stop, BENCH_SETTLED);
        assert_int_equal(r[k].samples, 10);
        for (size_t i = 0; i < r[k].samples; ++i)
            assert_true(r[k].seconds[i] == exact[k]);
        assert_true(r[k].median == exact[k] && r[k].low == exact[k] && r[k].high == exact[k]);
        assert_true(r[k].mad == 0);
        assert_string_equal(r[k].error, "");
    }
    assert_true(r[0].bytes_per_second == 1024 * 0x1p14 && r[0].flops_per_second == 0);
    assert_true(r[1].bytes_per_second == 0 && r[1].flops_per_second == 2560);
    /* Calls that were made: the search for k (1 + 2 + 4 + 8 + 16) and the samples. */
    assert_int_equal(quick.calls, 31 + 160);
    assert_int_equal(quick.setups, 5 + 10);
    assert_int_equal(quick.validations, 1);
    double ratio, low, high;
    assert_int_equal(bench_ratio(&r[1], &r[0], 1, &ratio, &low, &high), 0);
    assert_true(ratio == 64 && low == 64 && high == 64);
    bench_result_free(&r[0]);
    bench_result_free(&r[1]);
}

static void test_gaussian_noise_is_recovered(void **state) {
    (void)state;
    struct fake fake = {.base = 0.01, .noise = gaussian_2_percent, .stream = 1};
    struct bench_case c = fake_case("gaussian", &fake);
    struct bench_options options = fake_options();
    options.limits.min_samples = 400; /* enough to know the noise well */
    struct bench_result r;
    assert_int_equal(bench_run(&c, 1, &options, &r), 0);
    assert_int_equal(r.samples, 400);
    assert_int_equal(r.stop, BENCH_SAMPLE_CAP); /* 2 % never gets under 0.1 % */
    /* σ from the MAD has a standard error of 1.17 σ/√n here: 6 %; take three of them. */
    assert_true(fabs(1.4826 * r.mad / (0.01 * 0.02) - 1.0) < 0.18);
    /* The median: 1.25 σ/√n = 0.125 % of the time. */
    assert_true(fabs(r.median / 0.01 - 1.0) < 0.004);
    assert_true(r.low < 0.01 && 0.01 < r.high && r.high - r.low < 0.01 * 0.01);
    bench_result_free(&r);
}

static void test_exponential_tail_is_recovered(void **state) {
    (void)state;
    struct fake fake = {.base = 0.01, .noise = exponential_tail, .stream = 2};
    struct bench_case c = fake_case("tail", &fake);
    struct bench_options options = fake_options();
    options.limits.min_samples = 400;
    struct bench_result r;
    assert_int_equal(bench_run(&c, 1, &options, &r), 0);
    /* Exponential of mean m: median m ln 2, 90 % quantile m ln 10, smallest about m/n. */
    double median = 0.01 * (1 + 0.1 * log(2)), tail = 0.01 * (1 + 0.1 * log(10));
    assert_true(fabs(r.median / median - 1.0) < 0.02);
    assert_true(fabs(stats_quantile(r.seconds, r.samples, 0.9) / tail - 1.0) < 0.05);
    assert_true(stats_quantile(r.seconds, r.samples, 0.0) < 0.01 * 1.003);
    assert_true(r.low <= median && median <= r.high);
    bench_result_free(&r);
}

static void test_steady_noise_is_a_plateau(void **state) {
    (void)state;
    struct fake fake = {.base = 0.01, .noise = gaussian_2_percent, .stream = 3};
    struct bench_case c = fake_case("plateau", &fake);
    struct bench_options options = fake_options();
    struct bench_result r;
    assert_int_equal(bench_run(&c, 1, &options, &r), 0);
    assert_int_equal(r.stop, BENCH_PLATEAU);
    assert_in_range(r.samples, 30, 399);
    bench_result_free(&r);
}

static void test_what_never_settles_ends_at_its_cap(void **state) {
    (void)state;
    struct fake drifting = {.base = 0.01, .noise = drift};
    struct fake heavy = {.base = 0.01, .noise = wild, .stream = 4};
    struct fake calm = {.base = 0x1p-7};
    struct bench_case cases[] = {fake_case("drift", &drifting), fake_case("heavy", &heavy),
                                 fake_case("calm", &calm)};
    struct bench_options options = fake_options();
    options.limits.max_samples = 200;
    options.limits.max_seconds = 30;
    struct bench_result r[3];
    assert_int_equal(bench_run(cases, 3, &options, r), 0);
    assert_int_equal(r[0].stop, BENCH_SAMPLE_CAP);
    assert_int_equal(r[0].samples, 200);
    assert_int_equal(r[1].stop, BENCH_TIME_CAP);
    assert_true(r[1].samples > 10 && r[1].samples < 200);
    assert_int_equal(r[2].stop, BENCH_SETTLED); /* and is not held up by the others */
    assert_int_equal(r[2].samples, 10);
    for (int k = 0; k < 3; ++k) {
        assert_true(isfinite(r[k].median) && isfinite(r[k].low) && isfinite(r[k].high));
        bench_result_free(&r[k]);
    }
}

static void test_failures_stay_with_their_case(void **state) {
    (void)state;
    struct fake good = {.base = 0x1p-7}, at_once = {.base = 0x1p-7, .fail_at = 1},
                later = {.base = 0x1p-7, .fail_at = 6}, wrong = {.base = 0x1p-7, .wrong = true};
    struct bench_case cases[] = {fake_case("at once", &at_once), fake_case("good", &good),
                                 fake_case("later", &later), fake_case("wrong", &wrong)};
    struct bench_options options = fake_options();
    struct bench_result r[4];
    assert_int_equal(bench_run(cases, 4, &options, r), 0);
    assert_int_equal(r[1].stop, BENCH_SETTLED);
    assert_int_equal(r[1].samples, 10);
    for (int k = 0; k < 4; ++k)
        if (k != 1) {
            assert_int_equal(r[k].stop, BENCH_FAILED);
            assert_int_equal(r[k].samples, 0);
            assert_null(r[k].seconds);
            double ratio, low, high;
            assert_int_equal(bench_ratio(&r[k], &r[1], 1, &ratio, &low, &high), -1);
        }
    assert_non_null(strstr(r[0].error, "call failed"));
    assert_non_null(strstr(r[2].error, "call failed"));
    assert_non_null(strstr(r[3].error, "wrong"));
    assert_int_equal(at_once.calls, 1);
    assert_int_equal(later.calls, 6);
    for (int k = 0; k < 4; ++k)
        bench_result_free(&r[k]);
}

static void test_zero_time_is_a_failure_by_name(void **state) {
    (void)state;
    struct fake nothing = {.base = 0};
    struct bench_case c = fake_case("nothing", &nothing);
    struct bench_options options = fake_options();
    struct bench_result r;
    assert_int_equal(bench_run(&c, 1, &options, &r), 0);
    assert_int_equal(r.stop, BENCH_FAILED);
    assert_int_equal(r.samples, 0);
    assert_non_null(strstr(r.error, "took 0 s"));
}

/* The fake time as a clock shows it that moves in steps. */
static double stepping_now(void *step) {
    return floor(now_value / *(double *)step) * *(double *)step;
}

/* Jiffies (4 ms), and a virtual machine's tick (15.6 ms): long samples make the times right. */
static void test_a_coarse_clock_gets_long_samples(void **state) {
    (void)state;
    static const double steps[] = {4e-3, 15.625e-3, 1e-3, 50e-9};
    for (size_t k = 0; k < 4; k++) {
        double step = steps[k];
        const struct bench_clock clock = {stepping_now, &step, step};
        struct fake fake = {.base = 1e-4};
        struct bench_case c = fake_case("coarse", &fake);
        struct bench_options options = fake_options();
        struct bench_result r;
        options.clock = &clock;
        options.limits = bench_limits_quick();
        assert_int_equal(bench_run(&c, 1, &options, &r), 0);
        assert_true(r.stop != BENCH_FAILED && r.samples >= options.limits.min_samples);
        assert_true(r.seconds[0] * (double)r.calls >= 24 * step);
        assert_true(fabs(r.median / 1e-4 - 1) < 0.041);
        bench_result_free(&r);
    }
}

/* One call that is shorter than a step cannot be timed, and says so. */
static void test_what_a_coarse_clock_cannot_see_is_refused(void **state) {
    (void)state;
    double step = 4e-3;
    const struct bench_clock clock = {stepping_now, &step, step};
    struct fake fake = {.base = 1e-4};
    struct bench_case c = fake_case("cold", &fake);
    struct bench_options options = fake_options();
    struct bench_result r;
    options.clock = &clock;
    c.max_calls = 1;
    assert_int_equal(bench_run(&c, 1, &options, &r), 0);
    assert_int_equal(r.stop, BENCH_FAILED);
    assert_non_null(strstr(r.error, "a sample of 1 calls took 0 s: the clock moves in steps of "
                                    "0.004 s; use a finer clock source"));
    assert_int_equal(r.samples, 0);
}

static double standing_now(void *context) {
    (void)context;
    return 7;
}

static double own_steps(void *step) {
    return floor(clock_now(NULL) / *(double *)step) * *(double *)step;
}

static void test_a_clock_that_stands_still_is_refused(void **state) {
    (void)state;
    assert_true(isinf(clock_step_of(standing_now, NULL)));
    const struct bench_clock clock = {standing_now, NULL, INFINITY};
    struct fake fake = {.base = 1e-4};
    struct bench_case c = fake_case("still", &fake);
    struct bench_options options = fake_options();
    struct bench_result r;
    options.clock = &clock;
    assert_int_equal(bench_run(&c, 1, &options, &r), 0);
    assert_int_equal(r.stop, BENCH_FAILED);
    assert_non_null(strstr(r.error, "the clock stands still"));
    assert_int_equal(fake.sample, 0); /* nothing was called */
}

static void test_steps_of_clocks_are_found(void **state) {
    (void)state;
    static const double steps[] = {4e-3, 15.625e-3, 1e-3};
    for (size_t k = 0; k < 3; k++) {
        double step = steps[k];
        double found = clock_step_of(own_steps, &step);
        /* A descheduled reader may miss a step: then it is a multiple. */
        assert_true(found > 0.99 * step && fabs(remainder(found, step)) < 0.01 * step);
    }
    assert_true(clock_step() > 0 && clock_step() < 1);
}

static double nan_now(void *context) {
    unsigned *reads = context;
    return ++*reads == 9 ? NAN : (double)*reads;
}

static double backwards_now(void *context) {
    double *value = context;
    return *value -= 1.0;
}

static void test_broken_clocks_are_rejected(void **state) {
    (void)state;
    struct fake fake = {.base = 1};
    struct bench_case c = fake_case("nan", &fake);
    struct bench_options options = fake_options();
    unsigned reads = 0;
    const struct bench_clock nan_clock = {nan_now, &reads, 0};
    options.clock = &nan_clock;
    struct bench_result r;
    assert_int_equal(bench_run(&c, 1, &options, &r), 0);
    assert_int_equal(r.stop, BENCH_FAILED);
    assert_int_equal(r.samples, 0);
    assert_non_null(strstr(r.error, "clock"));
    double value = 0;
    const struct bench_clock backwards = {backwards_now, &value, 0};
    options.clock = &backwards;
    assert_int_equal(bench_run(&c, 1, &options, &r), 0);
    assert_int_equal(r.stop, BENCH_FAILED);
    assert_non_null(strstr(r.error, "clock"));
}

static void test_one_call_per_sample_when_cold(void **state) {
    (void)state;
    struct fake fake = {.base = 0x1p-20};
    struct bench_case c = fake_case("cold", &fake);
    c.max_calls = 1;
    struct bench_options options = fake_options();
    struct bench_result r;
    assert_int_equal(bench_run(&c, 1, &options, &r), 0);
    assert_int_equal(r.calls, 1);
    assert_int_equal(fake.calls, fake.setups);
    assert_true(r.median == 0x1p-20);
    bench_result_free(&r);
}

/* --- interleaving ---------------------------------------------------------------------------- */

static char order_log[4096];
static size_t order_length;

static int log_call(void *context) {
    if (order_length < sizeof order_log)
        order_log[order_length++] = *(const char *)context;
    now_value += 1;
    return 0;
}

static void run_logged(uint64_t seed, size_t samples, char *order, size_t size) {
    struct bench_case cases[5];
    static char names[5][2] = {"a", "b", "c", "d", "e"};
    for (int k = 0; k < 5; ++k)
        cases[k] = (struct bench_case){.id = names[k], .call = log_call, .context = names[k]};
    struct bench_options options = fake_options();
    options.seed = seed;
    options.limits.min_samples = options.limits.max_samples = samples;
    struct bench_result r[5];
    order_length = 0;
    assert_int_equal(bench_run(cases, 5, &options, r), 0);
    for (int k = 0; k < 5; ++k) {
        for (size_t i = 0; i < r[k].samples; ++i)
            assert_int_equal(r[k].round[i], i);
        bench_result_free(&r[k]);
    }
    /* The search for k comes first: one call each. */
    assert_int_equal(order_length, 5 + 5 * samples);
    memset(order, 0, size);
    memcpy(order, order_log + 5, 5 * samples);
}

static void test_rounds_are_shuffled_by_the_seed(void **state) {
    (void)state;
    enum { ROUNDS = 40 };
    char first[5 * ROUNDS + 1], again[5 * ROUNDS + 1], other[5 * ROUNDS + 1];
    run_logged(3, ROUNDS, first, sizeof first);
    run_logged(3, ROUNDS, again, sizeof again);
    run_logged(4, ROUNDS, other, sizeof other);
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
    unsigned at_front[5] = {0};
    for (int round = 0; round < ROUNDS; ++round) {
        unsigned seen = 0;
        for (int k = 0; k < 5; ++k)
            seen |= 1u << (first[5 * round + k] - 'a');
        assert_int_equal(seen, 31); /* one sample of each case in every round */
        ++at_front[first[5 * round] - 'a'];
    }
    for (int k = 0; k < 5; ++k)
        assert_in_range(at_front[k], 1, ROUNDS / 2);
}

static void test_pairing_removes_shared_noise(void **state) {
    (void)state;
    /* Both cases slow down together in a round: their ratio must not notice. */
    struct fake a = {.base = 3 * 0x1p-7, .noise = exponential_tail, .stream = 5};
    struct fake b = {.base = 1 * 0x1p-7, .noise = exponential_tail, .stream = 5};
    struct bench_case cases[] = {fake_case("a", &a), fake_case("b", &b)};
    struct bench_options options = fake_options();
    options.limits.min_samples = 60;
    struct bench_result r[2];
    assert_int_equal(bench_run(cases, 2, &options, r), 0);
    double ratio, low, high;
    assert_int_equal(bench_ratio(&r[0], &r[1], 1, &ratio, &low, &high), 0);
    assert_true(fabs(ratio - 3) < 1e-9 && high - low < 1e-9);
    bench_result_free(&r[0]);
    bench_result_free(&r[1]);
}

static int stop_in_third_round(void *context, size_t settled, size_t cases) {
    unsigned *rounds = context;
    assert_int_equal(cases, 1);
    assert_int_equal(settled, 0);
    return ++*rounds == 3;
}

static void test_progress_can_end_it(void **state) {
    (void)state;
    struct fake fake = {.base = 0x1p-7};
    struct bench_case c = fake_case("stopped", &fake);
    struct bench_options options = fake_options();
    unsigned rounds = 0;
    options.progress = stop_in_third_round;
    options.progress_context = &rounds;
    struct bench_result r;
    assert_int_equal(bench_run(&c, 1, &options, &r), 0);
    assert_int_equal(r.stop, BENCH_STOPPED);
    assert_int_equal(r.samples, 3);
    bench_result_free(&r);
}

static void test_bad_input_is_named(void **state) {
    (void)state;
    struct bench_case c = {.id = "empty"};
    struct bench_options options = fake_options();
    struct bench_result r;
    assert_int_equal(bench_run(&c, 1, &options, &r), -1);
    assert_non_null(strstr(bench_error(), "empty"));
    c.call = fake_call;
    options.limits.min_samples = 0;
    assert_int_equal(bench_run(&c, 1, &options, &r), -1);
    assert_non_null(strstr(bench_error(), "min_samples"));
    options = fake_options();
    assert_int_equal(bench_run(NULL, 0, &options, NULL), 0);
    const struct bench_limits all[] = {bench_limits_quick(), bench_limits_default(),
                                       bench_limits_full()};
    struct fake fake = {.base = 0x1p-9};
    for (int k = 0; k < 3; ++k) {
        struct bench_case ok = fake_case("limits", &fake);
        options = fake_options();
        options.limits = all[k];
        assert_int_equal(bench_run(&ok, 1, &options, &r), 0);
        assert_int_equal(r.stop, BENCH_SETTLED);
        assert_int_equal(r.samples, all[k].min_samples);
        bench_result_free(&r);
    }
}

/* The library's flags can be set from the environment; ours must not notice. */
static void test_environment_is_ignored(void **state) {
    (void)state;
    struct fake fake = {.base = 0x1p-7};
    struct bench_case c = fake_case("environment", &fake);
    struct bench_options options = fake_options();
    struct bench_result r;
    assert_int_equal(bench_run(&c, 1, &options, &r), 0);
    assert_int_equal(r.samples, 10);
    bench_result_free(&r);
}

static int real_call(void *context) {
    volatile unsigned *counter = context;
    ++*counter;
    return 0;
}

/* With the real clock: no assertion about a time, only that there is one. */
static void test_real_clock(void **state) {
    (void)state;
    unsigned counter = 0;
    struct bench_case c = {.id = "real", .call = real_call, .context = &counter};
    struct bench_options options = {.limits = bench_limits_quick(), .seed = 1};
    options.limits.max_seconds = 0.02;
    struct bench_result r;
    assert_int_equal(bench_run(&c, 1, &options, &r), 0);
    assert_true(r.samples >= 1 && r.median > 0 && isfinite(r.median));
    assert_true(r.calls > 1 && counter >= r.calls * r.samples);
    bench_result_free(&r);
}

int main(void) {
    setenv("BENCHMARK_REPETITIONS", "3", 1);
    setenv("BENCHMARK_OUT", "/nonexistent/out.json", 1);
    setenv("BENCHMARK_FILTER", "nothing", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_times),
        cmocka_unit_test(test_gaussian_noise_is_recovered),
        cmocka_unit_test(test_exponential_tail_is_recovered),
        cmocka_unit_test(test_steady_noise_is_a_plateau),
        cmocka_unit_test(test_what_never_settles_ends_at_its_cap),
        cmocka_unit_test(test_failures_stay_with_their_case),
        cmocka_unit_test(test_zero_time_is_a_failure_by_name),
        cmocka_unit_test(test_a_coarse_clock_gets_long_samples),
        cmocka_unit_test(test_what_a_coarse_clock_cannot_see_is_refused),
        cmocka_unit_test(test_a_clock_that_stands_still_is_refused),
        cmocka_unit_test(test_steps_of_clocks_are_found),
        cmocka_unit_test(test_broken_clocks_are_rejected),
        cmocka_unit_test(test_one_call_per_sample_when_cold),
        cmocka_unit_test(test_rounds_are_shuffled_by_the_seed),
        cmocka_unit_test(test_pairing_removes_shared_noise),
        cmocka_unit_test(test_progress_can_end_it),
        cmocka_unit_test(test_bad_input_is_named),
        cmocka_unit_test(test_environment_is_ignored),
        cmocka_unit_test(test_real_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
