/* rejected: which is zero */
/* Wrong: the result is zero. */
#include "exercise.h"

float step(const float *a, const float *b, size_t n, float c, int fraction) {
    (void)a, (void)b, (void)n, (void)c, (void)fraction;
    return 0;
}
