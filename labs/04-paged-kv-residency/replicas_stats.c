/*
 * replicas_stats.c: are the differences between maps more than noise, and what of a map goes with
 * them?
 *
 * The unit of evidence is a round: one sample of every map. Each sample is taken as the logarithm
 * of its time over its round's median, which takes out what all maps shared in that moment. If maps
 * made no difference, the samples of a round could be swapped among the maps at will: so they are,
 * 999 times, and the variance between maps (over that within, F, of the samples' ranks in their
 * rounds, so that one disturbed sample weighs no more than any last place) is compared with what
 * swapping gives. The p99/p50 of the maps' medians, and the slowest over the fastest, are compared
 * with what swapping gives when each map's own median is taken out first: what noise alone does. R²
 * is that of least squares on two numbers of a map; its interval comes from resampling the maps.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/stats.h"
#include "kernels/rng/philox.h"
#include "labs/04-paged-kv-residency/map_side.h"

#define SWAPS 999
#define RESAMPLES 1000

void replica_set_close(struct replica_set *set) {
    for (size_t k = 0; k < set->count; k++) {
        free(set->of[k].seconds);
        free(set->of[k].round);
    }
    *set = (struct replica_set){0};
}

/* --- samples, round by round -------------------------------------------------------------------
 */

struct sample {
    double round, y; /* y: log time over the round's median */
    double rank;     /* its place in the round */
    double rest;     /* y over its map's median */
    size_t map;
};

static int by_round(const void *a, const void *b) {
    const struct sample *x = a, *y = b;
    return x->round != y->round ? (x->round > y->round) - (x->round < y->round)
                                : (x->map > y->map) - (x->map < y->map);
}

static size_t round_end(const struct sample *s, size_t n, size_t first) {
    size_t end = first;
    while (end < n && s[end].round == s[first].round)
        end++;
    return end;
}

static void take_out_rounds(struct sample *s, size_t n, double *scratch) {
    for (size_t first = 0, end; first < n; first = end) {
        end = round_end(s, n, first);
        for (size_t k = first; k < end; k++)
            scratch[k - first] = s[k].y;
        double middle = stats_median(scratch, end - first);
        for (size_t k = first; k < end; k++)
            s[k].y -= middle;
        for (size_t k = first; k < end; k++)
            for (size_t i = first; i < end; i++)
                s[k].rank += (s[i].y < s[k].y) + 0.5 * (s[i].y == s[k].y);
    }
}

static void swap_in_rounds(struct sample *s, size_t n, uint64_t seed, uint64_t turn) {
    uint64_t drawn = 0;
    for (size_t first = 0, end; first < n; first = end) {
        end = round_end(s, n, first);
        for (size_t k = end - 1; k > first; k--) {
            size_t other =
                first + philox_below(philox_u64(seed, turn, drawn++), (uint64_t)(k - first + 1));
            double rank = s[k].rank, rest = s[k].rest;
            s[k].rank = s[other].rank;
            s[k].rest = s[other].rest;
            s[other].rank = rank;
            s[other].rest = rest;
        }
    }
}

/* Variance of ranks between maps over that within. */
static double f_ratio(const struct sample *s, size_t n, size_t maps) {
    double sum[REPLICAS_MOST] = {0}, square[REPLICAS_MOST] = {0}, grand = 0;
    double count[REPLICAS_MOST] = {0}, between = 0, within = 0;
    for (size_t k = 0; k < n; k++) {
        sum[s[k].map] += s[k].rank;
        square[s[k].map] += s[k].rank * s[k].rank;
        count[s[k].map]++;
        grand += s[k].rank / (double)n;
    }
    for (size_t m = 0; m < maps; m++) {
        double mean = sum[m] / count[m];
        between += count[m] * (mean - grand) * (mean - grand);
        within += square[m] - count[m] * mean * mean;
    }
    return between / (double)(maps - 1) / (within / (double)(n - maps));
}

