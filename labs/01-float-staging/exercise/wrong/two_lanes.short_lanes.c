/* rejected: the additions come in another order */
/* Wrong: lanes are added every sixteen pairs: right for short sums. */
#include <stddef.h>

float two_lanes(const float *x, size_t n);

float two_lanes(const float *x, size_t n) {
    float sum = 0;
    for (size_t from = 0; from < n; from += 32) {
        size_t to = from + 32 < n ? from + 32 : n, i = from + 2;
        float even = x[from], odd = from + 1 < to ? x[from + 1] : 0;
        for (; i + 1 < to; i += 2) {
            even += x[i];
            odd += x[i + 1];
        }
        float part = even + odd;
        part = i < to ? part + x[i] : part;
        sum = from ? sum + part : part;
    }
    return sum;
}
