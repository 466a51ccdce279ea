/*
 * mma_slices_fixed.h: how a float becomes digits, one element at a time, for CPUs and GPUs: integer
 * arithmetic alone, so that no mode and no device changes a bit. What the numbers mean is told in
 * mma_slices.h.
 */
#ifndef NANOLAB_KERNELS_MMA_MMA_SLICES_FIXED_H
#define NANOLAB_KERNELS_MMA_MMA_SLICES_FIXED_H

#include <stddef.h>

#include "kernels/sum/round_bits.h"

#define MMA_SLICES_MOST 4 /* slices */
#define MMA_SLICES_CLASSES_MOST 5
#define MMA_SLICES_GROUP 4 /* consecutive k that a dot-product instruction takes */
/* k of a part of K: a multiple of the first (K is filled up to it); at most the second, so that a
 * class of four products of slices fits 32 bits. */
#define MMA_SLICES_MULTIPLE 64
#define MMA_SLICES_PART 16384

/* Largest |X|: every digit 127. */
ROUND_FN uint32_t mma_slices_limit(int slices) {
    return slices == 3 ? 0x7f7f7fu : 0x7f7f7f7fu;
}

/* |x|'s bits · 2^q, rounded to the nearest integer, ties to even; it must fit. */
ROUND_FN uint32_t mma_slices_fixed(uint32_t magnitude, int q) {
    uint32_t field = magnitude >> 23;
    uint32_t m = (magnitude & 0x7fffffu) | (field ? 0x800000u : 0u);
    int left = (field ? (int)field - 1 : 0) - 149 + q;
    return left >= 0 ? m << left : (uint32_t)round_shift_right(m, -left);
}

/* A row's q, from the bits of its largest magnitude; of one that is not finite any in range. */
ROUND_FN int mma_slices_place(uint32_t largest, int slices) {
    if (!largest)
        return 0;
    if (largest >= 0x7f800000u)
        return 8 * slices - 2 - 127;
    uint32_t field = largest >> 23;
    int top = field ? (int)field - 127 : round_top_bit(largest) - 149;
    int q = 8 * slices - 2 - top;
    return mma_slices_fixed(largest, q) > mma_slices_limit(slices) ? q - 1 : q;
}

/* X's digits plus 128, as the bytes of a word; the lowest byte is the finest slice. */
ROUND_FN uint32_t mma_slices_bytes(float x, int q) {
    uint32_t bits = round_f32_bits(x), fixed = mma_slices_fixed(bits & 0x7fffffffu, q);
    return (bits >> 31 ? 0u - fixed : fixed) + 0x80808080u;
}

/* The power of two that V counts in, but for the q of the two rows. */
ROUND_FN int mma_slices_power(int slices, int classes) {
    return 8 * (2 * slices - 1 - classes);
}

/* V · 2^power, rounded once. */
ROUND_FN float mma_slices_round(int64_t v, int power) {
    uint64_t magnitude = v < 0 ? 0u - (uint64_t)v : (uint64_t)v;
    return round_f32_from(round_f32_pack(v < 0, magnitude, power));
}

/* k of a part, where K is cut into at least `split`. */
ROUND_FN size_t mma_slices_part(size_t k, size_t split) {
    size_t part = (k + split - 1) / split;
    part = (part + MMA_SLICES_MULTIPLE - 1) / MMA_SLICES_MULTIPLE * MMA_SLICES_MULTIPLE;
    return part < MMA_SLICES_MULTIPLE ? MMA_SLICES_MULTIPLE
           : part > MMA_SLICES_PART   ? MMA_SLICES_PART
                                      : part;
}
ROUND_FN size_t mma_slices_parts(size_t k, size_t part) {
    return k ? (k + part - 1) / part : 1;
}

#endif
