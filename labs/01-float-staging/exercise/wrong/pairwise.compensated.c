/* rejected: no tree fits */
/* Wrong: what each addition loses is kept and added at the end: more accurate, and no tree. */
#include <stddef.h>

float pairwise(const float *x, size_t n);

float pairwise(const float *x, size_t n) {
    float sum = x[0], lost = 0;
    for (size_t i = 1; i < n; i++) {
        float now = sum + x[i], part = now - sum;
        lost += (sum - (now - part)) + (x[i] - part);
        sum = now;
    }
    return sum + lost;
}
