/*
 * decoder_cpu_avx512.c: a step's native kernels for AVX-512. Nothing here runs before
 * decoder_engine_works(DECODER_AVX512) has said yes.
 */
#ifdef __x86_64__
#include <math.h>

#include "kernels/decoder/decoder_inside.h"
#include "kernels/paged_attention/paged_v16_avx512.h"

typedef __m512i quad_bits;

/* Through memory, where a float is broadcast as it is loaded; between registers that would be a
 * permutation, and those are what there are too many of here. */
INLINE void scales_load(const unsigned char *scales, const int count, float *out) {
    __m128i halves = count == 8 ? _mm_load_si128((const __m128i *)scales)
                                : _mm_loadl_epi64((const __m128i *)scales);
    _mm256_store_ps(out, _mm256_cvtph_ps(halves));
    __asm__("" : "+m"(*(float(*)[8])out));
}

INLINE quad_bits q4_load(const unsigned char *quad) {
    return _mm512_load_si512(quad);
}
/* A block has 16 weights to choose from, d·0 + m … d·15 + m, each rounded once since d·q is exact:
 * so many lanes are in a register, and a permutation looks each q up by its low four bits. */
INLINE void q4_row(quad_bits quad, const int row, const float *scale, v16 *low, v16 *high) {
    const v16 each = _mm512_set_ps(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const v16 weights =
        _mm512_fmadd_ps(_mm512_set1_ps(scale[row]), each, _mm512_set1_ps(scale[4 + row]));
    *low = _mm512_permutexvar_ps(_mm512_srli_epi32(quad, 4 * (unsigned)row), weights);
    *high = _mm512_permutexvar_ps(_mm512_srli_epi32(quad, 4 * (unsigned)row + 16), weights);
}

INLINE v16 q8_lanes(const unsigned char *q, v16 d) {
    return _mm512_mul_ps(
        d, _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_load_si128((const __m128i *)q))));
}
INLINE void q8_row(const unsigned char *q, float scale, v16 *low, v16 *high) {
    const v16 d = _mm512_set1_ps(scale);
    *low = q8_lanes(q, d);
    *high = q8_lanes(q + 16, d);
}

INLINE void q4_numbers(quad_bits quad, const int row, v16 *low, v16 *high) {
    const v16 each = _mm512_set_ps(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    *low = _mm512_permutexvar_ps(_mm512_srli_epi32(quad, 4 * (unsigned)row), each);
    *high = _mm512_permutexvar_ps(_mm512_srli_epi32(quad, 4 * (unsigned)row + 16), each);
}
INLINE v16 q8_number(const unsigned char *q) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_load_si128((const __m128i *)q)));
}
INLINE void q8_numbers(const unsigned char *q, v16 *low, v16 *high) {
    *low = q8_number(q);
    *high = q8_number(q + 16);
}

#define REDUCE16
/* Those 8 and 4 apart as in v16_reduce4; then two rows share a register, then four. */
INLINE void reduce16(v16 sum[4][4], float out[4][4]) {
    v16 row[4], two[2];
#pragma GCC unroll 4
    for (int r = 0; r < 4; r++) {
        const v16 a = fold8(sum[r][0], sum[r][1]), b = fold8(sum[r][2], sum[r][3]);
        row[r] = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
    }
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++)
        two[i] = _mm512_add_ps(_mm512_shuffle_ps(row[2 * i], row[2 * i + 1], 0x44),
                               _mm512_shuffle_ps(row[2 * i], row[2 * i + 1], 0xee));
    const v16 all = _mm512_add_ps(_mm512_shuffle_ps(two[0], two[1], 0x88),
                                  _mm512_shuffle_ps(two[0], two[1], 0xdd));
    const __m512i turned = _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
    _mm512_storeu_ps(out, _mm512_permutexvar_ps(turned, all));
}
INLINE v16 v16_rounded(v16 x) {
    const __m512i bits = _mm512_castps_si512(x), one = _mm512_set1_epi32(1);
    const __m512i up = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)),
                                        _mm512_and_si512(_mm512_srli_epi32(bits, 16), one));
    const __m512i nan = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
    return _mm512_castsi512_ps(
        _mm512_and_si512(_mm512_mask_blend_epi32(_mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), up, nan),
                         _mm512_set1_epi32((int)0xffff0000)));
}
INLINE v16 v16_not_tiny(v16 x) {
    return _mm512_maskz_mov_ps(
        _mm512_cmp_ps_mask(_mm512_abs_ps(x), v16_set(DECODER_TINY), _CMP_NLT_UQ), x);
}
INLINE void pairs_of_inputs(uint16_t *to, v16 low, v16 high) {
    const __m512i upper =
        _mm512_and_si512(_mm512_castps_si512(high), _mm512_set1_epi32((int)0xffff0000));
    _mm512_storeu_si512(to,
                        _mm512_or_si512(_mm512_srli_epi32(_mm512_castps_si512(low), 16), upper));
}
#include "kernels/decoder/decoder_cpu_v4.h"

INLINE v16 v16_minus_absolute(v16 x) {
    return _mm512_castsi512_ps(
        _mm512_or_si512(_mm512_castps_si512(x), _mm512_set1_epi32((int)0x80000000)));
}
/* a where x is below 0, else b. */
INLINE v16 v16_choose_negative(v16 x, v16 a, v16 b) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, v16_zero(), _CMP_LT_OQ), b, a);
}

#define KERNELS decoder_cpu_avx512
#include "kernels/decoder/decoder_cpu_kernel.inc"

#include "kernels/decoder/decoder_cpu_avx512_bf16.inc"
#endif
