/* decoder_cpu_v4.h: four floats in a register, for the kernels of this folder; after an INLINE. */
#ifndef NANOLAB_KERNELS_DECODER_DECODER_CPU_V4_H
#define NANOLAB_KERNELS_DECODER_DECODER_CPU_V4_H

#include <immintrin.h>

typedef __m128 v4;
INLINE v4 v4_zero(void) {
    return _mm_setzero_ps();
}
INLINE v4 v4_load(const float *p) {
    return _mm_loadu_ps(p);
}
INLINE void v4_store(float *p, v4 x) {
    _mm_storeu_ps(p, x);
}
INLINE v4 v4_add(v4 a, v4 b) {
    return _mm_add_ps(a, b);
}
INLINE v4 v4_fma(v4 a, float b, v4 c) {
    return _mm_fmadd_ps(a, _mm_set1_ps(b), c);
}

#endif
