/* rejected: counts 0 times instead of once */
/* Wrong: returns 0. */
#include <stddef.h>

float shuffle(const float *x, size_t n);

float shuffle(const float *x, size_t n) {
    return n > 32 ? x[0] : 0;
}
