/* rejected: 1, 2^-24 and numbers that are far smaller */
/* Wrong: a wider float makes it rare that the order shows, not impossible. */
#include <math.h>

#include "exercise.h"

struct total {
    double sum;
    int misfit;
};

size_t total_size(void) {
    return sizeof(struct total);
}

void total_add(struct total *total, float x) {
    if (isfinite(x) && fabsf(x) <= 1)
        total->sum += x;
    else
        total->misfit = 1;
}

void total_merge(struct total *into, const struct total *from) {
    into->sum += from->sum;
    into->misfit |= from->misfit;
}

int total_value(const struct total *total, float *sum) {
    *sum = (float)total->sum;
    return total->misfit ? -1 : 0;
}
