/* rejected: late in some steps: as it is */
/* Wrong: the difference to the slowest other is taken off in every step, also where another rank
 * was the last one: there it makes the step longer. */
#include "exercise.h"

double without(const double *compute, const double *comm, size_t steps, size_t ranks, size_t late) {
    double sum = 0;
    for (size_t s = 0; s < steps; s++) {
        double slowest = 0;
        for (size_t r = 0; r < ranks; r++)
            if (r != late && compute[s * ranks + r] > slowest)
                slowest = compute[s * ranks + r];
        sum += comm[s * ranks + late] + slowest;
    }
    return sum / (double)steps;
}
