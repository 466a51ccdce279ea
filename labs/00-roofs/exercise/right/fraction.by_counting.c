/* Times only, and the bytes at the end; the median by counting how many are smaller. */
#include "exercise.h"

static int there(double a, double b) {
    return a == a && b == b;
}

/* The k-th smallest of reader over mine: as many below it, and it among those that are equal. */
static double kth(const double *mine, const double *reader, size_t rounds, size_t k) {
    for (size_t r = 0; r < rounds; r++) {
        size_t below = 0, equal = 0;
        if (!there(mine[r], reader[r]))
            continue;
        for (size_t s = 0; s < rounds; s++)
            if (there(mine[s], reader[s])) {
                below += reader[s] / mine[s] < reader[r] / mine[r];
                equal += reader[s] / mine[s] == reader[r] / mine[r];
            }
        if (below <= k && k < below + equal)
            return reader[r] / mine[r];
    }
    return 0;
}

double fraction(const double *mine, const double *reader, size_t rounds, double my_bytes,
                double reader_bytes) {
    size_t n = 0;
    for (size_t r = 0; r < rounds; r++)
        n += there(mine[r], reader[r]) != 0;
    if (n == 0)
        return -1;
    double low = kth(mine, reader, rounds, (n - 1) / 2), high = kth(mine, reader, rounds, n / 2);
    return (low + high) / 2 * (my_bytes / reader_bytes);
}
