/*
 * paged_cpu_avx512.c: the native decode step's arithmetic for AVX-512. Nothing here runs before
 * paged_isa_works(PAGED_AVX512) has said yes.
 */
#ifdef __x86_64__
#include "kernels/paged_attention/paged_cpu_inside.h"
#include "kernels/paged_attention/paged_v16_avx512.h"

typedef __m512i v8x64;

INLINE v8x64 v8x64_zero(void) {
    return _mm512_setzero_si512();
}
INLINE v8x64 v8x64_add(v8x64 sum, const char *p) {
    return _mm512_add_epi64(sum, _mm512_loadu_si512(p));
}
INLINE v8x64 v8x64_add_high(v8x64 sum, const char *p) {
    return _mm512_add_epi64(sum, _mm512_srli_epi64(_mm512_loadu_si512(p), 32));
}

/* Rows to columns: 4 × 4 inside every quarter of four rows, then the quarters. */
INLINE void turn16(v16 *x) {
    v16 y[16];
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) {
        __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps(x[i], x[i + 1]));
        __m512d b = _mm512_castps_pd(_mm512_unpackhi_ps(x[i], x[i + 1]));
        __m512d c = _mm512_castps_pd(_mm512_unpacklo_ps(x[i + 2], x[i + 3]));
        __m512d d = _mm512_castps_pd(_mm512_unpackhi_ps(x[i + 2], x[i + 3]));
        y[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
        y[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
        y[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
        y[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        v16 a = _mm512_shuffle_f32x4(y[i], y[i + 4], 0x88);
        v16 b = _mm512_shuffle_f32x4(y[i], y[i + 4], 0xdd);
        v16 c = _mm512_shuffle_f32x4(y[i + 8], y[i + 12], 0x88);
        v16 d = _mm512_shuffle_f32x4(y[i + 8], y[i + 12], 0xdd);
        x[i] = _mm512_shuffle_f32x4(a, c, 0x88);
        x[i + 4] = _mm512_shuffle_f32x4(b, d, 0x88);
        x[i + 8] = _mm512_shuffle_f32x4(a, c, 0xdd);
        x[i + 12] = _mm512_shuffle_f32x4(b, d, 0xdd);
    }
}
#define TURN16 turn16

#define SCORE_QUERIES 4
#define VALUE_SUMS 16
#define KERNELS paged_cpu_avx512
#include "kernels/paged_attention/paged_cpu_kernel.inc"
#endif
