/*
 * atomics_state.cuh: what an update's value is while it is being made, for each kind of sum. Floats
 * and binned sums are those of kernels/sum/sum_state.cuh; here are packed halves and fixed point.
 * Each has the functions named there: sum_clear, sum_merge; and atomics_take for one element.
 */
#ifndef NANOLAB_KERNELS_ATOMICS_ATOMICS_STATE_CUH
#define NANOLAB_KERNELS_ATOMICS_ATOMICS_STATE_CUH

#include "kernels/atomics/atomics.h"
#include "kernels/atomics/atomics_fixed.h"
#include "kernels/device/kernel.h"
#include "kernels/sum/sum_state.cuh"

namespace {

/* What an element's conversion needs to know. */
struct atomics_scale {
    double scale, limit; /* of fixed point */
};

/* --- floats and binned sums: as kernels/sum has them -------------------------------------------
 */

template <typename S, typename T>
__device__ inline void atomics_take(S *sum, T x, const struct atomics_scale &) {
    T item[1] = {x};
    sum_take(sum, item);
}

/* --- packed halves -----------------------------------------------------------------------------
 */

template <typename P>
struct atomics_pair {
    P s;
};

__device__ inline void atomics_no_pair(__half2 *pair) {
    *pair = __floats2half2_rn(-0.0f, -0.0f);
}
__device__ inline void atomics_no_pair(__nv_bfloat162 *pair) {
    *pair = __floats2bfloat162_rn(-0.0f, -0.0f);
}

template <typename P>
__device__ inline void sum_clear(struct atomics_pair<P> *sum) {
    atomics_no_pair(&sum->s);
}

template <typename P>
__device__ inline void atomics_take(struct atomics_pair<P> *sum, P x,
                                    const struct atomics_scale &) {
    sum->s = __hadd2(sum->s, x);
}

template <typename P>
__device__ inline void sum_merge(struct atomics_pair<P> *sum, const struct atomics_pair<P> &other) {
    sum->s = __hadd2(sum->s, other.s);
}

/* --- fixed point -------------------------------------------------------------------------------
 */

struct atomics_fixed {
    long long q;              /* the sum, in units */
    unsigned long long flags; /* of elements left out: enum atomics_status */
};

__device__ inline void sum_clear(struct atomics_fixed *sum) {
    sum->q = 0;
    sum->flags = 0;
}

template <typename T>
__device__ inline void atomics_take(struct atomics_fixed *sum, T x,
                                    const struct atomics_scale &at) {
    double d = (double)x;
    if (fabs(d) <= at.limit)
        sum->q += __double2ll_rn(d * at.scale);
    else
        sum->flags |= atomics_fixed_trouble(d);
}

__device__ inline void sum_merge(struct atomics_fixed *sum, const struct atomics_fixed &other) {
    sum->q += other.q;
    sum->flags |= other.flags;
}

} // namespace

#endif
