/*
 * exercise.h: what the exercises of lab 00 are to provide. Each file provides its own part.
 */
#ifndef NANOLAB_LABS_00_EXERCISE_H
#define NANOLAB_LABS_00_EXERCISE_H

#include <stddef.h>
#include <stdint.h>

/* --- fraction.c --------------------------------------------------------------------------------
 */

/* The fraction of the roof that a kernel reached, from two things timed by turns: in round r your
 * kernel took mine[r] seconds for my_bytes, and then a reader, which is the roof, reader[r] seconds
 * for reader_bytes. It is the median over the rounds of one speed over the other (of an even number
 * the mean of the middle two). A round in which one of the two is missing (NaN) is none. -1: there
 * is no round. rounds <= 1,000. */
double fraction(const double *mine, const double *reader, size_t rounds, double my_bytes,
                double reader_bytes);

/* --- impossible.c ------------------------------------------------------------------------------
 */

/* What readers can do, by footprint, ascending; 1 GB is 10^9 bytes. Between two of these no reader
 * is faster than the faster of the two; below the first and beyond the last, than that one. */
struct roof {
    double footprint; /* bytes */
    double gigabytes_per_second;
};
/* What somebody says to have measured: word i of the footprint, of 8 bytes, holds i, and each pass
 * adds up all words, mod 2^64. */
struct timing {
    uint64_t footprint, passes; /* bytes, a multiple of 8, < 2^34; >= 1, <= 1,000 */
    double seconds;
    uint64_t sum; /* of all passes */
};
enum verdict {
    FINE,
    NO_TIME,   /* not a positive and finite number of seconds, or less than 10 steps of the clock */
    SKIPPED,   /* else: the sum is not that of all words in all passes */
    IMPOSSIBLE /* else: more than 5 % faster than the roof */
};
enum verdict judge(const struct timing *timing, const struct roof *roofs, size_t count,
                   double clock_step);

/* --- sum_fast.c --------------------------------------------------------------------------------
 */

/* *sum = x[0] + … + x[n - 1]. All partial sums, in any order, are whole numbers below 2^24, so that
 * every order gives the same bits. One thread; x lies at a multiple of 64 bytes. */
void sum_fast(const float *x, size_t n, float *sum);

#endif
