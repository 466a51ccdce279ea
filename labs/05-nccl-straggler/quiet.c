/*
 * quiet.c: steps in which the machine itself made a process late, and how late it is in the others.
 *
 * Where other work runs, a process is put aside for milliseconds now and then, and is late though
 * nobody made it so: what a rule then says cannot be scored. Rules compare durations, each by one
 * clock. Here points in time are compared, which processes of one machine may: whoever comes later
 * than the stall that it was given, or leaves later than the others, by LEAGUE_QUIET_US. Clocks of
 * several machines are brought together by their usual distance.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/measure/stats.h"
#include "labs/05-nccl-straggler/league.h"

enum what { ENTERED, LEFT, COMPUTED };

static double value_of(const struct straggler_log *log, const double *stall_us, size_t step,
                       unsigned rank, enum what what) {
    const struct straggler_cell *c = straggler_at(log, step, rank);
    double stall = stall_us[step * log->ranks + rank];
    return what == LEFT ? c->end_us : what == ENTERED ? c->start_us - stall : c->compute_us - stall;
}

/* Of all ranks but one, out of scratch[ranks]. */
static double median_of_others(const struct straggler_log *log, const double *stall_us, size_t step,
                               unsigned rank, enum what what, double *scratch) {
    size_t n = 0;
    for (unsigned r = 0; r < log->ranks; r++)
        if (r != rank)
            scratch[n++] = value_of(log, stall_us, step, r, what);
    return stats_median(scratch, n);
}

/* Marks steps in which some rank is further from the others than usual. scratch[steps + ranks] */
static void mark(const struct straggler_log *log, const double *stall_us, enum what what,
                 bool *disturbed, double *scratch) {
    double *distance = scratch + log->ranks;
    for (unsigned r = 0; r < log->ranks; r++) {
        for (size_t k = 0; k < log->steps; k++)
            distance[k] = value_of(log, stall_us, k, r, what) -
                          median_of_others(log, stall_us, k, r, what, scratch);
        double usual = stats_median(distance, log->steps);
        for (size_t k = 0; k < log->steps; k++)
            disturbed[k] |= !(fabs(distance[k] - usual) <= LEAGUE_QUIET_US);
    }
}

/* Marks steps whose sum took long for all. scratch[steps + ranks] */
static void mark_slow(const struct straggler_log *log, bool *disturbed, double *scratch) {
    double *least = scratch + log->ranks;
    for (size_t k = 0; k < log->steps; k++)
        least[k] = straggler_waits(log, k, scratch);
    double usual = stats_median(least, log->steps);
    for (size_t k = 0; k < log->steps; k++)
        disturbed[k] |= !(least[k] - usual <= LEAGUE_QUIET_US);
}

/* Marks steps before which a rank took long, all of them perhaps: from the end of the sum before,
 * or one late, in computing. scratch[steps] */
static void mark_long(const struct straggler_log *log, const double *stall_us, bool *disturbed,
                      double *scratch) {
    for (unsigned r = 0; r < log->ranks; r++) {
        for (size_t k = 0; k < log->steps; k++) {
            const struct straggler_cell *c = straggler_at(log, k, r);
            scratch[k] = k == 0 || log->overlapped
                             ? c->compute_us
                             : c->start_us - straggler_at(log, k - 1, r)->end_us;
            scratch[k] -= stall_us[k * log->ranks + r];
        }
        double usual = stats_median(scratch, log->steps);
        for (size_t k = 0; k < log->steps; k++)
            disturbed[k] |= !(scratch[k] - usual <= LEAGUE_QUIET_US);
    }
}

static void leave_out(struct straggler_log *log, double *stall_us, const bool *disturbed) {
    size_t n = 0, width = log->ranks;
    for (size_t k = 0; k < log->steps; k++) {
        if (disturbed[k])
            continue;
        log->step[n] = log->step[k];
        memmove(log->cell + n * width, log->cell + k * width, width * sizeof *log->cell);
        memmove(stall_us + n * width, stall_us + k * width, width * sizeof *stall_us);
        n++;
    }
    n = 2 * n < log->steps ? 0 : n; /* what is usual was not seen then */
    log->steps = n;
    for (unsigned r = 0; r < log->ranks; r++)
        log->launched[r] = n;
}

int quiet_steps(struct straggler_log *log, double *stall_us) {
    bool *disturbed = calloc(log->steps + 1, sizeof *disturbed);
    double *scratch = malloc((log->steps + log->ranks + 1) * sizeof *scratch);
    int status = disturbed && scratch ? 0 : -1;
    if (status == 0 && log->ranks > 1) {
        /* One late, whoever is behind comes later than its stall: what it computed tells. */
        mark(log, stall_us, log->overlapped ? COMPUTED : ENTERED, disturbed, scratch);
        mark(log, stall_us, LEFT, disturbed, scratch);
        mark_slow(log, disturbed, scratch);
        mark_long(log, stall_us, disturbed, scratch);
        leave_out(log, stall_us, disturbed);
    }
    free(disturbed);
    free(scratch);
    return status;
}

/* --- the floor ---------------------------------------------------------------------------------
 */

static void raise_floor(struct league_game *g, const struct straggler_log *log, double *scratch) {
    double *late = scratch, *sum = late + log->ranks;
    for (size_t k = 0; k < log->steps; k++) {
        if (k % LEAGUE_WINDOW == 0)
            memset(sum, 0, log->ranks * sizeof *sum);
        straggler_lateness(log, k, late, sum + log->ranks);
        for (unsigned r = 0; r < log->ranks; r++) {
            sum[r] += late[r];
            g->floor_us = fmax(g->floor_us, 2 * late[r]);
            if ((k + 1) % LEAGUE_WINDOW == 0)
                g->floor_mean_us = fmax(g->floor_mean_us, 2 * sum[r] / LEAGUE_WINDOW);
        }
    }
}

/* Jitter that was measured, and not made, is known by nothing but itself: twice the largest
 * lateness that was seen with nobody late, since what has been seen once is soon seen again; and no
 * less than the truth is known to. Of simulated ranks each log tells its own jitter. */
int quiet_floor(struct league_game *g) {
    double *scratch = malloc((size_t)5 * g->set->ranks * sizeof *scratch);
    int status = scratch ? 0 : lab_error(g->run, "not enough memory for %u ranks", g->set->ranks);
    for (unsigned round = 0; status == 0 && round < g->set->rounds; round++) {
        struct straggler_log log;
        double *nothing;
        if (g->set->engine == RANKS_SMPI)
            break;
        status = league_log(g, LEAGUE_FLOOR, round, &log, &nothing);
        if (status == 0) {
            raise_floor(g, &log, scratch);
            straggler_log_close(&log);
            free(nothing);
        }
    }
    if (g->set->engine != RANKS_SMPI) {
        g->floor_us = fmax(g->floor_us, LEAGUE_QUIET_US);
        g->floor_mean_us = fmax(g->floor_mean_us, LEAGUE_QUIET_US / 3);
    }
    free(scratch);
    return status;
}
