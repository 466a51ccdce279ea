/* rejected: two of which found what only the other one left */
/* Wrong: asks only whether every value found was left by somebody, and not whether there is a way.
 * */
#define replay found
#include "../solution/replay.c"
#undef replay

int replay(const float *x, const float *old, size_t n, size_t *order) {
    size_t missing = 0;
    for (size_t u = 0; u < n; u++) {
        size_t left = old[u] == 0;
        for (size_t v = 0; v < n; v++)
            left += old[v] + x[v] == old[u];
        missing += left == 0;
    }
    found(x, old, n, order);
    return missing ? -1 : 0;
}
