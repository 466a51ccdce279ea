/*
 * straggler_test.c: what a log says of times, against known answers, and the generator against
 * theory.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/straggler/straggler_inside.h"

#define CLOSE(got, want, tolerance)                                                                \
    do {                                                                                           \
        double got_ = (got), want_ = (want);                                                       \
        if (!(fabs(got_ - want_) <= (tolerance)))                                                  \
            fail_msg(#got " is %.17g, not %.17g", got_, want_);                                    \
    } while (0)

static void put(struct straggler_log *log, size_t step, const double *comm) {
    for (unsigned r = 0; r < log->ranks; r++)
        *straggler_at(log, step, r) =
            (struct straggler_cell){NAN, 1000.0 * r, 1000.0 * r + comm[r], true};
}

static void known_times(void **state) {
    (void)state;
    struct straggler_log log;
    struct straggler_times times;
    double wait[3];
    assert_int_equal(straggler_log_open(&log, 3, 3), 0);
    put(&log, 0, (const double[]){10, 30, 20});
    put(&log, 1, (const double[]){100, 40, 60});
    straggler_at(&log, 2, 0)->joined = true; /* never left */
    CLOSE(straggler_waits(&log, 0, wait), 10, 0);
    CLOSE(wait[0], 0, 0);
    CLOSE(wait[1], 20, 0);
    CLOSE(wait[2], 10, 0);
    assert_int_equal(straggler_times(&log, &times), 0);
    assert_int_equal(times.whole, 2);
    CLOSE(times.least.mean, 25, 0);
    CLOSE(times.skew.max, 60, 0);
    CLOSE(times.skew.p50, 20, 0);
    CLOSE(times.wasted_us, 30 + 80, 1e-12);
    CLOSE(times.comm.p99, 100, 0);
    CLOSE(times.comm.p50, 30, 0);
    assert_int_equal(times.comm.count, 6);
    straggler_log_close(&log);
    assert_int_equal(straggler_log_open(&log, 0, 3), -1);
    assert_int_equal(straggler_log_open(&log, 4000000000u, SIZE_MAX / 2), -1);
}

static void order_statistics(void **state) {
    (void)state;
    double values[64], again[64];
    for (size_t n = 1; n <= 64; n++)
        for (size_t k = 0; k < n; k++) {
            for (size_t i = 0; i < n; i++)
                values[i] = again[i] = (double)((i * 37 + n) % 11);
            double got = straggler_select(values, n, k);
            size_t less = 0, equal = 0;
            for (size_t i = 0; i < n; i++) {
                less += again[i] < got;
                equal += again[i] == got;
            }
            assert_true(less <= k && k < less + equal);
        }
    CLOSE(straggler_median((double[]){4, 1, 3, 2}, 4), 2.5, 0);
    double with_nan[] = {3, NAN, 1, 2};
    struct straggler_quantiles q = straggler_quantiles(with_nan, 4);
    assert_int_equal(q.count, 3);
    CLOSE(q.mean, 2, 0);
    CLOSE(q.p50, 2, 0);
    CLOSE(q.max, 3, 0);
    assert_int_equal(straggler_quantiles(with_nan, 0).count, 0);
}

/* Lateness is against the median of the others, also where several have the same time. */
static void lateness(void **state) {
    (void)state;
    struct straggler_log log;
    double late[4], scratch[12];
    assert_int_equal(straggler_log_open(&log, 4, 2), 0);
    put(&log, 0, (const double[]){50, 10, 50, 52});
    put(&log, 1, (const double[]){7, 7, 7, 7});
    straggler_lateness(&log, 0, late, scratch);
    CLOSE(late[0], 0, 0);
    CLOSE(late[1], 40, 0);
    CLOSE(late[2], 0, 0);
    CLOSE(late[3], -2, 0);
    straggler_lateness(&log, 1, late, scratch);
    for (int r = 0; r < 4; r++)
        CLOSE(late[r], 0, 0);
    straggler_log_close(&log);
}

static void fits_alpha_and_beta(void **state) {
    (void)state;
    struct straggler_log log;
    struct straggler_fit fit;
    char why[STRAGGLER_WHY];
    assert_int_equal(straggler_log_open(&log, 2, 12), 0);
    for (size_t k = 0; k < 12; k++) {
        log.step[k].bytes = (uint64_t)1024 << (k % 4 * 4);
        double least = 12.5 + (double)log.step[k].bytes / (1e3 * 40); /* 40 GB/s */
        put(&log, k, (const double[]){least + 100, least});
    }
    assert_int_equal(straggler_fit(&log, &fit, why), 0);
    assert_int_equal(fit.sizes, 4);
    CLOSE(fit.alpha_us, 12.5, 1e-6);
    CLOSE(fit.beta_gbs, 40, 1e-6);
    assert_true(fit.worst < 1e-9);
    for (size_t k = 0; k < 12; k++) { /* a tenth less in the middle leaves what is small alone */
        static const double us[] = {10, 450010, 1000010};
        log.step[k].bytes = (uint64_t)500000000 * (k % 3);
        put(&log, k, (const double[]){us[k % 3], us[k % 3]});
    }
    assert_int_equal(straggler_fit(&log, &fit, why), 0);
    CLOSE(fit.alpha_us, 10, 0.1);
    for (size_t k = 0; k < 12; k++)
        log.step[k].bytes = 8;
    assert_int_equal(straggler_fit(&log, &fit, why), -1);
    assert_non_null(strstr(why, "two message sizes, and the log has 1"));
    straggler_log_close(&log);
}

