/* rejected: late in every step: as it is */
/* Wrong: the others' longest wait is taken off, as if without the late rank nobody waited. */
#include "exercise.h"

double without(const double *compute, const double *comm, size_t steps, size_t ranks, size_t late) {
    double sum = 0;
    for (size_t s = 0; s < steps; s++) {
        double longest = 0;
        for (size_t r = 0; r < ranks; r++)
            longest = comm[s * ranks + r] > longest ? comm[s * ranks + r] : longest;
        sum += compute[s * ranks + late] + 2 * comm[s * ranks + late] - longest;
    }
    return sum / (double)steps;
}
