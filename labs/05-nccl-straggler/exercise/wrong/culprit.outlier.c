/* rejected: you name */
/* Wrong: a rank is late if its mean lies three standard deviations from the others' mean. */
#include "exercise.h"

int culprit(const double *comm, size_t steps, size_t ranks, double floor_us) {
    double mean = 0, square = 0;
    for (size_t k = 0; k < steps * ranks; k++)
        mean += comm[k] / (double)(steps * ranks);
    for (size_t k = 0; k < steps * ranks; k++)
        square += (comm[k] - mean) * (comm[k] - mean) / (double)(steps * ranks);
    (void)floor_us;
    for (size_t r = 0; r < ranks; r++) {
        double its = 0;
        for (size_t s = 0; s < steps; s++)
            its += comm[s * ranks + r] / (double)steps;
        if ((its - mean) * (its - mean) > 9 * square)
            return (int)r;
    }
    return -1;
}
