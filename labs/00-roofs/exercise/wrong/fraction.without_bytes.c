/* rejected: With a single round */
/* Wrong: one time over the other: right where both read the same number of bytes. */
#include <math.h>
#include <stdlib.h>

#include "exercise.h"

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double fraction(const double *mine, const double *reader, size_t rounds, double my_bytes,
                double reader_bytes) {
    double ratio[1000];
    size_t n = 0;
    (void)my_bytes;
    (void)reader_bytes;
    for (size_t r = 0; r < rounds; r++)
        if (!isnan(mine[r]) && !isnan(reader[r]))
            ratio[n++] = reader[r] / mine[r];
    if (n == 0)
        return -1;
    qsort(ratio, n, sizeof *ratio, ascending);
    return (ratio[(n - 1) / 2] + ratio[n / 2]) / 2;
}
