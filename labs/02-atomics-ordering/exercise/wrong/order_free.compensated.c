/* rejected: in another order */
/* Wrong: keeps what each addition loses, which is itself rounded by the order. */
#include <math.h>

#include "exercise.h"

struct total {
    float sum, lost;
    int misfit;
};

size_t total_size(void) {
    return sizeof(struct total);
}

static void add(struct total *total, float x) {
    float now = total->sum + x, part = now - total->sum;
    total->lost += (total->sum - (now - part)) + (x - part);
    total->sum = now;
}

void total_add(struct total *total, float x) {
    if (fabsf(x) <= 1)
        add(total, x);
    else
        total->misfit = 1;
}

void total_merge(struct total *into, const struct total *from) {
    add(into, from->sum);
    into->lost += from->lost;
    into->misfit |= from->misfit;
}

int total_value(const struct total *total, float *sum) {
    *sum = total->sum + total->lost;
    return total->misfit ? -1 : 0;
}
