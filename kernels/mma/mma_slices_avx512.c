/*
 * mma_slices_avx512.c: the integer GEMM's steps for AVX-512 with VNNI. Nothing here runs before
 * mma_slices_usable(MMA_SLICES_VNNI) has said yes.
 *
 * A tile's sums stay in registers over all k of a part: a register of 16 columns per row and class.
 * B's digits are loaded once per group and slice, A's are broadcast from memory by VPDPBUSD itself.
 */
#include "kernels/mma/mma_slices_inside.h"

#ifdef __x86_64__
#include <immintrin.h>
#include <string.h>

#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx512vnni")

static __mmask16 mask_of(size_t count) {
    return count < 16 ? (__mmask16)((1u << count) - 1) : (__mmask16)0xffff;
}

static uint32_t largest(const float *x, size_t count) {
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    __m512i most = _mm512_setzero_si512();
    for (size_t i = 0; i < count; i += 16) {
        __m512i bits = _mm512_maskz_loadu_epi32(mask_of(count - i), x + i);
        most = _mm512_max_epu32(most, _mm512_and_si512(bits, magnitude));
    }
    return _mm512_reduce_max_epu32(most);
}

/* --- slicing ----------------------------------------------------------------------------------
 */

/* As mma_slices_bytes, 16 elements at a time. */
static inline __m512i bytes_of(__m512i bits, int q) {
    const __m512i one = _mm512_set1_epi32(1), zero = _mm512_setzero_si512();
    __m512i field = _mm512_and_si512(_mm512_srli_epi32(bits, 23), _mm512_set1_epi32(0xff));
    __mmask16 normal = _mm512_test_epi32_mask(field, field);
    __m512i m = _mm512_and_si512(bits, _mm512_set1_epi32(0x7fffff));
    m = _mm512_mask_or_epi32(m, normal, m, _mm512_set1_epi32(0x800000));
    __m512i left = _mm512_add_epi32(_mm512_max_epi32(field, one), _mm512_set1_epi32(q - 150));
    __m512i right = _mm512_min_epi32(_mm512_sub_epi32(zero, left), _mm512_set1_epi32(31));
    __mmask16 rounds = _mm512_cmpgt_epi32_mask(right, zero);
    right = _mm512_max_epi32(right, zero);
    m = _mm512_sllv_epi32(m, _mm512_max_epi32(left, zero));
    /* Half of the place rounded to, less one, and one more where the kept part is odd. */
    __m512i half = _mm512_srli_epi32(_mm512_sub_epi32(_mm512_sllv_epi32(one, right), one), 1);
    __m512i odd = _mm512_maskz_and_epi32(rounds, _mm512_srlv_epi32(m, right), one);
    m = _mm512_srlv_epi32(_mm512_add_epi32(m, _mm512_add_epi32(half, odd)), right);
    m = _mm512_mask_sub_epi32(m, _mm512_movepi32_mask(bits), zero, m);
    return _mm512_add_epi32(m, _mm512_set1_epi32((int)0x80808080u));
}

static inline __m512i row_bytes(const struct mma_slices_cut *c, size_t row, size_t k) {
    if (row >= c->rows || k >= c->count)
        return _mm512_set1_epi32((int)0x80808080u);
    const float *x = c->x + row * c->stride + k;
    return bytes_of(_mm512_maskz_loadu_epi32(mask_of(c->count - k), x), c->place[row]);
}

/* Of 16 consecutive k: slice s's bytes. */
static inline __m128i slice_of(__m512i bytes, int slices, int s) {
    return _mm512_cvtepi32_epi8(_mm512_srl_epi32(bytes, _mm_cvtsi32_si128(8 * (slices - 1 - s))));
}

