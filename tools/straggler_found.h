/*
 * straggler_found.h: what is found in one log, and how that fits the truth where the log has it.
 * Part of straggler.c.
 */
#ifndef NANOLAB_TOOLS_STRAGGLER_FOUND_H
#define NANOLAB_TOOLS_STRAGGLER_FOUND_H

#include <math.h>
#include <stdlib.h>

#include "kernels/straggler/straggler_read.h"

/* A log of others, or one that a lab has recorded. */
struct source {
    const char *format, *who, *whos; /* "NCCL Inspector", "rank", "ranks" */
    const char *name;                /* "" or what tells it from others of the same run */
    const struct straggler_log *log;
    const unsigned *id;    /* [ranks] what the source calls each; NULL: their numbers */
    const char *caveat;    /* why "nobody is late" is not certain, or "" */
    const char *notes[3];  /* or "" */
    const double *made_us; /* [steps × ranks] by how much each was made late; NULL: unknown */
};

struct found {
    const struct source *source;
    const struct straggler_log *log;
    struct straggler_verdict verdict[STRAGGLER_RULES];
    struct straggler_times times;
    struct straggler_without without;
    struct straggler_fit fit;
    bool has_without, has_fit;
    double *waited;  /* [ranks] in all, us; a victim's is not 0 */
    size_t *often;   /* [ranks] steps in which a named one was at least half as late as at worst */
    size_t judged;   /* steps */
    double *made;    /* [ranks] by how much it was made late at worst, us */
    size_t *made_in; /* [ranks] in so many steps */
    bool exact;      /* just those who were made late are named */
};

static unsigned found_id(const struct found *f, unsigned rank) {
    return f->source->id ? f->source->id[rank] : rank;
}

/* Whoever is not named waits for whoever is, in the steps in which both are. */
static void find_victims(struct found *f) {
    const struct straggler_log *log = f->log;
    const struct straggler_verdict *v = f->verdict + STRAGGLER_LEAST_WAIT;
    for (size_t k = 0; k < log->steps && v->count > 0; k++) {
        double least = INFINITY;
        if (!straggler_is_whole(log, k) || !straggler_synchronises(log->step[k].collective))
            continue;
        for (unsigned r = 0; r < log->ranks; r++)
            if (v->named[r])
                least = fmin(least, straggler_comm(log, k, r));
        for (unsigned r = 0; r < log->ranks; r++)
            if (!v->named[r] && straggler_comm(log, k, r) > least)
                f->waited[r] += straggler_comm(log, k, r) - least;
    }
}

static int count_often(struct found *f) {
    const struct straggler_log *log = f->log;
    const struct straggler_verdict *v = f->verdict + STRAGGLER_LEAST_WAIT;
    double *late = malloc((size_t)4 * log->ranks * sizeof *late);
    if (!late)
        return -1;
    for (size_t k = 0; k < log->steps && v->count > 0; k++) {
        if (!straggler_is_whole(log, k) || !straggler_synchronises(log->step[k].collective))
            continue;
        f->judged++;
        straggler_lateness(log, k, late, late + log->ranks);
        for (unsigned r = 0; r < log->ranks; r++)
            f->often[r] += v->named[r] && 2 * late[r] >= v->late_us[r];
    }
    free(late);
    return 0;
}

static void find_made(struct found *f) {
    const double *made = f->source->made_us;
    f->exact = true;
    for (size_t k = 0; k < f->log->steps; k++)
        for (unsigned r = 0; r < f->log->ranks; r++, made++) {
            f->made[r] = fmax(f->made[r], *made);
            f->made_in[r] += *made > 0;
        }
    for (unsigned r = 0; r < f->log->ranks; r++)
        f->exact &= f->verdict[STRAGGLER_LEAST_WAIT].named[r] == (f->made_in[r] > 0);
}

static void found_close(struct found *f) {
    for (int k = 0; k < STRAGGLER_RULES; k++)
        straggler_verdict_close(f->verdict + k);
    free(f->waited);
    free(f->often);
    free(f->made);
    free(f->made_in);
}

/* 0, or -1: no memory; found_close() either way. */
static int found_find(const struct source *source, struct found *f) {
    const struct straggler_log *log = source->log;
    char why[STRAGGLER_WHY];
    *f = (struct found){.source = source,
                        .log = log,
                        .waited = calloc(log->ranks, sizeof *f->waited),
                        .often = calloc(log->ranks, sizeof *f->often),
                        .made = calloc(log->ranks, sizeof *f->made),
                        .made_in = calloc(log->ranks, sizeof *f->made_in)};
    if (!f->waited || !f->often || !f->made || !f->made_in || straggler_times(log, &f->times) != 0)
        return -1;
    for (int k = 0; k < STRAGGLER_RULES; k++)
        if (straggler_verdict_open(f->verdict + k, log->ranks) != 0 ||
            straggler_rules[k].judge(log, 0, log->steps, f->verdict + k) != 0)
            return -1;
    const struct straggler_verdict *ours = f->verdict + STRAGGLER_LEAST_WAIT;
    f->has_without = ours->count > 0 && straggler_without(log, ours, &f->without, why) == 0;
    f->has_fit = straggler_fit(log, &f->fit, why) == 0;
    find_victims(f);
    if (source->made_us)
        find_made(f);
    return count_often(f);
}

#endif
