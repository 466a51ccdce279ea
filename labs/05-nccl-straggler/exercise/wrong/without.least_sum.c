/* rejected: late in every step: as it is */
/* Wrong: every sum takes as long as the shortest of all. */
#include "exercise.h"

double without(const double *compute, const double *comm, size_t steps, size_t ranks, size_t late) {
    double sum = 0, least = comm[0];
    for (size_t k = 0; k < steps * ranks; k++)
        least = comm[k] < least ? comm[k] : least;
    for (size_t s = 0; s < steps; s++) {
        double slowest = 0;
        for (size_t r = 0; r < ranks; r++)
            if (r != late && compute[s * ranks + r] > slowest)
                slowest = compute[s * ranks + r];
        sum += slowest + least;
    }
    return sum / (double)steps;
}
