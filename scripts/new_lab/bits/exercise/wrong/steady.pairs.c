/* rejected: numbers you get */
/* Pairs first rounds less, and still by the order. */
#include <stddef.h>

float steady_sum(const float *x, size_t n) {
    return n == 1 ? x[0] : steady_sum(x, n / 2) + steady_sum(x + n / 2, n - n / 2);
}
