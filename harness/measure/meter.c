/*
 * meter.c: see meter.h; GPUs by NVML, and the stretch.
 */
#include "harness/measure/meter.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/measure/clock.h"
#include "harness/measure/nvml.h"
#include "harness/measure/stats.h"

/* --- GPUs --------------------------------------------------------------------------------------
 */

static int nvml_energy(struct meter *m, uint64_t *count) {
    unsigned long long millijoules;
    if (nvml_open()->nvmlDeviceGetTotalEnergyConsumption(m->gpu, &millijoules) != NVML_SUCCESS)
        return -1;
    *count = millijoules;
    return 0;
}

static int nvml_clock(struct meter *m, double *hertz) {
    unsigned megahertz;
    if (nvml_open()->nvmlDeviceGetClockInfo(m->gpu, NVML_CLOCK_SM, &megahertz) != NVML_SUCCESS ||
        megahertz == 0)
        return -1;
    *hertz = 1e6 * megahertz;
    return 0;
}

/* Why a GPU's energy cannot be read, or "". */
static void try_energy(struct meter *m, char *why) {
    const struct nvml *nvml = nvml_open();
    unsigned long long millijoules;
    unsigned mig = 0, pending;
    if (!nvml->nvmlDeviceGetTotalEnergyConsumption) {
        snprintf(why, METER_WHY, "the driver's NVML has no energy counter; install a newer driver");
        return;
    }
    int status = nvml->nvmlDeviceGetTotalEnergyConsumption(m->gpu, &millijoules);
    if (status != NVML_SUCCESS)
        snprintf(why, METER_WHY,
                 "this GPU has no energy counter (NVML status %d); Volta and newer ones have",
                 status);
    else if (nvml->nvmlDeviceGetMigMode &&
             nvml->nvmlDeviceGetMigMode(m->gpu, &mig, &pending) == NVML_SUCCESS && mig)
        snprintf(why, METER_WHY,
                 "the GPU is split by MIG, and its counter is that of the whole board; measure "
                 "on a whole GPU");
}

static void open_gpu(struct meter *m, int index) {
    const struct nvml *nvml = nvml_open();
    double hertz;
    if (!nvml_gpu(index, &m->gpu)) {
        snprintf(m->energy_why, METER_WHY, "%.*s", METER_WHY - 1,
                 nvml->why[0] ? nvml->why : "NVML does not know this device");
        strcpy(m->clock_why, m->energy_why);
        return;
    }
    try_energy(m, m->energy_why);
    if (!m->energy_why[0]) {
        m->energy = nvml_energy;
        m->energy_by = "nvml";
        m->joules = 1e-3;
    }
    if (nvml->nvmlDeviceGetClockInfo && nvml_clock(m, &hertz) == 0) {
        m->clock = nvml_clock;
        m->clock_by = "nvml";
    } else {
        snprintf(m->clock_why, METER_WHY, "NVML does not tell this GPU's clocks");
    }
}

/* --- any device --------------------------------------------------------------------------------
 */

void meter_open(struct meter *m, enum device_kind kind, int index) {
    *m = (struct meter){.counter = -1};
    if (kind == DEVICE_CUDA) {
        open_gpu(m, index);
    } else if (kind == DEVICE_CPU) {
        meter_open_cpu(m);
    } else {
        snprintf(m->energy_why, METER_WHY, "a simulated GPU draws nothing");
        snprintf(m->clock_why, METER_WHY, "a simulated GPU has no clock");
    }
}

