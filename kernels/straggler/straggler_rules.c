/*
 * straggler_rules.c: the table of rules: ours, and published ones as published, what they get wrong
 * included. "Time" is that of the collective, as a rank's own clock has it.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/straggler/straggler_inside.h"

int straggler_verdict_open(struct straggler_verdict *verdict, unsigned ranks) {
    *verdict = (struct straggler_verdict){.ranks = ranks};
    verdict->named = calloc(ranks, sizeof *verdict->named);
    verdict->late_us = calloc(ranks, sizeof *verdict->late_us);
    verdict->chance = calloc(ranks, sizeof *verdict->chance);
    if (verdict->named && verdict->late_us && verdict->chance)
        return 0;
    straggler_verdict_close(verdict);
    return -1;
}

void straggler_verdict_close(struct straggler_verdict *verdict) {
    free(verdict->named);
    free(verdict->late_us);
    free(verdict->chance);
    *verdict = (struct straggler_verdict){0};
}

static void clear(struct straggler_verdict *v) {
    v->count = 0;
    v->cannot_tell = false;
    v->why[0] = '\0';
    for (unsigned r = 0; r < v->ranks; r++) {
        v->named[r] = false;
        v->late_us[r] = v->chance[r] = NAN;
    }
}

static void name(struct straggler_verdict *v, unsigned rank, double late_us, double chance) {
    if (v->named[rank] && !(late_us > v->late_us[rank]))
        return;
    v->count += !v->named[rank];
    v->named[rank] = true;
    v->late_us[rank] = late_us;
    v->chance[rank] = chance;
}

static int cannot_tell(struct straggler_verdict *v, const char *reason) {
    v->cannot_tell = true;
    snprintf(v->why, sizeof v->why, "cannot tell: %s", reason);
    return 0;
}

static const char no_whole_step[] = "no step has a time of every rank";

/* --- nccl-tests, of each size by itself --------------------------------------------------------
 */

/* `judge` is given steps that are alike, and scratch[ranks]. */
static int each_size(const struct straggler_log *log, size_t first, size_t count,
                     void (*judge)(const struct straggler_log *, const struct straggler_alike *,
                                   size_t, double *, struct straggler_verdict *),
                     struct straggler_verdict *out) {
    size_t whole, n;
    struct straggler_alike *all = straggler_alike(log, first, first + count, true, &whole);
    double *scratch = malloc(log->ranks * sizeof *scratch);
    int status = all && scratch ? 0 : -1;
    clear(out);
    for (size_t from = 0; status == 0 && from < whole; from += n) {
        n = straggler_alike_count(all + from, whole - from);
        judge(log, all + from, n, scratch, out);
    }
    if (status == 0 && whole == 0)
        cannot_tell(out, no_whole_step);
    free(all);
    free(scratch);
    return status;
}

static void slowest_of_size(const struct straggler_log *log, const struct straggler_alike *steps,
                            size_t count, double *sum, struct straggler_verdict *out) {
    unsigned slowest = 0;
    for (unsigned r = 0; r < log->ranks; r++) {
        sum[r] = 0;
        for (size_t k = 0; k < count; k++)
            sum[r] += straggler_comm(log, steps[k].step, r);
        slowest = sum[r] >= sum[slowest] ? r : slowest; /* its sort is stable: the last */
    }
    name(out, slowest, NAN, NAN);
}

/* The process with the largest mean time; there always is one. */
static int slowest_time(const struct straggler_log *log, size_t first, size_t count,
                        struct straggler_verdict *out) {
    return each_size(log, first, count, slowest_of_size, out);
}

static void spikes_of_size(const struct straggler_log *log, const struct straggler_alike *steps,
                           size_t count, double *scratch, struct straggler_verdict *out) {
    double sum = 0;
    for (size_t k = 0; k < count; k++) {
        double least = straggler_waits(log, steps[k].step, scratch), most = 0;
        for (unsigned r = 0; r < log->ranks; r++)
            most = fmax(most, scratch[r]);
        sum += least + most;
    }
    double limit = 1.5 * sum / (double)count;
    for (size_t k = 0; k < count; k++) {
        unsigned over = 0, which = 0;
        for (unsigned r = 0; r < log->ranks; r++)
            if (straggler_comm(log, steps[k].step, r) > limit) {
                over++;
                which = r;
            }
        if (over == 1)
            name(out, which, NAN, NAN);
    }
}

