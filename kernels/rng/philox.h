/*
 * philox.h: random numbers as a pure function of (seed, stream, index).
 *
 * Philox 4x32-10 is a counter-based generator (J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw:
 * "Parallel random numbers: as easy as 1, 2, 3", SC'11): no state, so any device, thread or
 * resumed run computes number `index` of a stream by itself and gets the same bits. Valid in C11,
 * C++17 and CUDA; checked against the vectors published with it.
 *
 * What is built on top is equal to the bit on every device too: the logarithm, the cosine and the
 * power of two below are short series in double, of operations that IEEE 754 fixes (+ - * / sqrt),
 * and never call a device's maths library. They rely on this project's flags: no contraction into
 * FMA, no flushing, IEEE division and square root. Their error is a few units in the last place of
 * a double, which a test checks; that is ample for making test data.
 */
#ifndef NANOLAB_KERNELS_RNG_PHILOX_H
#define NANOLAB_KERNELS_RNG_PHILOX_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef __CUDACC__
#define PHILOX_FN __host__ __device__ static inline
#else
#define PHILOX_FN static inline
#endif

struct philox_key {
    uint32_t v[2];
};

struct philox_block {
    uint32_t v[4];
};

/* One round: two 32 × 32 → 64 bit products, their halves swapped and mixed with the key. */
PHILOX_FN struct philox_block philox_round(struct philox_block c, struct philox_key k) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c.v[0];
    uint64_t p1 = (uint64_t)0xCD9E8D57u * c.v[2];
    struct philox_block next = {{(uint32_t)(p1 >> 32) ^ c.v[1] ^ k.v[0], (uint32_t)p1,
                                 (uint32_t)(p0 >> 32) ^ c.v[3] ^ k.v[1], (uint32_t)p0}};
    return next;
}

/* Ten rounds, the key stepped between them by the golden ratio and sqrt(3) - 1. */
PHILOX_FN struct philox_block philox_4x32_10(struct philox_block counter, struct philox_key key) {
    for (int round = 0; round < 10; ++round) {
        if (round > 0) {
            key.v[0] += 0x9E3779B9u;
            key.v[1] += 0xBB67AE85u;
        }
        counter = philox_round(counter, key);
    }
    return counter;
}

/* 128 random bits: block `index` of `stream` under `seed`. Streams separate uses of one seed, such
 * as two operands, the shuffling and the bootstrap. */
PHILOX_FN struct philox_block philox_at(uint64_t seed, uint64_t stream, uint64_t index) {
    struct philox_key key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
    struct philox_block counter = {
        {(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)}};
    return philox_4x32_10(counter, key);
}

/* Half 0 or 1 of a block as a 64-bit number. */
PHILOX_FN uint64_t philox_half(struct philox_block block, int half) {
    return (uint64_t)block.v[2 * half + 1] << 32 | block.v[2 * half];
}

PHILOX_FN uint64_t philox_u64(uint64_t seed, uint64_t stream, uint64_t index) {
    return philox_half(philox_at(seed, stream, index), 0);
}

/* 64 random bits → a multiple of 2^-53 in [0, 1); exact. */
PHILOX_FN double philox_unit(uint64_t bits) {
    return (double)(bits >> 11) * 0x1p-53;
}

/* The same in (0, 1]: never 0, for logarithms. */
PHILOX_FN double philox_unit_above(uint64_t bits) {
    return (double)((bits >> 11) + 1) * 0x1p-53;
}

/* 64 random bits → 0…n-1 (n >= 1) by the high half of bits × n; no number is favoured by more than
 * a share of n / 2^64. */
PHILOX_FN uint64_t philox_below(uint64_t bits, uint64_t n) {
    uint64_t bl = (uint32_t)bits, bh = bits >> 32, nl = (uint32_t)n, nh = n >> 32;
    uint64_t low = bl * nl, m1 = bh * nl + (low >> 32), m2 = bl * nh + (uint32_t)m1;
    return bh * nh + (m1 >> 32) + (m2 >> 32);
}

/* --- the same bits everywhere ------------------------------------------------------------------
 */

/* Horner's steps with reciprocals that the compiler rounds once: a division per term would take
 * most of the time. */
#define PHILOX_LOG_TERM(k, inner) (((inner) + 1.0 / (k)) * z)
#define PHILOX_TURN_TERM(k, inner) ((1.0 - (inner)) * (z * (1.0 / (k))))
#define PHILOX_EXP_TERM(k, inner) (1.0 + (inner) * (f * (1.0 / (k))))

/* ln x of a normal x > 0. x = 2^e m, sqrt(1/2) <= m < sqrt(2); ln m = 2 atanh s by its series in
 * s = (m - 1)/(m + 1), |s| < 0.1716. */
PHILOX_FN double philox_log(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int e = (int)(bits >> 52) - 1023;
    bits = (bits & 0xFFFFFFFFFFFFFull) | 0x3FF0000000000000ull;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        ++e;
    }
    double s = (m - 1.0) / (m + 1.0), z = s * s;
    double sum = PHILOX_LOG_TERM(23, 0.0);
    sum = PHILOX_LOG_TERM(21, sum);
    sum = PHILOX_LOG_TERM(19, sum);
    sum = PHILOX_LOG_TERM(17, sum);
    sum = PHILOX_LOG_TERM(15, sum);
    sum = PHILOX_LOG_TERM(13, sum);
    sum = PHILOX_LOG_TERM(11, sum);
    sum = PHILOX_LOG_TERM(9, sum);
    sum = PHILOX_LOG_TERM(7, sum);
    sum = PHILOX_LOG_TERM(5, sum);
    sum = PHILOX_LOG_TERM(3, sum);
    /* ln 2 in two parts, so that e × the first is exact. */
    double high = 0x1.62e42fefap-1, low = 0x1.cf79abc9e3b3ap-40;
    return (double)e * high + (2.0 * s + (2.0 * s * sum + (double)e * low));
}

