/* rejected: On a steady machine (3 rounds */
/* Wrong: takes the middle one of the list as it came, and not of the sorted list. */
#include <math.h>

#include "exercise.h"

double fraction(const double *mine, const double *reader, size_t rounds, double my_bytes,
                double reader_bytes) {
    double ratio[1000];
    size_t n = 0;
    for (size_t r = 0; r < rounds; r++)
        if (!isnan(mine[r]) && !isnan(reader[r]))
            ratio[n++] = (my_bytes / mine[r]) / (reader_bytes / reader[r]);
    if (n == 0)
        return -1;
    return (ratio[(n - 1) / 2] + ratio[n / 2]) / 2;
}
