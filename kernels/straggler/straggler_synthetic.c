/*
 * straggler_synthetic.c: logs whose stalls are known, and how rules do on them.
 */
#include <math.h>
#include <stdlib.h>

#include "kernels/rng/philox.h"
#include "kernels/straggler/straggler_inside.h"

enum { STREAM_JITTER = 0x5301, STREAM_STALL, STREAM_CLOCK }; /* Philox streams */

const char *straggler_kind_name(enum straggler_kind kind) {
    static const char *const names[STRAGGLER_KINDS] = {"persistent", "rotating", "rare",
                                                       "slow link", "stopped"};
    return names[kind];
}

struct straggler_synthetic straggler_synthetic_default(unsigned ranks, uint64_t seed) {
    return (struct straggler_synthetic){.ranks = ranks,
                                        .culprit = ranks / 2,
                                        .steps = 64,
                                        .onset = 16,
                                        .period = 8,
                                        .compute_us = 1000,
                                        .kind = STRAGGLER_PERSISTENT,
                                        .chance = 0.001,
                                        .alpha_us = 20,
                                        .beta_gbs = 25,
                                        .bytes = 262144,
                                        .seed = seed};
}

static double stall(const struct straggler_synthetic *o, size_t step, unsigned rank) {
    if (step < o->onset)
        return 0;
    switch (o->kind) {
    case STRAGGLER_PERSISTENT:
        return rank == o->culprit ? o->stall_us : 0;
    case STRAGGLER_ROTATING:
        return rank == (o->culprit + (step - o->onset) / o->period) % o->ranks ? o->stall_us : 0;
    case STRAGGLER_RARE:
        return philox_unit(philox_u64(o->seed, STREAM_STALL, step * o->ranks + rank)) < o->chance
                   ? o->stall_us
                   : 0;
    case STRAGGLER_STOPPED:
        return rank == o->culprit ? INFINITY : 0;
    case STRAGGLER_SLOW_LINK:
    case STRAGGLER_KINDS:
        break;
    }
    return 0;
}

static double jitter(const struct straggler_synthetic *o, size_t step, unsigned rank) {
    uint64_t index = step * o->ranks + rank;
    if (o->jitter == STRAGGLER_EXPONENTIAL)
        return -o->jitter_us *
               philox_log(philox_unit_above(philox_u64(o->seed, STREAM_JITTER, index)));
    if (o->jitter == STRAGGLER_GAUSSIAN)
        return o->jitter_us * philox_normal(o->seed, STREAM_JITTER, index);
    return 0;
}

/* Points in time on one clock; arrival[ranks] is of the step before, and becomes this one's. */
static void play(const struct straggler_synthetic *o, size_t step, const double *stalls,
                 double *arrival, double done[2], struct straggler_log *log) {
    double last = -INFINITY, took = o->alpha_us + (double)o->bytes / (1e3 * o->beta_gbs);
    bool stopped = false;
    if (o->kind == STRAGGLER_SLOW_LINK && step >= o->onset)
        took += o->stall_us;
    for (unsigned r = 0; r < o->ranks; r++) {
        struct straggler_cell *c = straggler_at(log, step, r);
        double begins = o->one_late ? fmax(arrival[r], done[0]) : done[1];
        c->joined = isfinite(stalls[r]);
        stopped |= !c->joined;
        if (!c->joined)
            continue;
        c->compute_us = fmax(0, o->compute_us + jitter(o, step, r)) + stalls[r];
        arrival[r] = c->start_us = begins + c->compute_us;
        last = fmax(last, arrival[r]);
        log->launched[r]++;
        log->present[r] = true;
    }
    done[0] = done[1];
    done[1] = fmax(last, done[1]) + took;
    for (unsigned r = 0; r < o->ranks; r++)
        if (straggler_at(log, step, r)->joined && !stopped)
            straggler_at(log, step, r)->end_us = done[1];
}

static void own_clocks(const struct straggler_synthetic *o, struct straggler_log *log) {
    for (unsigned r = 0; r < o->ranks; r++) {
        double off = 2e6 * philox_unit(philox_u64(o->seed, STREAM_CLOCK, r)) - 1e6;
        for (size_t k = 0; k < log->steps; k++) {
            straggler_at(log, k, r)->start_us += off;
            straggler_at(log, k, r)->end_us += off;
        }
    }
}

