/*
 * straggler_without.c: the step had the late ranks not been late, from the log with them.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/straggler/straggler_inside.h"

struct play {
    const struct straggler_log *log;
    struct straggler_noise noise;
    const struct straggler_alike *step; /* alike ones */
    size_t count;
    double *excess;  /* [count × ranks] by how much a rank was late, or computed longer */
    double *taken;   /* [count × ranks] what is taken away of it */
    double *scratch; /* [steps + 3 × ranks] */
};

/* With overlap lateness adds up over steps, and computing times say what each step added. */
static void find_excess(struct play *p) {
    unsigned n = p->log->ranks;
    for (size_t k = 0; k < p->count; k++) {
        if (p->log->overlapped)
            straggler_longer(p->log, p->step[k].step, p->excess + k * n, p->scratch);
        else
            straggler_lateness(p->log, p->step[k].step, p->excess + k * n, p->scratch);
    }
}

/* What is usual for a rank that is late in most of the steps [first, first + count): the median of
 * those; 0 for one that is not. */
static double usually(struct play *p, unsigned rank, size_t first, size_t count) {
    unsigned n = p->log->ranks;
    const double *excess = p->excess + first * n + rank;
    for (size_t k = 0; k < count; k++)
        p->scratch[k] = excess[k * n];
    double median = straggler_median(p->scratch, count);
    if (!(median > straggler_threshold(&p->noise, count)))
        return 0;
    size_t late = 0;
    for (size_t k = 0; k < count; k++)
        if (excess[k * n] > median / 2)
            p->scratch[late++] = excess[k * n];
    return straggler_median(p->scratch, late);
}

/* What is usual is taken away and leaves the rank its jitter; what stands out of it goes. */
static void find_taken(struct play *p, unsigned rank) {
    unsigned n = p->log->ranks;
    double single = straggler_threshold(&p->noise, 1), always = usually(p, rank, 0, p->count);
    for (size_t first = 0; first < p->count; first += STRAGGLER_STRETCH) {
        size_t left = p->count - first;
        left = left < STRAGGLER_STRETCH ? left : STRAGGLER_STRETCH;
        double usual = always > 0 ? always : usually(p, rank, first, left);
        for (size_t k = first; k < first + left; k++) {
            double late = p->excess[k * n + rank], take = late > usual / 2 ? usual : 0;
            p->taken[k * n + rank] = late - take > single ? late : take;
        }
    }
}

/* The earlier end of step number k, blocking: whoever is then last ends it. */
static double gained(const struct play *p, size_t k) {
    double last = -INFINITY, then = -INFINITY;
    for (unsigned r = 0; r < p->log->ranks; r++) {
        double arrival = -straggler_comm(p->log, p->step[k].step, r); /* before the step's end */
        last = fmax(last, arrival);
        then = fmax(then, arrival - p->taken[k * p->log->ranks + r]);
    }
    return last - then;
}

/* What the collective of number k took by itself: from the last entry, or the end of the one
 * before, to its own end, on the clock of the rank that was last. */
static double took(const struct play *p, size_t k) {
    const struct straggler_log *log = p->log;
    unsigned last = 0;
    for (unsigned r = 1; r < log->ranks; r++)
        if (straggler_comm(log, p->step[k].step, r) < straggler_comm(log, p->step[k].step, last))
            last = r;
    const struct straggler_cell *c = straggler_at(log, p->step[k].step, last);
    double before = k > 0 ? straggler_at(log, p->step[k - 1].step, last)->end_us : -INFINITY;
    return c->end_us - fmax(c->start_us, before);
}

/* Whether the log says when the step before number k ended. */
static bool is_timed(const struct play *p, size_t k, double *us) {
    *us = straggler_step_us(p->log, p->step[k].step, p->scratch + p->log->ranks);
    return !isnan(*us);
}

