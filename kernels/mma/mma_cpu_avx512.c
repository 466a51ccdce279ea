/*
 * mma_cpu_avx512.c: the native product for AVX-512 BF16: vdpbf16ps adds the products of 16 pairs of
 * numbers to 16 sums. Nothing here runs before mma_cpu_isa_usable(MMA_CPU_AVX512) has said yes.
 *
 * One step along K takes a pair from each row of A, broadcast, and a register or more of B. 14 rows
 * by 2 registers of sums leave four registers for what is read; sums that many hide the
 * instruction's latency, and a step reads 16 times for its 28 instructions. What B's panel is read
 * from is the second-level cache: 128 bytes in 28 cycles.
 */
#ifdef __x86_64__
#include <immintrin.h>
#include <string.h>

#include "kernels/mma/mma_cpu.h"
#include "kernels/mma/mma_cpu_inside.h"

#pragma GCC target("avx512f,avx512bf16")

#define LANES 16
#define INLINE static inline __attribute__((always_inline))

/* --- order ------------------------------------------------------------------------------------ */

/* 16 rows of 16 pairs to 16 columns: 4 × 4 within each quarter of a register, then the quarters. */
INLINE void turn(__m512i *x) {
    __m512i y[16];
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) {
        __m512i a = _mm512_unpacklo_epi32(x[i], x[i + 1]);
        __m512i b = _mm512_unpackhi_epi32(x[i], x[i + 1]);
        __m512i c = _mm512_unpacklo_epi32(x[i + 2], x[i + 3]);
        __m512i d = _mm512_unpackhi_epi32(x[i + 2], x[i + 3]);
        y[i] = _mm512_unpacklo_epi64(a, c);
        y[i + 1] = _mm512_unpackhi_epi64(a, c);
        y[i + 2] = _mm512_unpacklo_epi64(b, d);
        y[i + 3] = _mm512_unpackhi_epi64(b, d);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        __m512i a = _mm512_shuffle_i32x4(y[i], y[i + 4], 0x88);
        __m512i b = _mm512_shuffle_i32x4(y[i], y[i + 4], 0xdd);
        __m512i c = _mm512_shuffle_i32x4(y[i + 8], y[i + 12], 0x88);
        __m512i d = _mm512_shuffle_i32x4(y[i + 8], y[i + 12], 0xdd);
        x[i] = _mm512_shuffle_i32x4(a, c, 0x88);
        x[i + 4] = _mm512_shuffle_i32x4(b, d, 0x88);
        x[i + 8] = _mm512_shuffle_i32x4(a, c, 0xdd);
        x[i + 12] = _mm512_shuffle_i32x4(b, d, 0xdd);
    }
}

/* Up to 16 rows from row `first` on, and 16 pairs of each from element `k` on. */
INLINE void pack_square(const struct mma_cpu_pack *p, size_t first, size_t k) {
    const uint16_t *from = (const uint16_t *)p->from + first * p->stride + k;
    uint16_t *to = (uint16_t *)p->to + (k / 2 * p->width + first) * 2;
    size_t width = p->width - first < LANES ? p->width - first : LANES;
    size_t rows = p->rows < first ? 0 : p->rows - first < width ? p->rows - first : width;
    __mmask16 columns = (__mmask16)((1u << width) - 1);
    __m512i x[16];
#pragma GCC unroll 16
    for (size_t i = 0; i < 16; i++)
        x[i] = i < rows ? _mm512_loadu_si512(from + i * p->stride) : _mm512_setzero_si512();
    turn(x);
#pragma GCC unroll 16
    for (size_t i = 0; i < 16; i++)
        _mm512_mask_storeu_epi32(to + i * p->width * 2, columns, x[i]);
}

void mma_cpu_pack_pairs_avx512(const struct mma_cpu_pack *p) {
    size_t whole = p->k / (2 * LANES) * (2 * LANES);
    for (size_t first = 0; first < p->width; first += LANES)
        for (size_t k = 0; k < whole; k += 2 * LANES)
            pack_square(p, first, k);
    struct mma_cpu_pack rest = *p;
    rest.from = (const uint16_t *)p->from + whole;
    rest.to = (uint16_t *)p->to + whole * p->width;
    rest.k = p->k - whole;
    mma_cpu_pack_pairs(&rest);
}

