/*
 * decoder_model.c: the bits of a step, from the lines of decoder.h: every sum a list of lanes, a
 * tree over them, and a sum of parts. Nothing here knows of vectors or of the files' blocks; what
 * the compiler makes vectors of is one lane beside another, which changes no bit.
 */
#include <math.h>
#include <string.h>

#include "kernels/decoder/decoder_inside.h"
#include "kernels/paged_attention/paged_exp.h"

enum { LANES_MOST = 32 };
#define LOG2_E 0x1.715476p0f

#if defined __x86_64__ && !defined __clang__ && !defined __SANITIZE_ADDRESS__
#define WIDE __attribute__((target_clones("avx512f", "arch=haswell", "default"), optimize("O3")))
#else
#define WIDE
#endif

/* Lanes of n products, n a multiple of the lanes, added by a tree. */
WIDE static float lanes_sum(const float *a, const float *b, unsigned n, unsigned lanes) {
    float sum[LANES_MOST] = {0};
    if (lanes == 16)
        for (unsigned k = 0; k < n; k += 16)
            for (unsigned j = 0; j < 16; j++)
                sum[j] = fmaf(a[k + j], b[k + j], sum[j]);
    else
        for (unsigned k = 0; k < n; k += 32)
            for (unsigned j = 0; j < 32; j++)
                sum[j] = fmaf(a[k + j], b[k + j], sum[j]);
    for (unsigned apart = lanes / 2; apart; apart /= 2)
        for (unsigned j = 0; j < apart; j++)
            sum[j] += sum[j + apart];
    return sum[0];
}

static void product(const struct decoder_weight *w, unsigned first, unsigned count, const float *x,
                    size_t x_stride, unsigned rows, struct decoder_staging staging, float *out,
                    size_t out_stride, float *weights) {
    const unsigned blocks = w->columns / GGUF_BLOCK;
    for (unsigned n = first; n < first + count; n++) {
        decoder_weights_of(w, n, weights);
        for (unsigned r = 0; r < rows; r++) {
            float total = 0;
            for (unsigned s = 0; s < staging.slices; s++) {
                unsigned from, to;
                decoder_slice(blocks, staging.slices, s, &from, &to);
                if (from == to)
                    break;
                float part =
                    lanes_sum(weights + from * GGUF_BLOCK, x + r * x_stride + from * GGUF_BLOCK,
                              (to - from) * GGUF_BLOCK, staging.lanes);
                total = s == 0 ? part : total + part;
            }
            out[r * out_stride + n] = total;
        }
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
        float part =
            lanes_sum(x + from * GGUF_BLOCK, x + from * GGUF_BLOCK, (to - from) * GGUF_BLOCK, 16);
        squares = p == 0 ? part : squares + part;
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
