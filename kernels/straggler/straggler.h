/*
 * straggler.h: who is late to a collective, from a log of its steps.
 *
 * A log is steps × ranks. In each step a rank computes and then takes part in a collective; of both
 * only the rank's own clock is known, so durations are compared across ranks and points in time
 * never are. In a collective that nobody leaves before everybody has entered, the last one in waits
 * least: wait_r = comm_r - min over ranks of comm. Times are µs, bytes those of a rank's buffer.
 *
 * Beside our own rule stand published ones, each as published, in one table; and a generator of
 * logs whose stalls are known, with which rules are scored.
 */
#ifndef NANOLAB_KERNELS_STRAGGLER_STRAGGLER_H
#define NANOLAB_KERNELS_STRAGGLER_STRAGGLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define STRAGGLER_WHY 240 /* bytes of any explanation */

/* --- a log -------------------------------------------------------------------------------------
 */

enum straggler_collective {
    STRAGGLER_ALL_REDUCE,
    STRAGGLER_ALL_GATHER,
    STRAGGLER_REDUCE_SCATTER,
    STRAGGLER_ALL_TO_ALL,
    STRAGGLER_BROADCAST,
    STRAGGLER_REDUCE,
    STRAGGLER_OTHER,
    STRAGGLER_COLLECTIVES
};
const char *straggler_collective_name(enum straggler_collective collective);
/* Nobody can leave it before everybody has entered it, so that who waits least came last. */
bool straggler_synchronises(enum straggler_collective collective);

struct straggler_step {
    enum straggler_collective collective;
    uint64_t bytes;
    uint64_t sequence; /* where it does not follow on that of the step before, something else ran
                          in between */
};

struct straggler_cell {
    double compute_us;       /* before the collective; NAN: not known */
    double start_us, end_us; /* of the collective on the rank's own clock; end NAN: never left */
    bool joined;             /* entered it */
};

#define STRAGGLER_UNKNOWN UINT64_MAX

struct straggler_log {
    unsigned ranks;
    size_t steps;
    struct straggler_step *step; /* [steps] */
    struct straggler_cell *cell; /* [steps × ranks], a step's ranks together */
    uint64_t *launched;          /* [ranks]: collectives entered; STRAGGLER_UNKNOWN */
    bool *present;               /* [ranks]: something of that rank is in the log */
    bool has_compute;
    bool has_pending;     /* shows collectives that were entered and never left */
    bool overlapped;      /* one late: a step computes while the last one's collective runs */
    bool common_clock;    /* start and end may be compared across ranks after all */
    double resolution_us; /* of its times */
    double floor_us;      /* lateness seen without a stall, where measured before; 0: not */
    double floor_mean_us; /* the same of the mean of eight steps: less is no matter, for where some
                             ranks always come a little later there is more than jitter */
    const char *blind;    /* why its times do not show who waited; NULL: they do */
};

/* All cells not joined, all else unknown. 0, or -1: no memory. */
int straggler_log_open(struct straggler_log *log, unsigned ranks, size_t steps);
void straggler_log_close(struct straggler_log *log);

static inline struct straggler_cell *straggler_at(const struct straggler_log *log, size_t step,
                                                  unsigned rank) {
    return log->cell + step * log->ranks + rank;
}
static inline double straggler_comm(const struct straggler_log *log, size_t step, unsigned rank) {
    const struct straggler_cell *c = straggler_at(log, step, rank);
    return c->end_us - c->start_us;
}
/* Every rank has entered it and left it. */
bool straggler_is_whole(const struct straggler_log *log, size_t step);

/* --- what it says of times ---------------------------------------------------------------------
 */

/* wait[ranks] of a whole step; returns the smallest communication time, which nobody waited in. */
double straggler_waits(const struct straggler_log *log, size_t step, double *wait);
/* From one end of a step to the next, the median of the ranks, each by its own clock; of the first
 * step, or after one that is not whole or not the one before in sequence, computing and
 * communicating. NAN: not known. scratch[ranks]
 */
