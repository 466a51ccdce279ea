/* All fields at once, as bits of a set that loses who is refuted. */
#include "exercise.h"

int field(const struct observed *runs, size_t n) {
    unsigned left = (1u << FIELDS) - 1;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            for (int f = 0; f < FIELDS; f++)
                if ((runs[i].field[f] == runs[j].field[f]) ^ (runs[i].bits == runs[j].bits))
                    left &= ~(1u << f);
    for (int f = 0; f < FIELDS; f++)
        if (left == 1u << f)
            return f;
    return -1;
}
