/*
 * paged_v16_avx2.h: sixteen floats in two registers of AVX2, for the kernels of this family and of
 * kernels/decoder. Nothing here runs before paged_isa_works(PAGED_AVX2) has said yes. To be
 * included last, since the target holds from here on.
 */
#include <immintrin.h>
#include <string.h>

#include "kernels/element/element.h"
#include "kernels/paged_attention/paged_exp.h"

#pragma GCC target("avx2,fma,f16c")

typedef struct {
    __m256 low, high;
} v16;

#define INLINE static inline __attribute__((always_inline))
#define BOTH(op, a, b)                                                                             \
    (v16) {                                                                                        \
        op((a).low, (b).low), op((a).high, (b).high)                                               \
    }
INLINE v16 v16_set(float x) {
    return (v16){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}
INLINE v16 v16_zero(void) {
    return v16_set(0);
}
INLINE v16 v16_load(const float *p) {
    return (v16){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
INLINE void v16_store(float *p, v16 x) {
    _mm256_storeu_ps(p, x.low);
    _mm256_storeu_ps(p + 8, x.high);
}
INLINE v16 v16_add(v16 a, v16 b) {
    return BOTH(_mm256_add_ps, a, b);
}
INLINE v16 v16_sub(v16 a, v16 b) {
    return BOTH(_mm256_sub_ps, a, b);
}
INLINE v16 v16_mul(v16 a, v16 b) {
    return BOTH(_mm256_mul_ps, a, b);
}
INLINE v16 v16_div(v16 a, v16 b) {
    return BOTH(_mm256_div_ps, a, b);
}
INLINE v16 v16_most(v16 a, v16 b) {
    return BOTH(_mm256_max_ps, a, b);
}
INLINE v16 v16_fma(v16 a, v16 b, v16 c) {
    return (v16){_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}

/* Eight 16-bit elements to floats: a bfloat16 is a float's upper half. */
INLINE __m256 widen8(const char *p, enum element type) {
    __m128i x = _mm_loadu_si128((const __m128i *)p);
    if (type == ELEMENT_F16)
        return _mm256_cvtph_ps(x);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16));
}
INLINE v16 v16_widen(const char *p, enum element type) {
    if (type == ELEMENT_F32)
        return v16_load((const float *)p);
    return (v16){widen8(p, type), widen8(p + 16, type)};
}
INLINE __m256 pair(const char *p, size_t piece) {
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps((const float *)p)),
                                _mm_loadu_ps((const float *)(p + piece)), 1);
}
INLINE v16 v16_pieces(const char *p, size_t piece, enum element type) {
    if (type == ELEMENT_F32)
        return (v16){pair(p, piece), pair(p + 2 * piece, piece)};
    return (v16){widen8(p, type), widen8(p + piece, type)};
}

/* Halves of a beside halves of b, added: what v16_tree does to both, in one register. */
INLINE __m256 fold4(__m256 a, __m256 b) {
    return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
}
INLINE void v16_reduce4(const v16 *v, float *out) {
    __m256 a = fold4(_mm256_add_ps(v[0].low, v[0].high), _mm256_add_ps(v[1].low, v[1].high));
    __m256 b = fold4(_mm256_add_ps(v[2].low, v[2].high), _mm256_add_ps(v[3].low, v[3].high));
    a = _mm256_add_ps(_mm256_shuffle_ps(a, b, 0x44), _mm256_shuffle_ps(a, b, 0xee));
    /* Each half: two lanes of one token, two of the token after the next. */
    a = _mm256_add_ps(_mm256_shuffle_ps(a, a, 0x88), _mm256_shuffle_ps(a, a, 0xdd));
    _mm_storeu_ps(out, _mm_unpacklo_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1)));
}

INLINE __m256 exp8(__m256 x) {
    __m256 magic = _mm256_set1_ps(PAGED_EXP2_MAGIC), t = _mm256_add_ps(x, magic);
    __m256 f = _mm256_sub_ps(x, _mm256_sub_ps(t, magic));
    __m256 p = _mm256_fmadd_ps(f, _mm256_set1_ps(PAGED_EXP2_C6), _mm256_set1_ps(PAGED_EXP2_C5));
    p = _mm256_fmadd_ps(f, p, _mm256_set1_ps(PAGED_EXP2_C4));
    p = _mm256_fmadd_ps(f, p, _mm256_set1_ps(PAGED_EXP2_C3));
    p = _mm256_fmadd_ps(f, p, _mm256_set1_ps(PAGED_EXP2_C2));
    p = _mm256_fmadd_ps(f, p, _mm256_set1_ps(PAGED_EXP2_C1));
    p = _mm256_fmadd_ps(f, p, _mm256_set1_ps(1.0f));
    __m256i n = _mm256_slli_epi32(_mm256_castps_si256(t), 23);
    p = _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), n));
    return _mm256_andnot_ps(_mm256_cmp_ps(x, _mm256_set1_ps(PAGED_EXP2_LEAST), _CMP_LT_OQ), p);
}
INLINE v16 v16_exp2(v16 x) {
    return (v16){exp8(x.low), exp8(x.high)};
}
