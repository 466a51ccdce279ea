/*
 * decoder_cpu_avx2.c: a step's native kernels for AVX2. Nothing here runs before
 * decoder_engine_works(DECODER_AVX2) has said yes.
 */
#ifdef __x86_64__
#include <math.h>

#include "kernels/decoder/decoder_inside.h"
#include "kernels/paged_attention/paged_v16_avx2.h"

typedef struct {
    __m256i low, high;
} quad_bits;

/* Through memory, where a float is broadcast as it is loaded. */
INLINE void scales_load(const unsigned char *scales, const int count, float *out) {
    __m128i halves = count == 8 ? _mm_load_si128((const __m128i *)scales)
                                : _mm_loadl_epi64((const __m128i *)scales);
    _mm256_store_ps(out, _mm256_cvtph_ps(halves));
    __asm__("" : "+m"(*(float(*)[8])out));
}

INLINE quad_bits q4_load(const unsigned char *quad) {
    return (quad_bits){_mm256_load_si256((const __m256i *)quad),
                       _mm256_load_si256((const __m256i *)quad + 1)};
}
/* d·q is exact in a float, so a fused multiply-add rounds as often as the definition does. */
INLINE __m256 q4_lanes(__m256i q, int shift, __m256 d, __m256 m) {
    q = _mm256_and_si256(_mm256_srli_epi32(q, shift), _mm256_set1_epi32(15));
    return _mm256_fmadd_ps(d, _mm256_cvtepi32_ps(q), m);
}
INLINE void q4_row(quad_bits quad, const int row, const float *scale, v16 *low, v16 *high) {
    const __m256 d = _mm256_broadcast_ss(&scale[row]), m = _mm256_broadcast_ss(&scale[4 + row]);
    *low = (v16){q4_lanes(quad.low, 4 * row, d, m), q4_lanes(quad.high, 4 * row, d, m)};
    *high = (v16){q4_lanes(quad.low, 4 * row + 16, d, m), q4_lanes(quad.high, 4 * row + 16, d, m)};
}

INLINE __m256 q8_lanes(const unsigned char *q, __m256 d) {
    return _mm256_mul_ps(
        d, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)q))));
}
INLINE void q8_row(const unsigned char *q, float scale, v16 *low, v16 *high) {
    const __m256 d = _mm256_set1_ps(scale);
    *low = (v16){q8_lanes(q, d), q8_lanes(q + 8, d)};
    *high = (v16){q8_lanes(q + 16, d), q8_lanes(q + 24, d)};
}

INLINE __m256 q4_number(__m256i q, int shift) {
    return _mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srli_epi32(q, shift), _mm256_set1_epi32(15)));
}
INLINE void q4_numbers(quad_bits quad, const int row, v16 *low, v16 *high) {
    *low = (v16){q4_number(quad.low, 4 * row), q4_number(quad.high, 4 * row)};
    *high = (v16){q4_number(quad.low, 4 * row + 16), q4_number(quad.high, 4 * row + 16)};
}
INLINE __m256 q8_number(const unsigned char *q) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)q)));
}
INLINE void q8_numbers(const unsigned char *q, v16 *low, v16 *high) {
    *low = (v16){q8_number(q), q8_number(q + 8)};
    *high = (v16){q8_number(q + 16), q8_number(q + 24)};
}

INLINE __m256 rounded(__m256 x) {
    const __m256i bits = _mm256_castps_si256(x), one = _mm256_set1_epi32(1);
    const __m256i up = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)),
                                        _mm256_and_si256(_mm256_srli_epi32(bits, 16), one));
    const __m256 nan = _mm256_or_ps(x, _mm256_castsi256_ps(_mm256_set1_epi32(0x400000)));
    return _mm256_and_ps(
        _mm256_blendv_ps(_mm256_castsi256_ps(up), nan, _mm256_cmp_ps(x, x, _CMP_UNORD_Q)),
        _mm256_castsi256_ps(_mm256_set1_epi32((int)0xffff0000)));
}
INLINE v16 v16_rounded(v16 x) {
    return (v16){rounded(x.low), rounded(x.high)};
}
INLINE __m256 not_tiny(__m256 x) {
    const __m256 absolute = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x);
    return _mm256_and_ps(x, _mm256_cmp_ps(absolute, _mm256_set1_ps(DECODER_TINY), _CMP_NLT_UQ));
}
INLINE v16 v16_not_tiny(v16 x) {
    return (v16){not_tiny(x.low), not_tiny(x.high)};
}
INLINE void pairs_of_inputs(uint16_t *to, v16 low, v16 high) {
    (void)to;
    (void)low;
    (void)high;
}
#include "kernels/decoder/decoder_cpu_v4.h"

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
