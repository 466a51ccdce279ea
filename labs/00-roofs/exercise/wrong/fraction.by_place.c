/* rejected: With samples missing */
/* Wrong: drops missing samples from each list and pairs what is left by its place. */
#include <math.h>
#include <stdlib.h>

#include "exercise.h"

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static size_t without_gaps(const double *x, size_t rounds, double *kept) {
    size_t n = 0;
    for (size_t r = 0; r < rounds; r++)
        if (!isnan(x[r]))
            kept[n++] = x[r];
    return n;
}

double fraction(const double *mine, const double *reader, size_t rounds, double my_bytes,
                double reader_bytes) {
    double a[1000], b[1000], ratio[1000];
    size_t n = without_gaps(mine, rounds, a), other = without_gaps(reader, rounds, b);
    n = other < n ? other : n;
    if (n == 0)
        return -1;
    for (size_t r = 0; r < n; r++)
        ratio[r] = (my_bytes / a[r]) / (reader_bytes / b[r]);
    qsort(ratio, n, sizeof *ratio, ascending);
    return (ratio[(n - 1) / 2] + ratio[n / 2]) / 2;
}
