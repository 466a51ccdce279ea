/*
 * Exercise 1: a sum that does not care about order.
 *
 * Many threads each keep a total, add numbers to it as they come, and merge their totals in
 * whatever order they finish. Make the result the same bits every time. There are at most 1,000
 * numbers, each between -1 and 1, and the result must be within 2^-30 of the exact sum before it
 * is rounded to a float. If a number was added that is not finite or beyond 1 in magnitude,
 * total_value returns -1, whoever added it, in whichever order.
 *
 * Below is a float that is added to. Rewrite it; what is in struct total is up to you.
 *
 *     labs/02-atomics-ordering/exercise/check order_free
 *
 * checks it in a few seconds; `make exercise-02` checks all of this lab.
 * `make hint-02 EX=order_free` gives a hint, and with LEVEL=2 or LEVEL=3 more.
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
