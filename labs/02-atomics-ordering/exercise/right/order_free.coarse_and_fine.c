/* Another way: a coarse and a fine part, cut off by a constant, each added without rounding. */
#include <math.h>

#include "exercise.h"

struct total {
    double coarse, fine;
    double misfits;
};

size_t total_size(void) {
    return sizeof(struct total);
}

void total_add(struct total *total, float x) {
    if (!isfinite(x) || x > 1 || x < -1) {
        total->misfits += 1;
        return;
    }
    double coarse = nearbyint((double)x * 0x1p20) * 0x1p-20;
    double fine = nearbyint(((double)x - coarse) * 0x1p45) * 0x1p-45;
    total->coarse += coarse; /* multiples of 2^-20 below 2^10: exact */
    total->fine += fine;
}

void total_merge(struct total *into, const struct total *from) {
    into->coarse += from->coarse;
    into->fine += from->fine;
    into->misfits += from->misfits;
}

int total_value(const struct total *total, float *sum) {
    *sum = (float)(total->coarse + total->fine);
    return total->misfits > 0 ? -1 : 0;
}
