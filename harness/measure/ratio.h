/*
 * ratio.h: a number that was measured, with its 95 % interval; most are ratios of times.
 */
#ifndef NANOLAB_HARNESS_RATIO_H
#define NANOLAB_HARNESS_RATIO_H

#include <math.h>

/* All NaN: not measured. */
struct ratio {
    double value, low, high;
};
#define RATIO_NONE ((struct ratio){NAN, NAN, NAN})

/* 1 / r: what was time over time is speed over speed. */
static inline struct ratio ratio_inverse(struct ratio r) {
    return (struct ratio){1 / r.value, 1 / r.high, 1 / r.low};
}

#endif
