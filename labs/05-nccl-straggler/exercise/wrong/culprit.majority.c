/* rejected: you name rank */
/* Wrong: the rank that waits least in most of the steps: late or not. */
#include "exercise.h"

int culprit(const double *comm, size_t steps, size_t ranks, double floor_us) {
    size_t times[64] = {0}, best = 0;
    int waited = 0;
    for (size_t s = 0; s < steps; s++) {
        const double *of = comm + s * ranks;
        size_t least = 0, most = 0;
        for (size_t r = 1; r < ranks; r++) {
            least = of[r] < of[least] ? r : least;
            most = of[r] > of[most] ? r : most;
        }
        times[least]++;
        waited |= of[most] > of[least] + 2 * floor_us;
    }
    for (size_t r = 1; r < ranks; r++)
        best = times[r] > times[best] ? r : best;
    return waited ? (int)best : -1;
}
