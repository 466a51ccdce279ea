/*
 * decoder_model.c: the bits of a step, from the lines of decoder.h: every sum a list of lanes, a
 * tree over them, and a sum of parts. Nothing here knows of vectors or of the files' blocks; what
 * the compiler makes vectors of is one lane beside another, which changes no bit.
 */
#include <math.h>
#include <string.h>

#include "kernels/decoder/decoder_inside.h"
#include "kernels/paged_attention/paged_exp.h"

enum { LANES_MOST = 32, FOUR = 4 };
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

static void product(const struct decoder_weight *w, unsigned first, unsigned count, const float *x,
                    size_t x_stride, unsigned rows, struct decoder_staging staging, float *out,
                    size_t out_stride, float *weights) {
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
                lanes_sums(x + r * x_stride + from * GGUF_BLOCK,
                           weights + (size_t)n * w->columns + from * GGUF_BLOCK, w->columns,
                           (to - from) * GGUF_BLOCK, staging.lanes, part);
                for (unsigned i = 0; i < FOUR; i++)
                    total[i] = s == 0 ? part[i] : total[i] + part[i];
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

const struct decoder_kernels decoder_model = {product, norm, swiglu};
