/*
 * compare_samples.h: the samples of one case, read again from a side's folders: a side itself keeps
 * none. And histograms of two sides with the same bins.
 */
#ifndef NANOLAB_HARNESS_COMPARE_SAMPLES_H
#define NANOLAB_HARNESS_COMPARE_SAMPLES_H

#include "harness/compare/compare.h"

/* Of a longer session every k-th sample is taken, so that no folder makes this take long. */
#define COMPARE_SAMPLES_MOST 100000

struct compare_drawn {
    bool there;               /* it has the case, and samples of it */
    double *seconds;          /* [count] in the order they were taken */
    size_t count, of;         /* taken, of all there are */
    double median, low, high; /* of those; quantiles, COMPARE_LOW and 0.75 */
};

struct compare_samples {
    struct compare_drawn session[COMPARE_SESSIONS_MOST];
    size_t sessions;
    size_t count;  /* of all sessions */
    json_t *trees; /* {series: text} of the first session that has the case */
    json_t *cells; /* its bits by their places: compare_cells.h */
};

/* Of `count` cases of one side, in samples[k] those of cases[k]. Each session is read once, and
 * checked as it was when the side was opened. Of a case of another tool's file that has less than
 * two samples there are none here. 0, or -1 with error_text(); free each of them either way. */
int compare_samples_read(struct compare_samples *const *samples,
                         const struct compare_case *const *cases, size_t count,
                         const struct compare_side *side);
void compare_samples_free(struct compare_samples *samples);

/* --- histograms --- */

#define COMPARE_BINS_MOST 40
struct compare_histogram {
    size_t bins;                         /* 0: no samples at all */
    double edges[COMPARE_BINS_MOST + 1]; /* seconds, evenly spaced on a logarithmic scale */
    size_t counts[2][COMPARE_BINS_MOST]; /* of each side */
    size_t beyond[2];                    /* over the last edge */
    size_t all[2];
};

/* `wanted` bins from the least sample of both sides to the largest but a few that lie far out. 0,
 * or -1: no memory. */
int compare_histogram(const struct compare_samples *first, const struct compare_samples *second,
                      size_t wanted, struct compare_histogram *out);

/* "ns", "us", "ms" or "s", in which a time is at least 1, and what seconds are multiplied by. */
const char *compare_unit(double seconds, double *times);

#endif
