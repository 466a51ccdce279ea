/*
 * straggler_noise.c: how late a rank is, and how late jitter alone makes one.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/straggler/straggler_inside.h"

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of n values in order, all but number i. */
static double median_of_others(const double *sorted, unsigned n, unsigned i) {
    unsigned left = n - 1, low = (left - 1) / 2, high = left / 2;
    return (sorted[low + (low >= i)] + sorted[high + (high >= i)]) / 2;
}

/* out[r] = sign × (own - median of the others'). */
static void against_others(const double *own, unsigned n, double sign, double *out,
                           double *scratch) {
    memcpy(scratch, own, n * sizeof *scratch);
    qsort(scratch, n, sizeof *scratch, by_value);
    for (unsigned r = 0; r < n; r++) {
        double mine = own[r];
        unsigned place = 0, end = n;
        while (place < end) { /* its place: the first that is not smaller */
            unsigned middle = (place + end) / 2;
            if (scratch[middle] < mine)
                place = middle + 1;
            else
                end = middle;
        }
        out[r] = sign * (mine - median_of_others(scratch, n, place));
    }
}

void straggler_longer(const struct straggler_log *log, size_t step, double *longer,
                      double *scratch) {
    double *own = scratch + log->ranks;
    for (unsigned r = 0; r < log->ranks; r++)
        own[r] = straggler_at(log, step, r)->compute_us;
    against_others(own, log->ranks, 1, longer, scratch);
}

void straggler_lateness(const struct straggler_log *log, size_t step, double *late,
                        double *scratch) {
    unsigned n = log->ranks;
    double *own = scratch + n, *longer = own + n;
    for (unsigned r = 0; r < n; r++)
        own[r] = straggler_comm(log, step, r);
    against_others(own, n, -1, late, scratch);
    if (!log->overlapped)
        return;
    straggler_longer(log, step, longer, scratch);
    for (unsigned r = 0; r < n; r++)
        late[r] = fmin(late[r], longer[r]);
}

/* --- steps that are alike ----------------------------------------------------------------------
 */

static int by_kind(const void *a, const void *b) {
    const struct straggler_alike *x = a, *y = b;
    if (x->collective != y->collective)
        return x->collective < y->collective ? -1 : 1;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? -1 : 1;
    return (x->step > y->step) - (x->step < y->step);
}

struct straggler_alike *straggler_alike(const struct straggler_log *log, size_t first, size_t end,
                                        bool any, size_t *count) {
    struct straggler_alike *all = malloc((end - first + 1) * sizeof *all);
    *count = 0;
    for (size_t k = first; all && k < end; k++)
        if ((any || straggler_synchronises(log->step[k].collective)) && straggler_is_whole(log, k))
            all[(*count)++] =
                (struct straggler_alike){k, log->step[k].bytes, log->step[k].collective};
    if (all)
        qsort(all, *count, sizeof *all, by_kind);
    return all;
}

size_t straggler_alike_count(const struct straggler_alike *from, size_t left) {
    size_t n = 1;
    while (n < left && from[n].collective == from->collective && from[n].bytes == from->bytes)
        n++;
    return n;
}

/* --- jitter ------------------------------------------------------------------------------------
 */

/* A quarter of the differences of exponential numbers are smaller than 0.288 of their mean. Low
 * quantiles see least of stalls that come and go, and differences of neighbours nothing of what
 * lasts. */
#define QUARTER_OF_EXPONENTIAL 0.28768207245178096

static int own_scale(const struct straggler_log *log, const struct straggler_alike *steps,
                     size_t count, double *scale) {
    size_t n = log->ranks, differences = 0;
    double *late = malloc(5 * n * sizeof *late), *scratch = late ? late + 2 * n : NULL;
    double *difference = malloc((count * n + 1) * sizeof *difference);
    int status = late && difference ? 0 : -1;
    for (size_t k = 0; status == 0 && k < count; k++) {
        double *now = late + k % 2 * n, *then = late + (k + 1) % 2 * n;
        straggler_lateness(log, steps[k].step, now, scratch);
        for (size_t r = 0; r < n && k > 0; r++)
            difference[differences++] = fabs(now[r] - then[r]);
    }
    *scale = 0;
    if (status == 0 && differences > 0) /* a quantile of few is uncertain: two deviations more */
        *scale = straggler_select(difference, differences, differences / 4) /
                 QUARTER_OF_EXPONENTIAL * (1 + 2 / sqrt((double)differences));
    free(late);
    free(difference);
    return status;
}

#define CONFIDENT 7 /* e^-7: a false name in a thousand logs */

/* Lateness is counted from the median of the others, which is below the mean of an exponential by
 * this share of it: the k-th of n comes at 1/n + … + 1/(n-k+1) on the average. */
static double mean_over_median(unsigned others) {
    double low = 0, high = 0;
    for (unsigned k = 0; k <= others / 2; k++) {
        high += 1.0 / (others - k);
        low += k < (others + 1) / 2 ? 1.0 / (others - k) : 0;
    }
    return 1 - (low + high) / 2;
}

static double inverse(double x, size_t n) {
    double share = x / (double)n;
    return sqrt(2 * share) + share;
}

int straggler_noise(const struct straggler_log *trace, const struct straggler_alike *steps,
                    size_t count, struct straggler_noise *out) {
    double *least = malloc((count + 1) * sizeof *least);
    double *wait = malloc(trace->ranks * sizeof *wait);
    int status = least && wait ? 0 : -1;
    *out = (struct straggler_noise){
        .looks = (double)trace->ranks * (double)(trace->steps ? trace->steps : 1),
        .mean_over = trace->ranks > 1 ? mean_over_median(trace->ranks - 1) : 0};
    for (size_t k = 0; status == 0 && k < count; k++)
        least[k] = straggler_waits(trace, steps[k].step, wait);
    out->least_us = fmax(fmax(2 * trace->resolution_us, trace->floor_mean_us), 1e-3);
    if (status == 0 && count > 0)
        out->least_us = fmax(out->least_us, 0.1 * straggler_median(least, count));
    if (status == 0 && trace->floor_us > 0)
        out->scale_us =
            trace->floor_us / (out->mean_over + inverse(log(out->looks) + CONFIDENT, 1));
    else if (status == 0)
        status = own_scale(trace, steps, count, &out->scale_us);
    free(least);
    free(wait);
    return status;
}

double straggler_threshold(const struct straggler_noise *noise, size_t n) {
    double x = log(noise->looks / (double)n) + CONFIDENT;
    return fmax(noise->least_us,
                noise->scale_us * (noise->mean_over + inverse(x > CONFIDENT ? x : CONFIDENT, n)));
}

double straggler_chance(const struct straggler_noise *noise, double late_us, size_t n) {
    if (noise->scale_us <= 0)
        return 0;
    /* u² + √2 u = over, x = n u² */
    double over = fmax(0, late_us / noise->scale_us - noise->mean_over);
    double u = (sqrt(2 + 4 * over) - sqrt(2)) / 2;
    return fmin(1, noise->looks / (double)n * exp(-(double)n * u * u));
}