/* cos and sin of 2πt for 0 <= t < 1: taking off the nearest quarter turn is exact and leaves at
 * most 1/8 of a turn, |r| <= π/4, where Taylor's series are short. */
PHILOX_FN void philox_cos_sin(double t, double *cosine, double *sine) {
    int quarter = (int)(t * 4.0 + 0.5);
    double r = (t - 0.25 * quarter) * 6.283185307179586, z = r * r;
    double c, s;
    c = PHILOX_TURN_TERM(18.0 * 17.0, 0.0);
    c = PHILOX_TURN_TERM(16.0 * 15.0, c);
    c = PHILOX_TURN_TERM(14.0 * 13.0, c);
    c = PHILOX_TURN_TERM(12.0 * 11.0, c);
    c = PHILOX_TURN_TERM(10.0 * 9.0, c);
    c = PHILOX_TURN_TERM(8.0 * 7.0, c);
    c = PHILOX_TURN_TERM(6.0 * 5.0, c);
    c = PHILOX_TURN_TERM(4.0 * 3.0, c);
    c = PHILOX_TURN_TERM(2.0 * 1.0, c);
    s = PHILOX_TURN_TERM(18.0 * 19.0, 0.0);
    s = PHILOX_TURN_TERM(16.0 * 17.0, s);
    s = PHILOX_TURN_TERM(14.0 * 15.0, s);
    s = PHILOX_TURN_TERM(12.0 * 13.0, s);
    s = PHILOX_TURN_TERM(10.0 * 11.0, s);
    s = PHILOX_TURN_TERM(8.0 * 9.0, s);
    s = PHILOX_TURN_TERM(6.0 * 7.0, s);
    s = PHILOX_TURN_TERM(4.0 * 5.0, s);
    s = PHILOX_TURN_TERM(2.0 * 3.0, s);
    c = 1.0 - c;
    s = r * (1.0 - s);
    quarter &= 3;
    *cosine = quarter == 0 ? c : quarter == 1 ? -s : quarter == 2 ? -c : s;
    *sine = quarter == 0 ? s : quarter == 1 ? c : quarter == 2 ? -s : -c;
}

/* 2^x for |x| <= 1000: 2^(whole part) by its bits, the rest by the series of e^(f ln 2). */
PHILOX_FN double philox_exp2(double x) {
    double whole = x < 0.0 ? -(double)(int64_t)(0.5 - x) : (double)(int64_t)(x + 0.5);
    double f = (x - whole) * 0.6931471805599453, sum = 1.0;
    sum = PHILOX_EXP_TERM(14.0, sum);
    sum = PHILOX_EXP_TERM(13.0, sum);
    sum = PHILOX_EXP_TERM(12.0, sum);
    sum = PHILOX_EXP_TERM(11.0, sum);
    sum = PHILOX_EXP_TERM(10.0, sum);
    sum = PHILOX_EXP_TERM(9.0, sum);
    sum = PHILOX_EXP_TERM(8.0, sum);
    sum = PHILOX_EXP_TERM(7.0, sum);
    sum = PHILOX_EXP_TERM(6.0, sum);
    sum = PHILOX_EXP_TERM(5.0, sum);
    sum = PHILOX_EXP_TERM(4.0, sum);
    sum = PHILOX_EXP_TERM(3.0, sum);
    sum = PHILOX_EXP_TERM(2.0, sum);
    sum = PHILOX_EXP_TERM(1.0, sum);
    uint64_t bits = (uint64_t)(1023 + (int64_t)whole) << 52;
    double scale;
    memcpy(&scale, &bits, sizeof scale);
    return sum * scale;
}

/* Two independent standard normal numbers from one block, by Box and Muller's transform. */
PHILOX_FN void philox_normal_pair(struct philox_block block, double *a, double *b) {
    double radius = sqrt(-2.0 * philox_log(philox_unit_above(philox_half(block, 0))));
    double c, s;
    philox_cos_sin(philox_unit(philox_half(block, 1)), &c, &s);
    *a = radius * c;
    *b = radius * s;
}

/* Number `index` of a stream of standard normal numbers (two to a block). */
PHILOX_FN double philox_normal(uint64_t seed, uint64_t stream, uint64_t index) {
    double a, b;
    philox_normal_pair(philox_at(seed, stream, index >> 1), &a, &b);
    return index & 1 ? b : a;
}

/* A random sign and a magnitude 2^u, u uniform in [low, high): log-uniform magnitudes. */
PHILOX_FN double philox_log_uniform(uint64_t seed, uint64_t stream, uint64_t index, double low,
                                    double high) {
    struct philox_block block = philox_at(seed, stream, index);
    double x = philox_exp2(low + (high - low) * philox_unit(philox_half(block, 0)));
    return philox_half(block, 1) & 1 ? -x : x;
}

#endif