static void cut_row(const struct mma_slices_cut *c, size_t row) {
    const __m512i low = _mm512_set1_epi32(0xff);
    const __m128i flip = _mm_set1_epi8(c->is_signed ? (char)0x80 : 0);
    __m512i sums[MMA_SLICES_MOST];
    for (int s = 0; s < MMA_SLICES_MOST; s++)
        sums[s] = _mm512_setzero_si512();
    for (size_t group = 0; group < c->groups; group += 4) {
        __m512i bytes = row_bytes(c, row, group * MMA_SLICES_GROUP);
        uint8_t *to = c->to + row * c->at.row + group * c->at.group;
        for (int s = 0; s < c->slices; s++, to += c->at.slice) {
            __m128i four = _mm_xor_si128(slice_of(bytes, c->slices, s), flip);
            __m128i shift = _mm_cvtsi32_si128(8 * (c->slices - 1 - s));
            sums[s] =
                _mm512_add_epi32(sums[s], _mm512_and_si512(_mm512_srl_epi32(bytes, shift), low));
            int32_t words[4];
            _mm_storeu_si128((__m128i *)words, four);
            for (size_t i = 0; i < 4; i++)
                memcpy(to + i * c->at.group, &words[i], sizeof words[i]);
        }
    }
    for (int s = 0; s < MMA_SLICES_MOST && c->sums; s++)
        c->sums[row * MMA_SLICES_MOST + (size_t)s] =
            s < c->slices
                ? _mm512_reduce_add_epi32(sums[s]) - 128 * (int32_t)(c->groups * MMA_SLICES_GROUP)
                : 0;
}

/* Four rows side by side: a group's four k of them are 16 bytes. */
static void cut_four(const struct mma_slices_cut *c, size_t row) {
    const __m128i flip = _mm_set1_epi8(c->is_signed ? (char)0x80 : 0);
    for (size_t group = 0; group < c->groups; group += 4) {
        __m512i bytes[4];
        for (size_t r = 0; r < 4; r++)
            bytes[r] = row_bytes(c, row + r, group * MMA_SLICES_GROUP);
        uint8_t *to = c->to + row * c->at.row + group * c->at.group;
        for (int s = 0; s < c->slices; s++, to += c->at.slice) {
            __m128i x[4];
            for (int r = 0; r < 4; r++)
                x[r] = _mm_xor_si128(slice_of(bytes[r], c->slices, s), flip);
            __m128i a = _mm_unpacklo_epi32(x[0], x[1]), b = _mm_unpacklo_epi32(x[2], x[3]);
            __m128i d = _mm_unpackhi_epi32(x[0], x[1]), e = _mm_unpackhi_epi32(x[2], x[3]);
            _mm_storeu_si128((__m128i *)to, _mm_unpacklo_epi64(a, b));
            _mm_storeu_si128((__m128i *)(to + c->at.group), _mm_unpackhi_epi64(a, b));
            _mm_storeu_si128((__m128i *)(to + 2 * c->at.group), _mm_unpacklo_epi64(d, e));
            _mm_storeu_si128((__m128i *)(to + 3 * c->at.group), _mm_unpackhi_epi64(d, e));
        }
    }
}

static void cut(const struct mma_slices_cut *c) {
    bool side_by_side = c->at.row == MMA_SLICES_GROUP && !c->sums;
    for (size_t row = 0; row < c->padded;) {
        if (side_by_side && row + 4 <= c->padded) {
            cut_four(c, row);
            row += 4;
        } else {
            cut_row(c, row);
            row++;
        }
    }
}

/* --- multiplying ------------------------------------------------------------------------------
 */

/* All counts but the groups are constants where this is used, so that the sums are registers. */
#define UNROLL _Pragma("GCC unroll 64")

static inline __attribute__((always_inline)) void multiply(const struct mma_slices_block *k,
                                                           int32_t *sums, const int slices,
                                                           const int classes, const int rows,
                                                           const int panels) {
    __m512i sum[MMA_SLICES_CLASSES_MOST * 8];
    UNROLL for (int i = 0; i < classes * rows * panels; i++) sum[i] = _mm512_setzero_si512();
    const uint8_t *a = k->a, *b = k->b;
    const size_t b_panel = k->b_panel;
    for (size_t group = k->groups; group > 0; group--) {
        __m512i e[MMA_SLICES_MOST * 2];
        UNROLL for (int p = 0; p < panels; p++) UNROLL for (int j = 0; j < slices; j++)
            e[p * slices + j] = _mm512_loadu_si512(b + (size_t)p * b_panel + 64 * (size_t)j);
        UNROLL for (int i = 0; i < slices; i++) UNROLL for (int row = 0; row < rows; row++) {
            int32_t word;
            memcpy(&word, a + (i * rows + row) * MMA_SLICES_GROUP, sizeof word);
            __m512i d = _mm512_set1_epi32(word);
            UNROLL for (int j = 0; j < slices; j++)
                UNROLL for (int p = 0; p < panels; p++) if (i + j < classes) {
                __m512i *to = &sum[((i + j) * rows + row) * panels + p];
                *to = _mm512_dpbusd_epi32(*to, e[p * slices + j], d);
            }
        }
        a += slices * rows * MMA_SLICES_GROUP;
        b += 64 * slices;
    }
    UNROLL for (int i = 0; i < classes * rows * panels; i++)
        _mm512_storeu_si512(sums + 16 * i, sum[i]);
}

