/* rejected: at that moment the sum is */
/* Wrong: the last one first. */
#define replay found
#include "../solution/replay.c"
#undef replay

int replay(const float *x, const float *old, size_t n, size_t *order) {
    static size_t update[1000];
    int status = found(x, old, n, update);
    for (size_t k = 0; k < n && status == 0; k++)
        order[k] = update[n - 1 - k];
    return status;
}
