/*
 * bench.h: timing cases through Google Benchmark, for C.
 *
 * A *sample* is one repetition of k calls, k chosen beforehand so that it lasts at least
 * min_sample_seconds. Cases that are to be compared go into one group: they are interleaved in
 * rounds, in an order shuffled by the run's seed, one sample of each case not yet settled per
 * round. Sample i of two cases of one group come from the same round i for as long as both run,
 * so ratios can be paired. Every sample is kept with its sequence number.
 *
 * A case stops when its relative spread has settled or reached a plateau, or at its cap of time
 * or samples, and says which. No case has zero samples; no sample is NaN.
 */
#ifndef NANOLAB_HARNESS_BENCH_H
#define NANOLAB_HARNESS_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/device/device.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The clock that samples are read from; tests inject their own. Seconds, monotonic. `step` is the
 * smallest step it moves by (clock.h), 0 where that does not matter. A sample lasts 25 steps at
 * least, and one of 0 s is a failure. */
struct bench_clock {
    double (*now)(void *context);
    void *context;
    double step;
};

struct bench_limits {
    double min_sample_seconds; /* 1e-3 */
    double settle_spread; /* stop when the relative spread (1.4826 MAD / median) is below … */
    size_t min_samples;   /* … with at least this many samples */
    size_t max_samples;
    double max_seconds; /* cap per case, in time spent in its samples */
};
/* Sensible limits for quick, default and full runs (see docs/measuring.md). */
struct bench_limits bench_limits_quick(void);
struct bench_limits bench_limits_default(void);
struct bench_limits bench_limits_full(void);

struct bench_case {
    const char *id;                 /* the NVTX range's name too */
    int (*call)(void *context);     /* one call of what is measured; 0 or -1 */
    int (*setup)(void *context);    /* before each sample, untimed; may be NULL */
    int (*validate)(void *context); /* after the last sample; may be NULL */
    void *context;
    struct device *device; /* timed by its events (GPU) or by the clock (CPU, or NULL) */
    double bytes_per_call; /* for the counters; 0 if meaningless */
    double flops_per_call;
    /* Most calls in one sample; 0 for no limit. 1 where setup must precede every call, as when it
     * flushes a cache: the second call of a sample would find the cache warm. */
    uint64_t max_calls;
};

/* BENCH_STOPPED: the caller's progress function ended the group. */
enum bench_stop {
    BENCH_SETTLED,
    BENCH_PLATEAU,
    BENCH_TIME_CAP,
    BENCH_SAMPLE_CAP,
    BENCH_STOPPED,
    BENCH_FAILED
};
const char *bench_stop_name(enum bench_stop stop);

struct bench_result {
    double *seconds; /* per call, one for each sample, in order */
    uint32_t *round; /* the round each sample was taken in */
    size_t samples;  /* >= 1 unless stop is BENCH_FAILED */
    uint64_t calls;  /* k: calls in one sample */
    enum bench_stop stop;
    double median, mad, low, high; /* seconds per call; low…high: 95 % bootstrap interval */
    double bytes_per_second;       /* at the median; 0 where bytes_per_call is, or at time 0 */
    double flops_per_second;
    /* Cycles a second in each sample, NaN where this thread did not run all through it; NULL where
     * none were counted. */
    double *clock;
    char error[200]; /* BENCH_FAILED: what failed. "" otherwise */
};

/* Counts the cycles that this thread spends, and the nanoseconds that it runs, in all; 0 or -1.
 * Read before the first call of a sample and after the last, outside of what is timed. */
struct bench_cycles {
    int (*read)(void *context, uint64_t *cycles, uint64_t *nanoseconds);
    void *context;
};

struct bench_options {
    struct bench_limits limits;
    uint64_t seed;                   /* of the interleaving and the bootstrap */
    const struct bench_clock *clock; /* NULL: the monotonic clock */
    /* Of cases on a CPU; NULL: none are counted. */
    const struct bench_cycles *cycles;
    /* Called after each round; a non-zero return ends the group early with what it has. */
    int (*progress)(void *context, size_t settled, size_t cases);
    void *progress_context;
};

/* Measures a group of cases together. results[i] belongs to cases[i]; free each with
 * bench_result_free. Returns 0, or -1 with the text of bench_error(); then no result needs to be
 * freed. A case that fails (a call, its setup, its validation, or the clock) ends as BENCH_FAILED
 * with its text and no samples, since times of wrong work mean nothing; the others go on. Calls
 * must not themselves call bench_run. Not thread-safe: the library behind it has global state. */
int bench_run(const struct bench_case *cases, size_t count, const struct bench_options *options,
              struct bench_result *results);
void bench_result_free(struct bench_result *result);
const char *bench_error(void);

/* Median of time(a)/time(b) over the rounds both were sampled in, with its 95 % bootstrap
 * interval. Returns 0, or -1 if they share no round. */
int bench_ratio(const struct bench_result *a, const struct bench_result *b, uint64_t seed,
                double *ratio, double *low, double *high);

#ifdef __cplusplus
}
#endif
#endif
