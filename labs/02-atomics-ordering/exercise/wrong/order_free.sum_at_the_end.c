/* rejected: 1,000 numbers between -1 and 1 */
/* Wrong: a sum of floats, and misfits found in the sum: every order has its own. */
#include <math.h>

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
    return isfinite(total->sum) && fabsf(total->sum) <= 1000 ? 0 : -1;
}
