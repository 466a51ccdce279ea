/* rejected: crashed before it answered (Segmentation fault */
/* Wrong: crosses out in the log what it has used. */
#include <math.h>

#include "exercise.h"

int replay(const float *x, const float *old, size_t n, size_t *order) {
    float value = 0, *log = (float *)old;
    for (size_t k = 0; k < n; k++) {
        size_t u = 0;
        while (u < n && log[u] != value)
            u++;
        if (u == n)
            return -1;
        order[k] = u;
        value = log[u] + x[u];
        log[u] = NAN;
    }
    return 0;
}
