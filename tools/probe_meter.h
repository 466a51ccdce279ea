/*
 * probe_meter.h: do a device's counter of energy and its clock serve: how the counter moves, what
 * one kernel draws by it and by the driver's own account of power, and the clock meanwhile. Part of
 * probe.c.
 */
#ifndef NANOLAB_TOOLS_PROBE_METER_H
#define NANOLAB_TOOLS_PROBE_METER_H

#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "harness/measure/clock.h"
#include "harness/measure/meter.h"
#include "harness/measure/nvml.h"
#include "kernels/device/job.h"

/* The driver's power is a mean over up to a second, and of its own making. */
#define METER_AGREE 0.25
#define METER_READINGS 4000

struct meter_probe {
    struct device *device;
    struct meter *meter;
    struct job *job; /* that is called; some milliseconds */
    double call_seconds;
    double (*watts)(struct meter_probe *p); /* as the driver tells; NaN where it does not */
    const struct bench_clock *clock;        /* NULL: the monotonic one */
    double seconds;                         /* of the stretch */
    size_t asked, wrong;
    /* Seen during the stretch. */
    double hertz[METER_READINGS];
    size_t readings;
    double power;
    size_t powers;
};

static void meter_line(struct meter_probe *p, const char *question, const char *outcome,
                       const char *says) {
    json_t *line = json_pack("{s:s, s:s, s:s, s:s}", "question", question, "device",
                             device_id(p->device), "outcome", outcome, "says", says);
    if (line)
        json_dumpf(line, stdout, 0);
    putchar('\n');
    json_decref(line);
    p->asked++;
    p->wrong += strcmp(outcome, "contradicted") == 0;
}

static double meter_now(const struct meter_probe *p) {
    return p->clock ? p->clock->now(p->clock->context) : clock_now(NULL);
}

/* Readings one after the other, for half as long as the stretch. */
static void meter_ask_steps(struct meter_probe *p) {
    uint64_t first, last, count;
    size_t readings = 0, moves = 0;
    char says[METER_WHY];
    double began = meter_now(p), spent = 0;
    if (p->meter->energy(p->meter, &first) != 0)
        return;
    last = first;
    do {
        if (p->meter->energy(p->meter, &count) != 0)
            break;
        moves += count != last;
        last = count;
        readings++;
        spent = meter_now(p) - began;
    } while (spent < p->seconds / 2);
    snprintf(says, sizeof says,
             "idle: %.3g J in %.3g s, in %zu moves (every %.3g ms); a reading takes %.3g us",
             p->meter->joules * (double)(last - first), spent, moves,
             moves ? 1e3 * spent / (double)moves : NAN, 1e6 * spent / (double)readings);
    meter_line(p, "the energy counter moves", moves > 0 ? "confirmed" : "contradicted", says);
}

static int meter_call(void *probe) {
    return job_call(((struct meter_probe *)probe)->job);
}

static int meter_wait(void *probe) {
    return device_sync(((struct meter_probe *)probe)->device);
}

/* After each batch: what the clock and the driver say just then. */
static int meter_look(void *probe) {
    struct meter_probe *p = probe;
    double watts = p->watts(p);
    if (p->meter->clock && p->readings < METER_READINGS &&
        p->meter->clock(p->meter, &p->hertz[p->readings]) == 0)
        p->readings++;
    if (isfinite(watts)) {
        p->power += watts;
        p->powers++;
    }
    return 0;
}

static void meter_ask_power(struct meter_probe *p, const struct meter_energy *e) {
    char says[METER_WHY];
    double mean = p->power / (double)p->powers;
    if (p->powers == 0) {
        meter_line(p, "its watts are the driver's", "not here", "the driver tells no power");
        return;
    }
    snprintf(says, sizeof says, "%.4g W by the counter, %.4g W by the driver in %zu readings",
             e->watts.value, mean, p->powers);
    meter_line(p, "its watts are the driver's",
               fabs(e->watts.value / mean - 1) < METER_AGREE ? "confirmed" : "contradicted", says);
}

static void meter_ask_stretch(struct meter_probe *p) {
    const struct meter_work work = {.call = meter_call,
                                    .wait = meter_wait,
                                    .stop = meter_look,
                                    .context = p,
                                    .seconds = p->call_seconds};
    struct meter_energy e;
    char says[METER_WHY] = "";
    enum meter_status status = meter_stretch(p->meter, &work, p->seconds, p->clock, &e, says);
    if (status == METER_DONE)
        snprintf(says, sizeof says, "%.4g W (%.4g to %.4g), %.4g J a call; %llu calls in %.3g s",
                 e.watts.value, e.watts.low, e.watts.high, e.joules.value,
                 (unsigned long long)e.calls, e.seconds);
    else if (status == METER_FAILED)
        snprintf(says, sizeof says, "%.*s", METER_WHY - 1, device_error());
    meter_line(p, "a kernel's energy", status == METER_DONE ? "confirmed" : "contradicted", says);
    if (status == METER_DONE)
        meter_ask_power(p, &e);
}

static void meter_ask_clock(struct meter_probe *p) {
    char says[METER_WHY];
    const struct meter_clock clock = meter_clock_of(p->meter->clock_by, p->hertz, p->readings);
    snprintf(says, sizeof says, "%.0f MHz (%.0f to %.0f) in %zu readings", clock.median / 1e6,
             clock.low / 1e6, clock.high / 1e6, clock.readings);
    meter_line(p, "the clock under load", clock.readings > 0 ? "confirmed" : "contradicted", says);
}

/* What a device does not have is no contradiction: the line says why. */
static void probe_meter(struct meter_probe *p) {
    p->readings = p->powers = 0;
    p->power = 0;
    if (p->meter->energy) {
        meter_ask_steps(p);
        meter_ask_stretch(p);
    } else {
        meter_line(p, "an energy counter", "not here", p->meter->energy_why);
    }
    if (p->meter->clock && p->meter->energy)
        meter_ask_clock(p);
    else if (!p->meter->clock)
        meter_line(p, "a clock", "not here", p->meter->clock_why);
}

/* By NVML. */
static double meter_gpu_watts(struct meter_probe *p) {
    const struct nvml *nvml = nvml_open();
    unsigned milliwatts;
    return nvml->nvmlDeviceGetPowerUsage &&
                   nvml->nvmlDeviceGetPowerUsage(p->meter->gpu, &milliwatts) == NVML_SUCCESS
               ? 1e-3 * milliwatts
               : NAN;
}

#endif
