/* For each field two tables: the bits of each value, and the value of each bits. */
#include "exercise.h"

static int explains(const struct observed *runs, size_t n, int f) {
    for (size_t i = 0; i < n; i++) {
        size_t v = 0, b = 0;
        while (runs[v].field[f] != runs[i].field[f])
            v++;
        while (runs[b].bits != runs[i].bits)
            b++;
        if (v != b) /* the first run of its value is the first of its bits */
            return 0;
    }
    return 1;
}

int field(const struct observed *runs, size_t n) {
    int found = -1;
    for (int f = 0; f < FIELDS; f++)
        if (explains(runs, n, f)) {
            if (found >= 0)
                return -1;
            found = f;
        }
    return found;
}