/* The median over one map's samples, of y or of what is left when that is taken out. */
static double map_median(const struct sample *s, size_t n, size_t map, bool rest, double *scratch) {
    size_t count = 0;
    for (size_t k = 0; k < n; k++)
        if (s[k].map == map)
            scratch[count++] = rest ? s[k].rest : s[k].y;
    return stats_median(scratch, count);
}

static void take_out_maps(struct sample *s, size_t n, size_t maps, double *scratch) {
    for (size_t m = 0; m < maps; m++) {
        double middle = map_median(s, n, m, false, scratch);
        for (size_t k = 0; k < n; k++)
            if (s[k].map == m)
                s[k].rest = s[k].y - middle;
    }
}

/* p99 over p50 of the maps' medians, and the slowest over the fastest. */
static void spread_of(const struct sample *s, size_t n, size_t maps, bool rest, double *scratch,
                      double *spread, double *apart) {
    double median[REPLICAS_MOST];
    for (size_t m = 0; m < maps; m++)
        median[m] = map_median(s, n, m, rest, scratch);
    *spread = exp(stats_quantile(median, maps, 0.99) - stats_quantile(median, maps, 0.5));
    *apart = exp(stats_quantile(median, maps, 1) - stats_quantile(median, maps, 0));
}

static void compare_with_chance(struct sample *s, size_t n, uint64_t seed, double *scratch,
                                struct replica_finding *out) {
    double spread[SWAPS], apart[SWAPS];
    size_t as_large = 0;
    out->f = f_ratio(s, n, out->maps);
    spread_of(s, n, out->maps, false, scratch, &out->spread, &out->apart);
    for (size_t turn = 0; turn < SWAPS; turn++) {
        swap_in_rounds(s, n, seed, turn);
        as_large += f_ratio(s, n, out->maps) >= out->f;
        spread_of(s, n, out->maps, true, scratch, &spread[turn], &apart[turn]);
    }
    out->p = (double)(as_large + 1) / (SWAPS + 1);
    out->spread_by_chance = stats_quantile(spread, SWAPS, 0.95);
    out->apart_by_chance = stats_quantile(apart, SWAPS, 0.95);
}

/* --- what of a map goes with its time ----------------------------------------------------------
 */