double straggler_step_us(const struct straggler_log *log, size_t step, double *scratch);

/*
 * How much less than its peers each waited in a whole step, late[ranks]: the median of the other
 * ranks' communication time, less its own. The median, so that the lateness of one is not taken for
 * earliness of the others, and two late ranks are both seen. With overlap a rank that was late once
 * is still late in the steps after, which is not its doing: there at most by as much as it computed
 * longer than the others. scratch[3 × ranks].
 */
void straggler_lateness(const struct straggler_log *log, size_t step, double *late,
                        double *scratch);

struct straggler_quantiles {
    size_t count;
    double mean, p50, p95, p99, max; /* nearest rank; NAN where count is 0 */
};
/* Sorts `values`; those that are NAN are left out. */
struct straggler_quantiles straggler_quantiles(double *values, size_t count);

struct straggler_times {
    size_t whole;                                       /* steps */
    struct straggler_quantiles step, comm, least, skew; /* comm: of every rank; least: of a step's
                                                           smallest; skew: max - min of comm */
    double wasted_us;                                   /* all waits together, rank-seconds */
};
/* 0, or -1: no memory. */
int straggler_times(const struct straggler_log *log, struct straggler_times *out);

/*
 * The fabric record of a step: what its communication looked like over a window of steps that ends
 * with it. What is called normal is what the first window of the log was like:
 *
 *     degraded   the communication that nobody waits in takes over twice as long: the network
 *     congested  it does not, but the slowest twentieth does: ranks wait, for a late one or for
 *                whatever else holds the others up; skew says how long
 *     normal     neither
 *
 * A record of quantiles alone, as it is usually kept, calls both the same.
 */
#define STRAGGLER_MARKERS(M)                                                                       \
    M(STRAGGLER_NORMAL, "normal")                                                                  \
    M(STRAGGLER_CONGESTED, "congested") M(STRAGGLER_DEGRADED, "degraded")
#define STRAGGLER_MARKER(value, word) value,
enum straggler_marker { STRAGGLER_MARKERS(STRAGGLER_MARKER) STRAGGLER_MARKER_COUNT };
const char *straggler_marker_name(enum straggler_marker marker);

struct straggler_fabric {
    enum straggler_collective collective;
    size_t steps;         /* of the window, whole ones and of the step's collective and size */
    double p50, p95, p99; /* of all ranks' communication in it; NAN where steps is 0 */
    double skew;          /* max - min of communication over ranks: the window's largest */
    double least;         /* communication that nobody waits in: the window's median */
    double gbs;           /* bytes over that: GB/s; 0 where there are no bytes */
    enum straggler_marker marker;
};
/* 0, or -1: no memory. */
int straggler_fabric(const struct straggler_log *log, size_t step, size_t window,
                     struct straggler_fabric *out);

/* Time of a collective = α + bytes/β, least squares of relative errors over the median least
 * communication time of every size. 0, or -1 with `why`. */
struct straggler_fit {
    unsigned sizes;
    double alpha_us, beta_gbs; /* GB/s; INFINITY: no dependence on the size was seen */
    double worst;              /* largest relative error of a size */
};
int straggler_fit(const struct straggler_log *log, struct straggler_fit *fit,
                  char why[STRAGGLER_WHY]);

/* --- rules -------------------------------------------------------------------------------------
 */

struct straggler_verdict {
    unsigned ranks, count; /* named ones */
    bool *named;           /* [ranks] */
    double *late_us;       /* [ranks] how late a named one came, where the rule knows; INFINITY:
                              it never came */
    double *chance;        /* [ranks] that jitter alone is so late, where the rule knows; NAN */
    bool cannot_tell;      /* then nobody is named, and `why` begins with "cannot tell: " */
    char why[STRAGGLER_WHY];
};
int straggler_verdict_open(struct straggler_verdict *verdict, unsigned ranks);
void straggler_verdict_close(struct straggler_verdict *verdict);

