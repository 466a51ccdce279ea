/* rejected: there is an order, and you say -1 */
/* Wrong: follows the values, and gives up in a dead end instead of going back. */
#include <stdbool.h>

#include "exercise.h"

int replay(const float *x, const float *old, size_t n, size_t *order) {
    static bool used[1000];
    float value = 0;
    for (size_t u = 0; u < n; u++)
        used[u] = false;
    for (size_t k = 0; k < n; k++) {
        size_t u = 0;
        while (u < n && (used[u] || old[u] != value))
            u++;
        if (u == n)
            return -1;
        used[u] = true;
        order[k] = u;
        value = old[u] + x[u];
    }
    return 0;
}
