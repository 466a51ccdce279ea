/* rejected: which is larger */
/* Wrong: in the order in which they were found. */
#include "exercise.h"

#include <stdlib.h>

static size_t insert(float *list, size_t count, float value) {
    size_t at = 0;
    while (at < count && list[at] != value)
        at++;
    if (at < count && list[at] == value)
        return count;
    for (size_t k = count; k > at; k--)
        list[k] = list[k - 1];
    list[at] = value;
    return count + 1;
}

size_t reach(const float *x, size_t n, float *results) {
    static float value[128][5040];
    size_t count[128] = {1};
    value[0][0] = 0;
    for (size_t set = 1; set < (size_t)1 << n; set++)
        for (size_t u = 0; u < n; u++)
            if (set >> u & 1) {
                size_t before = set ^ (size_t)1 << u;
                for (size_t k = 0; k < count[before]; k++)
                    count[set] = insert(value[set], count[set], value[before][k] + x[u]);
            }
    size_t all = ((size_t)1 << n) - 1;
    for (size_t k = 0; k < count[all]; k++)
        results[k] = value[all][k];
    return count[all];
}
