/* rejected: in another order */
/* Wrong: each total sorts its own numbers before it adds them up; which ones it got is the order's
 * doing. */
#include <math.h>
#include <stdlib.h>

#include "exercise.h"

struct total {
    unsigned count;
    int misfit;
    float x[1000];
    double merged;
};

size_t total_size(void) {
    return sizeof(struct total);
}

void total_add(struct total *total, float x) {
    if (fabsf(x) <= 1)
        total->x[total->count++] = x;
    else
        total->misfit = 1;
}

static int ascending(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double own(const struct total *total) {
    struct total sorted = *total;
    double sum = 0;
    qsort(sorted.x, sorted.count, sizeof *sorted.x, ascending);
    for (unsigned k = 0; k < sorted.count; k++)
        sum += (double)sorted.x[k];
    return sum;
}

void total_merge(struct total *into, const struct total *from) {
    into->merged += own(from) + from->merged;
    into->misfit |= from->misfit;
}

int total_value(const struct total *total, float *sum) {
    *sum = (float)(own(total) + total->merged);
    return total->misfit ? -1 : 0;
}
