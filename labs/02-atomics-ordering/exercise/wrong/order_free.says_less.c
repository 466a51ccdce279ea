/* rejected: memory behind it has changed */
/* Wrong: asks for less memory than it uses. */
#include <math.h>
#include <stdint.h>

#include "exercise.h"

struct total {
    int64_t misfit, sum;
};

size_t total_size(void) {
    return sizeof(int64_t);
}

void total_add(struct total *total, float x) {
    if (fabsf(x) <= 1) /* false for NaN */
        total->sum += llrint((double)x * 0x1p42);
    else
        total->misfit = 1;
}

void total_merge(struct total *into, const struct total *from) {
    into->sum += from->sum;
    into->misfit |= from->misfit;
}

int total_value(const struct total *total, float *sum) {
    *sum = (float)((double)total->sum * 0x1p-42);
    return total->misfit ? -1 : 0;
}
