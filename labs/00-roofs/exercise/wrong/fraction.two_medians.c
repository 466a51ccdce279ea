/* rejected: On a machine that is slow in some rounds */
/* Wrong: the ratio of two medians, each taken where its own thing was fast or slow. */
#include <math.h>
#include <stdlib.h>

#include "exercise.h"

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *x, const double *other, size_t rounds) {
    double kept[1000];
    size_t n = 0;
    for (size_t r = 0; r < rounds; r++)
        if (!isnan(x[r]) && !isnan(other[r]))
            kept[n++] = x[r];
    qsort(kept, n, sizeof *kept, ascending);
    return n ? (kept[(n - 1) / 2] + kept[n / 2]) / 2 : NAN;
}

double fraction(const double *mine, const double *reader, size_t rounds, double my_bytes,
                double reader_bytes) {
    double my_time = median(mine, reader, rounds), reader_time = median(reader, mine, rounds);
    return isnan(my_time) ? -1 : (my_bytes / my_time) / (reader_bytes / reader_time);
}
