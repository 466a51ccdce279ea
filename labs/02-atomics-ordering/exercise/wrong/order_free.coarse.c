/* rejected: which is off by more than 2^-30 */
/* Wrong: whole units of 2^-32: the same bits in every order, and too far off. */
#include <math.h>
#include <stdint.h>

#include "exercise.h"

struct total {
    int64_t sum;
    int misfit;
};

size_t total_size(void) {
    return sizeof(struct total);
}

void total_add(struct total *total, float x) {
    if (fabsf(x) <= 1) /* false for NaN */
        total->sum += llrint((double)x * 0x1p32);
    else
        total->misfit = 1;
}

void total_merge(struct total *into, const struct total *from) {
    into->sum += from->sum;
    into->misfit |= from->misfit;
}

int total_value(const struct total *total, float *sum) {
    *sum = (float)((double)total->sum * 0x1p-32);
    return total->misfit ? -1 : 0;
}
