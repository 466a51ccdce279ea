/* rejected: took more than 2 seconds */
/* Wrong: takes a step back whenever there is no way on: right for a few updates, and for a thousand
 * it does not end. */
#include <stdbool.h>

#include "exercise.h"

static bool used[1000];

static bool go_on(const float *x, const float *old, size_t n, size_t *order, size_t k,
                  float value) {
    bool done = k == n;
    for (size_t u = 0; u < n && !done; u++)
        if (!used[u] && old[u] == value) {
            used[u] = true;
            order[k] = u;
            done = go_on(x, old, n, order, k + 1, old[u] + x[u]);
            used[u] = false;
        }
    return done;
}

int replay(const float *x, const float *old, size_t n, size_t *order) {
    return go_on(x, old, n, order, 0, 0) ? 0 : -1;
}
