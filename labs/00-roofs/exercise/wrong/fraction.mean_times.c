/* rejected: On a steady machine */
/* Wrong: one mean time over another, of the rounds that have both samples. */
#include <math.h>

#include "exercise.h"

double fraction(const double *mine, const double *reader, size_t rounds, double my_bytes,
                double reader_bytes) {
    double my_time = 0, reader_time = 0;
    for (size_t r = 0; r < rounds; r++)
        if (!isnan(mine[r]) && !isnan(reader[r])) {
            my_time += mine[r];
            reader_time += reader[r];
        }
    return my_time > 0 ? (my_bytes / my_time) / (reader_bytes / reader_time) : -1;
}
