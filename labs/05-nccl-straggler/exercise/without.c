/*
 * Exercise 2: the step without the straggler.
 *
 * Once the late rank is known, how fast would the job be if it were repaired? exercise.h says
 * what is asked. Below is what a budget often says: it takes off by how much that rank computes
 * longer than the others do in the mean. Make it right.
 *
 * Worth knowing: without it, somebody else comes last, and not in every step is it the last one.
 *
 *     labs/05-nccl-straggler/exercise/check without
 *
 * checks it in a few seconds; `make exercise-05` checks all of this lab.
 * `make hint-05 EX=without` gives a hint, and with LEVEL=2 or LEVEL=3 more.
 */
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
