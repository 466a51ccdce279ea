/* Another way: each ratio of times goes to its place in a list as it comes; the bytes come last. */
#include <math.h>

#include "exercise.h"

double fraction(const double *mine, const double *reader, size_t rounds, double my_bytes,
                double reader_bytes) {
    double sorted[1000];
    size_t n = 0;
    for (size_t r = 0; r < rounds; r++) {
        double ratio = reader[r] / mine[r];
        if (isnan(ratio))
            continue;
        size_t at = n++;
        for (; at > 0 && sorted[at - 1] > ratio; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = ratio;
    }
    if (n == 0)
        return -1;
    double middle = n % 2 ? sorted[n / 2] : 0.5 * sorted[n / 2 - 1] + 0.5 * sorted[n / 2];
    return middle * my_bytes / reader_bytes;
}