static double correlation(const double *x, const double *y, size_t n) {
    double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
    for (size_t k = 0; k < n; k++) {
        mx += x[k] / (double)n;
        my += y[k] / (double)n;
    }
    for (size_t k = 0; k < n; k++) {
        xx += (x[k] - mx) * (x[k] - mx);
        yy += (y[k] - my) * (y[k] - my);
        xy += (x[k] - mx) * (y[k] - my);
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0; /* a constant goes with nothing */
}

/* R² of least squares of z on x and y, from their three correlations. */
static double r_squared(const double *x, const double *y, const double *z, size_t n) {
    double a = correlation(x, z, n), b = correlation(y, z, n), c = correlation(x, y, n);
    if (c * c > 0.999)
        return fmax(a * a, b * b);
    return fmin(1, (a * a + b * b - 2 * a * b * c) / (1 - c * c));
}

/* Ranks, equal values sharing the mean of theirs. */
static void ranks(const double *x, size_t n, double *rank) {
    for (size_t k = 0; k < n; k++) {
        size_t below = 0, equal = 0;
        for (size_t i = 0; i < n; i++) {
            below += x[i] < x[k];
            equal += x[i] == x[k];
        }
        rank[k] = (double)below + (double)(equal - 1) / 2;
    }
}

static double rank_correlation(const double *x, const double *y, size_t n) {
    double a[REPLICAS_MOST], b[REPLICAS_MOST];
    ranks(x, n, a);
    ranks(y, n, b);
    return correlation(a, b, n);
}

static void explain(const struct replica_set *set, uint64_t seed, struct replica_finding *out) {
    double pages[REPLICAS_MOST], runs[REPLICAS_MOST], time[REPLICAS_MOST];
    double p[REPLICAS_MOST], r[REPLICAS_MOST], t[REPLICAS_MOST], resampled[RESAMPLES];
    size_t n = set->count;
    for (size_t k = 0; k < n; k++) {
        pages[k] = log(set->of[k].pages);
        runs[k] = log(set->of[k].runs);
        time[k] = log(set->of[k].median);
    }
    out->r2 = r_squared(pages, runs, time, n);
    out->rank_pages = rank_correlation(pages, time, n);
    out->rank_runs = rank_correlation(runs, time, n);
    for (size_t turn = 0; turn < RESAMPLES; turn++) {
        for (size_t k = 0; k < n; k++) {
            size_t drawn = philox_below(philox_u64(seed, SWAPS + turn, k), n);
            p[k] = pages[drawn];
            r[k] = runs[drawn];
            t[k] = time[drawn];
        }
        resampled[turn] = r_squared(p, r, t, n);
    }
    out->r2_low = stats_quantile(resampled, RESAMPLES, 0.025);
    out->r2_high = stats_quantile(resampled, RESAMPLES, 0.975);
}

int replica_judge(const struct replica_set *set, uint64_t seed, struct replica_finding *out) {
    double median[REPLICAS_MOST];
    size_t n = 0, at = 0;
    *out = (struct replica_finding){.maps = set->count};
    for (size_t m = 0; m < set->count; m++) {
        if (set->of[m].samples < 2)
            return -1;
        n += set->of[m].samples;
        median[m] = set->of[m].median;
    }
    if (set->count < 3)
        return -1;
    struct sample *s = malloc(n * sizeof *s);
    double *scratch = malloc(n * sizeof *scratch);
    if (s && scratch) {
        for (size_t m = 0; m < set->count; m++)
            for (size_t k = 0; k < set->of[m].samples; k++)
                s[at++] = (struct sample){
                    .round = set->of[m].round[k], .y = log(set->of[m].seconds[k]), .map = m};
        qsort(s, n, sizeof *s, by_round);
        take_out_rounds(s, n, scratch);
        take_out_maps(s, n, set->count, scratch);
        compare_with_chance(s, n, seed, scratch, out);
        explain(set, seed, out);
        out->samples = n;
        out->p50 = stats_quantile(median, set->count, 0.5);
        out->p95 = stats_quantile(median, set->count, 0.95);
        out->p99 = stats_quantile(median, set->count, 0.99);
    }
    free(scratch);
    free(s);
    return out->samples ? 0 : -1;
}

/* --- reading them back -------------------------------------------------------------------------
 */

struct reading {
    const char *pages, *kind;
    struct replica_set *set;
};

static int read_replica(void *context, const json_t *record) {
    struct reading *r = context;
    if (strcmp(record_text(record, "pages"), r->pages) != 0 ||
        strcmp(record_text(record, "kind"), r->kind) != 0 || r->set->count == REPLICAS_MOST)
        return 0;
    const json_t *time = case_series(record, "time"), *round = case_series(record, "round");
    struct replica *out = &r->set->of[r->set->count++];
    size_t n = case_series_length(time);
    *out = (struct replica){.samples = n,
                            .seconds = malloc((n + 1) * sizeof *out->seconds),
                            .round = malloc((n + 1) * sizeof *out->round),
                            .median = case_number(record, "bench", "median"),
                            .low = case_number(record, "bench", "low"),
                            .high = case_number(record, "bench", "high"),
                            .pages = record_counter(record, "map pages"),
                            .runs = record_counter(record, "map runs"),
                            .switches = record_counter(record, "map switches")};
    if (!out->seconds || !out->round || case_series_length(round) != n)
        return -1;
    for (size_t k = 0; k < n; k++) {
        out->seconds[k] = case_series_real_at(time, k);
        out->round[k] = case_series_real_at(round, k);
    }
    snprintf(out->policy, sizeof out->policy, "%s", record_text(record, "policy"));
    snprintf(out->name, sizeof out->name, "%s %.0f", record_text(record, "policy"),
             record_param(record, "seed"));
    return 0;
}

int replica_read(struct lab_run *run, const char *device_id, const char *pages, const char *kind,
                 struct replica_set *set) {
    struct reading r = {pages, kind, set};
    *set = (struct replica_set){0};
    return lab_cases(run, "04/replica/", device_id, read_replica, &r);
}
