/*
 * Exercise 1: who is the straggler?
 *
 * exercise.h says what you are given: the time that each rank was in each sum, and nothing else.
 * Below is what tools and people do with it: the rank with the longest time is the slow one. Name
 * the right rank, and nobody where nobody is late; then `make exercise-05`.
 *
 * Worth knowing: whose time in a sum is long, waited. For whom?
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
