/* rejected: each partial sum rounded to f64 */
/* Wrong: the right order, rounded once at the end. */
#include <stddef.h>

float two_lanes(const float *x, size_t n);

float two_lanes(const float *x, size_t n) {
    double even = x[0], odd = x[1];
    size_t i = 2;
    for (; i + 1 < n; i += 2) {
        even += x[i];
        odd += x[i + 1];
    }
    return (float)(i < n ? even + odd + x[i] : even + odd);
}
