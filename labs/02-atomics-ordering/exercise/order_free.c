/*
 * Exercise 1: a sum that does not care about order.
 *
 * Many threads each keep a total, add numbers to it as they come, and merge their totals in
 * whatever order they finish. Make the result the same bits every time. The numbers are at most 1
 * in magnitude, there are at most 1,000 of them, and the result must be within 2^-30 of the exact
 * sum before it is rounded to a float. Numbers that are not finite or beyond the range must be
 * owned up to: total_value then returns -1, whoever added what in which order.
 *
 * Below is a float that is added to. Rewrite it; then `make exercise-02`.
 */
#include "exercise.h"

struct total {
    float sum;
};

size_t total_size(void) {
    return sizeof(struct total);
}

void total_add(struct total *total, float x) {
    total->sum += x;
}

void total_merge(struct total *into, const struct total *from) {
    into->sum += from->sum;
}

int total_value(const struct total *total, float *sum) {
    *sum = total->sum;
    return 0;
}
