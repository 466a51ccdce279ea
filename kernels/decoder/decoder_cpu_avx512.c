/*
 * decoder_cpu_avx512.c: a step's native kernels for AVX-512. Nothing here runs before
 * decoder_engine_works(DECODER_AVX512) has said yes.
 */
#ifdef __x86_64__
#include <math.h>

#include "kernels/decoder/decoder_inside.h"
#include "kernels/paged_attention/paged_v16_avx512.h"

INLINE v16 half_of(const unsigned char *at) {
    uint16_t half;
    memcpy(&half, at, sizeof half);
    return _mm512_cvtph_ps(_mm256_set1_epi16((short)half));
}

/* A block has 16 weights to choose from, d·0 + m … d·15 + m, each rounded once since d·q is exact:
 * so many lanes are in a register, and a permutation looks each q up by its low four bits. */
INLINE void v16_q4(const unsigned char *block, v16 *low, v16 *high) {
    const v16 each = _mm512_set_ps(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const v16 weights = _mm512_fmadd_ps(half_of(block), each, half_of(block + 2));
    const __m512i q = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(block + 4)));
    *low = _mm512_permutexvar_ps(q, weights);
    *high = _mm512_permutexvar_ps(_mm512_srli_epi32(q, 4), weights);
}

INLINE void v16_q8(const unsigned char *block, v16 *low, v16 *high) {
    const v16 d = half_of(block);
    const __m128i *q = (const __m128i *)(block + 2);
    *low = _mm512_mul_ps(d, _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(q))));
    *high = _mm512_mul_ps(d, _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(q + 1))));
}

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
#endif
