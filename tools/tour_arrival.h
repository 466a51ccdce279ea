/*
 * tour_arrival.h: the step of the tour about atomics: the order in which updates arrive is part of
 * the result, can be found again, and can be made not to matter. Part of tour.c.
 */
#ifndef NANOLAB_TOOLS_TOUR_ARRIVAL_H
#define NANOLAB_TOOLS_TOUR_ARRIVAL_H

#include "harness/measure/ulp.h"
#include "kernels/atomics/atomics_job.h"
#include "kernels/rng/data.h"
#include "tools/tour_stage.h"

enum { ARRIVAL_N = 8, ARRIVAL_RUNS = 200, ARRIVAL_SHOWN = 10 };
#define ARRIVAL_LOGGED "f32.none.logged.a1.i1.b32.g1"
#define ARRIVAL_FIXED "f32.none.fixed.a1.i1.b32.g1"

struct arrival {
    struct job job;
    struct atomics_reachable *list; /* every result that some order gives */
    size_t count;
    uint64_t bits[ARRIVAL_RUNS];
    size_t outside;  /* runs whose result no order gives */
    size_t replayed; /* runs whose own order, found again, gives their bits */
};

/* Runs under many schedules, each of which brings the updates in an order of its own. */
static int arrival_runs(struct tour *t, struct arrival *a) {
    enum atomics_add add = atomics_job_sum(&a->job)->add;
    for (size_t k = 0; k < ARRIVAL_RUNS; k++) {
        struct job_bits got;
        struct atomics_replay replay;
        atomics_job_schedule(&a->job, t->seed, k);
        if (atomics_job_run(&a->job, &got) != 0 ||
            atomics_job_replay(&a->job, t->seed + k, &replay) != 0)
            return -1;
        a->bits[k] = got.bits;
        a->outside += !atomics_reachable_find(add, a->list, a->count, got.bits);
        a->replayed += replay.held == replay.chains;
    }
    return 0;
}

/* How often each result came, those that came most often first. */
static void show_results(struct tour *t, const struct arrival *a) {
    uint64_t bits[ARRIVAL_RUNS];
    size_t times[ARRIVAL_RUNS], count = 0;
    for (size_t k = 0; k < ARRIVAL_RUNS; k++) {
        size_t at = 0;
        while (at < count && bits[at] != a->bits[k])
            at++;
        times[at] = at == count ? 1 : times[at] + 1;
        bits[at] = a->bits[k];
        count += at == count;
    }
    say(t, "%zu different results in %d runs. How often each came:", count, ARRIVAL_RUNS);
    for (size_t k = 0, most = 0; k < ARRIVAL_SHOWN && k < count; k++) {
        size_t best = k;
        for (size_t j = k; j < count; j++)
            best = times[j] > times[best] ? j : best;
        uint64_t swap = bits[k];
        size_t often = times[best];
        bits[k] = bits[best];
        bits[best] = swap;
        times[best] = times[k];
        most = k == 0 ? often : most;
        char label[24];
        snprintf(label, sizeof label, "0x%08" PRIx64, bits[k]);
        bar(t, label, (double)often, (double)most, often == 1 ? " run" : " runs");
    }
    if (count > ARRIVAL_SHOWN)
        row(t, "  and %zu more", count - ARRIVAL_SHOWN);
    put(t, "\n");
}

/* Two orders that give two results: the model adds in each, and must come to the same bits. */
static int show_two_arrivals(struct tour *t, const struct arrival *a) {
    const struct atomics_sum *sum = atomics_job_sum(&a->job);
    size_t other = 1;
    while (other < ARRIVAL_RUNS && a->bits[other] == a->bits[0])
        other++;
    if (other == ARRIVAL_RUNS)
        return 0;
    const size_t runs[2] = {0, other};
    say(t, "Two of these runs once more, under the same two schedules. Same schedule, same bits:");
    for (int k = 0; k < 2; k++) {
        const struct atomics_reachable *reached =
            atomics_reachable_find(sum->add, a->list, a->count, a->bits[runs[k]]);
        char name[24], order[80] = "";
        struct job_bits got;
        size_t used = 0;
        atomics_job_schedule(&a->job, t->seed, runs[k]);
        if (atomics_job_run(&a->job, &got) != 0)
            return -1;
        snprintf(name, sizeof name, "schedule %zu", runs[k]);
        compare_bits(t, name, foretold(t, a->bits[runs[k]]), got.bits, 8);
        for (size_t i = 0; reached && i < ARRIVAL_N && used + 8 < sizeof order; i++)
            used += (size_t)snprintf(order + used, sizeof order - used, " x%u",
                                     (unsigned)reached->order[i]);
        row(t, "  %-16s an order that gives these bits:%s", "", order);
    }
    put(t, "\n");
    show_flips(t, "schedule 0", a->bits[0], "the other", a->bits[other]);
    return 0;
}

