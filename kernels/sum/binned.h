/*
 * binned.h: the reproducible sum. What it means is said here, once, for every device.
 *
 * Each element is cut at fixed places of the number line, the same for every element, and the
 * pieces are added as integers. Integer addition is associative, so the order of the elements, the
 * number of threads and the shape of the merges cannot change a single bit.
 *
 * f32. The grid: bin k = 0…11 has the unit g(k) = 22 k - 127, meaning 2^g(k), and takes elements
 * of magnitude up to its limit 2^(g(k) + 21). A sum's bin is the lowest one that takes its largest
 * finite element. In it an element is rounded (to nearest even) to a multiple q1 of 2^g, and what
 * is left to a multiple q2 of 2^(g - 22); the rest, at most 2^(g - 23), is dropped:
 *
 *     t1 = x + C1             C1 = 1.5 · 2^(g + 23): the last place of t1 is worth 2^g
 *     q1 = bits(t1) - bits(C1)
 *     u  = (C1 + C2) - t1     exact; C2 = 1.5 · 2^(g + 1)
 *     t2 = x + u              = C2 + (x - q1 2^g), rounded once; its last place is 2^(g - 22)
 *     q2 = bits(t2) - bits(C2)
 *
 * Both constants are even multiples of the place they round at, so each rounding is that of the
 * element alone. |q1| and |q2| are at most 2^21.
 *
 * Raising. Every element of a sum in bin k is at most half the unit of bin k + 1, so there q1 would
 * have been 0 (the tie goes to even) and q2 the old q1: (a1, a2) becomes (0, a1), exactly. Two bins
 * up everything is 0. Hence sums of different bins merge exactly, and starting in bin 0 and raising
 * on the way gives the same state as knowing the largest element beforehand. A sum must never be
 * put in a higher bin than its elements ask for.
 *
 * Bin 11 takes the elements above 2^114. Its constants would overflow, so elements are scaled by
 * 2^-22 and cut with the constants of bin 10. Elements that lose bits to the scaling are so small
 * that both pieces are 0.
 *
 * NaN and infinities are left out of the pieces and of the largest element, and kept as flags: any
 * NaN, or infinities of both signs, give the NaN 0x7fc00000; else an infinity gives itself. A sum
 * that is exactly zero is +0, also one of negative zeros only, and the sum of nothing.
 *
 * f64 is the same with W = 40 and three bins: g(k) = 40 k - 994, k = 0…50, limit 2^(g + 39).
 *
 * The arithmetic must be plain IEEE: round to nearest even, denormals kept, nothing contracted or
 * reassociated. Valid in C11, C++17 and CUDA.
 */
#ifndef NANOLAB_KERNELS_SUM_BINNED_H
#define NANOLAB_KERNELS_SUM_BINNED_H

#include <stdint.h>

#include "kernels/sum/round_bits.h"

#define BINNED_FN ROUND_FN

enum binned_flag { BINNED_NAN = 1, BINNED_PLUS_INF = 2, BINNED_MINUS_INF = 4 };

#define BINNED_F32_WIDTH 22
#define BINNED_F32_TOP 11
/* How many deposits an int32 sum of q1 or q2 holds for sure: 1023 · 2^21 < 2^31. */
#define BINNED_F32_FOLD 1023

/* The state of a sum of at most 2^41 floats. All zeros is the empty sum. Equal multisets of
 * elements give equal states, bit for bit. */
struct binned_f32 {
    int32_t bin;
    uint32_t flags;
    int64_t a1, a2; /* sums of q1 and q2 */
};

/* What depositing in one bin needs. */
struct binned_f32_cut {
    float c1, c12;             /* C1, C1 + C2 */
    float scale;               /* 1, or 2^-22 in the top bin */
    uint32_t c1_bits, c2_bits; /* the patterns to subtract from those of t1 and t2 */
    uint32_t limit_bits;       /* largest |x|, as a pattern, that the bin takes */
};

/* The lowest bin that takes a finite |x| given as its bit pattern (sign bit clear). */
BINNED_FN int32_t binned_f32_bin(uint32_t abs_bits) {
    /* The limit of bin k has the pattern (22 k + 21) << 23. */
    return (int32_t)((abs_bits + 0x7fffffu) / (22u << 23));
}

/* The power of two of a bin's unit. */
BINNED_FN int binned_f32_unit(int32_t bin) {
    return 22 * bin - 127;
}

