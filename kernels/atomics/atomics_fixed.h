/*
 * atomics_fixed.h: the parts of the fixed-point sum that every device shares: what is wrong with an
 * element that does not fit, and how the integer sum becomes the result. Integer arithmetic only.
 */
#ifndef NANOLAB_KERNELS_ATOMICS_ATOMICS_FIXED_H
#define NANOLAB_KERNELS_ATOMICS_ATOMICS_FIXED_H

#include "kernels/atomics/atomics.h"
#include "kernels/sum/binned.h"

#ifdef __cplusplus
static_assert((int)ATOMICS_NAN == (int)BINNED_NAN && (int)ATOMICS_PLUS_INF == BINNED_PLUS_INF &&
                  (int)ATOMICS_MINUS_INF == BINNED_MINUS_INF,
              "a binned sum's flags are a status");
#else
_Static_assert((int)ATOMICS_NAN == (int)BINNED_NAN && (int)ATOMICS_PLUS_INF == BINNED_PLUS_INF &&
                   (int)ATOMICS_MINUS_INF == BINNED_MINUS_INF,
               "a binned sum's flags are a status");
#endif

/* The status bit of an element beyond the limit. */
ROUND_FN uint32_t atomics_fixed_trouble(double x) {
    uint32_t kind = binned_f64_class(x);
    return kind ? kind : (uint32_t)ATOMICS_RANGE;
}

/* The result's pattern where something was left out; flags is not 0. */
ROUND_FN uint32_t atomics_fixed_special(uint32_t flags) {
    if (flags == ATOMICS_PLUS_INF || flags == (ATOMICS_PLUS_INF | ATOMICS_RANGE))
        return 0x7f800000u;
    if (flags == ATOMICS_MINUS_INF || flags == (ATOMICS_MINUS_INF | ATOMICS_RANGE))
        return 0xff800000u;
    return 0x7fc00000u;
}

/* q 2^unit, rounded once to the nearest float or double; +0 for q = 0. */
ROUND_FN float atomics_fixed_f32(int64_t q, uint32_t flags, int unit) {
    if (flags)
        return round_f32_from(atomics_fixed_special(flags));
    uint64_t m = q < 0 ? (uint64_t)0 - (uint64_t)q : (uint64_t)q;
    return round_f32_from(round_f32_pack(q < 0, m, unit));
}

ROUND_FN double atomics_fixed_f64(int64_t q, uint32_t flags, int unit) {
    if (flags)
        return (double)round_f32_from(atomics_fixed_special(flags));
    uint64_t m = q < 0 ? (uint64_t)0 - (uint64_t)q : (uint64_t)q;
    return round_f64_from(round_f64_pack(q < 0, m, unit));
}

#endif
