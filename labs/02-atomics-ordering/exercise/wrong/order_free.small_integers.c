/* rejected: which is off by more than 2^-30 */
/* Wrong: integers of 32 bits: they overflow. */
#include <math.h>
#include <stdint.h>

#include "exercise.h"

struct total {
    int32_t sum;
    int misfit;
};

size_t total_size(void) {
    return sizeof(struct total);
}

void total_add(struct total *total, float x) {
    if (fabsf(x) <= 1) /* false for NaN */
        total->sum += (int32_t)lrint((double)x * 0x1p30);
    else
        total->misfit = 1;
}

void total_merge(struct total *into, const struct total *from) {
    into->sum += from->sum;
    into->misfit |= from->misfit;
}

int total_value(const struct total *total, float *sum) {
    *sum = (float)((double)total->sum * 0x1p-30);
    return total->misfit ? -1 : 0;
}
