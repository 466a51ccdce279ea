/* rejected: which you do not list */
/* Wrong: lists nothing, and so nothing false. */
#include "exercise.h"

size_t reach(const float *x, size_t n, float *results) {
    (void)x, (void)n, (void)results;
    return 0;
}
