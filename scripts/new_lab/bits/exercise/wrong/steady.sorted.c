/* rejected: both ways */
/* Sorted first, so the bits are the same in any order, but every addition still rounds. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

float steady_sum(const float *x, size_t n) {
    float sorted[1000], sum = 0;
    memcpy(sorted, x, n * sizeof *x);
    qsort(sorted, n, sizeof *sorted, ascending);
    for (size_t i = 0; i < n; i++)
        sum += sorted[i];
    return sum;
}
