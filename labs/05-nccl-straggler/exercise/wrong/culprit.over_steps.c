/* rejected: you name */
/* Wrong: takes the numbers for steps of each rank, and they are ranks of each step. */
#include "exercise.h"

int culprit(const double *comm, size_t steps, size_t ranks, double floor_us) {
    for (size_t s = 0; s < steps; s++) {
        size_t least = 0, most = 0;
        for (size_t r = 1; r < ranks; r++) {
            least = comm[r * steps + s] < comm[least * steps + s] ? r : least;
            most = comm[r * steps + s] > comm[most * steps + s] ? r : most;
        }
        if (comm[most * steps + s] > comm[least * steps + s] + 2 * floor_us)
            return (int)least;
    }
    return -1;
}
