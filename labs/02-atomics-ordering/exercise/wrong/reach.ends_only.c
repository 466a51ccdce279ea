/* rejected: which you do not list */
/* Wrong: the smallest and the largest result of each set of updates, as if nothing lay between. */
#include "exercise.h"

#include <stdlib.h>

size_t reach(const float *x, size_t n, float *results) {
    float low[128] = {0}, high[128] = {0};
    for (size_t set = 1; set < (size_t)1 << n; set++)
        for (size_t u = 0, first = 1; u < n; u++)
            if (set >> u & 1) {
                float l = low[set ^ (size_t)1 << u] + x[u], h = high[set ^ (size_t)1 << u] + x[u];
                low[set] = first || l < low[set] ? l : low[set];
                high[set] = first || h > high[set] ? h : high[set];
                first = 0;
            }
    size_t all = ((size_t)1 << n) - 1;
    results[0] = low[all];
    results[1] = high[all];
    return low[all] == high[all] ? 1 : 2;
}
