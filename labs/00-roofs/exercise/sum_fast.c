/*
 * Exercise 3: how close to the roof can one thread read?
 *
 * The plain loop waits for each addition before it begins the next: it is far below what memory can
 * give. Below are four sums side by side, which do not wait for each other. It is not finished.
 * Make it right for every n, and then as fast as you can; `make exercise-00` checks every call that
 * it times, and tells which fraction of the roof you reach.
 */
#include "exercise.h"

void sum_fast(const float *x, size_t n, float *sum) {
    float part[4] = {0, 0, 0, 0};
    for (size_t i = 0; i + 4 <= n; i += 4)
        for (size_t k = 0; k < 4; k++)
            part[k] += x[i + k];
    *sum = (part[0] + part[1]) + (part[2] + part[3]);
}