/* A step in which exactly one process takes over 1.5 times the mean of the slowest times. */
static int lone_spike(const struct straggler_log *log, size_t first, size_t count,
                      struct straggler_verdict *out) {
    return each_size(log, first, count, spikes_of_size, out);
}

/* --- NVIDIA's resiliency extension -------------------------------------------------------------
 */

/* Median time of the fastest over the rank's own, below 0.75. It leaves the collectives' kernels
 * out, so what is compared is the computing. */
static int relative_score(const struct straggler_log *log, size_t first, size_t count,
                          struct straggler_verdict *out) {
    double *median = malloc(log->ranks * sizeof *median);
    double *values = malloc((count + 1) * sizeof *values);
    double best = INFINITY;
    int status = median && values ? 0 : -1;
    clear(out);
    for (unsigned r = 0; status == 0 && r < log->ranks; r++) {
        size_t n = 0;
        for (size_t k = first; k < first + count; k++) {
            double us = straggler_at(log, k, r)->compute_us;
            if (!isnan(us))
                values[n++] = us;
        }
        median[r] = n ? straggler_median(values, n) : NAN;
        best = isnan(median[r]) ? NAN : fmin(best, median[r]);
        if (isnan(best))
            break;
    }
    if (status == 0 && !(best < INFINITY))
        cannot_tell(out, "the log has no computing times");
    else
        for (unsigned r = 0; status == 0 && r < log->ranks; r++)
            if (best / median[r] < 0.75)
                name(out, r, NAN, NAN);
    free(median);
    free(values);
    return status;
}

/* --- NCCL RAS, PyTorch -------------------------------------------------------------------------
 */

/* Collectives entered up to the end of a window. */
static uint64_t entered(const struct straggler_log *log, size_t end, unsigned rank) {
    uint64_t n = 0;
    if (end == log->steps)
        return log->launched[rank];
    for (size_t k = 0; k < end; k++)
        n += straggler_at(log, k, rank)->joined;
    return n;
}

/* Ranks that have launched fewer operations than others, where they are outliers: one rank, or at
 * most ten and a quarter of all. (RAS prints every such group; the one behind is the suspect.) */
static int count_lags(const struct straggler_log *log, size_t first, size_t count,
                      struct straggler_verdict *out) {
    uint64_t most = 0, least = UINT64_MAX;
    unsigned behind = 0;
    clear(out);
    for (unsigned r = 0; r < log->ranks; r++) {
        if (log->launched[r] == STRAGGLER_UNKNOWN)
            return cannot_tell(out, "the log does not count what each rank has launched");
        uint64_t n = entered(log, first + count, r);
        most = n > most ? n : most;
        least = n < least ? n : least;
    }
    for (unsigned r = 0; r < log->ranks; r++)
        behind += entered(log, first + count, r) == least;
    if (least == most || (behind > 1 && (behind > 10 || 4 * behind > log->ranks)))
        return 0;
    for (unsigned r = 0; r < log->ranks; r++)
        if (entered(log, first + count, r) == least)
            name(out, r, NAN, NAN);
    return 0;
}

/* The first collective that not every rank has joined: those that have a dump and are not in it. */
static int missing_rank(const struct straggler_log *log, size_t first, size_t count,
                        struct straggler_verdict *out) {
    clear(out);
    if (!log->has_pending)
        return cannot_tell(out, "the log has only collectives that every rank has left");
    for (size_t k = first; k < first + count && out->count == 0; k++) {
        bool any = false, undumped = false;
        for (unsigned r = 0; r < log->ranks; r++) {
            any |= straggler_at(log, k, r)->joined;
            undumped |= !straggler_at(log, k, r)->joined && !log->present[r];
        }
        if (any && undumped)
            return cannot_tell(out, "a rank that is not in a collective has no log");
        for (unsigned r = 0; any && r < log->ranks; r++)
            if (!straggler_at(log, k, r)->joined)
                name(out, r, INFINITY, NAN);
    }
    return 0;
}

/* --- last arrival, least wait ------------------------------------------------------------------
 */

