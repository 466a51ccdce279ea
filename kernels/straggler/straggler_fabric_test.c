/* straggler_fabric_test.c: fabric records of logs whose stalls are known. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/straggler/straggler.h"

#define WINDOW 8
#define ONSET 20

/* 40 steps, from ONSET on with a stall of that kind. */
static struct straggler_log log_of(enum straggler_kind kind, double stall_us) {
    struct straggler_synthetic o = straggler_synthetic_default(4, 1);
    struct straggler_log log;
    double *truth;
    o.steps = 40;
    o.onset = ONSET;
    o.kind = kind;
    o.stall_us = stall_us;
    o.jitter = STRAGGLER_STEADY;
    o.alpha_us = 10;
    o.beta_gbs = 1;
    o.bytes = 10000;
    assert_int_equal(straggler_synthesise(&o, &log, &truth), 0);
    free(truth);
    return log;
}

static struct straggler_fabric at(const struct straggler_log *log, size_t step) {
    struct straggler_fabric f;
    assert_int_equal(straggler_fabric(log, step, WINDOW, &f), 0);
    return f;
}

static void nobody_late(void **state) {
    (void)state;
    struct straggler_log log = log_of(STRAGGLER_PERSISTENT, 0);
    for (size_t k = 0; k < log.steps; k++) {
        struct straggler_fabric f = at(&log, k);
        assert_int_equal(f.marker, STRAGGLER_NORMAL);
        assert_int_equal(f.steps, k < WINDOW ? k + 1 : WINDOW);
        assert_int_equal(f.collective, STRAGGLER_ALL_REDUCE);
        assert_true(fabs(f.least - 20) < 1e-6 && fabs(f.p99 - 20) < 1e-6 && f.skew < 1e-6);
        assert_true(fabs(f.gbs - 0.5) < 1e-6);
    }
    straggler_log_close(&log);
}

/* A late rank: the others wait, and the network is what it was. */
static void a_late_rank(void **state) {
    (void)state;
    struct straggler_log log = log_of(STRAGGLER_PERSISTENT, 1000);
    struct straggler_fabric before = at(&log, ONSET - 1), first = at(&log, ONSET),
                            later = at(&log, ONSET + WINDOW);
    assert_int_equal(before.marker, STRAGGLER_NORMAL);
    assert_int_equal(first.marker, STRAGGLER_CONGESTED);
    assert_true(fabs(first.p50 - 20) < 1e-6 && fabs(first.p95 - 1020) < 1e-6);
    assert_int_equal(later.marker, STRAGGLER_CONGESTED);
    assert_true(fabs(later.p50 - 1020) < 1e-6 && fabs(later.least - 20) < 1e-6);
    assert_true(fabs(later.skew - 1000) < 1e-6);
    straggler_log_close(&log);
}

/* A slow network: nobody waits for anybody, and all take long. */
static void a_slow_link(void **state) {
    (void)state;
    struct straggler_log log = log_of(STRAGGLER_SLOW_LINK, 30);
    assert_int_equal(at(&log, ONSET - 1).marker, STRAGGLER_NORMAL);
    assert_int_equal(at(&log, ONSET + WINDOW).marker, STRAGGLER_DEGRADED);
    assert_true(at(&log, ONSET + WINDOW).skew < 1e-6);
    straggler_log_close(&log);
    log = log_of(STRAGGLER_SLOW_LINK, 15);
    assert_int_equal(at(&log, ONSET + WINDOW).marker, STRAGGLER_NORMAL);
    straggler_log_close(&log);
}

/* Steps of another size, and steps that nobody left, say nothing. */
static void what_is_left_out(void **state) {
    (void)state;
    struct straggler_log log = log_of(STRAGGLER_PERSISTENT, 0);
    log.step[12].bytes = 7;
    straggler_at(&log, 13, 2)->end_us = NAN;
    assert_int_equal(at(&log, 15).steps, WINDOW - 2);
    assert_int_equal(at(&log, 12).steps, 1);
    straggler_log_close(&log);
    log = log_of(STRAGGLER_STOPPED, 0);
    assert_int_equal(at(&log, ONSET).steps, WINDOW - 1);
    for (size_t k = 0; k < log.steps; k++)
        straggler_at(&log, k, 0)->end_us = NAN;
    struct straggler_fabric f = at(&log, 5);
    assert_int_equal(f.steps, 0);
    assert_true(isnan(f.p50) && isnan(f.least));
    assert_string_equal(straggler_marker_name(f.marker), "normal");
    straggler_log_close(&log);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_late),
        cmocka_unit_test(a_late_rank),
        cmocka_unit_test(a_slow_link),
        cmocka_unit_test(what_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
