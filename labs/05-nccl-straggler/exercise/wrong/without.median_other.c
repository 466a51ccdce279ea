/* rejected: late in every step: as it is */
/* Wrong: the others are as fast as the rank next to it. */
#include "exercise.h"

double without(const double *compute, const double *comm, size_t steps, size_t ranks, size_t late) {
    double sum = 0;
    for (size_t s = 0; s < steps; s++) {
        double slowest, its = compute[s * ranks + late];
        slowest = compute[s * ranks + (late + 1) % ranks];
        sum += its + comm[s * ranks + late] - (its > slowest ? its - slowest : 0);
    }
    return sum / (double)steps;
}
