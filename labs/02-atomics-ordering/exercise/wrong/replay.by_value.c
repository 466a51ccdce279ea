/* rejected: at that moment the sum is */
/* Wrong: by the value found. Right for positive numbers only, whose sum can but grow. */
#include "exercise.h"

int replay(const float *x, const float *old, size_t n, size_t *order) {
    (void)x;
    for (size_t k = 0; k < n; k++) {
        size_t at = k;
        while (at > 0 && old[order[at - 1]] > old[k]) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = k;
    }
    return 0;
}
