/* rejected: nobody is late: you name */
/* Wrong: whoever waits least is late, by however little. */
#include "exercise.h"

int culprit(const double *comm, size_t steps, size_t ranks, double floor_us) {
    (void)floor_us;
    for (size_t s = 0; s < steps; s++) {
        const double *of = comm + s * ranks;
        size_t least = 0, most = 0;
        for (size_t r = 1; r < ranks; r++) {
            least = of[r] < of[least] ? r : least;
            most = of[r] > of[most] ? r : most;
        }
        if (of[most] > of[least])
            return (int)least;
    }
    return -1;
}
