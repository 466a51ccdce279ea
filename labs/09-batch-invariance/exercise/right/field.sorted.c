/* Runs in the order of their bits: a field explains them if it changes where the bits do, and never
 * comes back. */
#include <stdlib.h>
#include <string.h>

#include "exercise.h"

static int by_bits(const void *a, const void *b) {
    uint64_t x = ((const struct observed *)a)->bits, y = ((const struct observed *)b)->bits;
    return (x > y) - (x < y);
}

int field(const struct observed *runs, size_t n) {
    struct observed *sorted = malloc(n * sizeof *sorted);
    int found = -1, count = 0;
    if (!sorted)
        abort();
    memcpy(sorted, runs, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_bits);
    for (int f = 0; f < FIELDS; f++) {
        int good = 1;
        for (size_t i = 1; i < n && good; i++) {
            if (sorted[i].bits == sorted[i - 1].bits) {
                good = sorted[i].field[f] == sorted[i - 1].field[f];
                continue;
            }
            for (size_t j = 0; j < i && good; j++)
                good = sorted[j].field[f] != sorted[i].field[f];
        }
        if (good) {
            found = f;
            count++;
        }
    }
    free(sorted);
    return count == 1 ? found : -1;
}
