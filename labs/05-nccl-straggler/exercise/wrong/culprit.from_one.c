/* rejected: you name */
/* Wrong: counts ranks from 1. */
#include "exercise.h"

int culprit(const double *comm, size_t steps, size_t ranks, double floor_us) {
    for (size_t s = 0; s < steps; s++) {
        const double *of = comm + s * ranks;
        size_t least = 0, most = 0;
        for (size_t r = 1; r < ranks; r++) {
            least = of[r] < of[least] ? r : least;
            most = of[r] > of[most] ? r : most;
        }
        if (of[most] > of[least] + 2 * floor_us)
            return (int)least + 1;
    }
    return -1;
}
