/* rejected: which you do not list */
/* Wrong: every rotation of the list, forwards and backwards. */
#include "exercise.h"

static size_t insert(float *list, size_t count, float value) {
    size_t at = 0;
    while (at < count && list[at] < value)
        at++;
    if (at < count && list[at] == value)
        return count;
    for (size_t k = count; k > at; k--)
        list[k] = list[k - 1];
    list[at] = value;
    return count + 1;
}

size_t reach(const float *x, size_t n, float *results) {
    size_t count = 0;
    for (size_t first = 0; first < n; first++) {
        float up = 0, down = 0;
        for (size_t k = 0; k < n; k++) {
            up += x[(first + k) % n];
            down += x[(first + n - k) % n];
        }
        count = insert(results, count, up);
        count = insert(results, count, down);
    }
    return count;
}
