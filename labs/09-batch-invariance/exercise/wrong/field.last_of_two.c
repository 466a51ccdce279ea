/* rejected: more than one field explains */
#include "exercise.h"

int field(const struct observed *runs, size_t n) {
    int found = -1, count = 0;
    for (int f = 0; f < FIELDS; f++) {
        int explains = 1;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < i; j++)
                if ((runs[i].field[f] == runs[j].field[f]) != (runs[i].bits == runs[j].bits))
                    explains = 0;
        if (explains) {
            found = f;
            count++;
        }
    }
    return found;
}
