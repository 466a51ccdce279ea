/*
 * Exercise 1: who is the straggler?
 *
 * exercise.h says what you are given: the time that each rank was in each sum, and nothing else.
 * Below is what tools and people do with it: the rank with the longest time is the slow one. Name
 * the right rank, and nobody where nobody is late.
 *
 * Worth knowing: whose time in a sum is long, waited. For whom?
 *
 *     labs/05-nccl-straggler/exercise/check culprit
 *
 * checks it in a few seconds; `make exercise-05` checks all of this lab.
 * `make hint-05 EX=culprit` gives a hint, and with LEVEL=2 or LEVEL=3 more.
 */
#include "exercise.h"

int culprit(const double *comm, size_t steps, size_t ranks, double floor_us) {
    int slowest = -1;
    double longest = 0, shortest = comm[0];
    for (size_t k = 0; k < steps * ranks; k++) {
        if (comm[k] > longest) {
            longest = comm[k];
            slowest = (int)(k % ranks);
        }
        if (comm[k] < shortest)
            shortest = comm[k];
    }
    return longest > shortest + 2 * floor_us ? slowest : -1;
}
