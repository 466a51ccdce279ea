/* rejected: n = 1: the sum is 0 */
/* Zero, whatever is asked. */
#include "exercise.h"

void sum_fast(const float *x, size_t n, float *sum) {
    (void)x;
    (void)n;
    *sum = 0;
}