/* What the steps that are timed take when all are played again, one late. */
static double played(const struct play *p, bool without) {
    unsigned n = p->log->ranks;
    double done[2] = {0, 0}, sum = 0, us, *arrival = p->scratch;
    memset(arrival, 0, n * sizeof *arrival);
    for (size_t k = 0; k < p->count; k++) {
        double last = 0;
        for (unsigned r = 0; r < n; r++) {
            double compute = straggler_at(p->log, p->step[k].step, r)->compute_us;
            arrival[r] = fmax(arrival[r], done[0]) + compute - (without ? p->taken[k * n + r] : 0);
            last = fmax(last, arrival[r]);
        }
        double end = fmax(last, done[1]) + took(p, k);
        sum += is_timed(p, k, &us) ? end - done[1] : 0;
        done[0] = done[1];
        done[1] = end;
    }
    return sum;
}

/* Adds the steps that are alike, as they were and as they would have been. What a rank does besides
 * computing is in no log, so that of steps that are played again the difference is taken. Those
 * that are not timed are taken to be like the others. */
static void predict(struct play *p, struct straggler_without *out) {
    double gain = p->log->overlapped ? played(p, false) - played(p, true) : 0, with = 0, us;
    size_t timed = 0;
    for (size_t k = 0; k < p->count; k++) {
        if (!is_timed(p, k, &us))
            continue;
        with += us;
        gain += p->log->overlapped ? 0 : gained(p, k);
        timed++;
    }
    if (timed == 0)
        return;
    double times = (double)p->count / (double)timed;
    out->steps += p->count;
    out->with_us += times * with;
    out->without_us += times * (with - gain);
}

static int predict_all(struct play *p, const struct straggler_alike *all, size_t count,
                       const struct straggler_verdict *named, struct straggler_without *out) {
    size_t ranks = p->log->ranks;
    for (size_t from = 0; from < count; from += p->count) {
        p->step = all + from;
        p->count = straggler_alike_count(p->step, count - from);
        if (straggler_noise(p->log, p->step, p->count, &p->noise) != 0)
            return -1;
        memset(p->taken, 0, p->count * ranks * sizeof *p->taken);
        find_excess(p);
        for (unsigned r = 0; r < ranks; r++)
            if (named->named[r] && (p->count >= STRAGGLER_FEWEST || p->log->floor_us > 0))
                find_taken(p, r);
        predict(p, out);
    }
    out->with_us /= (double)out->steps;
    out->without_us /= (double)out->steps;
    return 0;
}

int straggler_without(const struct straggler_log *log, const struct straggler_verdict *named,
                      struct straggler_without *out, char why[STRAGGLER_WHY]) {
    struct play p = {.log = log};
    size_t count, cells = log->steps * log->ranks;
    *out = (struct straggler_without){0};
    if (log->blind)
        return straggler_fail(why, "cannot tell: %s", log->blind);
    if (log->overlapped && !log->has_compute)
        return straggler_fail(why, "cannot tell: steps overlap, and there are no computing times");
    struct straggler_alike *all = straggler_alike(log, 0, log->steps, false, &count);
    p.excess = malloc((cells + 1) * sizeof *p.excess);
    p.taken = malloc((cells + 1) * sizeof *p.taken);
    p.scratch = malloc((log->steps + (size_t)3 * log->ranks) * sizeof *p.scratch);
    bool memory = all && p.excess && p.taken && p.scratch;
    int status = 0;
    if (memory && count == 0)
        status = straggler_fail(why, "cannot tell: no step has a time of every rank");
    else if (memory && log->overlapped && straggler_alike_count(all, count) < count)
        status = straggler_fail(why, "cannot tell: steps overlap, and are not alike");
    else if (!memory || predict_all(&p, all, count, named, out) != 0)
        status = straggler_fail(why, "no memory for %zu steps", log->steps);
    else if (out->steps == 0)
        status = straggler_fail(why, "cannot tell: no step follows on another");
    free(all);
    free(p.excess);
    free(p.taken);
    free(p.scratch);
    return status;
}
