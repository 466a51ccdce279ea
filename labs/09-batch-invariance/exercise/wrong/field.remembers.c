/* rejected: rows have */
#include "exercise.h"

static int explains(const struct observed *runs, size_t n, int f) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            if ((runs[i].field[f] == runs[j].field[f]) != (runs[i].bits == runs[j].bits))
                return 0;
    return 1;
}

/* The field that was found once is taken for every later one. */
int field(const struct observed *runs, size_t n) {
    static int first = -1;
    int found = -1, count = 0;
    for (int f = 0; f < FIELDS; f++)
        if (explains(runs, n, f)) {
            found = f;
            count++;
        }
    if (count != 1)
        return -1;
    if (first < 0)
        first = found;
    return first;
}
