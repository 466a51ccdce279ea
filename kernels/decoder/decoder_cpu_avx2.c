/*
 * decoder_cpu_avx2.c: a step's native kernels for AVX2. Nothing here runs before
 * decoder_engine_works(DECODER_AVX2) has said yes.
 */
#ifdef __x86_64__
#include <math.h>

#include "kernels/decoder/decoder_inside.h"
#include "kernels/paged_attention/paged_v16_avx2.h"

INLINE __m256 half_of(const unsigned char *at) {
    uint16_t half;
    memcpy(&half, at, sizeof half);
    return _mm256_cvtph_ps(_mm_set1_epi16((short)half));
}

/* d·q is exact in a float, so a fused multiply-add rounds as often as the definition does. */
INLINE __m256 q4_of(__m128i q, __m256 d, __m256 m) {
    return _mm256_fmadd_ps(d, _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(q)), m);
}
INLINE void v16_q4(const unsigned char *block, v16 *low, v16 *high) {
    const __m256 d = half_of(block), m = half_of(block + 2);
    const __m128i both = _mm_loadu_si128((const __m128i *)(block + 4)), mask = _mm_set1_epi8(15);
    const __m128i q0 = _mm_and_si128(both, mask), q1 = _mm_and_si128(_mm_srli_epi16(both, 4), mask);
    *low = (v16){q4_of(q0, d, m), q4_of(_mm_srli_si128(q0, 8), d, m)};
    *high = (v16){q4_of(q1, d, m), q4_of(_mm_srli_si128(q1, 8), d, m)};
}

INLINE __m256 q8_of(const unsigned char *q, __m256 d) {
    return _mm256_mul_ps(
        d, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)q))));
}
INLINE void v16_q8(const unsigned char *block, v16 *low, v16 *high) {
    const __m256 d = half_of(block);
    *low = (v16){q8_of(block + 2, d), q8_of(block + 10, d)};
    *high = (v16){q8_of(block + 18, d), q8_of(block + 26, d)};
}

INLINE v16 v16_minus_absolute(v16 x) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return (v16){_mm256_or_ps(x.low, sign), _mm256_or_ps(x.high, sign)};
}
/* a where x is below 0, else b. */
INLINE v16 v16_choose_negative(v16 x, v16 a, v16 b) {
    const __m256 zero = _mm256_setzero_ps();
    return (v16){_mm256_blendv_ps(b.low, a.low, _mm256_cmp_ps(x.low, zero, _CMP_LT_OQ)),
                 _mm256_blendv_ps(b.high, a.high, _mm256_cmp_ps(x.high, zero, _CMP_LT_OQ))};
}

#define KERNELS decoder_cpu_avx2
#include "kernels/decoder/decoder_cpu_kernel.inc"
#endif
