/*
 * contest_meter.c: see contest_meter.h.
 */
#include "harness/lab/contest_meter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/lab/run.h"
#include "harness/measure/clock.h"

/* Some clocks take a millisecond to read. */
#define SECONDS_BETWEEN 0.01
/* Of a counter that moves every 0.1 s, half a second sees four whole steps. */
#define STRETCH_DEFAULT 0.5
#define STRETCH_FULL 2.0

static int read_cycles(void *meter, uint64_t *cycles, uint64_t *nanoseconds) {
    struct meter *m = meter;
    return m->cycles(m, cycles, nanoseconds);
}

static int index_of(const struct device *device) {
    const char *colon = strchr(device_id(device), ':');
    return colon ? atoi(colon + 1) : 0;
}

void contest_meter_open(struct contest_meter *m, const struct lab_run *run,
                        const struct device *device) {
    *m = (struct contest_meter){.meter = run->meter, .asked = -INFINITY};
    m->own.counter = -1;
    m->stretch = lab_mode(run) == LAB_DEFAULT ? STRETCH_DEFAULT
                 : lab_mode(run) == LAB_FULL  ? STRETCH_FULL
                                              : 0;
    if (!m->meter) {
        meter_open(&m->own, device_kind(device), index_of(device));
        m->meter = &m->own;
    }
    m->cycles = (struct bench_cycles){read_cycles, m->meter};
}

void contest_meter_close(struct contest_meter *m) {
    meter_close(&m->own);
    free(m->hertz);
    free(m->rounds);
    *m = (struct contest_meter){.own.counter = -1};
}

const struct bench_cycles *contest_meter_cycles(struct contest_meter *m) {
    return m->meter->cycles ? &m->cycles : NULL;
}

/* False: no memory, and so one reading less. */
static bool make_room(struct contest_meter *m) {
    if (m->count < m->room)
        return true;
    size_t room = m->room ? 2 * m->room : 64;
    double *hertz = realloc(m->hertz, room * sizeof *hertz);
    if (hertz)
        m->hertz = hertz;
    uint32_t *rounds = realloc(m->rounds, room * sizeof *rounds);
    if (rounds)
        m->rounds = rounds;
    if (hertz && rounds)
        m->room = room;
    return hertz && rounds;
}

void contest_meter_round(struct contest_meter *m) {
    uint32_t round = m->round++;
    double hertz, now = clock_now(NULL);
    if (!m->meter->clock || now - m->asked < SECONDS_BETWEEN)
        return;
    if (m->meter->clock(m->meter, &hertz) == 0 && make_room(m)) {
        m->hertz[m->count] = hertz;
        m->rounds[m->count++] = round;
    }
    m->asked = clock_now(NULL);
}

void contest_meter_clock(const struct contest_meter *m, const struct bench_result *result,
                         struct lab_case *record) {
    uint32_t last = result->round[result->samples - 1];
    size_t n = 0, most = result->clock ? result->samples : m->count;
    double *hertz = malloc((most + 1) * sizeof *hertz);
    if (!hertz)
        return;
    for (size_t k = 0; k < most; k++)
        if (result->clock)
            hertz[n++] = result->clock[k];
        else if (m->rounds[k] <= last) /* a case is in all rounds up to its last */
            hertz[n++] = m->hertz[k];
    const struct meter_clock clock = meter_clock_of(m->meter->clock_by, hertz, n);
    /* Where most samples have no clock, those that have are another kind of sample. */
    if (clock.readings > 0 && (!result->clock || 2 * clock.readings >= result->samples))
        case_clock(record, &clock);
    free(hertz);
}

int contest_meter_energy(struct contest_meter *m, struct lab_run *run,
                         const struct meter_work *work, struct lab_case *record) {
    struct meter_energy energy;
    char why[METER_WHY];
    if (!m->meter->energy || run->energy_failed || !(m->stretch > 0))
        return 0;
    enum meter_status status = meter_stretch(m->meter, work, m->stretch, NULL, &energy, why);
    if (status == METER_DONE)
        case_energy(record, &energy);
    if (status == METER_NONE) {
        run->energy_failed = true;
        lab_note(run, "from here on, no energy is measured: %s", why);
    }
    return status == METER_FAILED ? -1 : 0;
}
