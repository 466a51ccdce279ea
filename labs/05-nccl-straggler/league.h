/*
 * league.h: what C10 (league.c) and C11 (without.c) share: one run of ranks serves both.
 */
#ifndef NANOLAB_LABS_05_LEAGUE_H
#define NANOLAB_LABS_05_LEAGUE_H

#include "labs/05-nccl-straggler/stragglers.h"

/* Steps that a rule judges at once. */
#define LEAGUE_WINDOW 8
/* The smallest stall that C10 speaks of. */
#define LEAGUE_LATE_US 300.0
/* How late the machine itself may make a process in a step that is scored (quiet.c). */
#define LEAGUE_QUIET_US (LEAGUE_LATE_US / 2)

/* What is played together: all kinds of stalls by each of these times, as arms of one run. */
struct league_set {
    enum ranks_engine engine;
    unsigned ranks;
    enum straggler_jitter jitter;
    double jitter_us;
    bool one_late;
    double compute_us;
    unsigned rounds, steps; /* steps of an arm in a round; a stall comes after a quarter of them */
    const double *stalls;   /* us */
    size_t stall_count;
    bool slow_link; /* nobody is late, but one node of 8 ranks has half the bandwidth */
};

/* Its arms: two with nobody late, then those with a stall. */
enum { LEAGUE_FLOOR, LEAGUE_NOBODY, LEAGUE_FIRST };

struct league_game {
    struct lab_run *run;
    const char *device;
    const struct league_set *set;
    struct ranks_log log;
    /* Lateness to be expected with nobody late, in one step and in the mean of eight; 0: to be
     * found in each log. */
    double floor_us, floor_mean_us;
};

/* One round of an arm as a log for the rules, and the truth, to be closed and freed: of processes
 * without the steps in which the machine itself made one late. 0, or -1 after lab_error(). */
int league_log(const struct league_game *g, unsigned arm, unsigned round, struct straggler_log *log,
               double **stall_us);
/* Leaves out these steps, see quiet.c; if they are most of them, all. 0, or -1: no memory. */
int quiet_steps(struct straggler_log *log, double *stall_us);
/* Finds floor_us and floor_mean_us. 0, or -1 after lab_error(). */
int quiet_floor(struct league_game *g);
/* Engine, ranks, jitter and stall of an arm as parameters. */
void league_params(struct lab_case *c, const struct league_game *g, unsigned arm);
/* The case of one arm of C11. 0, or -1 after lab_error(). */
int record_without(struct lab_case *c, const struct league_game *g, unsigned arm);

#endif
