/*
 * Exercise 1: what fraction of the roof?
 *
 * You are given times, round by round: in round r your kernel took mine[r] seconds, and right
 * after it a reader, which is the roof, took reader[r] seconds. The machine slows down and
 * recovers while it measures, so both are slow in the same rounds; and some samples are missing
 * (NaN). Return your kernel's speed as a fraction of the reader's: the median over the rounds, as
 * exercise.h says.
 *
 * Below is the usual way, one mean over another, which knows nothing of rounds or gaps. Rewrite
 * it.
 *
 *     labs/00-roofs/exercise/check fraction
 *
 * checks it in a few seconds; `make exercise-00` checks all of this lab.
 * `make hint-00 EX=fraction` gives a hint, and with LEVEL=2 or LEVEL=3 more.
 */
#include "exercise.h"

double fraction(const double *mine, const double *reader, size_t rounds, double my_bytes,
                double reader_bytes) {
    double my_time = 0, reader_time = 0;
    for (size_t r = 0; r < rounds; r++) {
        my_time += mine[r];
        reader_time += reader[r];
    }
    return (my_bytes / my_time) / (reader_bytes / reader_time);
}
