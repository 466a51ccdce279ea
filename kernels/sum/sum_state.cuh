/*
 * sum_state.cuh: what a thread accumulates: four methods' states and what is done with them.
 *
 * Each state has the same five functions, so that the staging in sum.cu is written once:
 *
 *     sum_clear(s)         the empty sum: merging it changes nothing
 *     sum_take(s, items)   adds elements, in order; the items are used up
 *     sum_merge(s, other)  adds another state
 *     sum_settle(s)        before a state is handed on
 *     sum_finish(s, out)   writes the result
 *
 * The compensated sum is defined in sum_tree.c, the binned one in binned.h, the exact one's limbs
 * in exact.h.
 */
#ifndef NANOLAB_KERNELS_SUM_SUM_STATE_CUH
#define NANOLAB_KERNELS_SUM_SUM_STATE_CUH

#include "kernels/device/kernel.h"
#include "kernels/sum/binned.h"
#include "kernels/sum/exact.h"

namespace {

/* --- plain -------------------------------------------------------------------------------------
 */

template <typename A>
struct sum_plain {
    A s;
};

template <typename A>
__device__ inline void sum_clear(struct sum_plain<A> *sum) {
    sum->s = A(-0.0f);
}

template <typename A, int ITEMS>
__device__ inline void sum_take(struct sum_plain<A> *sum, A (&item)[ITEMS]) {
#pragma unroll
    for (int k = 0; k < ITEMS; k++)
        sum->s = sum->s + item[k];
}

template <typename A>
__device__ inline void sum_merge(struct sum_plain<A> *sum, const struct sum_plain<A> &other) {
    sum->s = sum->s + other.s;
}

template <typename A>
__device__ inline void sum_settle(struct sum_plain<A> *) {}

template <typename A>
__device__ inline void sum_finish(struct sum_plain<A> *sum, void *out) {
    *(A *)out = sum->s;
}

/* --- compensated -------------------------------------------------------------------------------
 */

template <typename A>
struct sum_pair {
    A s, c;
};

template <typename A>
__device__ inline void sum_clear(struct sum_pair<A> *sum) {
    sum->s = A(-0.0f);
    sum->c = A(0.0f);
}

/* s + x and the rounding error of it (TwoSum: exact for any two finite numbers whose sum is). */
template <typename A>
__device__ inline A sum_error(A a, A b, A s) {
    A b_seen = s - a;
    A a_seen = s - b_seen;
    return (a - a_seen) + (b - b_seen);
}

template <typename A, int ITEMS>
__device__ inline void sum_take(struct sum_pair<A> *sum, A (&item)[ITEMS]) {
#pragma unroll
    for (int k = 0; k < ITEMS; k++) {
        /* An element is the pair (x, +0), and c + +0 is c, which is never -0. */
        A s = sum->s + item[k];
        sum->c = sum->c + sum_error(sum->s, item[k], s);
        sum->s = s;
    }
}

template <typename A>
__device__ inline void sum_merge(struct sum_pair<A> *sum, const struct sum_pair<A> &other) {
    A s = sum->s + other.s;
    sum->c = (sum->c + other.c) + sum_error(sum->s, other.s, s);
    sum->s = s;
}

template <typename A>
__device__ inline void sum_settle(struct sum_pair<A> *) {}

template <typename A>
__device__ inline void sum_finish(struct sum_pair<A> *sum, void *out) {
    /* c - c is 0 exactly when c is finite. */
    bool useful = sum->c != A(0.0f) && sum->c - sum->c == A(0.0f);
    *(A *)out = useful ? sum->s + sum->c : sum->s;
}

/* --- binned ------------------------------------------------------------------------------------
 */

__device__ inline void sum_clear(struct binned_f32 *sum) {
    *sum = binned_f32_zero();
}

/* Notes infinities and NaNs in the flags and puts zeros in their place; the largest of the rest.
 * Seldom needed, yet unrolled: an index that the compiler does not know would send the items of
 * every tile through memory. */
template <int ITEMS>
__device__ inline uint32_t sum_set_apart(uint32_t *flags, float (&item)[ITEMS]) {
    uint32_t largest = 0;
#pragma unroll
    for (int k = 0; k < ITEMS; k++) {
        uint32_t kind = binned_f32_class(item[k]);
        *flags |= kind;
        item[k] = kind ? 0.0f : item[k];
        largest = max(largest, round_f32_bits(item[k]) & 0x7fffffffu);
    }
    return largest;
}

template <int ITEMS>
__device__ inline uint64_t sum_set_apart(uint32_t *flags, double (&item)[ITEMS]) {
    uint64_t largest = 0;
#pragma unroll
    for (int k = 0; k < ITEMS; k++) {
        uint32_t kind = binned_f64_class(item[k]);
        *flags |= kind;
        item[k] = kind ? 0.0 : item[k];
        uint64_t magnitude = round_f64_bits(item[k]) & 0x7fffffffffffffffu;
        largest = magnitude > largest ? magnitude : largest;
    }
    return largest;
}

/* The items of one tile share a bin: one look at their largest, then six operations each. Raising
 * is exact, so every thread follows its own largest element and no two need to agree. */
template <int ITEMS>
__device__ inline void sum_take(struct binned_f32 *sum, float (&item)[ITEMS]) {
    static_assert(ITEMS <= BINNED_F32_FOLD, "pieces of one tile are summed in 32 bits");
    uint32_t largest = 0;
#pragma unroll
    for (int k = 0; k < ITEMS; k++)
        largest = max(largest, round_f32_bits(item[k]) & 0x7fffffffu);
    if (largest >= 0x7f800000u)
        largest = sum_set_apart(&sum->flags, item);
    binned_f32_raise(sum, binned_f32_bin(largest));
    struct binned_f32_cut cut = binned_f32_cut(sum->bin);
    int32_t sum1 = 0, sum2 = 0;
#pragma unroll
    for (int k = 0; k < ITEMS; k++) {
        int32_t q1, q2;
        binned_f32_split(&cut, item[k], &q1, &q2);
        sum1 += q1;
        sum2 += q2;
    }
    sum->a1 += sum1;
    sum->a2 += sum2;
}

__device__ inline void sum_merge(struct binned_f32 *sum, const struct binned_f32 &other) {
    binned_f32_merge(sum, other);
}

__device__ inline void sum_settle(struct binned_f32 *) {}

__device__ inline void sum_finish(struct binned_f32 *sum, void *out) {
    *(float *)out = binned_f32_value(sum);
}

__device__ inline void sum_clear(struct binned_f64 *sum) {
    *sum = binned_f64_zero();
}

template <int ITEMS>
__device__ inline void sum_take(struct binned_f64 *sum, double (&item)[ITEMS]) {
    uint64_t largest = 0;
#pragma unroll
    for (int k = 0; k < ITEMS; k++) {
        uint64_t magnitude = round_f64_bits(item[k]) & 0x7fffffffffffffffu;
        largest = magnitude > largest ? magnitude : largest;
    }
    if (largest >= 0x7ff0000000000000u)
        largest = sum_set_apart(&sum->flags, item);
    binned_f64_raise(sum, binned_f64_bin(largest));
    struct binned_f64_cut cut = binned_f64_cut(sum->bin);
    int64_t pieces[BINNED_F64_BINS] = {0};
#pragma unroll
    for (int k = 0; k < ITEMS; k++) {
        int64_t q[BINNED_F64_BINS];
        binned_f64_split(&cut, item[k], q);
        for (int j = 0; j < BINNED_F64_BINS; j++)
            pieces[j] += q[j];
    }
    for (int j = 0; j < BINNED_F64_BINS; j++)
        binned_f64_carry(sum, j, pieces[j]);
}

__device__ inline void sum_merge(struct binned_f64 *sum, const struct binned_f64 &other) {
    binned_f64_merge(sum, other);
}

__device__ inline void sum_settle(struct binned_f64 *) {}

__device__ inline void sum_finish(struct binned_f64 *sum, void *out) {
    *(double *)out = binned_f64_value(sum);
}

/* --- exact -------------------------------------------------------------------------------------
 */

/* Passes carries up: afterwards every limb but the last is in 0 … 2^32 - 1. */
__device__ inline void sum_carry(int64_t *limb, int count) {
#pragma unroll 1
    for (int i = 0; i + 1 < count; i++) {
        limb[i + 1] += limb[i] >> 32;
        limb[i] &= 0xffffffff;
    }
}

/* Limbs after sum_carry, used up, to a magnitude of 64 bits with a sticky lowest bit and the power
 * of two of its unit: what round_*_pack takes. */
__device__ inline uint64_t sum_limbs_magnitude(int64_t *limb, int count, int least, int *negative,
                                               int *e) {
    *negative = limb[count - 1] < 0;
    if (*negative) {
#pragma unroll 1
        for (int i = 0; i < count; i++)
            limb[i] = -limb[i];
        sum_carry(limb, count);
    }
    int top = count - 1;
    while (top > 0 && limb[top] == 0)
        top--;
    uint64_t m = (uint64_t)limb[top], sticky = 0;
    *e = least + 32 * top;
#pragma unroll 1
    for (int i = top - 1; i >= 0; i--) {
        int room = m ? 63 - round_top_bit(m) : 32;
        int take = room < 32 ? room : 32;
        uint64_t digit = (uint64_t)limb[i];
        if (take > 0) {
            m = m << take | digit >> (32 - take);
            digit &= ((uint64_t)1 << (32 - take)) - 1;
            *e -= take;
        }
        sticky |= digit;
    }
    return m | (sticky != 0);
}

__device__ inline uint32_t sum_special(uint32_t flags) {
    uint32_t both = BINNED_PLUS_INF | BINNED_MINUS_INF;
    if (flags & BINNED_NAN || (flags & both) == both)
        return 0x7fc00000u;
    return flags & BINNED_PLUS_INF ? 0x7f800000u : 0xff800000u;
}

__device__ inline void sum_clear(struct exact_f32 *sum) {
    for (int i = 0; i < EXACT_F32_LIMBS; i++)
        sum->limb[i] = 0;
    sum->flags = 0;
}

template <int ITEMS>
__device__ inline void sum_take(struct exact_f32 *sum, float (&item)[ITEMS]) {
    for (int k = 0; k < ITEMS; k++) {
        uint32_t kind = binned_f32_class(item[k]);
        sum->flags |= kind;
        if (kind)
            continue;
        int first;
        int64_t digit[2];
        exact_f32_digits(item[k], &first, digit);
        sum->limb[first] += digit[0];
        sum->limb[first + 1] += digit[1];
    }
}

__device__ inline void sum_merge(struct exact_f32 *sum, const struct exact_f32 &other) {
    for (int i = 0; i < EXACT_F32_LIMBS; i++)
        sum->limb[i] += other.limb[i];
    sum->flags |= other.flags;
}

__device__ inline void sum_settle(struct exact_f32 *sum) {
    sum_carry(sum->limb, EXACT_F32_LIMBS);
}

__device__ inline void sum_finish(struct exact_f32 *sum, void *out) {
    int negative, e;
    sum_carry(sum->limb, EXACT_F32_LIMBS);
    uint64_t m = sum_limbs_magnitude(sum->limb, EXACT_F32_LIMBS, EXACT_F32_LEAST, &negative, &e);
    uint32_t bits = sum->flags ? sum_special(sum->flags) : round_f32_pack(negative, m, e);
    *(float *)out = round_f32_from(bits);
}

__device__ inline void sum_clear(struct exact_f64 *sum) {
#pragma unroll 1
    for (int i = 0; i < EXACT_F64_LIMBS; i++)
        sum->limb[i] = 0;
    sum->flags = 0;
}

template <int ITEMS>
__device__ inline void sum_take(struct exact_f64 *sum, double (&item)[ITEMS]) {
    for (int k = 0; k < ITEMS; k++) {
        uint32_t kind = binned_f64_class(item[k]);
        sum->flags |= kind;
        if (kind)
            continue;
        int first;
        int64_t digit[3];
        exact_f64_digits(item[k], &first, digit);
        for (int j = 0; j < 3; j++)
            sum->limb[first + j] += digit[j];
    }
}

__device__ inline void sum_merge(struct exact_f64 *sum, const struct exact_f64 &other) {
#pragma unroll 1
    for (int i = 0; i < EXACT_F64_LIMBS; i++)
        sum->limb[i] += other.limb[i];
    sum->flags |= other.flags;
}

__device__ inline void sum_settle(struct exact_f64 *sum) {
    sum_carry(sum->limb, EXACT_F64_LIMBS);
}

__device__ inline void sum_finish(struct exact_f64 *sum, void *out) {
    int negative, e;
    sum_carry(sum->limb, EXACT_F64_LIMBS);
    uint64_t m = sum_limbs_magnitude(sum->limb, EXACT_F64_LIMBS, EXACT_F64_LEAST, &negative, &e);
    if (sum->flags) /* the special values' patterns, in the wider format */
        *(double *)out = (double)round_f32_from(sum_special(sum->flags));
    else
        *(double *)out = round_f64_from(round_f64_pack(negative, m, e));
}

} // namespace

#endif
