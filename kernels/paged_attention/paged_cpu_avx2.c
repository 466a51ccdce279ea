/*
 * paged_cpu_avx2.c: the native decode step's arithmetic for AVX2: sixteen lanes are two registers.
 * Nothing here runs before paged_isa_works(PAGED_AVX2) has said yes.
 */
#ifdef __x86_64__
#include "kernels/paged_attention/paged_cpu_inside.h"
#include "kernels/paged_attention/paged_v16_avx2.h"

typedef struct {
    __m256i low, high;
} v8x64;

INLINE v8x64 v8x64_zero(void) {
    return (v8x64){_mm256_setzero_si256(), _mm256_setzero_si256()};
}
INLINE __m256i load4(const char *p) {
    return _mm256_loadu_si256((const __m256i *)p);
}
INLINE v8x64 v8x64_add(v8x64 sum, const char *p) {
    return (v8x64){_mm256_add_epi64(sum.low, load4(p)), _mm256_add_epi64(sum.high, load4(p + 32))};
}
INLINE v8x64 v8x64_add_high(v8x64 sum, const char *p) {
    return (v8x64){_mm256_add_epi64(sum.low, _mm256_srli_epi64(load4(p), 32)),
                   _mm256_add_epi64(sum.high, _mm256_srli_epi64(load4(p + 32), 32))};
}

#define SCORE_QUERIES 1
#define VALUE_SUMS 4
#define KERNELS paged_cpu_avx2
#include "kernels/paged_attention/paged_cpu_kernel.inc"
#endif
