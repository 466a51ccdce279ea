/* rejected: late in every step: as it is */
/* Wrong: compares with the rank that is slowest in the mean, and not with the one that is slowest
 * in each step. */
#include "exercise.h"

double without(const double *compute, const double *comm, size_t steps, size_t ranks, size_t late) {
    double step = 0, its = 0, slowest = 0;
    for (size_t s = 0; s < steps; s++) {
        step += compute[s * ranks + late] + comm[s * ranks + late];
        its += compute[s * ranks + late];
    }
    for (size_t r = 0; r < ranks; r++) {
        double other = 0;
        for (size_t s = 0; s < steps; s++)
            other += compute[s * ranks + r];
        slowest = r != late && other > slowest ? other : slowest;
    }
    return (step - (its > slowest ? its - slowest : 0)) / (double)steps;
}
