/*
 * round_bits.h: an integer times a power of two, rounded once, to the nearest float or double.
 *
 * The integer sums (binned.h, exact.h) end here: everything before is exact, so this is the only
 * rounding of a finalised result. Integer arithmetic only, so that no rounding mode, flush-to-zero
 * setting or device changes a bit. Valid in C11, C++17 and CUDA.
 */
#ifndef NANOLAB_KERNELS_SUM_ROUND_BITS_H
#define NANOLAB_KERNELS_SUM_ROUND_BITS_H

#include <stdint.h>
#include <string.h>

#ifdef __CUDACC__
#define ROUND_FN __host__ __device__ static inline
#else
#define ROUND_FN static inline
#endif

/* Bit patterns of numbers and back. */
ROUND_FN uint32_t round_f32_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

ROUND_FN float round_f32_from(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

ROUND_FN uint64_t round_f64_bits(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

ROUND_FN double round_f64_from(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Place of the highest set bit of m > 0: 0…63. */
ROUND_FN int round_top_bit(uint64_t m) {
#ifdef __CUDA_ARCH__
    return 63 - __clzll((long long)m);
#else
    return 63 - __builtin_clzll(m);
#endif
}

/* m / 2^drop to the nearest integer, ties to even; drop >= 1 of any size. */
ROUND_FN uint64_t round_shift_right(uint64_t m, int drop) {
    if (drop > 64)
        return 0;
    uint64_t half = (uint64_t)1 << (drop - 1);
    uint64_t kept = drop == 64 ? 0 : m >> drop;
    uint64_t rest = drop == 64 ? m : m & (2 * half - 1);
    return kept + (rest > half || (rest == half && (kept & 1)));
}

/* Bits of ±m · 2^e in a format with `fraction` stored fraction bits, exponents from the power of
 * two `least` (of the smallest denormal) and `top` as its largest finite biased exponent. m = 0
 * gives +0 whatever the sign. If m stands for more bits than it holds, its lowest bit must be a
 * sticky one (set if anything below is) and m at least 2^(fraction + 3). */
ROUND_FN uint64_t round_pack(uint64_t m, int e, int fraction, int least, int top) {
    if (!m)
        return 0;
    int place = round_top_bit(m) + e - fraction; /* of the result's last bit */
    if (place < least)
        place = least;
    uint64_t infinity = (uint64_t)(top + 1) << fraction;
    if (place - least >= top)
        return infinity;
    uint64_t q = place > e ? round_shift_right(m, place - e) : m << (e - place);
    /* A normal q carries its hidden bit into the exponent field, which makes it one larger: so
     * denormals, normals and a q rounded up to the next power of two are all this one sum. */
    uint64_t bits = ((uint64_t)(place - least) << fraction) + q;
    return bits < infinity ? bits : infinity;
}

ROUND_FN uint32_t round_f32_pack(int negative, uint64_t m, int e) {
    uint32_t bits = (uint32_t)round_pack(m, e, 23, -149, 254);
    return m && negative ? bits | 0x80000000u : bits;
}

ROUND_FN uint64_t round_f64_pack(int negative, uint64_t m, int e) {
    uint64_t bits = round_pack(m, e, 52, -1074, 2046);
    return m && negative ? bits | 0x8000000000000000u : bits;
}

/* The 128-bit two's complement number hi · 2^64 + lo, as a magnitude of 64 bits times 2^e with a
 * sticky lowest bit: what round_*_pack takes. Adjusts *e, returns the magnitude. */
ROUND_FN uint64_t round_fold_128(int64_t hi, uint64_t lo, int *negative, int *e) {
    uint64_t high = (uint64_t)hi;
    *negative = hi < 0;
    if (hi < 0) {
        lo = ~lo + 1;
        high = ~high + (lo == 0);
    }
    if (!high)
        return lo;
    int shift = round_top_bit(high) + 1; /* 1…64 */
    *e += shift;
    if (shift == 64)
        return high | (lo != 0);
    uint64_t lost = lo << (64 - shift);
    return high << (64 - shift) | lo >> shift | (lost != 0);
}

#endif