/* By time stamps: whoever the others have waited for longest in all, no floor. */
static int last_arrival(const struct straggler_log *log, size_t first, size_t count,
                        struct straggler_verdict *out) {
    double *gap = calloc(log->ranks, sizeof *gap);
    size_t whole = 0;
    clear(out);
    if (!gap)
        return -1;
    for (size_t k = first; k < first + count && log->common_clock; k++) {
        unsigned last = 0;
        double before = -INFINITY;
        if (!straggler_is_whole(log, k) || !straggler_synchronises(log->step[k].collective))
            continue;
        whole++;
        for (unsigned r = 1; r < log->ranks; r++)
            last =
                straggler_at(log, k, r)->start_us > straggler_at(log, k, last)->start_us ? r : last;
        for (unsigned r = 0; r < log->ranks; r++)
            before = r == last ? before : fmax(before, straggler_at(log, k, r)->start_us);
        gap[last] += straggler_at(log, k, last)->start_us - before;
    }
    if (!log->common_clock)
        cannot_tell(out, "the ranks' clocks are not one clock");
    else if (whole == 0 || log->ranks < 2)
        cannot_tell(out, no_whole_step);
    else {
        unsigned worst = 0;
        for (unsigned r = 1; r < log->ranks; r++)
            worst = gap[r] > gap[worst] ? r : worst;
        name(out, worst, NAN, NAN);
    }
    free(gap);
    return 0;
}

/* Collectives that some have entered and not left: whoever has not entered is late without end. */
static bool name_absent(const struct straggler_log *log, size_t first, size_t count,
                        struct straggler_verdict *out) {
    for (size_t k = first; k < first + count && log->has_pending; k++) {
        bool waiting = false;
        for (unsigned r = 0; r < log->ranks; r++)
            waiting |= straggler_at(log, k, r)->joined && isnan(straggler_at(log, k, r)->end_us);
        for (unsigned r = 0; waiting && r < log->ranks; r++)
            if (!straggler_at(log, k, r)->joined && log->present[r])
                name(out, r, INFINITY, 0);
    }
    return out->count > 0;
}

/* Whoever is late in the mean of n steps; clears the sums. */
static void name_means(const struct straggler_noise *noise, struct straggler_verdict *out,
                       double *sum, size_t n) {
    for (unsigned r = 0; r < out->ranks; r++) {
        double mean = sum[r] / (double)n;
        sum[r] = 0;
        if (!(mean > straggler_threshold(noise, n)))
            continue;
        double chance = straggler_chance(noise, mean, n);
        chance = out->named[r] ? fmin(out->chance[r], chance) : chance;
        name(out, r, mean, chance);
        out->chance[r] = chance;
    }
}

/* In one step, in the mean of a stretch of steps, and in that of all. scratch[6 × ranks]. */
static void name_late(const struct straggler_log *log, const struct straggler_alike *steps,
                      size_t count, const struct straggler_noise *noise,
                      struct straggler_verdict *out, double *scratch) {
    double *late = scratch, *sum = late + log->ranks, *stretch = sum + log->ranks;
    double single = straggler_threshold(noise, 1);
    memset(scratch, 0, (size_t)3 * log->ranks * sizeof *scratch);
    for (size_t k = 0; k < count; k++) {
        straggler_lateness(log, steps[k].step, late, stretch + log->ranks);
        for (unsigned r = 0; r < log->ranks; r++) {
            sum[r] += late[r];
            stretch[r] += late[r];
            if (late[r] > single)
                name(out, r, late[r], straggler_chance(noise, late[r], 1));
        }
        if ((k + 1) % STRAGGLER_STRETCH == 0)
            name_means(noise, out, stretch, STRAGGLER_STRETCH);
    }
    name_means(noise, out, sum, count);
}

/* What was looked for and not found, of the kind with most steps. */
struct looked {
    size_t steps, kinds, most, few;
    double single, mean;
};

static int name_of_each_kind(const struct straggler_log *log, size_t first, size_t end,
                             struct straggler_verdict *out, struct looked *l) {
    size_t count, n;
    struct straggler_alike *all = straggler_alike(log, 0, end, false, &count);
    double *scratch = malloc((size_t)6 * log->ranks * sizeof *scratch);
    int status = all && scratch ? 0 : -1;
    for (size_t from = 0; status == 0 && from < count; from += n) {
        struct straggler_noise noise;
        size_t in = 0; /* those before the window tell its jitter */
        n = straggler_alike_count(all + from, count - from);
        while (in < n && all[from + in].step < first)
            in++;
        if (in == n)
            continue;
        if (n < STRAGGLER_FEWEST && log->floor_us <= 0) {
            l->few += n - in;
            continue;
        }
        status = straggler_noise(log, all + from, n, &noise);
        if (status != 0)
            break;
        name_late(log, all + from + in, n - in, &noise, out, scratch);
        l->steps += n - in;
        l->kinds++;
        if (n - in > l->most) {
            l->most = n - in;
            l->single = straggler_threshold(&noise, 1);
            l->mean = straggler_threshold(&noise, n - in);
        }
    }
    free(all);
    free(scratch);
    return status;
}

