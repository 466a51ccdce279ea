/* rejected: A total that got 0.5 and nothing else */
/* Wrong: one sum for the whole program. */
#include <math.h>
#include <stdint.h>

#include "exercise.h"

struct total {
    int used;
};
static int64_t sum_of_all;
static int misfit;

size_t total_size(void) {
    return sizeof(struct total);
}

void total_add(struct total *total, float x) {
    total->used = 1;
    if (fabsf(x) <= 1)
        sum_of_all += llrint((double)x * 0x1p42);
    else
        misfit = 1;
}

void total_merge(struct total *into, const struct total *from) {
    into->used |= from->used;
}

int total_value(const struct total *total, float *sum) {
    (void)total;
    *sum = (float)((double)sum_of_all * 0x1p-42);
    sum_of_all = 0;
    return misfit ? -1 : 0;
}
