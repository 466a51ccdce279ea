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

/* A quarter of the differences of exponential numbers are smaller than 0.288 of their mean. Low
 * quantiles see least of stalls that come and go. */
#define QUARTER_OF_EXPONENTIAL 0.28768207245178096

static int own_scale(const struct straggler_log *log, size_t end, double *scale) {
    size_t n = log->ranks, count = 0, whole = 0;
    double *late = malloc(5 * n * sizeof *late), *scratch = late ? late + 2 * n : NULL;
    double *differences = malloc((end * n + 1) * sizeof *differences);
    int status = late && differences ? 0 : -1;
    for (size_t k = 0; status == 0 && k < end; k++) {
        if (!straggler_is_whole(log, k) || !straggler_synchronises(log->step[k].collective))
            continue;
        double *now = late + whole % 2 * n, *then = late + (whole + 1) % 2 * n;
        straggler_lateness(log, k, now, scratch);
        for (size_t r = 0; r < n && whole > 0; r++)
            differences[count++] = fabs(now[r] - then[r]);
        whole++;
    }
    *scale = 0;
    if (status == 0 && count > 0)
        *scale = straggler_select(differences, count, count / 4) / QUARTER_OF_EXPONENTIAL;
    free(late);
    free(differences);
    return status;
}

#define CONFIDENT 7 /* e^-7: a false name in a thousand logs */

static double inverse(double x, size_t n) {
    double share = x / (double)n;
    return sqrt(2 * share) + share;
}

int straggler_noise(const struct straggler_log *trace, size_t end, struct straggler_noise *out) {
    double *least = malloc((end + 1) * sizeof *least);
    double *wait = malloc(trace->ranks * sizeof *wait);
    size_t count = 0;
    int status = least && wait ? 0 : -1;
    *out = (struct straggler_noise){.looks = (double)trace->ranks * (double)(end ? end : 1)};
    for (size_t k = 0; status == 0 && k < end; k++)
        if (straggler_is_whole(trace, k) && straggler_synchronises(trace->step[k].collective))
            least[count++] = straggler_waits(trace, k, wait);
    out->least_us = fmax(2 * trace->resolution_us, 1e-3);
    if (status == 0 && count > 0)
        out->least_us = fmax(out->least_us, 0.1 * straggler_median(least, count));
    if (status == 0 && trace->floor_us > 0)
        out->scale_us = trace->floor_us / inverse(log(out->looks) + CONFIDENT, 1);
    else if (status == 0)
        status = own_scale(trace, end, &out->scale_us);
    free(least);
    free(wait);
    return status;
}

double straggler_threshold(const struct straggler_noise *noise, size_t n) {
    double x = log(noise->looks / (double)n) + CONFIDENT;
    return fmax(noise->least_us, noise->scale_us * inverse(x > CONFIDENT ? x : CONFIDENT, n));
}

double straggler_chance(const struct straggler_noise *noise, double late_us, size_t n) {
    if (noise->scale_us <= 0)
        return 0;
    /* u² + √2 u = late/scale, x = n u² */
    double u = (sqrt(2 + 4 * late_us / noise->scale_us) - sqrt(2)) / 2;
    return fmin(1, noise->looks / (double)n * exp(-(double)n * u * u));
}