BINNED_FN struct binned_f32_cut binned_f32_cut(int32_t bin) {
    struct binned_f32_cut cut;
    uint32_t k = (uint32_t)(bin < BINNED_F32_TOP ? bin : BINNED_F32_TOP - 1);
    cut.c1_bits = (22u * k + 23u) << 23 | 0x400000u;
    cut.c2_bits = (22u * k + 1u) << 23 | 0x400000u;
    cut.c1 = round_f32_from(cut.c1_bits);
    cut.c12 = cut.c1 + round_f32_from(cut.c2_bits);
    cut.scale = bin < BINNED_F32_TOP ? 1.0f : 0x1p-22f;
    cut.limit_bits = bin < BINNED_F32_TOP ? (22u * k + 21u) << 23 : 0x7f7fffffu;
    return cut;
}

/* Cuts one finite element within the bin's limit. */
BINNED_FN void binned_f32_split(const struct binned_f32_cut *cut, float x, int32_t *q1,
                                int32_t *q2) {
    float scaled = x * cut->scale;
    float t1 = scaled + cut->c1;
    float u = cut->c12 - t1;
    float t2 = scaled + u;
    *q1 = (int32_t)(round_f32_bits(t1) - cut->c1_bits);
    *q2 = (int32_t)(round_f32_bits(t2) - cut->c2_bits);
}

/* The flag of a NaN or an infinity; 0 for finite x. */
BINNED_FN uint32_t binned_f32_class(float x) {
    uint32_t bits = round_f32_bits(x);
    uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude < 0x7f800000u)
        return 0;
    if (magnitude > 0x7f800000u)
        return BINNED_NAN;
    return bits >> 31 ? BINNED_MINUS_INF : BINNED_PLUS_INF;
}

BINNED_FN struct binned_f32 binned_f32_zero(void) {
    struct binned_f32 sum = {0, 0, 0, 0};
    return sum;
}

/* Moves a sum to a bin that its elements, or those about to be added, ask for. */
BINNED_FN void binned_f32_raise(struct binned_f32 *sum, int32_t bin) {
    if (bin <= sum->bin)
        return;
    sum->a2 = bin == sum->bin + 1 ? sum->a1 : 0;
    sum->a1 = 0;
    sum->bin = bin;
}

BINNED_FN void binned_f32_merge(struct binned_f32 *into, struct binned_f32 from) {
    binned_f32_raise(into, from.bin);
    binned_f32_raise(&from, into->bin);
    into->a1 += from.a1;
    into->a2 += from.a2;
    into->flags |= from.flags;
}

/* Adds one element of any kind. The plain way; loops over many hoist the bin and the cut. */
BINNED_FN void binned_f32_deposit(struct binned_f32 *sum, float x) {
    uint32_t kind = binned_f32_class(x);
    sum->flags |= kind;
    if (kind)
        return;
    binned_f32_raise(sum, binned_f32_bin(round_f32_bits(x) & 0x7fffffffu));
    struct binned_f32_cut cut = binned_f32_cut(sum->bin);
    int32_t q1, q2;
    binned_f32_split(&cut, x, &q1, &q2);
    sum->a1 += q1;
    sum->a2 += q2;
}

/* a1 2^22 + a2, in 128 bits. */
BINNED_FN uint64_t binned_f32_magnitude(const struct binned_f32 *sum, int *negative, int *e) {
    uint64_t low = (uint64_t)sum->a1 << BINNED_F32_WIDTH;
    int64_t high = sum->a1 >> (64 - BINNED_F32_WIDTH);
    uint64_t total = low + (uint64_t)sum->a2;
    high += (total < low) - (sum->a2 < 0); /* the carry, and the sign of a2 extended */
    *e = binned_f32_unit(sum->bin) - BINNED_F32_WIDTH;
    return round_fold_128(high, total, negative, e);
}

/* The sum, rounded once to the nearest float; beyond the largest float, an infinity. */
BINNED_FN float binned_f32_value(const struct binned_f32 *sum) {
    uint32_t infinities = sum->flags & (BINNED_PLUS_INF | BINNED_MINUS_INF);
    if (sum->flags & BINNED_NAN || infinities == (BINNED_PLUS_INF | BINNED_MINUS_INF))
        return round_f32_from(0x7fc00000u);
    if (infinities)
        return round_f32_from(infinities == BINNED_PLUS_INF ? 0x7f800000u : 0xff800000u);
    int negative, e;
    uint64_t m = binned_f32_magnitude(sum, &negative, &e);
    return round_f32_from(round_f32_pack(negative, m, e));
}

/* The same sum of floats, rounded once to the nearest double. */
BINNED_FN double binned_f32_value_f64(const struct binned_f32 *sum) {
    if (sum->flags)
        return (double)binned_f32_value(sum);
    int negative, e;
    uint64_t m = binned_f32_magnitude(sum, &negative, &e);
    return round_f64_from(round_f64_pack(negative, m, e));
}

/*
 * How far the state of n elements, none above max_abs, can be from their exact sum: each element
 * drops at most half of its second piece's unit, 2^(g - 23), and nothing else is ever dropped. In
 * bin 0 that unit is the smallest denormal and the sum is exact. In terms of the largest element M
 * > 2^(g - 1), the bound lies between n M 2^-44 and n M 2^-22. Finalising then adds at most half a
 * unit in the last place of the result.
 */
