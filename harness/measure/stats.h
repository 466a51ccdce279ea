/*
 * stats.h: robust statistics of samples, over Boost.Math, for C.
 *
 * Nothing here assumes that samples are normal: times have a long tail to the right. Functions
 * leave their input as it is. A NaN among the values makes the result NaN (a sample that is not a
 * number is never quietly left out); so does an empty input. Functions returning int give 0, or
 * -1 if a value is not finite, the input is empty or memory is short; then *out is untouched.
 */
#ifndef NANOLAB_HARNESS_STATS_H
#define NANOLAB_HARNESS_STATS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

double stats_median(const double *x, size_t n);
/* The p-quantile, 0 <= p <= 1, of type 7 of Hyndman and Fan (1996): linear between the order
 * statistics k/(n - 1); what R and NumPy give by default. NaN for p outside. */
double stats_quantile(const double *x, size_t n, double p);
/* The same of many, which it may put into another order instead of copying them. */
double stats_quantile_floats(float *x, size_t n, double p);

/* Median absolute deviation from the median, not scaled. */
double stats_mad(const double *x, size_t n);

/* 1.4826 MAD / |median|: the coefficient of variation of normal data, but deaf to outliers. 0 if
 * the MAD is 0, infinite if only the median is. */
double stats_relative_spread(const double *x, size_t n);

struct stats_interval {
    double value;     /* the estimate from the samples themselves */
    double low, high; /* of its `confidence` interval */
};

/*
 * Percentile bootstrap intervals from STATS_RESAMPLES resamples drawn by Philox under `seed`, so
 * that the same samples give the same interval everywhere. `confidence` is in (0, 1), such as
 * 0.95. From one sample the interval is that one point: it says nothing.
 */
#define STATS_RESAMPLES 1000

int stats_median_interval(const double *x, size_t n, double confidence, uint64_t seed,
                          struct stats_interval *out);
/* median(a) / median(b), each resampled by itself. -1 also if a resampled median of b is 0. */
int stats_ratio_interval(const double *a, size_t n_a, const double *b, size_t n_b,
                         double confidence, uint64_t seed, struct stats_interval *out);
/* Median of a[i] / b[i], i < n: the pairs are resampled, so what both members of a pair share (a
 * slow moment of the machine) cancels. -1 also if a b[i] is 0. */
int stats_paired_ratio_interval(const double *a, const double *b, size_t n, double confidence,
                                uint64_t seed, struct stats_interval *out);

/* k of n, as a share, with the interval of Clopper and Pearson (1934): it holds the true share at
 * least so often, whatever that is. 0, or -1: n is 0, or k more than n. */
int stats_share_interval(uint64_t k, uint64_t n, double confidence, struct stats_interval *out);

/* Student's t with `free` > 0 degrees of freedom, which need not be a whole number: the p-quantile, 0
 * < p < 1; and the chance that |t| is so large or larger, t >= 0. NaN for what is outside. */
double stats_t_quantile(double p, double free);
double stats_t_chance(double t, double free);

/* Of a histogram: Shannon's entropy of the bins' shares, in bits: 0 where one bin has all. NaN
 * without counts. */
double stats_entropy(const uint64_t *counts, size_t n);
/* Total variation of two histograms over the same bins: half the sum of the differences of their
 * shares; 0 for equal shares, 1 where no bin has counts of both. NaN where one has no counts. */
double stats_total_variation(const uint64_t *a, const uint64_t *b, size_t n);

#ifdef __cplusplus
}
#endif
#endif
