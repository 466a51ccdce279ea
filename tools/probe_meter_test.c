/*
 * probe_meter_test.c: what `nanolab probe meter` asks, of a device whose counters are known.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/probe_meter.h"

/* 300 W at 1.5 GHz; time passes by calls, and by a reading of the counter. */
static struct world {
    double now, driver_watts;
    bool still, clockless;
} world;

static double world_now(void *context) {
    (void)context;
    return world.now;
}

static int world_energy(struct meter *m, uint64_t *count) {
    (void)m;
    world.now += 1e-4;
    *count = world.still ? 5 : (uint64_t)(300 * 1e3 * world.now);
    return 0;
}

static int world_clock(struct meter *m, double *hertz) {
    (void)m;
    *hertz = 1.5e9;
    return world.clockless ? -1 : 0;
}

static double world_watts(struct meter_probe *p) {
    (void)p;
    return world.driver_watts;
}

static int world_call(void *context) {
    (void)context;
    world.now += 1e-3;
    return 0;
}

static struct meter_probe probe;

static size_t wrong(struct meter *meter) {
    static const struct bench_clock clock = {world_now, NULL, 0};
    struct job job = {.call = world_call};
    struct device *device = probe.device;
    probe = (struct meter_probe){.device = device,
                                 .meter = meter,
                                 .job = &job,
                                 .call_seconds = 1e-3,
                                 .watts = world_watts,
                                 .clock = &clock,
                                 .seconds = 2};
    probe_meter(&probe);
    return probe.wrong;
}

static int set_up(void **state) {
    (void)state;
    return device_open(&probe.device, DEVICE_CPU, 0);
}

static int tear_down(void **state) {
    (void)state;
    device_close(probe.device);
    return 0;
}

static void every_answer_is_told_apart(void **state) {
    (void)state;
    struct meter good = {.energy = world_energy,
                         .joules = 1e-3,
                         .energy_by = "nvml",
                         .clock = world_clock,
                         .clock_by = "nvml"};
    world = (struct world){.driver_watts = 310};
    assert_int_equal(wrong(&good), 0);
    assert_int_equal(probe.asked, 4);
    world = (struct world){.driver_watts = 500}; /* one of the two is wrong */
    assert_int_equal(wrong(&good), 1);
    world = (struct world){.driver_watts = NAN};
    assert_int_equal(wrong(&good), 0);
    assert_int_equal(probe.asked, 4);
    world = (struct world){.driver_watts = 310, .still = true};
    assert_int_equal(wrong(&good), 2);
    world = (struct world){.driver_watts = 310, .clockless = true};
    assert_int_equal(wrong(&good), 1);
    struct meter none = {.energy_why = "no counter", .clock_why = "no clock"};
    world = (struct world){.driver_watts = 310};
    assert_int_equal(wrong(&none), 0);
    assert_int_equal(probe.asked, 2);
    assert_true(isnan(meter_gpu_watts(&probe)) || meter_gpu_watts(&probe) > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_answer_is_told_apart)};
    return cmocka_run_group_tests_name("probe_meter", tests, set_up, tear_down);
}
