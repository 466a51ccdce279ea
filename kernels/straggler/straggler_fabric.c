/*
 * straggler_fabric.c: the fabric record of a step (straggler.h).
 */
#include <math.h>
#include <stdlib.h>

#include "kernels/straggler/straggler_inside.h"

#define MARKER_NAME(value, word) word,

const char *straggler_marker_name(enum straggler_marker marker) {
    static const char *const names[] = {STRAGGLER_MARKERS(MARKER_NAME)};
    return names[marker];
}

/* A window of steps that are like `like`: [first, end). */
struct window {
    const struct straggler_log *log;
    size_t like, first, end;
    double *comm, *least; /* room for all of them */
};

static int measure(struct window *w, struct straggler_fabric *out) {
    const struct straggler_log *log = w->log;
    const struct straggler_step *like = &log->step[w->like];
    size_t n = 0;
    *out = (struct straggler_fabric){.collective = like->collective, .least = NAN};
    for (size_t k = w->first; k < w->end; k++) {
        double least = INFINITY, most = 0;
        if (!straggler_is_whole(log, k) || log->step[k].bytes != like->bytes ||
            log->step[k].collective != like->collective)
            continue;
        for (unsigned r = 0; r < log->ranks; r++) {
            double comm = straggler_comm(log, k, r);
            w->comm[n++] = comm;
            least = fmin(least, comm);
            most = fmax(most, comm);
        }
        w->least[out->steps++] = least;
        out->skew = fmax(out->skew, most - least);
    }
    if (out->steps > 0) {
        out->least = straggler_median(w->least, out->steps);
        out->gbs = (double)like->bytes / (1e3 * out->least);
    }
    struct straggler_quantiles q = straggler_quantiles(w->comm, n);
    out->p50 = q.p50;
    out->p95 = q.p95;
    out->p99 = q.p99;
    return n > 0;
}

int straggler_fabric(const struct straggler_log *log, size_t step, size_t window,
                     struct straggler_fabric *out) {
    struct straggler_fabric usual;
    size_t most = window < log->steps ? window : log->steps;
    struct window w = {.log = log,
                       .like = step,
                       .first = step + 1 > window ? step + 1 - window : 0,
                       .end = step + 1,
                       .comm = malloc((most * log->ranks + 1) * sizeof *w.comm),
                       .least = malloc((most + 1) * sizeof *w.least)};
    int status = w.comm && w.least ? 0 : -1;
    if (status == 0 && measure(&w, out)) {
        w.first = 0;
        w.end = most;
        if (measure(&w, &usual) && out->least > 2 * usual.least)
            out->marker = STRAGGLER_DEGRADED;
        else if (out->p95 > 2 * usual.p95)
            out->marker = STRAGGLER_CONGESTED;
    }
    free(w.comm);
    free(w.least);
    return status;
}
