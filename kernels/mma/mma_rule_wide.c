/*
 * mma_rule_wide.c: sums of eight columns at once, with AVX2 and its FMA; the same steps as
 * mma_block() and mma_fma_flushed().
 */
#include "kernels/mma/mma_rule_inside.h"

#ifdef __x86_64__
#include <immintrin.h>

#define WIDE __attribute__((target("avx2,fma"))) static inline

bool mma_wide_supported(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

/* The terms of one block: products with MMA_PRODUCT_FRACTION fraction bits, and their exponents. */
struct terms {
    __m256i product[32], exponent[32];
};

WIDE __m256i collect(const struct mma_unit *unit, const union mma_item *a, const union mma_item *b,
                     int n, struct terms *terms) {
    __m256i most = _mm256_set1_epi32(unit->floor);
    __m128i shift = _mm_cvtsi32_si128(unit->shift);
    for (int i = 0; i < n; i++) {
        /* Pairs of 16-bit numbers: (significand, exponent) times (significand, 0). */
        __m256i x = _mm256_set1_epi32((uint16_t)a[i].number.significand);
        __m256i y = _mm256_loadu_si256((const __m256i *)&b[8 * i]);
        __m256i e =
            _mm256_add_epi32(_mm256_srai_epi32(y, 16), _mm256_set1_epi32(a[i].number.exponent));
        terms->product[i] = _mm256_sll_epi32(_mm256_madd_epi16(x, y), shift);
        terms->exponent[i] = e;
        most = _mm256_max_epi32(most, e);
    }
    return most;
}

/* c's term: its significand with five bits more, so that all shifts go to the right. */
WIDE __m256i term_of_c(__m256i bits, __m256i last) {
    __m256i field = _mm256_and_si256(_mm256_srli_epi32(bits, 23), _mm256_set1_epi32(0xff));
    __m256i subnormal = _mm256_cmpeq_epi32(field, _mm256_setzero_si256());
    __m256i hidden = _mm256_andnot_si256(subnormal, _mm256_set1_epi32(0x800000));
    __m256i significand =
        _mm256_or_si256(_mm256_and_si256(bits, _mm256_set1_epi32(0x7fffff)), hidden);
    /* Its float's exponent; a subnormal's is that of field 1. */
    __m256i own = _mm256_sub_epi32(_mm256_sub_epi32(field, subnormal), _mm256_set1_epi32(127));
    __m256i away = _mm256_sub_epi32(_mm256_add_epi32(last, _mm256_set1_epi32(23 + 5)), own);
    __m256i kept = _mm256_srlv_epi32(_mm256_slli_epi32(significand, 5), away);
    __m256i sign = _mm256_srai_epi32(bits, 31);
    return _mm256_sub_epi32(_mm256_xor_si256(kept, sign), sign);
}

/* Four sums, exact, times 2^last. */
WIDE __m256d scaled(__m256d sum, __m128i last) {
    __m256i power = _mm256_slli_epi64(
        _mm256_add_epi64(_mm256_cvtepi32_epi64(last), _mm256_set1_epi64x(1023)), 52);
    return _mm256_mul_pd(sum, _mm256_castsi256_pd(power));
}

/* Toward zero to `out_fraction` bits. *plain: all are zero or normal floats. */
WIDE __m128 cut(__m256d value, int out_fraction, bool *plain) {
    const __m256d sign = _mm256_set1_pd(-0.0);
    __m256d size = _mm256_andnot_pd(sign, value);
    __m256d small = _mm256_cmp_pd(size, _mm256_set1_pd(0x1p-126), _CMP_LT_OQ);
    __m256d large = _mm256_cmp_pd(size, _mm256_set1_pd(0x1p128), _CMP_GE_OQ);
    __m256d zero = _mm256_cmp_pd(size, _mm256_setzero_pd(), _CMP_EQ_OQ);
    *plain = _mm256_movemask_pd(_mm256_or_pd(_mm256_andnot_pd(zero, small), large)) == 0;
    __m256i mask = _mm256_set1_epi64x((long long)(UINT64_MAX << (52 - out_fraction)));
    return _mm256_cvtpd_ps(_mm256_and_pd(value, _mm256_castsi256_pd(mask)));
}

/* One block; false: an infinity came out. */
WIDE bool block8(const struct mma_unit *unit, const union mma_item *a, const union mma_item *b,
                 int n, __m256 *c) {
    struct terms terms;
    __m256i most = collect(unit, a, b, n, &terms), bits = _mm256_castps_si256(*c);
    __m256i size = _mm256_and_si256(bits, _mm256_set1_epi32(0x7fffffff));
    __m256i exponent =
        _mm256_max_epi32(_mm256_sub_epi32(_mm256_srli_epi32(size, 23), _mm256_set1_epi32(127)),
                         _mm256_set1_epi32(unit->least_c));
    __m256i none = _mm256_cmpeq_epi32(size, _mm256_setzero_si256());
    most =
        _mm256_max_epi32(most, _mm256_blendv_epi8(exponent, _mm256_set1_epi32(unit->floor), none));
    __m256i last = _mm256_sub_epi32(most, _mm256_set1_epi32(unit->fraction));
    __m256i drop = _mm256_add_epi32(last, _mm256_set1_epi32(MMA_PRODUCT_FRACTION));
    __m256i some = term_of_c(bits, last);
    __m256d low = _mm256_setzero_pd(), high = low;
    /* Eight terms of less than 2^(fraction + 2), and c, fit 32 bits. */
    for (int i = 0; i < n;) {
        for (int end = n - i < 8 ? n : i + 8; i < end; i++) {
            __m256i away = _mm256_sub_epi32(drop, terms.exponent[i]);
            __m256i kept = _mm256_srlv_epi32(_mm256_abs_epi32(terms.product[i]), away);
            some = _mm256_add_epi32(some, _mm256_sign_epi32(kept, terms.product[i]));
        }
        low = _mm256_add_pd(low, _mm256_cvtepi32_pd(_mm256_castsi256_si128(some)));
        high = _mm256_add_pd(high, _mm256_cvtepi32_pd(_mm256_extracti128_si256(some, 1)));
        some = _mm256_setzero_si256();
    }
    bool plain[2] = {false, false};
    if (!unit->nearest) {
        __m128 x = cut(scaled(low, _mm256_castsi256_si128(last)), unit->out_fraction, &plain[0]);
        __m128 y =
            cut(scaled(high, _mm256_extracti128_si256(last, 1)), unit->out_fraction, &plain[1]);
        *c = _mm256_set_m128(y, x);
    }
    if (plain[0] && plain[1])
        return true;
    double sums[8];
    int32_t lasts[8];
    float results[8];
    bool finite = true;
    _mm256_storeu_pd(sums, low);
    _mm256_storeu_pd(sums + 4, high);
    _mm256_storeu_si256((__m256i *)lasts, last);
    for (int i = 0; i < 8; i++) {
        results[i] = mma_unit_round(unit, (int64_t)sums[i], lasts[i]);
        finite &= mma_is_finite(results[i]);
    }
    *c = _mm256_loadu_ps(results);
    return finite;
}

__attribute__((target("avx2,fma"))) bool mma_wide(const struct mma_unit *unit,
                                                  const union mma_item *a, const union mma_item *b,
                                                  size_t n, float *c) {
    size_t block = (size_t)unit->block;
    __m256 sums = _mm256_loadu_ps(c);
    for (size_t i = 0; i < n; i += block)
        if (!block8(unit, a + i, b + 8 * i, unit->block, &sums))
            return false;
    _mm256_storeu_ps(c, sums);
    return true;
}

/* --- chains --------------------------------------------------------------------------------------
 */

WIDE __m256 flushed(__m256 x) {
    __m256i exponent = _mm256_and_si256(_mm256_castps_si256(x), _mm256_set1_epi32(0x7f800000));
    __m256 none = _mm256_castsi256_ps(_mm256_cmpeq_epi32(exponent, _mm256_setzero_si256()));
    return _mm256_blendv_ps(x, _mm256_and_ps(x, _mm256_set1_ps(-0.0f)), none);
}

/* *edge gathers lanes that are the least normal number, whose rounding has to be looked at. */
WIDE __m256 fma_flushed(__m256 x, __m256 y, __m256 sum, __m256 *edge) {
    __m256 result = _mm256_fmadd_ps(x, y, sum);
    __m256 size = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), result);
    *edge = _mm256_or_ps(*edge, _mm256_cmp_ps(size, _mm256_set1_ps(0x1p-126f), _CMP_EQ_OQ));
    return flushed(result);
}

