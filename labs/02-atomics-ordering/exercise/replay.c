/*
 * Exercise 3: find the order again.
 *
 * n updates were added to one address that held 0. Nobody noted their order, but update u noted
 * what it found: old[u]. It left old[u] + x[u]. Put them in an order in which this can have
 * happened: order[0] is the update that came first. Several orders may be possible, since equal
 * values make updates look alike; any will do. If there is none, return -1.
 *
 * Below they are in the order of the list. Rewrite it.
 *
 *     labs/02-atomics-ordering/exercise/check replay
 *
 * checks it in a few seconds; `make exercise-02` checks all of this lab.
 * `make hint-02 EX=replay` gives a hint, and with LEVEL=2 or LEVEL=3 more.
 */
#include "exercise.h"

int replay(const float *x, const float *old, size_t n, size_t *order) {
    (void)x;
    (void)old;
    for (size_t k = 0; k < n; k++)
        order[k] = k;
    return 0;
}
