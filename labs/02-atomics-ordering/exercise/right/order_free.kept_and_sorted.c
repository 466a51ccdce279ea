/* Another way: keeps every number, and adds them up in one order whoever brought them. */
#include <math.h>
#include <stdlib.h>

#include "exercise.h"

struct total {
    unsigned count;
    int misfit;
    float x[1000];
};

size_t total_size(void) {
    return sizeof(struct total);
}

void total_add(struct total *total, float x) {
    if (fabsf(x) <= 1 && total->count < 1000)
        total->x[total->count++] = x;
    else
        total->misfit = 1;
}

void total_merge(struct total *into, const struct total *from) {
    for (unsigned k = 0; k < from->count; k++)
        total_add(into, from->x[k]);
    into->misfit |= from->misfit;
}

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

int total_value(const struct total *total, float *sum) {
    struct total sorted = *total;
    double exact = 0;
    qsort(sorted.x, sorted.count, sizeof *sorted.x, by_value);
    for (unsigned k = 0; k < sorted.count; k++)
        exact += (double)sorted.x[k];
    *sum = (float)exact;
    return total->misfit ? -1 : 0;
}