/* Ours. Whoever waits less than its peers by more than jitter explains, in one step or in the mean
 * of several; durations only, each by one clock, of steps of one collective and size. */
static int least_wait(const struct straggler_log *log, size_t first, size_t count,
                      struct straggler_verdict *out) {
    struct looked l = {0};
    clear(out);
    if (name_absent(log, first, count, out))
        return 0;
    if (log->blind)
        return cannot_tell(out, log->blind);
    if (log->ranks < 2)
        return cannot_tell(out, "one rank waits for nobody");
    if (log->overlapped && !log->has_compute)
        return cannot_tell(out, "steps overlap, and without computing times a rank that is still "
                                "late is not told from one that is late again");
    if (name_of_each_kind(log, first, first + count, out, &l) != 0)
        return -1;
    if (l.steps == 0 && l.few > 0)
        return cannot_tell(out, "fewer than eight collectives of one size do not tell a late rank "
                                "from jitter");
    if (l.steps == 0)
        return cannot_tell(out, "no collective in which nobody leaves before all have entered has "
                                "a time of every rank");
    if (out->count == 0)
        snprintf(out->why, sizeof out->why,
                 "nobody is late by more than %.*g us in one step or %.*g us in the mean of %zu%s",
                 l.single < 1e3 ? 3 : 6, l.single, l.mean < 1e3 ? 3 : 6, l.mean, l.most,
                 l.kinds > 1 ? " of one size" : "");
    return 0;
}

/* --- over twice the median ---------------------------------------------------------------------
 */

enum { HISTORY = 32 };

/* Every rank whose time exceeds twice the median of all times in the 32 steps before. */
static int twice_median(const struct straggler_log *log, size_t first, size_t count,
                        struct straggler_verdict *out) {
    double *values = malloc(((size_t)HISTORY * log->ranks + 1) * sizeof *values);
    size_t judged = 0;
    clear(out);
    if (!values)
        return -1;
    for (size_t k = first; k < first + count; k++) {
        size_t n = 0;
        if (!straggler_is_whole(log, k))
            continue;
        for (size_t h = k > HISTORY ? k - HISTORY : 0; h < k; h++)
            for (unsigned r = 0; r < log->ranks && straggler_is_whole(log, h); r++)
                values[n++] = straggler_comm(log, h, r);
        if (n == 0)
            continue;
        double median = straggler_median(values, n);
        judged++;
        for (unsigned r = 0; r < log->ranks; r++)
            if (straggler_comm(log, k, r) > 2 * median)
                name(out, r, NAN, NAN);
    }
    free(values);
    return judged ? 0 : cannot_tell(out, "there is no step before to take a median of");
}

const struct straggler_rule straggler_rules[STRAGGLER_RULES] = {
    [STRAGGLER_SLOWEST_TIME] = {"slowest time",
                                "nccl-tests 2.19.6, tools/analyze_perf_json.py --straggler",
                                "the rank with the largest mean time in the collective",
                                slowest_time},
    [STRAGGLER_LONE_SPIKE] = {"lone spike",
                              "nccl-tests 2.19.6, tools/analyze_perf_json.py --spikes",
                              "alone over 1.5 times the mean of the slowest times in a step",
                              lone_spike},
    [STRAGGLER_RELATIVE_SCORE] = {"relative score",
                                  "NVIDIA resiliency extension, attribution/straggler/reporting.py",
                                  "the fastest's median computing time over its own is below 0.75",
                                  relative_score},
    [STRAGGLER_COUNT_LAGS] = {"count lags", "NCCL RAS, src/ras/client_support.cc; Ray",
                              "has launched fewer collectives than the others, and few have so few",
                              count_lags},
    [STRAGGLER_LAST_ARRIVAL] = {"last arrival",
                                "AMD TraceLens, NcclAnalyser (wait = latest start - own start)",
                                "the others waited longest for it, by time stamps", last_arrival},
    [STRAGGLER_LEAST_WAIT] = {"least wait", "nanolab",
                              "waits less than its peers, by more than jitter explains",
                              least_wait},
    [STRAGGLER_MISSING_RANK] = {"missing rank", "PyTorch flight recorder, components/builder.py",
                                "is not in the first collective that not all have joined",
                                missing_rank},
    [STRAGGLER_TWICE_MEDIAN] = {"twice the median", "the essay",
                                "takes over twice the median time of the steps before",
                                twice_median},
};
