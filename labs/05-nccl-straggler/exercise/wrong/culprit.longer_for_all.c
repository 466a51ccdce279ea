/* rejected: you name rank */
/* Wrong: a wait is what is longer than the shortest of all sums. One that takes longer for all
 * looks like everybody waiting for nobody, and names the one that left it first. */
#include "exercise.h"

int culprit(const double *comm, size_t steps, size_t ranks, double floor_us) {
    double shortest = comm[0];
    for (size_t k = 0; k < steps * ranks; k++)
        shortest = comm[k] < shortest ? comm[k] : shortest;
    for (size_t s = 0; s < steps; s++) {
        size_t least = 0, waiting = 0;
        for (size_t r = 0; r < ranks; r++) {
            least = comm[s * ranks + r] < comm[s * ranks + least] ? r : least;
            waiting += comm[s * ranks + r] > shortest + 2 * floor_us;
        }
        if (waiting >= ranks - 1)
            return (int)least;
    }
    return -1;
}
