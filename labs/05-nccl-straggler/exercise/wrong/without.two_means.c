/* rejected: late in every step: as it is */
/* Wrong: takes off by how much the rank computes longer than the others do in the mean. */
#include "exercise.h"

double without(const double *compute, const double *comm, size_t steps, size_t ranks, size_t late) {
    double step = 0, its = 0, others = 0;
    for (size_t s = 0; s < steps; s++)
        for (size_t r = 0; r < ranks; r++) {
            size_t k = s * ranks + r;
            step += (compute[k] + comm[k]) / (double)(steps * ranks);
            if (r == late)
                its += compute[k] / (double)steps;
            else
                others += compute[k] / (double)(steps * (ranks - 1));
        }
    return step - (its - others);
}
