/* rejected: At n = 3 the additions come in another order */
/* Wrong: the right tree for a whole warp, and a loop for the rest. */
#define shuffle asked
#include "../solution/shuffle.c"
#undef shuffle

float shuffle(const float *x, size_t n);

float shuffle(const float *x, size_t n) {
    if (n == 32)
        return asked(x, n);
    float sum = x[0];
    for (size_t i = 1; i < n; i++)
        sum += x[i];
    return sum;
}
