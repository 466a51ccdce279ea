/*
 * decoder_model.c: the bits of a step, from the lines of decoder.h: every sum a list of lanes, a
 * tree over them, and a sum of parts. Nothing here knows of vectors or of the files' blocks; what
 * the compiler makes vectors of is one lane beside another, which changes no bit.
 */
#include <math.h>
#include <string.h>

#include "kernels/decoder/decoder_inside.h"
#include "kernels/element/element.h"
#include "kernels/paged_attention/paged_exp.h"

enum { LANES_MOST = 32, FOUR = 4, HALF = GGUF_BLOCK / 2 };
#define LOG2_E 0x1.715476p0f

#define INLINE static inline __attribute__((always_inline))

/* sum[j] = fma(a[j], b[j], sum[j]) for each lane j. */
INLINE void add_products(const float *restrict a, const float *restrict b, const size_t lanes,
                         float *restrict sum) {
#pragma GCC unroll 1
    for (size_t j = 0; j < lanes; j++)
        sum[j] = fmaf(a[j], b[j], sum[j]);
}

INLINE void add_halves(float *x, const size_t apart) {
    for (size_t j = 0; j < apart; j++)
        x[j] += x[j + apart];
}
/* Lanes 16, 8, 4, 2 and 1 apart. */
INLINE float tree_of(float *x, const size_t lanes) {
    if (lanes == 32)
        add_halves(x, 16);
    add_halves(x, 8);
    add_halves(x, 4);
    add_halves(x, 2);
    return x[0] + x[1];
}

INLINE void sums_of(const float *a, const float *b, size_t stride, size_t n, const size_t lanes,
                    float *out) {
    float sum0[LANES_MOST] = {0}, sum1[LANES_MOST] = {0}, sum2[LANES_MOST] = {0},
          sum3[LANES_MOST] = {0};
    for (size_t k = 0; k < n; k += lanes) {
        add_products(a + k, b + k, lanes, sum0);
        add_products(a + k, b + stride + k, lanes, sum1);
        add_products(a + k, b + 2 * stride + k, lanes, sum2);
        add_products(a + k, b + 3 * stride + k, lanes, sum3);
    }
    out[0] = tree_of(sum0, lanes);
    out[1] = tree_of(sum1, lanes);
    out[2] = tree_of(sum2, lanes);
    out[3] = tree_of(sum3, lanes);
}

/* Lanes of n products, n a multiple of the lanes, added by a tree: of one `a` with each of four
 * `b`, `stride` apart. */
DECODER_WIDE static void sums_of_16(const float *a, const float *b, size_t stride, size_t n,
                                    float *out) {
    sums_of(a, b, stride, n, 16, out);
}
DECODER_WIDE static void sums_of_32(const float *a, const float *b, size_t stride, size_t n,
                                    float *out) {
    sums_of(a, b, stride, n, 32, out);
}
static void lanes_sums(const float *a, const float *b, size_t stride, size_t n, unsigned lanes,
                       float out[FOUR]) {
    (lanes == 16 ? sums_of_16 : sums_of_32)(a, b, stride, n, out);
}

static void product_of_wholes(const struct decoder_weight *w, unsigned first, unsigned count,
                              const struct decoder_inputs *in, unsigned rows,
                              struct decoder_staging staging, float *out, size_t out_stride,
                              float *weights) {
    const unsigned blocks = w->columns / GGUF_BLOCK;
    for (unsigned n = 0; n < count; n++)
        decoder_weights_of(w, first + n, weights + (size_t)n * w->columns);
    for (unsigned r = 0; r < rows; r++)
        for (unsigned n = 0; n < count; n += FOUR)
            for (unsigned s = 0; s < staging.slices; s++) {
                unsigned from, to;
                float part[FOUR], *total = out + r * out_stride + first + n;
                decoder_slice(blocks, staging.slices, s, &from, &to);
                if (from == to)
                    break;
                lanes_sums(in->x + r * in->stride + from * GGUF_BLOCK,
                           weights + (size_t)n * w->columns + from * GGUF_BLOCK, w->columns,
                           (to - from) * GGUF_BLOCK, staging.lanes, part);
                for (unsigned i = 0; i < FOUR; i++)
                    total[i] = s == 0 ? part[i] : total[i] + part[i];
            }
}

/* --- pairs -------------------------------------------------------------------------------------
 */

/* An output's blocks as the file has them: q as numbers, scales, offsets. Of rounded weights: these
 * in place of q, and no scales. */
struct row_of_blocks {
    float *q, *scale, *offset;
};

/* A weight is d·q + m, so q is the weight of a file whose scales are 1 and offsets 0. */
static void read_row(const struct decoder_weight *w, unsigned row, struct row_of_blocks *out) {
    static const unsigned char one[2] = {0x00, 0x3c}, zero[2] = {0};
    const unsigned blocks = w->columns / GGUF_BLOCK;
    const size_t bytes = w->row_bytes / blocks;
    for (unsigned b = 0; b < blocks; b++) {
        unsigned char block[GGUF_Q8_0_BYTES];
        const struct decoder_weight plain = {w->type, 1, GGUF_BLOCK, bytes, block, NULL, NULL};
        const unsigned char *at = w->data + row * w->row_bytes + b * bytes;
        uint16_t half;
        memcpy(block, at, bytes);
        memcpy(block, one, sizeof one);
        memcpy(&half, at, sizeof half);
        out->scale[b] = element_from_f16(half);
        if (w->type == GGUF_Q4_1) {
            memcpy(block + 2, zero, sizeof zero);
            memcpy(&half, at + 2, sizeof half);
            out->offset[b] = element_from_f16(half);
        }
        decoder_weights_of(&plain, 0, out->q + (size_t)b * GGUF_BLOCK);
    }
}

