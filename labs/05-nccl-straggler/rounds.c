/*
 * rounds.c: see rounds.h.
 */
#include "labs/05-nccl-straggler/rounds.h"

#include <stdlib.h>

#include "harness/measure/stats.h"
#include "labs/05-nccl-straggler/league.h"

static double sum_us(const struct ranks_log *log, size_t step, enum rounds_what what) {
    double least = INFINITY, most = 0, all = 0;
    for (unsigned r = 0; r < log->plan.ranks; r++) {
        const struct ranks_cell *cell = ranks_at(log, step, r);
        least = fmin(least, cell->end_us - cell->start_us);
        most = fmax(most, cell->end_us - cell->start_us);
        all += cell->end_us - cell->start_us;
    }
    if (what == ROUNDS_WASTED)
        return all - log->plan.ranks * least;
    return what == ROUNDS_LEAST ? least : most;
}

size_t rounds_first(const struct ranks_log *log, unsigned arm, size_t round) {
    size_t k = round * log->plan.arms * log->plan.steps;
    while (log->step[k].arm != arm)
        k += log->plan.steps;
    return k;
}

double *rounds_steps(const struct ranks_log *log, unsigned arm, enum rounds_what what,
                     size_t *count) {
    if (what == ROUNDS_STEP)
        return ranks_step_times(log, arm, count);
    double *sums = malloc((log->steps + 1) * sizeof *sums);
    *count = 0;
    for (size_t k = 0; sums && k < log->steps; k++)
        if (log->step[k].arm == arm)
            sums[(*count)++] = sum_us(log, k, what);
    return sums;
}

int rounds_medians(const struct ranks_log *log, unsigned arm, enum rounds_what what, double *out) {
    size_t count, steps = log->plan.steps;
    double *all = rounds_steps(log, arm, what, &count);
    if (!all)
        return -1;
    for (size_t round = 0; round < log->plan.rounds; round++)
        out[round] = (round + 1) * steps <= count ? stats_median(all + round * steps, steps) : NAN;
    free(all);
    return 0;
}

struct ratio rounds_median(const double *x, size_t n, uint64_t seed) {
    struct stats_interval interval;
    if (stats_median_interval(x, n, 0.95, seed, &interval) != 0)
        return RATIO_NONE;
    return (struct ratio){interval.value, interval.low, interval.high};
}

struct ratio rounds_added(const double *a, const double *b, size_t n, uint64_t seed) {
    double *difference = malloc((n + 1) * sizeof *difference);
    for (size_t k = 0; difference && k < n; k++)
        difference[k] = a[k] - b[k];
    struct ratio added = difference ? rounds_median(difference, n, seed) : RATIO_NONE;
    free(difference);
    return added;
}

struct ratio rounds_over(const double *a, const double *b, size_t n, uint64_t seed) {
    struct stats_interval r;
    if (stats_paired_ratio_interval(a, b, n, 0.95, seed, &r) != 0)
        return RATIO_NONE;
    return (struct ratio){r.value, r.low, r.high};
}

struct ratio rounds_slope(const double *x, const double *y, size_t points, size_t n,
                          uint64_t seed) {
    double *slope = malloc((n + 1) * sizeof *slope);
    double *pair = malloc((points * points + 1) * sizeof *pair);
    for (size_t k = 0; slope && pair && k < n; k++) {
        size_t pairs = 0;
        for (size_t p = 0; p < points; p++)
            for (size_t q = 0; q < p; q++)
                pair[pairs++] = (y[p * n + k] - y[q * n + k]) / (x[p] - x[q]);
        slope[k] = stats_median(pair, pairs);
    }
    struct ratio out = slope && pair ? rounds_median(slope, n, seed) : RATIO_NONE;
    free(slope);
    free(pair);
    return out;
}

int rounds_named(const struct ranks_log *log, unsigned arm, bool outer, unsigned member,
                 int *status) {
    const struct straggler_rule *rule = &straggler_rules[STRAGGLER_LEAST_WAIT];
    struct straggler_log waits;
    struct straggler_verdict verdict;
    int name = ROUNDS_NOBODY;
    double *stall_us;
    if (ranks_straggler_log(log, arm, -1, outer, member, &waits, &stall_us) != 0)
        return *status = -1, ROUNDS_NOBODY;
    if ((log->plan.engine != RANKS_SMPI && quiet_steps(&waits, stall_us) != 0) ||
        straggler_verdict_open(&verdict, waits.ranks) != 0) {
        *status = -1;
    } else {
        if (rule->judge(&waits, 0, waits.steps, &verdict) != 0)
            *status = -1;
        for (unsigned r = 0; r < verdict.ranks; r++)
            if (verdict.named[r])
                name = name == ROUNDS_NOBODY ? (int)r : ROUNDS_SEVERAL;
        if (verdict.cannot_tell)
            name = ROUNDS_UNKNOWN;
        straggler_verdict_close(&verdict);
    }
    straggler_log_close(&waits);
    free(stall_us);
    return name;
}

int cases_end(struct lab_case **cases, size_t count, int status) {
    for (size_t k = 0; k < count; k++) {
        if (cases[k] && status == 0)
            status = lab_case_end(cases[k]);
        else
            lab_case_drop(cases[k]);
    }
    return status < 0 ? -1 : 0;
}
