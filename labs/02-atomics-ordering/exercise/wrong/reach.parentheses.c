/* rejected: and no order gives it */
/* Wrong: every way to put parentheses, which is more than one running sum can do. */
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

static size_t combine(const float *x, size_t n, float *results, size_t count) {
    if (n == 1)
        return insert(results, count, x[0]);
    for (size_t i = 0; i < n && count < 5000; i++)
        for (size_t j = i + 1; j < n && count < 5000; j++) {
            float rest[7];
            size_t m = 0;
            for (size_t k = 0; k < n; k++)
                if (k != i && k != j)
                    rest[m++] = x[k];
            rest[m++] = x[i] + x[j];
            count = combine(rest, m, results, count);
        }
    return count;
}

size_t reach(const float *x, size_t n, float *results) {
    return combine(x, n, results, 0);
}
