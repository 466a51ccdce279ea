/*
 * bench_cycles_test.c: cycles counted beside samples, by a clock and a counter that the test moves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdbool.h>

#include "harness/measure/bench.h"

/* A processor at 2 GHz, whose thread may be off it for a share of each call. */
struct world {
    double now, spent, ran;
    double away;
    unsigned calls, readings, fails_from;
    int round;
};

static double world_now(void *context) {
    return ((struct world *)context)->now;
}

static int world_call(void *context) {
    struct world *w = context;
    w->now += 0x1p-10;
    w->ran += (1 - w->away) * 0x1p-10;
    w->spent += (1 - w->away) * 0x1p-10 * 2e9;
    w->calls++;
    return 0;
}

/* Reading it takes time, cycles and all, outside of the sample. */
static int world_read(void *context, uint64_t *cycles, uint64_t *nanoseconds) {
    struct world *w = context;
    w->now += 1;
    *cycles = (uint64_t)w->spent;
    *nanoseconds = (uint64_t)(1e9 * w->ran);
    return ++w->readings >= w->fails_from && w->fails_from > 0 ? -1 : 0;
}

static int next_round(void *context, size_t settled, size_t cases) {
    struct world *w = context;
    (void)settled;
    (void)cases;
    w->away = ++w->round == 4 ? 0.5 : 0; /* in the fifth */
    return 0;
}

static struct bench_result run(struct world *w, bool counts) {
    const struct bench_clock clock = {world_now, w, 0};
    const struct bench_cycles cycles = {world_read, w};
    const struct bench_case c = {.id = "case", .call = world_call, .context = w};
    const struct bench_options options = {.limits = {.min_sample_seconds = 0x1p-8,
                                                     .settle_spread = 0,
                                                     .min_samples = 10,
                                                     .max_samples = 10,
                                                     .max_seconds = 1e9},
                                          .seed = 1,
                                          .clock = &clock,
                                          .cycles = counts ? &cycles : NULL,
                                          .progress = next_round,
                                          .progress_context = w};
    struct bench_result r;
    assert_int_equal(bench_run(&c, 1, &options, &r), 0);
    assert_int_equal(r.samples, 10);
    assert_true(r.median == 0x1p-10);
    return r;
}

static void a_known_clock_comes_back(void **state) {
    (void)state;
    struct world w = {0};
    struct bench_result r = run(&w, true);
    assert_non_null(r.clock);
    for (size_t k = 0; k < 10; k++)
        if (k == 4) /* it was away */
            assert_true(isnan(r.clock[k]));
        else
            assert_true(fabs(r.clock[k] / 2e9 - 1) < 1e-6);
    bench_result_free(&r);
    assert_null(r.clock);
}

static void a_counter_that_fails_costs_the_clock_alone(void **state) {
    (void)state;
    struct world w = {.fails_from = 20};
    struct bench_result r = run(&w, true);
    assert_true(isfinite(r.clock[0]) && isnan(r.clock[9]));
    bench_result_free(&r);
    struct world without = {0};
    r = run(&without, false);
    assert_null(r.clock);
    assert_int_equal(without.readings, 0);
    bench_result_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_clock_comes_back),
        cmocka_unit_test(a_counter_that_fails_costs_the_clock_alone),
    };
    return cmocka_run_group_tests_name("bench_cycles", tests, NULL, NULL);
}