BINNED_FN double binned_f32_error_bound(uint64_t n, float max_abs) {
    int32_t bin = binned_f32_bin(round_f32_bits(max_abs) & 0x7fffffffu);
    if (bin == 0)
        return 0.0;
    /* 2^(g - 23) is well inside the range of doubles: build it from its exponent. */
    return (double)n * round_f64_from((uint64_t)(binned_f32_unit(bin) - 23 + 1023) << 52);
}

/* --- f64 ----------------------------------------------------------------------------------- */

#define BINNED_F64_WIDTH 40
#define BINNED_F64_TOP 50
#define BINNED_F64_BINS 3
/* How many deposits an int64 sum of one piece holds beside a carried remainder below 2^40. */
#define BINNED_F64_FOLD 8388607

/* The state of a sum of doubles. Piece j sums to hi[j] 2^40 + lo[j] in units of 2^(g - 40 j), and
 * is canonical, 0 <= lo < 2^40, so that equal sums have equal bits. All zeros is the empty sum. */
struct binned_f64 {
    int32_t bin;
    uint32_t flags;
    int64_t lo[BINNED_F64_BINS], hi[BINNED_F64_BINS];
};

struct binned_f64_cut {
    double c[BINNED_F64_BINS];
    uint64_t c_bits[BINNED_F64_BINS];
    double scale;        /* 1, or 2^-40 in the top bin */
    uint64_t limit_bits; /* largest |x|, as a pattern, that the bin takes */
};

BINNED_FN int32_t binned_f64_bin(uint64_t abs_bits) {
    /* The limit of bin k, 2^(40 k - 955), has the biased exponent 40 k + 68. */
    uint64_t first = (uint64_t)68 << 52;
    if (abs_bits <= first)
        return 0;
    return (int32_t)((abs_bits - first + ((uint64_t)40 << 52) - 1) / ((uint64_t)40 << 52));
}

BINNED_FN int binned_f64_unit(int32_t bin) {
    return 40 * bin - 994;
}

BINNED_FN struct binned_f64_cut binned_f64_cut(int32_t bin) {
    struct binned_f64_cut cut;
    uint64_t k = (uint64_t)(bin < BINNED_F64_TOP ? bin : BINNED_F64_TOP - 1);
    for (uint64_t j = 0; j < BINNED_F64_BINS; j++) {
        /* 1.5 · 2^(g - 40 j + 52) */
        cut.c_bits[j] = (40 * k + 81 - 40 * j) << 52 | (uint64_t)1 << 51;
        cut.c[j] = round_f64_from(cut.c_bits[j]);
    }
    cut.scale = bin < BINNED_F64_TOP ? 1.0 : 0x1p-40;
    cut.limit_bits = bin < BINNED_F64_TOP ? (40 * k + 68) << 52 : 0x7fefffffffffffffu;
    return cut;
}

/* Cuts one finite element within the bin's limit. Every difference here is exact: it is a multiple
 * of the element's last place and no larger than the element. */
BINNED_FN void binned_f64_split(const struct binned_f64_cut *cut, double x,
                                int64_t q[BINNED_F64_BINS]) {
    double rest = x * cut->scale;
    for (int j = 0; j < BINNED_F64_BINS; j++) {
        double t = rest + cut->c[j];
        q[j] = (int64_t)(round_f64_bits(t) - cut->c_bits[j]);
        rest = rest - (t - cut->c[j]);
    }
}

BINNED_FN uint32_t binned_f64_class(double x) {
    uint64_t bits = round_f64_bits(x);
    uint64_t magnitude = bits & 0x7fffffffffffffffu;
    if (magnitude < 0x7ff0000000000000u)
        return 0;
    if (magnitude > 0x7ff0000000000000u)
        return BINNED_NAN;
    return bits >> 63 ? BINNED_MINUS_INF : BINNED_PLUS_INF;
}

BINNED_FN struct binned_f64 binned_f64_zero(void) {
    struct binned_f64 sum = {0, 0, {0, 0, 0}, {0, 0, 0}};
    return sum;
}

/* Adds a sum of up to BINNED_F64_FOLD pieces q, as one piece of the state. */
BINNED_FN void binned_f64_carry(struct binned_f64 *sum, int j, int64_t pieces) {
    int64_t total = sum->lo[j] + pieces;
    sum->hi[j] += total >> BINNED_F64_WIDTH;
    sum->lo[j] = total & (((int64_t)1 << BINNED_F64_WIDTH) - 1);
}

