/* Another way: follow the values in a ring, then splice in rings that were left out. */
#include <stdbool.h>
#include <string.h>

#include "exercise.h"

static size_t follow(const float *x, const float *old, size_t n, float value, bool *used,
                     size_t *out) {
    size_t count = 0, u = 0;
    while (u < n) {
        for (u = 0; u < n && (used[u] || old[u] != value); u++)
            ;
        if (u < n) {
            used[u] = true;
            out[count++] = u;
            value = old[u] + x[u];
        }
    }
    return count;
}

int replay(const float *x, const float *old, size_t n, size_t *order) {
    static bool used[1000];
    static size_t ring[1000];
    memset(used, 0, sizeof used);
    size_t count = follow(x, old, n, 0, used, order);
    for (size_t at = 0; at < count; at++) {
        size_t more = follow(x, old, n, old[order[at]], used, ring);
        memmove(order + at + more, order + at, (count - at) * sizeof *order);
        memcpy(order + at, ring, more * sizeof *order);
        count += more;
    }
    return count == n ? 0 : -1;
}