static double mean_step(const struct straggler_synthetic *options) {
    struct straggler_log log;
    struct straggler_times times;
    double *stalls;
    assert_int_equal(straggler_synthesise(options, &log, &stalls), 0);
    assert_int_equal(straggler_times(&log, &times), 0);
    assert_int_equal(times.whole, options->steps);
    straggler_log_close(&log);
    free(stalls);
    return times.step.mean;
}

static void a_stall_stretches_the_step(void **state) {
    (void)state;
    for (unsigned n = 2; n <= 1024; n *= 8) {
        struct straggler_synthetic o = straggler_synthetic_default(n, 3);
        o.onset = 0;
        double base = mean_step(&o); /* 1000 + 20 + 262144/25000 */
        CLOSE(base, 1030.48576, 1e-5);
        for (double d = 150; d <= 2400; d *= 2) {
            o.stall_us = d;
            CLOSE(mean_step(&o) - base, d, 1e-5);
        }
    }
}

/* E[max] of N exponentials of mean m is m (1 + 1/2 + … + 1/N). */
static void the_slowest_of_many(void **state) {
    (void)state;
    static const struct {
        unsigned ranks;
        size_t steps;
    } cases[] = {{2, 4000}, {8, 4000}, {32, 2000}, {256, 600}, {1024, 500}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct straggler_synthetic o = straggler_synthetic_default(cases[k].ranks, 11);
        double harmonic = 0, base = mean_step(&o);
        for (unsigned i = 1; i <= o.ranks; i++)
            harmonic += 1.0 / i;
        o.jitter = STRAGGLER_EXPONENTIAL;
        o.jitter_us = 100;
        o.steps = cases[k].steps;
        double more = mean_step(&o) - base;
        if (fabs(more / (100 * harmonic) - 1) > 0.03)
            fail_msg("N = %u: %.2f us, theory %.2f", o.ranks, more, 100 * harmonic);
    }
    struct straggler_synthetic pair = straggler_synthetic_default(2, 5);
    double base = mean_step(&pair);
    pair.jitter = STRAGGLER_GAUSSIAN; /* E[max of two] = σ/√π */
    pair.jitter_us = 100;
    pair.steps = 20000;
    CLOSE(mean_step(&pair) - base, 100 / sqrt(3.141592653589793), 0.03 * 56.4);
}

static void a_rare_stall_meets_somebody(void **state) {
    (void)state;
    static const struct {
        unsigned ranks;
        size_t steps;
        double chance;
    } cases[] = {{8, 40000, 0.01}, {32, 20000, 0.01}, {1024, 1500, 0.001}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct straggler_synthetic o = straggler_synthetic_default(cases[k].ranks, 8);
        double base = mean_step(&o);
        o.kind = STRAGGLER_RARE;
        o.onset = 0;
        o.stall_us = 1200;
        o.chance = cases[k].chance;
        o.steps = cases[k].steps;
        double more = mean_step(&o) - base;
        double theory = 1200 * (1 - pow(1 - o.chance, o.ranks));
        if (fabs(more / theory - 1) > 0.03)
            fail_msg("N = %u: %.2f us, theory %.2f", o.ranks, more, theory);
    }
}

static void overlap_absorbs_what_passes(void **state) {
    (void)state;
    struct straggler_synthetic o = straggler_synthetic_default(4, 1);
    o.onset = 0;
    o.stall_us = 300;
    o.one_late = true;
    CLOSE(mean_step(&o), 1300, 1300 / 64.0 + 1); /* hides the collective, not what lasts */
    o.kind = STRAGGLER_ROTATING;
    o.period = 1;
    o.steps = 400;
    double late = mean_step(&o);
    o.one_late = false;
    CLOSE(mean_step(&o), 1330.48576, 1e-5);
    assert_true(late < 1200);
    o.stall_us = 0; /* collectives longer than the computing follow each other */
    o.one_late = true;
    o.alpha_us = 1500;
    CLOSE(mean_step(&o), 1500 + 10.48576, 1000 / 400.0 + 1e-6);
}

static void clocks_do_not_matter(void **state) {
    (void)state;
    struct straggler_synthetic o = straggler_synthetic_default(8, 77);
    o.stall_us = 600;
    o.jitter = STRAGGLER_EXPONENTIAL;
    o.jitter_us = 20;
    double own = mean_step(&o);
    o.common_clock = true;
    CLOSE(mean_step(&o), own, 1e-6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_times),
        cmocka_unit_test(order_statistics),
        cmocka_unit_test(lateness),
        cmocka_unit_test(fits_alpha_and_beta),
        cmocka_unit_test(a_stall_stretches_the_step),
        cmocka_unit_test(the_slowest_of_many),
        cmocka_unit_test(a_rare_stall_meets_somebody),
        cmocka_unit_test(overlap_absorbs_what_passes),
        cmocka_unit_test(clocks_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
