/*
 * rounds.h: what the arms of a log take, round by round.
 *
 * All arms were run in every round. The same round of two arms saw the same machine, so differences
 * are taken inside of rounds, and intervals are those of a median over the rounds. Simulated time
 * has no noise: there the interval is a point.
 */
#ifndef NANOLAB_LABS_05_ROUNDS_H
#define NANOLAB_LABS_05_ROUNDS_H

#include "labs/05-nccl-straggler/stragglers.h"

enum rounds_what {
    ROUNDS_STEP,  /* a step, as ranks_step_times() has it */
    ROUNDS_LEAST, /* its least communication time, in which nobody waited */
    ROUNDS_MOST,  /* its longest one */
    ROUNDS_WASTED /* all ranks' waits in it together: rank-µs */
};

/* An arm's steps in a round lie together in the log: the first. */
size_t rounds_first(const struct ranks_log *log, unsigned arm, size_t round);
/* The median over an arm's steps in each round, µs: out[plan.rounds]. 0, or -1: no memory. Not of
 * arms whose sums are one late. */
int rounds_medians(const struct ranks_log *log, unsigned arm, enum rounds_what what, double *out);
/* All steps of an arm, in order, malloc'ed; *count of them. NULL: no memory. */
double *rounds_steps(const struct ranks_log *log, unsigned arm, enum rounds_what what,
                     size_t *count);

/* Whom the rule of least wait names in an arm's steps, of all rounds, without those in which the
 * machine itself made a process late (quiet.c); `outer` and `member` as in ranks_straggler_log(): a
 * member, ROUNDS_NOBODY, ROUNDS_SEVERAL, or ROUNDS_UNKNOWN: it cannot tell. *status: -1 without
 * memory. */
#define ROUNDS_NOBODY (-1)
#define ROUNDS_SEVERAL (-2)
#define ROUNDS_UNKNOWN (-3)
int rounds_named(const struct ranks_log *log, unsigned arm, bool outer, unsigned member,
                 int *status);

/* The median of n rounds with its 95 % interval. RATIO_NONE if one is not finite. */
struct ratio rounds_median(const double *x, size_t n, uint64_t seed);
/* The same of a[k] - b[k]. */
struct ratio rounds_added(const double *a, const double *b, size_t n, uint64_t seed);
/* The same of a[k] / b[k]. */
struct ratio rounds_over(const double *a, const double *b, size_t n, uint64_t seed);
/* The same of the slopes of y over x, in each round the median slope of all pairs of points (P. K.
 * Sen, 1968), so that one disturbed arm does not turn it: y[points][n], a row for each x. */
struct ratio rounds_slope(const double *x, const double *y, size_t points, size_t n, uint64_t seed);
/* All three ends over `by`; by > 0. */
static inline struct ratio ratio_over(struct ratio r, double by) {
    return (struct ratio){r.value / by, r.low / by, r.high / by};
}
/* The greatest distance from 0 that the interval allows. */
static inline double ratio_reach(struct ratio r) {
    return fmax(fabs(r.low), fabs(r.high));
}

/* For sweeps that record a case for each arm of one run of ranks: ends those that are not NULL, or
 * drops them where `status`, of what came before, is not 0. 0, or -1: status was, or an error was
 * recorded. */
int cases_end(struct lab_case **cases, size_t count, int status);

#endif