static void read_rounded(const struct decoder_weight *w, unsigned row, struct row_of_blocks *out) {
    decoder_weights_of(w, row, out->q);
    for (unsigned k = 0; k < w->columns; k++)
        out->q[k] = element_from_bf16(element_to_bf16(out->q[k]));
    out->scale = out->offset = NULL;
}

/* 16 lanes take the scaled terms of a block. */
INLINE void add_block(const float *restrict q, float d, const float *restrict x,
                      float *restrict sum) {
#pragma GCC unroll 1
    for (size_t j = 0; j < HALF; j++)
        sum[j] = fmaf(d, fmaf(q[HALF + j], x[HALF + j], q[j] * x[j]), sum[j]);
}

/* The upper 16 of a block's products, then the lower ones, onto 16 lanes. */
INLINE void add_pairs(const float *restrict w, const float *restrict x, float *restrict sum) {
#pragma GCC unroll 1
    for (size_t j = 0; j < HALF; j++)
        sum[j] = fmaf(w[j], x[j], fmaf(w[HALF + j], x[HALF + j], sum[j]));
}

/* Lanes of blocks [0, count). */
DECODER_WIDE static void blocks_sums(const float *q, const float *scale, const float *x,
                                     size_t count, unsigned lanes, float *out) {
    float even[HALF] = {0}, odd[HALF] = {0};
    for (size_t b = 0; b < count; b++) {
        float *sum = lanes == LANES_MOST && b % 2 ? odd : even;
        if (scale)
            add_block(q + b * GGUF_BLOCK, scale[b], x + b * GGUF_BLOCK, sum);
        else
            add_pairs(q + b * GGUF_BLOCK, x + b * GGUF_BLOCK, sum);
    }
    memcpy(out, even, sizeof even);
    memcpy(out + HALF, odd, sizeof odd);
}

static float blocks_sum(const struct row_of_blocks *w, bool offsets, const float *x,
                        const float *sums, unsigned from, unsigned to, unsigned lanes) {
    float lane[LANES_MOST], offset = 0;
    blocks_sums(w->q + (size_t)from * GGUF_BLOCK, w->scale ? w->scale + from : NULL,
                x + (size_t)from * GGUF_BLOCK, to - from, lanes, lane);
    for (unsigned b = from; offsets && b < to; b++)
        offset = fmaf(w->offset[b], sums[b], offset);
    return offsets ? tree_of(lane, lanes) + offset : tree_of(lane, lanes);
}

static void product(const struct decoder_weight *w, unsigned first, unsigned count,
                    const struct decoder_inputs *in, unsigned rows, struct decoder_staging staging,
                    float *out, size_t out_stride, float *weights) {
    const unsigned blocks = w->columns / GGUF_BLOCK;
    if (staging.terms == DECODER_WHOLE || w->type == GGUF_F32) {
        product_of_wholes(w, first, count, in, rows, staging, out, out_stride, weights);
        return;
    }
    struct row_of_blocks row = {weights, weights + w->columns, weights + w->columns + blocks};
    const bool offsets = staging.terms == DECODER_BLOCKS && w->type == GGUF_Q4_1;
    for (unsigned n = first; n < first + count; n++) {
        (staging.terms == DECODER_BLOCKS ? read_row : read_rounded)(w, n, &row);
        for (unsigned r = 0; r < rows; r++) {
            float *total = out + r * out_stride + n;
            for (unsigned s = 0; s < staging.slices; s++) {
                unsigned from, to;
                decoder_slice(blocks, staging.slices, s, &from, &to);
                if (from == to)
                    break;
                const float part =
                    blocks_sum(&row, offsets, in->x + r * in->stride,
                               in->sums + r * (in->stride / GGUF_BLOCK), from, to, staging.lanes);
                *total = s == 0 ? part : *total + part;
            }
        }
    }
}

static void prepare(float *x, unsigned n, uint16_t *pairs, float *sums) {
    (void)pairs;
    for (unsigned i = 0; i < n; i++)
        x[i] = fabsf(x[i]) < DECODER_TINY ? 0 : x[i];
    for (unsigned b = 0; b < n / GGUF_BLOCK; b++) {
        float lane[GGUF_BLOCK];
        memcpy(lane, x + (size_t)b * GGUF_BLOCK, sizeof lane);
        sums[b] = tree_of(lane, GGUF_BLOCK);
    }
}

static void norm(const float *x, const float *gain, unsigned n, float epsilon, unsigned parts,
                 float *out) {
    float squares = 0;
    for (unsigned p = 0; p < parts; p++) {
        unsigned from, to;
        decoder_slice(n / GGUF_BLOCK, parts, p, &from, &to);
        if (from == to)
            break;
        const float *at = x + from * GGUF_BLOCK;
        float part[FOUR];
        lanes_sums(at, at, 0, (to - from) * GGUF_BLOCK, 16, part);
        squares = p == 0 ? part[0] : squares + part[0];
    }
    float by = 1.0f / sqrtf(squares / (float)n + epsilon);
    for (unsigned i = 0; i < n; i++)
        out[i] = x[i] * by * gain[i];
}

static void swiglu(const float *gate, const float *up, unsigned n, float *out) {
    for (unsigned i = 0; i < n; i++) {
        float e = paged_exp2(-fabsf(gate[i]) * LOG2_E);
        float silu = gate[i] * ((gate[i] < 0 ? e : 1.0f) / (1.0f + e));
        out[i] = silu * up[i];
    }
}

const struct decoder_kernels decoder_model = {product, prepare, norm, swiglu};