static int show_arrivals(struct tour *t, struct arrival *a) {
    if (atomics_job_explore(&a->job, &a->list, &a->count) != 0)
        return -1;
    double orders = 0;
    for (size_t k = 0; k < a->count; k++)
        orders += (double)a->list[k].orders;
    say(t,
        "The eight updates can come in %.0f orders. A model has tried them all: they give %zu "
        "different results.",
        orders, a->count);
    if (ask(t, "The kernel now runs 200 times, each time under another schedule. How many "
               "different results will be seen?") != 0)
        return 0;
    if (arrival_runs(t, a) != 0)
        return -1;
    show_results(t, a);
    recall(t);
    t->predicted += 2;
    t->broken += (a->outside > 0) + (a->replayed < ARRIVAL_RUNS);
    say(t,
        "Every result must be one of the %zu: %d of %d are. And each update noted which value it "
        "found, so that its run's order can be found again: adding in that order on the CPU gave "
        "the run's own bits in %zu of %d runs.",
        a->count, ARRIVAL_RUNS - (int)a->outside, ARRIVAL_RUNS, a->replayed, ARRIVAL_RUNS);
    return show_two_arrivals(t, a);
}

/* --- the cure ----------------------------------------------------------------------------------
 */

static int show_cure(struct tour *t, const struct job *job) {
    struct job_bits expected, got;
    size_t same = 0;
    if (job_predict(job, &expected) != 0)
        return -1;
    uint64_t predicted = foretold(t, expected.bits), last = 0;
    for (size_t k = 0; k < ARRIVAL_RUNS; k++) {
        atomics_job_schedule(job, t->seed, k);
        if (atomics_job_run(job, &got) != 0)
            return -1;
        same += got.bits == predicted;
        last = k == 0 || got.bits != predicted ? got.bits : last;
    }
    compare_bits(t, "fixed point", predicted, last, 8);
    row(t, "  %-16s in %zu of %d runs", "", same, ARRIVAL_RUNS);
    put(t, "\n");
    return 0;
}

static int step_arrival(struct tour *t) {
    float x[ARRIVAL_N];
    struct arrival a = {0};
    struct job cure = {0};
    double largest = 0;
    struct data_options options = {.seed = t->seed};
    if (data_fill(DATA_NORMAL, ELEMENT_F32, &options, x, ARRIVAL_N) != 0)
        return device_fail("out of memory; close other programs");
    for (int k = 0; k < ARRIVAL_N; k++)
        largest = x[k] > largest ? x[k] : -x[k] > largest ? -x[k] : largest;
    struct atomics_setup setup = {.plan = ARRIVAL_LOGGED, .x = x, .n = ARRIVAL_N};
    say(t,
        "Eight threads add one number each to the same address, by an atomic addition. No update "
        "is lost, but who comes first depends on what else the machine does.");
    int status = atomics_job_open(&a.job, t->simt, &setup);
    if (status == 0)
        status = show_arrivals(t, &a);
    if (status == 0 && !t->ended) {
        say(t, "The cure is to add something whose order does not matter: whole numbers. Each "
               "update is made a multiple of one small unit (fixed point). One result is left, and "
               "is known beforehand:");
        setup.plan = ARRIVAL_FIXED;
        setup.unit = atomics_fixed_unit(ARRIVAL_N, largest);
        status = atomics_job_open(&cure, t->simt, &setup);
    }
    if (status == 0 && !t->ended)
        status = show_cure(t, &cure);
    job_close(&cure);
    job_close(&a.job);
    free(a.list);
    return status;
}

#endif
