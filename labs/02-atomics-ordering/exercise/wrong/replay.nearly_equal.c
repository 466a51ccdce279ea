/* rejected: updates: */
/* Wrong: takes a value for another that is near. */
#include <stdbool.h>

#include "exercise.h"

int replay(const float *x, const float *old, size_t n, size_t *order) {
    static size_t walk[1000];
    static bool used[1000];
    size_t depth = 0, left = n;
    float value = 0;
    for (size_t u = 0; u < n; u++)
        used[u] = false;
    for (;;) {
        size_t u = 0;
        while (u < n && (used[u] || (old[u] - value > 1e-3f || value - old[u] > 1e-3f)))
            u++;
        if (u < n) {
            used[u] = true;
            walk[depth++] = u;
            value = old[u] + x[u];
        } else if (depth > 0) {
            u = walk[--depth];
            order[--left] = u;
            value = old[u];
        } else {
            break;
        }
    }
    return left == 0 ? 0 : -1;
}