/* --- the product ------------------------------------------------------------------------------ */

#define ROWS_MOST 14
#define VECTORS_MOST 4

INLINE __m512bh pairs_of(__m512i x) {
    return (__m512bh)x;
}

/* rows × vectors sums; both are constants where this is inlined. */
INLINE void block_of(const struct mma_cpu_block *t, size_t rows, size_t vectors) {
    const uint32_t *a = t->a;
    const char *b = t->b;
    __m512 sum[ROWS_MOST][VECTORS_MOST];
    __m512i factor[VECTORS_MOST];
    __mmask16 mask[VECTORS_MOST];
    bool whole = t->columns == vectors * LANES;
#pragma GCC unroll 4
    for (size_t v = 0; v < vectors; v++) {
        size_t left = t->columns < v * LANES ? 0 : t->columns - v * LANES;
        mask[v] = (__mmask16)(left >= LANES ? 0xffffu : (1u << left) - 1);
    }
#pragma GCC unroll 14
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (size_t v = 0; v < vectors; v++)
            sum[i][v] = t->fresh ? _mm512_setzero_ps()
                                 : _mm512_maskz_loadu_ps(mask[v], &t->c[i * t->ldc + v * LANES]);
    for (size_t k = 0; k < t->steps; k++, a += rows, b += vectors * sizeof(__m512i)) {
#pragma GCC unroll 4
        for (size_t v = 0; v < vectors; v++)
            factor[v] = _mm512_loadu_si512((const __m512i *)b + v);
#pragma GCC unroll 14
        for (size_t i = 0; i < rows; i++) {
            __m512i pair = _mm512_set1_epi32((int)a[i]);
#pragma GCC unroll 4
            for (size_t v = 0; v < vectors; v++)
                sum[i][v] = _mm512_dpbf16_ps(sum[i][v], pairs_of(pair), pairs_of(factor[v]));
        }
    }
#pragma GCC unroll 14
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (size_t v = 0; v < vectors; v++)
            if (whole)
                _mm512_storeu_ps(&t->c[i * t->ldc + v * LANES], sum[i][v]);
            else
                _mm512_mask_storeu_ps(&t->c[i * t->ldc + v * LANES], mask[v], sum[i][v]);
}

#define BLOCK(rows, vectors)                                                                       \
    static void block_##rows##_##vectors(const struct mma_cpu_block *t) {                          \
        block_of(t, rows, vectors);                                                                \
    }
#define BLOCKS_2(B)                                                                                \
    B(1, 2)                                                                                        \
    B(2, 2)                                                                                        \
    B(3, 2)                                                                                        \
    B(4, 2) B(5, 2) B(6, 2) B(7, 2) B(8, 2) B(9, 2) B(10, 2) B(11, 2) B(12, 2) B(13, 2) B(14, 2)
#define BLOCKS_4(B) B(1, 4) B(2, 4) B(3, 4) B(4, 4) B(5, 4) B(6, 4)
BLOCKS_2(BLOCK)
BLOCKS_4(BLOCK)

#define BLOCK_NAME(rows, vectors) block_##rows##_##vectors,

static void multiply(int tile, const struct mma_cpu_block *t) {
    static void (*const of_2[])(const struct mma_cpu_block *) = {BLOCKS_2(BLOCK_NAME)};
    static void (*const of_4[])(const struct mma_cpu_block *) = {BLOCKS_4(BLOCK_NAME)};
    ((tile & 0xff) == 2 * LANES ? of_2 : of_4)[t->rows - 1](t);
}

const struct mma_cpu_code mma_cpu_avx512 = {
    .step = 2,
    .unit = 1,
    .a_bytes = 2,
    .b_bytes = 2,
    .pack_a = mma_cpu_pack_pairs_avx512,
    .pack_b = mma_cpu_pack_pairs_avx512,
    .multiply = multiply,
};
#endif
