/* rejected: late in every step: as it is */
/* Wrong: nothing would change: the others waited anyway. */
#include "exercise.h"

double without(const double *compute, const double *comm, size_t steps, size_t ranks, size_t late) {
    double sum = 0;
    for (size_t s = 0; s < steps; s++) {
        double slowest = 0, its = compute[s * ranks + late];
        for (size_t r = 0; r < ranks; r++)
            if (r != late && compute[s * ranks + r] > slowest)
                slowest = compute[s * ranks + r];
        sum += its + comm[s * ranks + late];
    }
    return sum / (double)steps;
}
