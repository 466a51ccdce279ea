/* rejected: which you do not list */
/* Wrong: remembers the results of as many updates. */
#define reach all
#include "../solution/reach.c"
#undef reach

size_t reach(const float *x, size_t n, float *results) {
    static float known[8][5040];
    static size_t count[8];
    if (count[n] == 0)
        count[n] = all(x, n, known[n]);
    for (size_t k = 0; k < count[n]; k++)
        results[k] = known[n][k];
    return count[n];
}