void meter_close(struct meter *m) {
    if (m->counter >= 0)
        close(m->counter);
    m->counter = -1;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct meter_clock meter_clock_of(const char *by, double *hertz, size_t count) {
    struct meter_clock clock = {.by = by};
    for (size_t k = 0; k < count; k++)
        if (isfinite(hertz[k]) && hertz[k] > 0)
            hertz[clock.readings++] = hertz[k];
    if (clock.readings == 0)
        return clock;
    qsort(hertz, clock.readings, sizeof *hertz, ascending);
    clock.median = stats_median(hertz, clock.readings);
    clock.low = hertz[0];
    clock.high = hertz[clock.readings - 1];
    return clock;
}

/* --- a stretch ---------------------------------------------------------------------------------
 */

/* Long beside what it costs to wait for a device and to start it again. */
#define BATCH_SECONDS 0.01
#define PATIENCE 3

/* A reading of the counter, taken at some time in between. */
struct reading {
    uint64_t count;
    double from, to;
};

/* Of what was seen: the readings around the counter's first move, and its last. */
struct moves {
    struct reading last; /* the newest reading */
    struct reading first_before, first_after, last_before, last_after;
    size_t count;
};

struct stretch {
    struct meter *m;
    const struct meter_work *work;
    const struct bench_clock *clock;
    struct moves moves;
    char *why;
};

static double now(const struct stretch *s) {
    return s->clock ? s->clock->now(s->clock->context) : clock_now(NULL);
}

static enum meter_status read_counter(struct stretch *s, bool first) {
    struct reading r = {.from = now(s)};
    struct moves *moves = &s->moves;
    if (s->m->energy(s->m, &r.count) != 0) {
        snprintf(s->why, METER_WHY, "the energy counter could not be read any more");
        return METER_NONE;
    }
    r.to = now(s);
    if (!first && r.count < moves->last.count) {
        snprintf(s->why, METER_WHY, "the energy counter went back");
        return METER_NONE;
    }
    if (!first && r.count > moves->last.count) {
        if (moves->count++ == 0) {
            moves->first_before = moves->last;
            moves->first_after = r;
        }
        moves->last_before = moves->last;
        moves->last_after = r;
    }
    moves->last = r;
    return METER_DONE;
}

/* The shortest time that can lie between the first move and the last. */
static double least(const struct moves *m) {
    return m->count < 2 ? 0 : m->last_before.from - m->first_after.to;
}

static enum meter_status one_batch(struct stretch *s, uint64_t calls) {
    const struct meter_work *work = s->work;
    for (uint64_t k = 0; k < calls; k++)
        if (work->call(work->context) != 0)
            return METER_FAILED;
    /* While the device works. */
    enum meter_status status = read_counter(s, false);
    if (work->wait && work->wait(work->context) != 0)
        return METER_FAILED;
    return status == METER_DONE && work->stop && work->stop(work->context) ? METER_STOPPED : status;
}

static void settle(const struct stretch *s, struct meter_energy *out) {
    const struct moves *m = &s->moves;
    double joules = s->m->joules * (double)(m->last_after.count - m->first_after.count);
    double most = m->last_after.to - m->first_before.from;
    double a = (m->first_before.from + m->first_after.to) / 2;
    double b = (m->last_before.from + m->last_after.to) / 2;
    double call = out->seconds / (double)out->calls;
    out->watts = (struct ratio){joules / (b - a), joules / most, joules / least(m)};
    out->joules =
        (struct ratio){out->watts.value * call, out->watts.low * call, out->watts.high * call};
}

enum meter_status meter_stretch(struct meter *m, const struct meter_work *work, double seconds,
                                const struct bench_clock *clock, struct meter_energy *out,
                                char *why) {
    struct stretch s = {.m = m, .work = work, .clock = clock, .why = why};
    double batch = ceil(BATCH_SECONDS / work->seconds);
    uint64_t calls = batch >= 1 && batch < 1e9 ? (uint64_t)batch : 1;
    *out = (struct meter_energy){.by = m->energy_by};
    if (!m->energy) {
        snprintf(why, METER_WHY, "%s", m->energy_why);
        return METER_NONE;
    }
    enum meter_status status = read_counter(&s, true);
    double began = now(&s);
    while (
        status == METER_DONE &&
        (out->seconds < seconds || (!(least(&s.moves) > 0) && out->seconds < PATIENCE * seconds))) {
        status = one_batch(&s, calls);
        out->calls += calls;
        out->seconds = now(&s) - began;
    }
    if (status == METER_DONE && !(least(&s.moves) > 0)) {
        snprintf(why, METER_WHY,
                 s.moves.count == 0 ? "the energy counter stood still for %.3g s"
                                    : "the energy counter moved too seldom: %.3g s were not enough",
                 out->seconds);
        return METER_NONE;
    }
    if (status == METER_DONE)
        settle(&s, out);
    return status;
}
