/* Better: ratios with 64 bits of significand where a long double has them, and rounded to double
 * once, at the end. */
#include <math.h>
#include <stdlib.h>

#include "exercise.h"

static int ascending(const void *a, const void *b) {
    long double x = *(const long double *)a, y = *(const long double *)b;
    return (x > y) - (x < y);
}

double fraction(const double *mine, const double *reader, size_t rounds, double my_bytes,
                double reader_bytes) {
    long double ratio[1000];
    size_t n = 0;
    for (size_t r = 0; r < rounds; r++)
        if (!isnan(mine[r]) && !isnan(reader[r]))
            ratio[n++] = (long double)my_bytes * reader[r] / ((long double)reader_bytes * mine[r]);
    if (n == 0)
        return -1;
    qsort(ratio, n, sizeof *ratio, ascending);
    return (double)((ratio[(n - 1) / 2] + ratio[n / 2]) / 2);
}
