/*
 * decoder_inside.h: what an engine is to a step.
 *
 *     decoder_step.c        the order of a step's kernels, the same for all engines
 *     decoder_model.c       the model: each sum from its definition
 *     decoder_device.c      the same order on a device, by the kernels of decoder.cu
 *     decoder_pack.c        weights as native kernels read them
 *     decoder_cpu_kernel.inc  the native kernels, once for each instruction set:
 *     decoder_cpu_portable.c, decoder_cpu_avx2.c, decoder_cpu_avx512.c; with decoder_cpu_pairs.inc
 *                           for plans of blocks and of rounded weights, and of AVX-512 once more
 *                           with decoder_cpu_avx512_bf16.inc
 */
#ifndef NANOLAB_KERNELS_DECODER_DECODER_INSIDE_H
#define NANOLAB_KERNELS_DECODER_DECODER_INSIDE_H

#include "kernels/decoder/decoder.h"
#include "kernels/paged_attention/paged.h"

/* Outputs that one call of `product` takes at most, and whole calls are a multiple of. */
#define DECODER_TILE 16

/* Plain C that a compiler makes vectors of, for whichever processor it meets: no bit changes. */
#if defined __x86_64__ && !defined __clang__ && !defined __SANITIZE_ADDRESS__
#define DECODER_WIDE                                                                               \
    __attribute__((target_clones("avx512f", "arch=haswell", "default"),                            \
                   optimize("O3", "no-loop-interchange", "no-loop-unroll-and-jam")))
#else
#define DECODER_WIDE
#endif

/* The least input of a product of pairs that is not taken for 0: 2^-24, which all weights are
 * multiples of, times a bfloat16 of that size is a multiple of 2^-126, and so no sum is subnormal.
 */
#define DECODER_TINY 0x1p-95f

/* Bytes of a block of four outputs, without scales: see decoder_pack.c. */
#define DECODER_Q4_QUAD 64
#define DECODER_Q8_QUAD 128

/* Packs all weights that are not floats for native kernels. 0, or -1: no memory. */
int decoder_pack(struct decoder *decoder);
void decoder_unpack(struct decoder *decoder);

/* Inputs of products, rows of them `stride` floats apart. For pairs, as `prepare` makes them. */
struct decoder_inputs {
    const float *x;
    const uint16_t *pairs; /* in bfloat16: [row][stride], of a block x[j], x[16 + j] */
    const float *sums;     /* of a block: [row][stride / GGUF_BLOCK] */
    size_t stride;
};

struct decoder_kernels {
    /* Outputs [first, first + count) of a product of `rows` rows, out `out_stride` floats apart:
     * out[r × out_stride + n]. count is a multiple of 4, at most DECODER_TILE. weights: room for
     * DECODER_TILE + 1 rows of columns, of the thread's own. */
    void (*product)(const struct decoder_weight *w, unsigned first, unsigned count,
                    const struct decoder_inputs *in, unsigned rows, struct decoder_staging staging,
                    float *out, size_t out_stride, float *weights);
    /* One row of n inputs for products of pairs: tiny ones become 0, in place. */
    void (*prepare)(float *x, unsigned n, uint16_t *pairs, float *sums);
    /* One row. */
    void (*norm)(const float *x, const float *gain, unsigned n, float epsilon, unsigned parts,
                 float *out);
    /* out[i] = silu(gate[i]) · up[i], silu(g) = g / (1 + e^-g); n a multiple of 16. */
    void (*swiglu)(const float *gate, const float *up, unsigned n, float *out);
};

/* avx512_bf16: for processors that multiply bfloat16, too. */
extern const struct decoder_kernels decoder_model, decoder_cpu_portable, decoder_cpu_avx2,
    decoder_cpu_avx512, decoder_cpu_avx512_bf16;

/* Blocks [first, end) of slice s of a product's inputs; none for slices that are left over. */
static inline void decoder_slice(unsigned blocks, unsigned slices, unsigned s, unsigned *first,
                                 unsigned *end) {
    unsigned each = (blocks + slices - 1) / slices;
    *first = s * each < blocks ? s * each : blocks;
    *end = blocks - *first < each ? blocks : *first + each;
}

/* Queries of a head of keys as attention's kernels have them: a power of two, filled up with zeros.
 */
unsigned decoder_wide(const struct decoder *decoder);
struct paged_plan decoder_attention_plan(const struct decoder_step *step);
/* Each row is a sequence of its own to attention: it ends at the row's token. 0, or -1 with a line
 * in `why`; what is there then has to be closed all the same. */
int decoder_attention_table(struct kv_table *table, const struct decoder_step *step, char *why);

/* Tokens before a row's place in each layer of the cache. */
static inline size_t decoder_cache_slot(const struct decoder_cache *c,
                                        const struct decoder_row *row) {
    const size_t block = (size_t)row->sequence * c->row_blocks + row->position / DECODER_BLOCK;
    return (size_t)c->ids[block] * DECODER_BLOCK + row->position % DECODER_BLOCK;
}
/* What the cache holds is about to be other than before: copies of it are old. */
void decoder_cache_changed(struct decoder_cache *cache);

/* A step by the kernels of its device; it was checked. */
int decoder_device_run(const struct decoder_step *step, float *logits, char *why);

#endif
