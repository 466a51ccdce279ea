/*
 * straggler_inside.h: what the files of this folder share.
 */
#ifndef NANOLAB_KERNELS_STRAGGLER_STRAGGLER_INSIDE_H
#define NANOLAB_KERNELS_STRAGGLER_STRAGGLER_INSIDE_H

#include "kernels/straggler/straggler.h"

/* Puts one line into `why` and returns -1. */
int straggler_fail(char *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The k-th smallest, k < count; reorders. */
double straggler_select(double *values, size_t count, size_t k);
/* Of count > 0; reorders. */
double straggler_median(double *values, size_t count);

/* --- what steps are compared with --------------------------------------------------------------
 */

/* How much longer than the median of the others each computed. scratch[2 × ranks]. */
void straggler_longer(const struct straggler_log *log, size_t step, double *longer,
                      double *scratch);

/* A step that is whole. */
struct straggler_alike {
    size_t step;
    uint64_t bytes;
    enum straggler_collective collective;
};
/* Those of [first, end), to be freed: alike ones, of one collective and size, together and in
 * order; what is not alike is not compared. `any`: also collectives that do not synchronise. NULL:
 * no memory. */
struct straggler_alike *straggler_alike(const struct straggler_log *log, size_t first, size_t end,
                                        bool any, size_t *count);
/* How many of the `left` > 0 ones from there are alike. */
size_t straggler_alike_count(const struct straggler_alike *from, size_t left);
/* Of fewer than so many the jitter is not known. */
enum { STRAGGLER_FEWEST = 8 };

/*
 * What jitter does by itself. Its tail is taken to be exponential with mean `scale`, which is
 * heavier than a Gaussian's; the mean over n steps then exceeds its own mean, mean_over × scale
 * from the median of the others, by scale × (√(2x/n) + x/n) with a chance of at most e^-x
 * (Bernstein's inequality), and ranks × windows have that chance.
 */
struct straggler_noise {
    double scale_us;
    double least_us;  /* what is less is no matter: resolution, a tenth of the collective, or as
                         measured before */
    double looks;     /* ranks × steps of the log */
    double mean_over; /* the mean over the median, in scales */
};
/* Of steps that are alike. 0, or -1: no memory. */
int straggler_noise(const struct straggler_log *log, const struct straggler_alike *steps,
                    size_t count, struct straggler_noise *out);
/* Lateness, as the mean of n steps, that is named. */
double straggler_threshold(const struct straggler_noise *noise, size_t n);
/* Stalls that last for some steps and pass are looked for in the mean of so many. */
enum { STRAGGLER_STRETCH = 8 };
/* The chance of so much by jitter alone, anywhere in the log. */
double straggler_chance(const struct straggler_noise *noise, double late_us, size_t n);

#endif