/* X(slices, classes, rows, columns): those whose sums and digits fit 32 registers. */
#define SHAPES(X)                                                                                  \
    X(3, 3, 4, 16)                                                                                 \
    X(3, 3, 6, 16)                                                                                 \
    X(3, 3, 8, 16)                                                                                 \
    X(3, 3, 4, 32)                                                                                 \
    X(3, 4, 4, 16)                                                                                 \
    X(3, 4, 6, 16)                                                                                 \
    X(4, 4, 4, 16)                                                                                 \
    X(4, 4, 6, 16)                                                                                 \
    X(4, 5, 4, 16)
#define DEFINE(slices, classes, rows, columns)                                                     \
    static void multiply_##slices##_##classes##_##rows##x##columns(                                \
        const struct mma_slices_block *k, int32_t *sums) {                                         \
        multiply(k, sums, slices, classes, rows, (columns) / 16);                                  \
    }
SHAPES(DEFINE)

static const struct {
    int slices, classes, tile;
    mma_slices_multiply *multiply;
} shapes[] = {
#define ENTRY(slices, classes, rows, columns)                                                      \
    {slices, classes, MMA_SLICES_TILE(rows, columns),                                              \
     multiply_##slices##_##classes##_##rows##x##columns},
    SHAPES(ENTRY)};

mma_slices_multiply *mma_slices_multiply_vnni(int slices, int classes, int tile) {
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (shapes[i].slices == slices && shapes[i].classes == classes && shapes[i].tile == tile)
            return shapes[i].multiply;
    return NULL;
}

/* --- adding and rounding ----------------------------------------------------------------------
 */

static void add(const struct mma_slices_block *k, const int32_t *sums, const int32_t *off,
                const struct mma_slices_into *into) {
    for (int row = 0; row < k->rows; row++)
        for (int column = 0; column < k->columns; column += 8) {
            int64_t *to = into->v + (size_t)row * into->stride + column;
            __m512i v = _mm512_setzero_si512();
            for (int w = 0; w < k->classes; w++) {
                const int32_t *from = sums + (w * k->rows + row) * k->columns + column;
                __m256i sum = _mm256_sub_epi32(_mm256_loadu_si256((const __m256i *)from),
                                               _mm256_set1_epi32(off[w * k->rows + row]));
                v = _mm512_add_epi64(_mm512_slli_epi64(v, 8), _mm512_cvtepi32_epi64(sum));
            }
            if (!into->first)
                v = _mm512_add_epi64(v, _mm512_loadu_si512(to));
            _mm512_storeu_si512(to, v);
        }
}

/* Where 2^e is a normal number, the conversion is the only rounding: multiplying its result, which
 * is 0 or at least 1, by 2^e is exact, or infinite where it is to be. */
static void round_all(const int64_t *v, size_t count, int power, const int *place, float *out) {
    const __m256i least = _mm256_set1_epi32(-126), most = _mm256_set1_epi32(127);
    for (size_t i = 0; i < count; i += 8) {
        __mmask8 mask = count - i < 8 ? (__mmask8)((1u << (count - i)) - 1) : (__mmask8)0xff;
        __m256i e =
            _mm256_sub_epi32(_mm256_set1_epi32(power), _mm256_maskz_loadu_epi32(mask, place + i));
        if (_mm256_mask_cmplt_epi32_mask(mask, e, least) |
            _mm256_mask_cmpgt_epi32_mask(mask, e, most)) {
            mma_slices_portable.round(v + i, count - i < 8 ? count - i : 8, power, place + i,
                                      out + i);
            continue;
        }
        __m256 x = _mm512_cvt_roundepi64_ps(_mm512_maskz_loadu_epi64(mask, v + i),
                                            _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        __m256i scale = _mm256_slli_epi32(_mm256_add_epi32(e, _mm256_set1_epi32(127)), 23);
        _mm256_mask_storeu_ps(out + i, mask, _mm256_mul_ps(x, _mm256_castsi256_ps(scale)));
    }
}

const struct mma_slices_code mma_slices_avx512 = {largest, cut, add, round_all};
#else
mma_slices_multiply *mma_slices_multiply_vnni(int slices, int classes, int tile) {
    (void)slices, (void)classes, (void)tile;
    return NULL;
}
#endif