WIDE __m256 a_at(const union mma_item *a, size_t i) {
    return _mm256_broadcast_ss(&a[i].value);
}
WIDE __m256 b_at(const union mma_item *b, size_t i) {
    return _mm256_loadu_ps(&b[8 * i].value);
}

__attribute__((target("avx2,fma"))) bool mma_wide_chain(const struct mma_rule *rule,
                                                        const union mma_item *a,
                                                        const union mma_item *b, size_t n,
                                                        float *c) {
    __m256 sum = _mm256_loadu_ps(c), edge = _mm256_setzero_ps();
    size_t k = (size_t)rule->k, swap = rule->swap;
    if (!rule->flush) {
        for (size_t i = 0; i < n; i++)
            sum = _mm256_fmadd_ps(a_at(a, i), b_at(b, i), sum);
    } else if (rule->chains == 1) {
        sum = flushed(sum);
        for (size_t i = 0; i < n; i++)
            sum = fma_flushed(a_at(a, i ^ swap), b_at(b, i ^ swap), sum, &edge);
    } else {
        sum = flushed(sum);
        for (size_t i = 0; i < n; i += k) {
            __m256 even = _mm256_setzero_ps(), odd = even;
            for (size_t j = i; j < i + k; j += 2) {
                even = fma_flushed(a_at(a, j), b_at(b, j), even, &edge);
                odd = fma_flushed(a_at(a, j + 1), b_at(b, j + 1), odd, &edge);
            }
            sum = flushed(_mm256_add_ps(sum, flushed(_mm256_add_ps(even, odd))));
        }
    }
    if (_mm256_movemask_ps(edge))
        return false;
    _mm256_storeu_ps(c, sum);
    return true;
}
#else
bool mma_wide_supported(void) {
    return false;
}
bool mma_wide(const struct mma_unit *unit, const union mma_item *a, const union mma_item *b,
              size_t n, float *c) {
    (void)unit, (void)a, (void)b, (void)n, (void)c;
    return false;
}
bool mma_wide_chain(const struct mma_rule *rule, const union mma_item *a, const union mma_item *b,
                    size_t n, float *c) {
    (void)rule, (void)a, (void)b, (void)n, (void)c;
    return false;
}
#endif
