/* rejected: among the numbers */
/* Wrong: right integers, but what does not fit becomes a number in silence. */
#include <math.h>
#include <stdint.h>

#include "exercise.h"

struct total {
    int64_t sum;
};

size_t total_size(void) {
    return sizeof(struct total);
}

void total_add(struct total *total, float x) {
    total->sum += (int64_t)fmin(fmax(rint((double)x * 0x1p42), -0x1p52), 0x1p52);
}

void total_merge(struct total *into, const struct total *from) {
    into->sum += from->sum;
}

int total_value(const struct total *total, float *sum) {
    *sum = (float)((double)total->sum * 0x1p-42);
    return 0;
}
