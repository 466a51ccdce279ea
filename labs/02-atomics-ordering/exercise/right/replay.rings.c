/* Another way: one way from 0 to a dead end, and rings put in where the way passes them, as a list
 * with links. */
#include <stdbool.h>

#include "exercise.h"

int replay(const float *x, const float *old, size_t n, size_t *order) {
    static size_t next[1001];
    static bool used[1000];
    size_t done = 0, count = 0, turn = 0;
    for (size_t u = 0; u < n; u++)
        used[u] = false;
    next[n] = n; /* from the start, and the end */
    for (size_t at = n;;) {
        size_t last = at, after = next[at];
        for (float value = at == n ? 0 : old[at] + x[at];;) {
            size_t u = 0;
            while (u < n && (used[u] || old[u] != value))
                u++;
            if (u == n)
                break;
            used[u] = true;
            next[last] = u;
            last = u;
            value = old[u] + x[u];
            done++;
        }
        next[last] = after;
        if (at == n && turn++ == 0) /* rings at the start, too */
            continue;
        if ((at = next[at]) == n)
            break;
    }
    for (size_t u = next[n]; u != n && count < n; u = next[u])
        order[count++] = u;
    return done == n && count == n ? 0 : -1;
}
