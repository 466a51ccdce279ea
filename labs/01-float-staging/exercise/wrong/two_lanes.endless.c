/* rejected: did not return within 2 seconds */
/* Wrong: never returns for n >= 3. A checker must not wait for it. */
#include <stddef.h>

float two_lanes(const float *x, size_t n);

float two_lanes(const float *x, size_t n) {
    volatile size_t i = 0;
    while (n >= 3)
        i = i + 1;
    return x[0] + x[1];
}
