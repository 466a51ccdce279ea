/*
 * contest_meter.h: clocks and energy of a contest's cases, for contest.c alone.
 *
 * A device that tells its clock is asked after rounds, when the samples are over, at most once in
 * 10 ms; a case has the readings of its own rounds. A thread's cycles are counted in each sample.
 * Energy has its stretch after all rounds, case by case, and the results have been proved.
 */
#ifndef NANOLAB_HARNESS_CONTEST_METER_H
#define NANOLAB_HARNESS_CONTEST_METER_H

#include "harness/lab/lab.h"
#include "harness/measure/meter.h"

struct contest_meter {
    struct meter own, *meter; /* own, or what a test put in its place */
    struct bench_cycles cycles;
    double stretch; /* seconds of calls; 0: energy is not measured in this mode */
    double asked;   /* when the clock was read last */
    uint32_t round; /* the one in hand */
    double *hertz;  /* readings, and in which round */
    uint32_t *rounds;
    size_t count, room;
};

void contest_meter_open(struct contest_meter *m, const struct lab_run *run,
                        const struct device *device);
void contest_meter_close(struct contest_meter *m);
/* What bench_run is to count cycles by; NULL: nothing. */
const struct bench_cycles *contest_meter_cycles(struct contest_meter *m);
/* After each round. */
void contest_meter_round(struct contest_meter *m);
/* Records the clock of a case, if it was read. */
void contest_meter_clock(const struct contest_meter *m, const struct bench_result *result,
                         struct lab_case *record);
/* Measures and records its energy. 0, also where that cannot be had; -1: a call failed. */
int contest_meter_energy(struct contest_meter *m, struct lab_run *run,
                         const struct meter_work *work, struct lab_case *record);

#endif
