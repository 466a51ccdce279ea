/* rejected: which you do not list */
/* Wrong: a hundred random orders, which miss what is rare. */
#include <stdlib.h>

#include "exercise.h"

static size_t insert(float *list, size_t count, float value) {
    size_t at = 0;
    while (at < count && list[at] < value)
        at++;
    if (at < count && list[at] == value)
        return count;
    for (size_t k = count; k > at; k--)
        list[k] = list[k - 1];
    list[at] = value;
    return count + 1;
}

size_t reach(const float *x, size_t n, float *results) {
    size_t count = 0;
    for (int turn = 0; turn < 100; turn++) {
        unsigned done = 0;
        float sum = 0;
        while (done != (1u << n) - 1) {
            unsigned u = (unsigned)rand() % (unsigned)n;
            if (!(done >> u & 1))
                sum += x[u];
            done |= 1u << u;
        }
        count = insert(results, count, sum);
    }
    return count;
}
