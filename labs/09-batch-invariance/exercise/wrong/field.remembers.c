/* rejected: rows have */
#include "exercise.h"

int field(const struct observed *runs, size_t n) {
    static int first = -2;
    for (int f = 0; f < FIELDS && first == -2; f++)
        if (runs[0].field[f] != runs[n - 1].field[f])
            first = f;
    return first;
}
