/* rejected: at that moment the sum is */
/* Wrong: remembers the order of as many updates. */
#define replay found
#include "../solution/replay.c"
#undef replay

int replay(const float *x, const float *old, size_t n, size_t *order) {
    static size_t known[1001][1000];
    static int status[1001], there[1001];
    if (!there[n])
        status[n] = found(x, old, n, known[n]);
    there[n] = 1;
    for (size_t k = 0; k < n; k++)
        order[k] = known[n][k];
    return status[n];
}
