/* Another way: all orders by swapping two updates at a time, each result put into its place. */
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

static size_t orders(float *y, size_t fixed, size_t n, float *results, size_t count) {
    if (fixed == n) {
        float sum = 0;
        for (size_t k = 0; k < n; k++)
            sum += y[k];
        return insert(results, count, sum);
    }
    for (size_t k = fixed; k < n; k++) {
        float first = y[fixed], other = y[k];
        y[fixed] = other;
        y[k] = first;
        count = orders(y, fixed + 1, n, results, count);
        y[fixed] = first;
        y[k] = other;
    }
    return count;
}

size_t reach(const float *x, size_t n, float *results) {
    float y[7];
    for (size_t k = 0; k < n; k++)
        y[k] = x[k];
    return orders(y, 0, n, results, 0);
}
