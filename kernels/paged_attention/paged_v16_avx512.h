/*
 * paged_v16_avx512.h: sixteen floats in a register of AVX-512, for the kernels of this family and
 * of kernels/decoder. Nothing here runs before paged_isa_works(PAGED_AVX512) has said yes. To be
 * included last, since the target holds from here on.
 */
#include <immintrin.h>
#include <string.h>

#include "kernels/element/element.h"
#include "kernels/paged_attention/paged_exp.h"

#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,f16c")

typedef __m512 v16;

#define INLINE static inline __attribute__((always_inline))
INLINE v16 v16_zero(void) {
    return _mm512_setzero_ps();
}
INLINE v16 v16_set(float x) {
    return _mm512_set1_ps(x);
}
INLINE v16 v16_load(const float *p) {
    return _mm512_loadu_ps(p);
}
INLINE void v16_store(float *p, v16 x) {
    _mm512_storeu_ps(p, x);
}
INLINE v16 v16_add(v16 a, v16 b) {
    return _mm512_add_ps(a, b);
}
INLINE v16 v16_sub(v16 a, v16 b) {
    return _mm512_sub_ps(a, b);
}
INLINE v16 v16_mul(v16 a, v16 b) {
    return _mm512_mul_ps(a, b);
}
INLINE v16 v16_div(v16 a, v16 b) {
    return _mm512_div_ps(a, b);
}
INLINE v16 v16_most(v16 a, v16 b) {
    return _mm512_max_ps(a, b);
}
INLINE v16 v16_fma(v16 a, v16 b, v16 c) {
    return _mm512_fmadd_ps(a, b, c);
}

/* Sixteen 16-bit elements to floats: a bfloat16 is a float's upper half. */
INLINE v16 widen16(__m256i x, enum element type) {
    if (type == ELEMENT_F16)
        return _mm512_cvtph_ps(x);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}
INLINE v16 v16_widen(const char *p, enum element type) {
    if (type == ELEMENT_F32)
        return _mm512_loadu_ps(p);
    return widen16(_mm256_loadu_si256((const __m256i *)p), type);
}
INLINE __m256i pair(const char *p, size_t piece) {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)p)),
                                   _mm_loadu_si128((const __m128i *)(p + piece)), 1);
}
INLINE v16 v16_pieces(const char *p, size_t piece, enum element type) {
    if (type == ELEMENT_F32)
        return _mm512_castsi512_ps(_mm512_inserti64x4(_mm512_castsi256_si512(pair(p, piece)),
                                                      pair(p + 2 * piece, piece), 1));
    return widen16(pair(p, piece), type);
}

/* Halves of a beside halves of b, added: what v16_tree does to both, in one register. */
INLINE v16 fold8(v16 a, v16 b) {
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
}
INLINE void v16_reduce4(const v16 *v, float *out) {
    v16 a = fold8(v[0], v[1]), b = fold8(v[2], v[3]);
    a = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
    a = _mm512_add_ps(a, _mm512_shuffle_ps(a, a, 0x4e));
    a = _mm512_add_ps(a, _mm512_shuffle_ps(a, a, 0xb1));
    _mm_storeu_ps(out, _mm512_castps512_ps128(_mm512_permutexvar_ps(
                           _mm512_set_epi32(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 8, 4, 0), a)));
}

INLINE v16 v16_exp2(v16 x) {
    v16 magic = v16_set(PAGED_EXP2_MAGIC), t = v16_add(x, magic), f = v16_sub(x, v16_sub(t, magic));
    v16 p = v16_fma(f, v16_set(PAGED_EXP2_C6), v16_set(PAGED_EXP2_C5));
    p = v16_fma(f, p, v16_set(PAGED_EXP2_C4));
    p = v16_fma(f, p, v16_set(PAGED_EXP2_C3));
    p = v16_fma(f, p, v16_set(PAGED_EXP2_C2));
    p = v16_fma(f, p, v16_set(PAGED_EXP2_C1));
    p = v16_fma(f, p, v16_set(1.0f));
    __m512i n = _mm512_slli_epi32(_mm512_castps_si512(t), 23);
    p = _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p), n));
    __mmask16 tiny = _mm512_cmp_ps_mask(x, v16_set(PAGED_EXP2_LEAST), _CMP_LT_OQ);
    return _mm512_mask_blend_ps(tiny, p, v16_zero());
}
