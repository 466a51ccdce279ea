/*
 * mma_cpu_avx2.c: the native product of bf16 numbers for AVX2: a bf16 is a float's upper half, so
 * of eight pairs in one register a shift gives the first ones and a mask the second ones, as
 * floats. Nothing here runs before mma_cpu_isa_usable(MMA_CPU_AVX2) has said yes.
 */
#ifdef __x86_64__
#include <immintrin.h>
#include <string.h>

#include "kernels/mma/mma_cpu.h"
#include "kernels/mma/mma_cpu_inside.h"

#pragma GCC target("avx2,fma")

#define LANES 8
#define ROWS_MOST 8
#define VECTORS_MOST 2
#define INLINE static inline __attribute__((always_inline))

/* rows × vectors sums; both are constants where this is inlined. */
INLINE void block_of(const struct mma_cpu_block *t, size_t rows, size_t vectors) {
    const __m256i upper = _mm256_set1_epi32((int)0xffff0000u);
    const float *a = t->a;
    const char *b = t->b;
    __m256 sum[ROWS_MOST][VECTORS_MOST], factor[VECTORS_MOST];
    float edge[ROWS_MOST][VECTORS_MOST * LANES];
    bool whole = t->columns == vectors * LANES;
    if (!whole && !t->fresh)
        for (size_t i = 0; i < rows; i++)
            memcpy(edge[i], &t->c[i * t->ldc], t->columns * sizeof(float));
#pragma GCC unroll 8
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 2
        for (size_t v = 0; v < vectors; v++)
            sum[i][v] = t->fresh
                            ? _mm256_setzero_ps()
                            : _mm256_loadu_ps((whole ? &t->c[i * t->ldc] : edge[i]) + v * LANES);
    for (size_t k = 0; k < t->steps; k++, a += 2 * rows, b += vectors * sizeof(__m256i)) {
#pragma GCC unroll 2
        for (size_t v = 0; v < vectors; v++)
            factor[v] = _mm256_castsi256_ps(
                _mm256_slli_epi32(_mm256_load_si256((const __m256i *)b + v), 16));
#pragma GCC unroll 8
        for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 2
            for (size_t v = 0; v < vectors; v++)
                sum[i][v] = _mm256_fmadd_ps(_mm256_broadcast_ss(&a[i]), factor[v], sum[i][v]);
#pragma GCC unroll 2
        for (size_t v = 0; v < vectors; v++)
            factor[v] = _mm256_castsi256_ps(
                _mm256_and_si256(_mm256_load_si256((const __m256i *)b + v), upper));
#pragma GCC unroll 8
        for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 2
            for (size_t v = 0; v < vectors; v++)
                sum[i][v] =
                    _mm256_fmadd_ps(_mm256_broadcast_ss(&a[rows + i]), factor[v], sum[i][v]);
    }
#pragma GCC unroll 8
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 2
        for (size_t v = 0; v < vectors; v++)
            _mm256_storeu_ps((whole ? &t->c[i * t->ldc] : edge[i]) + v * LANES, sum[i][v]);
    if (!whole)
        for (size_t i = 0; i < rows; i++)
            memcpy(&t->c[i * t->ldc], edge[i], t->columns * sizeof(float));
}

#define BLOCK(rows, vectors)                                                                       \
    static void block_##rows##_##vectors(const struct mma_cpu_block *t) {                          \
        block_of(t, rows, vectors);                                                                \
    }
#define BLOCKS_1(B) B(1, 1) B(2, 1) B(3, 1) B(4, 1) B(5, 1) B(6, 1) B(7, 1) B(8, 1)
#define BLOCKS_2(B) B(1, 2) B(2, 2) B(3, 2) B(4, 2)
BLOCKS_1(BLOCK)
BLOCKS_2(BLOCK)

#define BLOCK_NAME(rows, vectors) block_##rows##_##vectors,

static void multiply(int tile, const struct mma_cpu_block *t) {
    static void (*const of_1[])(const struct mma_cpu_block *) = {BLOCKS_1(BLOCK_NAME)};
    static void (*const of_2[])(const struct mma_cpu_block *) = {BLOCKS_2(BLOCK_NAME)};
    ((tile & 0xff) == LANES ? of_1 : of_2)[t->rows - 1](t);
}

const struct mma_cpu_code mma_cpu_avx2 = {
    .step = 2,
    .unit = 1,
    .a_bytes = sizeof(float),
    .b_bytes = 2,
    .partner = 0x8000,
    .pack_a = mma_cpu_pack_floats,
    .pack_b = mma_cpu_pack_pairs,
    .multiply = multiply,
};
#endif
