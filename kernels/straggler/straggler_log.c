/*
 * straggler_log.c: a log's memory, and what it says of times.
 */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels/straggler/straggler_inside.h"

int straggler_fail(char *why, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, STRAGGLER_WHY, format, arguments);
    va_end(arguments);
    return -1;
}

const char *straggler_collective_name(enum straggler_collective collective) {
    static const char *const names[STRAGGLER_COLLECTIVES] = {
        "all-reduce", "all-gather", "reduce-scatter", "all-to-all", "broadcast", "reduce", "other"};
    return names[collective];
}

bool straggler_synchronises(enum straggler_collective collective) {
    return collective <= STRAGGLER_ALL_TO_ALL;
}

int straggler_log_open(struct straggler_log *log, unsigned ranks, size_t steps) {
    *log = (struct straggler_log){.ranks = ranks, .steps = steps};
    if (ranks == 0 || steps > SIZE_MAX / sizeof *log->cell / ranks)
        return -1;
    log->step = calloc(steps + 1, sizeof *log->step);
    log->cell = malloc((steps * ranks + 1) * sizeof *log->cell);
    log->launched = malloc(ranks * sizeof *log->launched);
    log->present = calloc(ranks, sizeof *log->present);
    if (!log->step || !log->cell || !log->launched || !log->present) {
        straggler_log_close(log);
        return -1;
    }
    for (size_t k = 0; k < steps * ranks; k++)
        log->cell[k] = (struct straggler_cell){NAN, NAN, NAN, false};
    for (unsigned r = 0; r < ranks; r++)
        log->launched[r] = STRAGGLER_UNKNOWN;
    return 0;
}

void straggler_log_close(struct straggler_log *log) {
    free(log->step);
    free(log->cell);
    free(log->launched);
    free(log->present);
    *log = (struct straggler_log){0};
}

bool straggler_is_whole(const struct straggler_log *log, size_t step) {
    for (unsigned r = 0; r < log->ranks; r++)
        if (!straggler_at(log, step, r)->joined || !isfinite(straggler_comm(log, step, r)))
            return false;
    return true;
}

/* --- order statistics --------------------------------------------------------------------------
 */

double straggler_select(double *values, size_t count, size_t k) {
    size_t low = 0, high = count - 1;
    while (low < high) {
        double pivot = values[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;;) { /* Hoare's partition */
            while (values[i] < pivot)
                i++;
            while (values[j] > pivot)
                j--;
            if (i >= j)
                break;
            double swap = values[i];
            values[i++] = values[j];
            values[j--] = swap;
        }
        if (k <= j)
            high = j;
        else
            low = j + 1;
    }
    return values[k];
}

