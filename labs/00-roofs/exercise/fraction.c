/*
 * Exercise 1: what fraction of the roof?
 *
 * The machine slows down and recovers while it measures. Your kernel and the reader were timed by
 * turns, so both were slow in the same rounds; some samples are missing. Below is the usual way,
 * one mean over another. Make it the median of what is paired; then `make exercise-00`.
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
