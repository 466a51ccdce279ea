/*
 * tour_late.h: the step of the tour about a late rank: who is it, from each rank's own clock? Part
 * of tour.c.
 */
#ifndef NANOLAB_TOOLS_TOUR_LATE_H
#define NANOLAB_TOOLS_TOUR_LATE_H

#include <math.h>

#include "kernels/rng/philox.h"
#include "kernels/straggler/straggler.h"
#include "tools/tour_stage.h"

enum { LATE_RANKS = 8, LATE_STEPS = 32, LATE_STREAM = 0x7001 };

/* The median over the steps of how long a rank was in the sum. */
static double median_us(const struct straggler_log *log, unsigned rank) {
    double us[LATE_STEPS];
    for (size_t k = 0; k < log->steps && k < LATE_STEPS; k++)
        us[k] = straggler_comm(log, k, rank);
    return straggler_quantiles(us, log->steps).p50;
}

static void show_times(struct tour *t, const struct straggler_log *log) {
    double us[LATE_RANKS], most = 0;
    for (unsigned r = 0; r < LATE_RANKS; r++) {
        us[r] = median_us(log, r);
        most = fmax(most, us[r]);
    }
    for (unsigned r = 0; r < LATE_RANKS; r++) {
        char label[24];
        snprintf(label, sizeof label, "rank %u", r);
        bar(t, label, us[r], most, " us");
    }
    put(t, "\n");
}

static int name_late(struct tour *t, const struct straggler_log *log, unsigned culprit) {
    const struct straggler_rule *ours = &straggler_rules[STRAGGLER_LEAST_WAIT];
    const struct straggler_rule *slowest = &straggler_rules[STRAGGLER_SLOWEST_TIME];
    struct straggler_verdict mine, theirs;
    char named[80] = "nobody";
    if (straggler_verdict_open(&mine, LATE_RANKS) != 0)
        return device_fail("out of memory; close other programs");
    if (straggler_verdict_open(&theirs, LATE_RANKS) != 0) {
        straggler_verdict_close(&mine);
        return device_fail("out of memory; close other programs");
    }
    int status = ours->judge(log, 0, log->steps, &mine) != 0 ||
                         slowest->judge(log, 0, log->steps, &theirs) != 0
                     ? device_fail("out of memory; close other programs")
                     : 0;
    bool right = status == 0 && mine.count == 1 && mine.named[culprit];
    for (unsigned r = 0, used = 0; r < LATE_RANKS && status == 0; r++)
        if (theirs.named[r] && used + 8 < sizeof named)
            used +=
                (unsigned)snprintf(named + used, sizeof named - used, "%s%u", used ? ", " : "", r);
    if (status == 0) {
        t->predicted++;
        t->broken += !right;
        for (unsigned r = 0; r < LATE_RANKS; r++)
            if (mine.named[r])
                say(t,
                    "Late is rank %u, by %.0f us: the rank with the SHORTEST time. Who comes last "
                    "waits for nobody; the long times belong to those who wait for it.",
                    r, mine.late_us[r]);
        say(t, "The truth, which the rule was not told: rank %u was made late%s.", culprit,
            right ? "" : ". The rule is NOT right, our bug");
        say(t, "A rule that looks for the slowest rank names: %s.", named);
    }
    straggler_verdict_close(&mine);
    straggler_verdict_close(&theirs);
    return status;
}

static int step_late(struct tour *t) {
    struct straggler_synthetic options = straggler_synthetic_default(LATE_RANKS, t->seed);
    struct straggler_log log = {0};
    double *stall_us = NULL;
    options.steps = LATE_STEPS;
    options.onset = 0;
    options.culprit = (unsigned)philox_below(philox_u64(t->seed, LATE_STREAM, 0), LATE_RANKS);
    options.stall_us = 300;
    options.jitter = STRAGGLER_EXPONENTIAL;
    options.jitter_us = 20;
    say(t, "Eight processes (ranks) compute, then add up their results together, step after step. "
           "The sum ends for all of them when the last one has come. One rank is late in every "
           "step.");
    say(t,
        "These ranks are simulated: their times are drawn from a seed, by the rules of such a "
        "step. (Lab 05 does it with real processes.) How long each rank was in the sum, by its "
        "own clock, the median of %d steps:",
        LATE_STEPS);
    if (straggler_synthesise(&options, &log, &stall_us) != 0)
        return device_fail("out of memory; close other programs");
    show_times(t, &log);
    int status =
        ask(t, "Which rank is the late one?") != 0 ? 0 : name_late(t, &log, options.culprit);
    if (status == 0 && !t->ended)
        recall(t);
    free(stall_us);
    straggler_log_close(&log);
    return status;
}

#endif