double straggler_median(double *values, size_t count) {
    double upper = straggler_select(values, count, count / 2);
    return count % 2 ? upper : (straggler_select(values, count, count / 2 - 1) + upper) / 2;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct straggler_quantiles straggler_quantiles(double *values, size_t count) {
    struct straggler_quantiles q = {0, NAN, NAN, NAN, NAN, NAN};
    double sum = 0;
    for (size_t k = 0; k < count; k++)
        if (!isnan(values[k])) {
            sum += values[k];
            values[q.count++] = values[k];
        }
    if (q.count == 0)
        return q;
    qsort(values, q.count, sizeof *values, by_value);
    q.mean = sum / (double)q.count;
    q.p50 = values[(q.count * 50 + 99) / 100 - 1];
    q.p95 = values[(q.count * 95 + 99) / 100 - 1];
    q.p99 = values[(q.count * 99 + 99) / 100 - 1];
    q.max = values[q.count - 1];
    return q;
}

/* --- times -------------------------------------------------------------------------------------
 */

double straggler_waits(const struct straggler_log *log, size_t step, double *wait) {
    double least = INFINITY;
    for (unsigned r = 0; r < log->ranks; r++)
        least = fmin(least, straggler_comm(log, step, r));
    for (unsigned r = 0; r < log->ranks; r++)
        wait[r] = straggler_comm(log, step, r) - least;
    return least;
}

double straggler_step_us(const struct straggler_log *log, size_t step, double *scratch) {
    if (!straggler_is_whole(log, step))
        return NAN;
    bool chained = step > 0 && straggler_is_whole(log, step - 1) && log->has_compute &&
                   log->step[step].sequence == log->step[step - 1].sequence + 1;
    if (log->overlapped && step > 0 && !chained)
        return NAN;
    for (unsigned r = 0; r < log->ranks; r++) {
        const struct straggler_cell *c = straggler_at(log, step, r);
        scratch[r] = chained ? c->end_us - straggler_at(log, step - 1, r)->end_us
                             : c->end_us - c->start_us + (isnan(c->compute_us) ? 0 : c->compute_us);
    }
    return straggler_median(scratch, log->ranks);
}

int straggler_times(const struct straggler_log *log, struct straggler_times *out) {
    size_t cells = log->steps * log->ranks;
    double *comm = malloc((cells + 1) * sizeof *comm);
    double *per_step = malloc((3 * log->steps + 1) * sizeof *per_step);
    double *wait = malloc(log->ranks * sizeof *wait);
    *out = (struct straggler_times){0};
    if (!comm || !per_step || !wait) {
        free(comm);
        free(per_step);
        free(wait);
        return -1;
    }
    double *step = per_step, *least = step + log->steps, *skew = least + log->steps;
    for (size_t k = 0; k < log->steps; k++) {
        if (!straggler_is_whole(log, k))
            continue;
        size_t w = out->whole++;
        double most = 0;
        step[w] = straggler_step_us(log, k, wait);
        least[w] = straggler_waits(log, k, wait);
        for (unsigned r = 0; r < log->ranks; r++) {
            comm[w * log->ranks + r] = straggler_comm(log, k, r);
            most = fmax(most, wait[r]);
            out->wasted_us += wait[r];
        }
        skew[w] = most;
    }
    out->step = straggler_quantiles(step, out->whole);
    out->least = straggler_quantiles(least, out->whole);
    out->skew = straggler_quantiles(skew, out->whole);
    out->comm = straggler_quantiles(comm, out->whole * log->ranks);
    free(comm);
    free(per_step);
    free(wait);
    return 0;
}

/* --- α + n/β -----------------------------------------------------------------------------------
 */

struct sized {
    uint64_t bytes;
    double us;
};

static int by_size(const void *a, const void *b) {
    const struct sized *x = a, *y = b;
    return x->bytes != y->bytes ? (x->bytes > y->bytes) - (x->bytes < y->bytes)
                                : (x->us > y->us) - (x->us < y->us);
}

/* One median a size, in place; returns how many sizes. */
static size_t medians(struct sized *all, size_t count) {
    size_t sizes = 0;
    qsort(all, count, sizeof *all, by_size);
    for (size_t from = 0, to; from < count; from = to) {
        for (to = from; to < count && all[to].bytes == all[from].bytes;)
            to++;
        struct sized middle = all[from + (to - from) / 2];
        all[sizes++] = middle;
    }
    return sizes;
}

int straggler_fit(const struct straggler_log *log, struct straggler_fit *fit,
                  char why[STRAGGLER_WHY]) {
    struct sized *all = malloc((log->steps + 1) * sizeof *all);
    double *wait = malloc(log->ranks * sizeof *wait);
    size_t count = 0;
    *fit = (struct straggler_fit){0};
    for (size_t k = 0; all && wait && k < log->steps; k++)
        if (straggler_is_whole(log, k) && log->step[k].collective == log->step[0].collective) {
            double least = straggler_waits(log, k, wait);
            if (least > 0)
                all[count++] = (struct sized){log->step[k].bytes, least};
        }
    bool memory = all && wait;
    size_t sizes = memory ? medians(all, count) : 0;
    double s = 0, sx = 0, sxx = 0, sy = 0, sxy = 0;
    for (size_t k = 0; k < sizes; k++) { /* each error divided by its time */
        double w = 1 / (all[k].us * all[k].us), x = (double)all[k].bytes;
        s += w;
        sx += w * x;
        sxx += w * x * x;
        sy += w * all[k].us;
        sxy += w * x * all[k].us;
    }
    double determinant = s * sxx - sx * sx;
    int status = 0;
    if (!memory)
        status = straggler_fail(why, "no memory for %zu steps", log->steps);
    else if (sizes < 2 || determinant <= 0)
        status = straggler_fail(why, "α and β need two message sizes, and the log has %zu", sizes);
    if (status == 0) {
        double slope = (s * sxy - sx * sy) / determinant;
        fit->sizes = (unsigned)sizes;
        fit->alpha_us = (sxx * sy - sx * sxy) / determinant;
        fit->beta_gbs = slope > 0 ? 1e-3 / slope : INFINITY;
        for (size_t k = 0; k < sizes; k++) {
            double error = fit->alpha_us + slope * (double)all[k].bytes - all[k].us;
            fit->worst = fmax(fit->worst, fabs(error) / all[k].us);
        }
    }
    free(all);
    free(wait);
    return status;
}
