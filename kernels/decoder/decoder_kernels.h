/*
 * decoder_kernels.h: a step's kernels as decoder.cu has them, for GPUs and the machines that run
 * the same source. All pointers are of device memory, numbers of a row lie side by side. Each
 * function starts one kernel on `stream`: 0, or -1 with device_error().
 *
 * Sums are those of decoder.h, the same as on a CPU, but for attention's: these are
 * paged_attention's own kernels, with their own tree (paged_model).
 */
#ifndef NANOLAB_KERNELS_DECODER_DECODER_KERNELS_H
#define NANOLAB_KERNELS_DECODER_DECODER_KERNELS_H

#include "kernels/decoder/decoder.h"
#include "kernels/device/device.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Weights as the file has them: `outputs` rows of `inputs`, a multiple of GGUF_BLOCK. */
struct decoder_matrix {
    enum gguf_type type;
    unsigned outputs, inputs;
    const unsigned char *data;
};

/* out[r][n] = Σ_k w[n][k] x[r][k], rounded to bfloat16 if `bf16`; with `adds` that is added to what
 * is there, and rounded again. slices: 1…8, lanes: 16 or 32. */
struct decoder_multiply {
    struct decoder_matrix w;
    struct decoder_staging staging;
    unsigned rows;
    bool bf16, adds;
    const float *x; /* [rows][inputs] */
    float *out;     /* [rows][outputs] */
};

/* out[r] is the norm of row r, or of row `source[r]` where that is not NULL. parts: 1…4. */
struct decoder_normalise {
    unsigned rows, width, parts;
    bool bf16;
    float epsilon;
    const float *x, *gain;
    const unsigned *source;
    float *out; /* [rows][width] */
};

/* Turns queries and keys to their row's position, and puts keys and values where attention finds
 * them: into the cache, and once more into `written`, and queries as paged_attention takes them,
 * `wide` of each head of keys, of which those past heads / kv_heads are 0. */
struct decoder_place {
    unsigned rows, heads, kv_heads, head, wide;
    bool bf16; /* of all that is stored */
    const float *q, *k, *v;
    const float *turn;               /* [context][head / 2][cos, sin] */
    const unsigned *position, *slot; /* of each row; slot: tokens before its place in the cache */
    void *keys, *values;             /* the layer's cache, [tokens][kv_heads][head] */
    void *written_keys, *written_values; /* [rows][kv_heads][head] */
    void *queries;                       /* [rows][kv_heads][wide][head] */
};

/* out[r][h] is what attention gave for query h of row r, without those that only filled up. */
struct decoder_collect {
    unsigned rows, heads, kv_heads, head, wide;
    bool bf16;
    const float *attended; /* [rows][kv_heads][wide][head] */
    float *out;            /* [rows][heads][head] */
};

struct decoder_ops {
    /* x[r] is row token[r] of the weights, widened. */
    int (*embed)(const struct decoder_matrix *w, const unsigned *token, unsigned rows, bool bf16,
                 float *x, void *stream);
    int (*multiply)(const struct decoder_multiply *m, void *stream);
    int (*normalise)(const struct decoder_normalise *n, void *stream);
    int (*place)(const struct decoder_place *p, void *stream);
    int (*collect)(const struct decoder_collect *c, void *stream);
    /* gate[i] = silu(gate[i]) · up[i], n of them. */
    int (*swiglu)(float *gate, const float *up, size_t n, bool bf16, void *stream);
};
const struct decoder_ops *decoder_ops_for(enum device_kind kind, bool checked);

#ifdef __cplusplus
}
#endif
#endif
