/* rejected: On a steady machine */
/* Wrong: the ratios are paired, and then their mean is taken. */
#include <math.h>

#include "exercise.h"

double fraction(const double *mine, const double *reader, size_t rounds, double my_bytes,
                double reader_bytes) {
    double sum = 0;
    size_t n = 0;
    for (size_t r = 0; r < rounds; r++)
        if (!isnan(mine[r]) && !isnan(reader[r])) {
            sum += (my_bytes / mine[r]) / (reader_bytes / reader[r]);
            n++;
        }
    return n ? sum / (double)n : -1;
}