BINNED_FN void binned_f64_raise(struct binned_f64 *sum, int32_t bin) {
    int32_t up = bin - sum->bin;
    if (up <= 0)
        return;
    for (int j = BINNED_F64_BINS - 1; j >= 0; j--) {
        sum->lo[j] = j >= up ? sum->lo[j - up] : 0;
        sum->hi[j] = j >= up ? sum->hi[j - up] : 0;
    }
    sum->bin = bin;
}

BINNED_FN void binned_f64_merge(struct binned_f64 *into, struct binned_f64 from) {
    binned_f64_raise(into, from.bin);
    binned_f64_raise(&from, into->bin);
    for (int j = 0; j < BINNED_F64_BINS; j++) {
        into->hi[j] += from.hi[j];
        binned_f64_carry(into, j, from.lo[j]);
    }
    into->flags |= from.flags;
}

BINNED_FN void binned_f64_deposit(struct binned_f64 *sum, double x) {
    uint32_t kind = binned_f64_class(x);
    sum->flags |= kind;
    if (kind)
        return;
    binned_f64_raise(sum, binned_f64_bin(round_f64_bits(x) & 0x7fffffffffffffffu));
    struct binned_f64_cut cut = binned_f64_cut(sum->bin);
    int64_t q[BINNED_F64_BINS];
    binned_f64_split(&cut, x, q);
    for (int j = 0; j < BINNED_F64_BINS; j++)
        binned_f64_carry(sum, j, q[j]);
}

/* The sum, rounded once to the nearest double. At most 2^62 elements. */
BINNED_FN double binned_f64_value(const struct binned_f64 *sum) {
    uint32_t infinities = sum->flags & (BINNED_PLUS_INF | BINNED_MINUS_INF);
    if (sum->flags & BINNED_NAN || infinities == (BINNED_PLUS_INF | BINNED_MINUS_INF))
        return round_f64_from(0x7ff8000000000000u);
    if (infinities)
        return round_f64_from(infinities == BINNED_PLUS_INF ? 0x7ff0000000000000u
                                                            : 0xfff0000000000000u);
    /* Digits of 40 bits, lowest first; the highest is signed and holds the rest. */
    int64_t digit[4] = {sum->lo[2], sum->hi[2] + sum->lo[1], sum->hi[1] + sum->lo[0], sum->hi[0]};
    int64_t mask = ((int64_t)1 << BINNED_F64_WIDTH) - 1;
    for (int j = 0; j < 3; j++) {
        digit[j + 1] += digit[j] >> BINNED_F64_WIDTH;
        digit[j] &= mask;
    }
    int negative = digit[3] < 0;
    if (negative) {
        int64_t borrow = 0;
        for (int j = 0; j < 4; j++) {
            int64_t d = -digit[j] + borrow;
            borrow = j < 3 ? d >> BINNED_F64_WIDTH : 0;
            digit[j] = j < 3 ? d & mask : d;
        }
    }
    int e = binned_f64_unit(sum->bin) - 2 * BINNED_F64_WIDTH;
    /* digit[3] 2^120 + digit[2] 2^80 + … : drop leading zero digits until 128 bits hold it, then
     * whatever falls off the end is sticky. */
    int top = 3;
    while (top > 0 && digit[top] == 0)
        top--;
    uint64_t m = (uint64_t)digit[top];
    e += BINNED_F64_WIDTH * top;
    uint64_t sticky = 0;
    for (int j = top - 1; j >= 0; j--) {
        int room = m ? 63 - round_top_bit(m) : 63;
        if (room > BINNED_F64_WIDTH)
            room = BINNED_F64_WIDTH;
        if (room < BINNED_F64_WIDTH) {
            /* Fill m to 64 bits from this digit once; the rest of it and all below only stick. */
            uint64_t d = (uint64_t)digit[j];
            if (room > 0) {
                m = m << room | d >> (BINNED_F64_WIDTH - room);
                d &= ((uint64_t)1 << (BINNED_F64_WIDTH - room)) - 1;
                e -= room;
            }
            sticky |= d;
        } else {
            m = m << BINNED_F64_WIDTH | (uint64_t)digit[j];
            e -= BINNED_F64_WIDTH;
        }
    }
    return round_f64_from(round_f64_pack(negative, m | (sticky != 0), e));
}

/* As binned_f32_error_bound: n times half the unit of the third piece, 2^(g - 81); exact in bin 0.
 * In terms of the largest element M > 2^(g - 1), between n M 2^-120 and n M 2^-80. Infinite if it
 * is beyond the doubles. */
BINNED_FN double binned_f64_error_bound(uint64_t n, double max_abs) {
    int32_t bin = binned_f64_bin(round_f64_bits(max_abs) & 0x7fffffffffffffffu);
    if (bin == 0)
        return 0.0;
    return (double)n * round_f64_from(round_f64_pack(0, 1, binned_f64_unit(bin) - 81));
}

#endif