int straggler_synthesise(const struct straggler_synthetic *o, struct straggler_log *log,
                         double **stall_us) {
    /* The log ends with the first collective that nobody leaves. */
    size_t steps = o->kind == STRAGGLER_STOPPED && o->onset < o->steps ? o->onset + 1 : o->steps;
    double *arrival = calloc(o->ranks, sizeof *arrival), done[2] = {0, 0};
    *stall_us = calloc(steps * o->ranks + 1, sizeof **stall_us);
    *log = (struct straggler_log){0};
    int status = arrival && *stall_us ? straggler_log_open(log, o->ranks, steps) : -1;
    log->has_compute = log->has_pending = true;
    log->overlapped = o->one_late;
    log->common_clock = o->common_clock;
    for (unsigned r = 0; status == 0 && r < o->ranks; r++)
        log->launched[r] = 0;
    for (size_t k = 0; status == 0 && k < steps; k++) {
        log->step[k] = (struct straggler_step){STRAGGLER_ALL_REDUCE, o->bytes, k};
        double *stalls = *stall_us + k * o->ranks;
        for (unsigned r = 0; r < o->ranks; r++)
            stalls[r] = stall(o, k, r);
        play(o, k, stalls, arrival, done, log);
    }
    if (status == 0 && !o->common_clock)
        own_clocks(o, log);
    if (status != 0) {
        free(*stall_us);
        *stall_us = NULL;
    }
    free(arrival);
    return status;
}

/* --- scoring -----------------------------------------------------------------------------------
 */

double straggler_precision(const struct straggler_score *s) {
    return s->hits + s->false_ ? (double)s->hits / (double)(s->hits + s->false_) : NAN;
}

double straggler_recall(const struct straggler_score *s) {
    return s->hits + s->misses ? (double)s->hits / (double)(s->hits + s->misses) : NAN;
}

struct truth {
    const struct straggler_log *log;
    const double *stall_us;
};

static bool stalled(struct truth t, size_t first, size_t count, unsigned rank) {
    for (size_t k = first; k < first + count; k++)
        if (t.stall_us[k * t.log->ranks + rank] > 0)
            return true;
    return false;
}

static void count_window(struct truth t, size_t first, size_t count,
                         const struct straggler_verdict *v, struct straggler_score *out) {
    size_t hits = 0, wrong = 0, misses = 0;
    for (unsigned r = 0; r < t.log->ranks; r++) {
        bool is = stalled(t, first, count, r);
        hits += is && v->named[r];
        misses += is && !v->named[r];
        wrong += !is && v->named[r];
    }
    out->windows++;
    out->hits += hits;
    out->misses += misses;
    out->false_ += wrong;
    out->exact += wrong == 0 && misses == 0;
    out->clean += hits + misses == 0;
    out->alarms += hits + misses == 0 && wrong > 0;
    out->cannot += v->cannot_tell;
}

/* Steps until just the stalled ones are named. */
static int find_latency(struct truth t, const struct straggler_rule *rule,
                        struct straggler_verdict *v, size_t *latency) {
    size_t first = 0;
    *latency = 0;
    for (unsigned r = 0; first < t.log->steps; first += r == t.log->ranks) {
        for (r = 0; r < t.log->ranks && !stalled(t, first, 1, r);)
            r++;
        if (r < t.log->ranks)
            break;
    }
    for (size_t n = 1; first + n <= t.log->steps; n *= 2) {
        struct straggler_score one = {0};
        if (rule->judge(t.log, first, n, v) != 0)
            return -1;
        count_window(t, first, n, v, &one);
        if (one.exact) {
            *latency = n;
            return 0;
        }
    }
    return 0;
}

int straggler_score(const struct straggler_log *log, const double *stall_us,
                    const struct straggler_rule *rule, size_t window, struct straggler_score *out) {
    struct straggler_verdict v;
    struct truth t = {log, stall_us};
    *out = (struct straggler_score){0};
    if (straggler_verdict_open(&v, log->ranks) != 0)
        return -1;
    int status = 0;
    for (size_t first = 0; status == 0 && first < log->steps; first += window) {
        size_t left = log->steps - first, count = window < left ? window : left;
        status = rule->judge(log, first, count, &v);
        if (status == 0)
            count_window(t, first, count, &v, out);
    }
    if (status == 0 && out->hits + out->misses > 0)
        status = find_latency(t, rule, &v, &out->latency);
    straggler_verdict_close(&v);
    return status;
}
