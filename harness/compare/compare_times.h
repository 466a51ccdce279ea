/*
 * compare_times.h: is one side faster? From sessions, since what differs between two runs of one
 * program is mostly what no spread inside a run can show.
 *
 * A session is a run: a fresh process, placed anew. What else a machine does only ever adds to a
 * time, so a session is compared by a low quantile of its samples: what the code costs where it was
 * not disturbed. Not by the least of them, which falls with their number. The median is shown
 * beside it.
 *
 * Times are compared as logarithms, so that a ratio is a difference. For the same reason the
 * slowest fifth of a side's sessions does not count: its location is the mean of the others, its
 * spread that of all with the slowest Winsorised (Yuen, "The two-sample trimmed t for unequal
 * population variances", 1974, here trimmed on the side of the disturbances alone), and the ratio's
 * interval and chance are those of Welch's t with these. Resampling the sessions themselves instead
 * makes intervals that are too short for few of them (Hesterberg, "What teachers should know about
 * the bootstrap", 2015): with 5 a side, compare_times_test measures 88 % in the place of 95 %.
 *
 * One session on a side says nothing of the spread between runs. It may be known otherwise: from
 * other runs of the same machine, a *band*.
 */
#ifndef NANOLAB_HARNESS_COMPARE_TIMES_H
#define NANOLAB_HARNESS_COMPARE_TIMES_H

#include <stddef.h>

#include "harness/measure/ratio.h"

/* A case in one session: seconds a call, > 0. `low` is the COMPARE_LOW quantile of its samples;
 * where those are not there, the median. */
struct compare_time {
    double low, median;
};
#define COMPARE_LOW 0.05
#define COMPARE_SESSIONS_MOST 64
/* Of samples in seconds; both NaN without any, or where one is none. */
struct compare_time compare_time_of(const double *samples, size_t count);

enum compare_verdict {
    COMPARE_SAME,
    COMPARE_FASTER, /* the second side takes less time than the first */
    COMPARE_SLOWER,
    COMPARE_AMBIGUOUS,
    COMPARE_NOT_COMPARABLE,
    COMPARE_VERDICTS
};
const char *compare_verdict_name(enum compare_verdict verdict);

/* R(code, word, what it says) */
/* clang-format off */
#define COMPARE_REASONS(R)                                                                         \
    R(COMPARE_INSIDE, "inside", "the interval lies inside of what counts as the same")             \
    R(COMPARE_SMALL, "small", "there is a difference, and it is less than counts")                 \
    R(COMPARE_APART, "apart", "the interval excludes 1, also among this many cases")               \
    R(COMPARE_WIDE, "wide", "the interval includes both the same and a difference")                \
    R(COMPARE_MANY, "many", "the interval excludes 1, as some of so many cases do by chance")      \
    R(COMPARE_ONE_SESSION, "one-session", "the spread between runs is unknown")                    \
    R(COMPARE_NO_TIME, "no-time", "one side has no time of it")                                    \
    R(COMPARE_FIELD, "field", "the two did not measure the same thing")                            \
    R(COMPARE_BUSY, "busy", "other programs kept the processors busy beside one side alone")
/* clang-format on */
#define COMPARE_REASON_CODE(code, word, what) code,
enum compare_reason { COMPARE_REASONS(COMPARE_REASON_CODE) COMPARE_REASON_COUNT };
const char *compare_reason_name(enum compare_reason reason);
const char *compare_reason_what(enum compare_reason reason);

struct compare_rule {
    double confidence; /* of intervals: 0.95 */
    double rate;       /* of false discoveries among the cases called different: 0.05 */
    double least;      /* a ratio nearer to 1 is no difference: 0.005 */
    double same;       /* an interval inside 1 ± this is the same: 0.02 */
};
struct compare_rule compare_rule_default(void);

/* Standard deviation of the logarithms of sessions' low times, known from `sessions` of them. */
struct compare_band {
    double spread;
    size_t sessions; /* 0: unknown */
};

struct compare_times {
    struct ratio ratio; /* of the second side's low time over the first's */
    double medians;     /* ratio of the geometric means of the medians */
    double chance;      /* of so much between two equal sides; NaN: unknown */
    double spread[2];   /* of the sessions of each side, as of compare_band; NaN: unknown */
    size_t sessions[2];
    size_t more; /* sessions a side, beyond those, until the interval is as short as `same`; 0: it
                    is, or that is unknown */
    enum compare_verdict verdict;
    enum compare_reason reason;
};

/* Sessions' times. `band` NULL: none. The verdict is preliminary. */
void compare_times(const struct compare_time *first, size_t first_count,
                   const struct compare_time *second, size_t second_count,
                   const struct compare_band *band, const struct compare_rule *rule,
                   struct compare_times *out);

/* The largest of n chances, which are sorted here, that is still called a difference: the largest k
 * with p(k) <= rate k/n; below 0 where there is none. */
double compare_threshold(double *chances, size_t n, double rate);

/* The verdicts of all cases together: false discoveries are controlled by the step-up procedure of
 * Benjamini and Hochberg (1995). 0, or -1: no memory. */
int compare_settle(struct compare_times *list, size_t count, const struct compare_rule *rule);

/* The geometric mean of ratios, each counted at most as its neighbours at the 10th and 90th
 * percentile (winsorised), so that no single case can decide it. NaN without any. */
double compare_mean(const double *ratios, size_t count);

#endif
