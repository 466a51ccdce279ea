/* rejected: At n = 3 the additions come in another order */
/* Wrong: splits in the middle. The same tree for powers of two, another one for n = 5. */
#include <stddef.h>

float pairwise(const float *x, size_t n);

float pairwise(const float *x, size_t n) {
    return n == 1 ? x[0] : pairwise(x, n / 2) + pairwise(x + n / 2, n - n / 2);
}