struct straggler_rule {
    const char *name, *source, *says;
    /* Judges steps [first, first + count), and may look at those before. 0, or -1: no memory. */
    int (*judge)(const struct straggler_log *log, size_t first, size_t count,
                 struct straggler_verdict *out);
};

enum straggler_rule_id {
    STRAGGLER_SLOWEST_TIME,
    STRAGGLER_LONE_SPIKE,
    STRAGGLER_RELATIVE_SCORE,
    STRAGGLER_COUNT_LAGS,
    STRAGGLER_LAST_ARRIVAL,
    STRAGGLER_LEAST_WAIT, /* ours */
    STRAGGLER_MISSING_RANK,
    STRAGGLER_TWICE_MEDIAN,
    STRAGGLER_RULES
};
extern const struct straggler_rule straggler_rules[STRAGGLER_RULES];

/* --- without the straggler ---------------------------------------------------------------------
 */

struct straggler_without {
    double with_us, without_us; /* mean step */
    size_t steps;
};
/*
 * The mean step had the named ranks come as early as their peers: the lateness that stands out is
 * taken from their arrivals, and the step ends with whoever is then last. With overlap the steps
 * are played again from the logged computing times. 0, or -1 with `why`.
 */
int straggler_without(const struct straggler_log *log, const struct straggler_verdict *named,
                      struct straggler_without *out, char why[STRAGGLER_WHY]);

/* --- logs with known truth ---------------------------------------------------------------------
 */

enum straggler_jitter { STRAGGLER_STEADY, STRAGGLER_EXPONENTIAL, STRAGGLER_GAUSSIAN };
enum straggler_kind {
    STRAGGLER_PERSISTENT, /* the culprit, in every step */
    STRAGGLER_ROTATING,   /* the next rank after every `period` steps */
    STRAGGLER_RARE,       /* every rank in every step with `chance` */
    STRAGGLER_SLOW_LINK,  /* nobody is late, the collective takes longer */
    STRAGGLER_STOPPED,    /* the culprit never joins */
    STRAGGLER_KINDS
};
const char *straggler_kind_name(enum straggler_kind kind);

struct straggler_synthetic {
    unsigned ranks, culprit;
    size_t steps, onset, period; /* the first step with a stall */
    double compute_us, jitter_us;
    enum straggler_jitter jitter; /* mean of the exponential, deviation of the Gaussian */
    enum straggler_kind kind;
    double stall_us, chance;
    double alpha_us, beta_gbs;
    uint64_t bytes, seed;
    bool one_late, common_clock;
};
struct straggler_synthetic straggler_synthetic_default(unsigned ranks, uint64_t seed);
/*
 * The arithmetic of a bulk-synchronous step: a collective begins with its last rank and takes
 * α + n/β, and the next step begins with its end; with `one_late`, the step after the next does.
 * Every rank has a clock of its own, up to a second off. stall_us[steps × ranks] is the truth
 * (INFINITY: stopped), to be freed. 0, or -1: no memory.
 */
int straggler_synthesise(const struct straggler_synthetic *options, struct straggler_log *log,
                         double **stall_us);

/* What a rule made of a log, window by window. */
struct straggler_score {
    size_t windows, exact;       /* named just those who stalled; nobody if nobody did */
    size_t hits, false_, misses; /* ranks, over the windows */
    size_t clean, alarms;        /* windows without a stall, and those of them with a name */
    size_t cannot;               /* windows in which it could not tell */
    size_t latency; /* steps from the first stall until just the stalled are named, tried at 1, 2,
                       4, 8, …; 0: never */
};
/* NAN where there is nothing to divide by. */
double straggler_precision(const struct straggler_score *score);
double straggler_recall(const struct straggler_score *score);
int straggler_score(const struct straggler_log *log, const double *stall_us,
                    const struct straggler_rule *rule, size_t window, struct straggler_score *out);

#ifdef __cplusplus
}
#endif
#endif
