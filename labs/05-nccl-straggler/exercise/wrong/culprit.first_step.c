/* rejected: you name nobody */
/* Wrong: looks at the first step only. */
#include "exercise.h"

int culprit(const double *comm, size_t steps, size_t ranks, double floor_us) {
    size_t least = 0, most = 0;
    (void)steps;
    for (size_t r = 1; r < ranks; r++) {
        least = comm[r] < comm[least] ? r : least;
        most = comm[r] > comm[most] ? r : most;
    }
    return comm[most] > comm[least] + 2 * floor_us ? (int)least : -1;
}
