/*
 * decoder.h: one step of a transformer that continues text, from tokens to logits, on real weights,
 * with every decision that stages a sum named in a plan.
 *
 * The model is that of Llama's family (Touvron et al. 2023, "LLaMA"; the GGUF architecture
 * "llama"): per layer, RMS norm, queries, keys and values, rotary positions, grouped-query
 * attention over a paged cache (kernels/paged_attention), a residual, RMS norm, SwiGLU, a residual;
 * at the end a norm and the logits, by the embedding's own weights. A step takes rows: each is one
 * token of one sequence at one position. Decoding gives one row a sequence; a chunk of a prompt, or
 * tokens that are to be verified, several.
 *
 * What decides the bits, for the sums of one row alone:
 *
 *     product   y[n] = Σ_k w[n][k] x[k]. K is cut into slices of whole blocks of 32, of which each
 *               is ⌈blocks / slices⌉ long but the last. In a slice, lane k mod L takes fma(w, x,
 *               lane), k ascending, from 0; then lanes 16, 8, 4, 2, 1 apart are added; then slices,
 *               forward. w of q4_1 is d·q + m, of q8_0 d·q, rounded to float once.
 *     blocks    of q4_1 and q8_0, where the plan says so: lane j of 16 of a block is
 *               fma(q[16+j], x[16+j], q[j] x[j]); lanes j + 16 (b mod L/16) of a slice take
 *               fma(d, that, lane), b ascending from the slice's first block; these are added as
 *               above. To that of q4_1 is added Σ_b fma(m, X_b, ·), b ascending, from 0, where X_b
 *               is the sum of a block's x: 16, 8, 4, 2 and 1 apart. An x below 2^-95 is 0.
 *     rounded   of q4_1 and q8_0, where the plan says so: w is rounded to bfloat16, to nearest
 * even. Lanes j + 16 (b mod L/16) of a slice take fma(w[16+j], x[16+j], ·), then fma(w[j], x[j],
 * ·), b ascending, from 0; and so on as above. Again an x below 2^-95 is 0. norm      the mean of
 * squares: K in parts of whole lanes, in the same way, of 16 lanes; 1 / sqrt(sum / K + ε); (x ·
 * that) · gain attention paged_attention's: tiles of 64 tokens, splits rest      each element by
 * itself: x0 c - x1 s as fma(x0, c, -(x1·s)); silu by paged_exp2
 *
 * and where values are rounded. Who shares a step with a row changes nothing of these, unless the
 * plan lets the number of rows decide: rule `heuristic`, as engines have it.
 */
#ifndef NANOLAB_KERNELS_DECODER_DECODER_H
#define NANOLAB_KERNELS_DECODER_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/decoder/gguf.h"
#include "kernels/plan/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

struct json_t;
struct device;

/* --- plans -------------------------------------------------------------------------------------
 */

/* f32: floats all along. bf16: what one kernel hands to the next is rounded to bfloat16, and the
 * cache holds bfloat16; sums are floats in both, and logits are not rounded. */
#define DECODER_ROUNDINGS(V) V(DECODER_F32, "f32") V(DECODER_BF16, "bf16")
/* fixed: the numbers that the plan names. heuristic: the number of rows, and the processors,
 * decide; the plan's are the most. See decoder_staging. */
#define DECODER_RULES(V) V(DECODER_FIXED, "fixed") V(DECODER_HEURISTIC, "heuristic")
/* Slices of K in a product. */
#define DECODER_SLICES(V) V(1, "k1") V(2, "k2") V(4, "k4") V(8, "k8")
/* Lanes of a slice. */
#define DECODER_LANES(V) V(16, "l16") V(32, "l32")
/* Parts of a norm's sum. */
#define DECODER_NORMS(V) V(1, "n1") V(2, "n2") V(4, "n4")
/* Splits of a sequence in attention, as kernels/paged_attention has them. */
#define DECODER_SPLITS(V) V(1, "s1") V(2, "s2") V(4, "s4") V(8, "s8")

/* What the terms of a product are. whole: each weight is one float. blocks: a block's q, times the
 * inputs, are summed first; its scale comes after. rounded: each weight is one bfloat16. These two
 * of bf16 only, where what is multiplied first is exact. */
#define DECODER_TERMS(V)                                                                           \
    V(DECODER_WHOLE, "whole") V(DECODER_BLOCKS, "blocks") V(DECODER_ROUNDED, "rounded")

#define DECODER_ENUMERATOR(value, word) value,
enum decoder_rounding { DECODER_ROUNDINGS(DECODER_ENUMERATOR) };
enum decoder_rule { DECODER_RULES(DECODER_ENUMERATOR) };
enum decoder_terms { DECODER_TERMS(DECODER_ENUMERATOR) };

#define DECODER_PLAN_FIELDS(X)                                                                     \
    X(rounding, DECODER_ROUNDINGS, "where values are rounded")                                     \
    X(rule, DECODER_RULES, "who decides slices, lanes and splits")                                 \
    X(slices, DECODER_SLICES, "slices of K in a product, or the most of them")                     \
    X(lanes, DECODER_LANES, "lanes of a slice")                                                    \
    X(norm, DECODER_NORMS, "parts of a norm's sum")                                                \
    X(splits, DECODER_SPLITS, "splits of attention, or the most of them")                          \
    X(terms, DECODER_TERMS, "what the terms of a product are")

#define DECODER_MEMBER(name, values, what) int name;
struct decoder_plan {
    DECODER_PLAN_FIELDS(DECODER_MEMBER)
};
#define DECODER_FIELD_ID(name, values, what) DECODER_FIELD_##name,
enum decoder_field_id { DECODER_PLAN_FIELDS(DECODER_FIELD_ID) DECODER_FIELDS };

extern const struct plan_family decoder_family;

/* bf16.fixed.k1.l16.n1.s1.whole */
struct decoder_plan decoder_plan_default(void);
char *decoder_plan_text(const struct decoder_plan *plan, char *out); /* PLAN_TEXT bytes */
int decoder_plan_parse(const char *text, struct decoder_plan *plan, char *why);
struct json_t *decoder_plan_json(const struct decoder_plan *plan);

/* How a product of `rows` rows, `outputs` outputs and `inputs` inputs is staged on `processors`
 * (0: 132, an H100's). fixed: as the plan says. heuristic: 32 lanes for one row, as a kernel of its
 * own has, else 16; and as many slices as fill the processors, by the rule of paged_attention, of
 * 16 × 64 tiles of outputs and 64 inputs. */
struct decoder_staging {
    unsigned slices, lanes;
    enum decoder_terms terms;
};
struct decoder_staging decoder_staging(const struct decoder_plan *plan, unsigned rows,
                                       unsigned outputs, unsigned inputs, unsigned processors);

/* --- the model ---------------------------------------------------------------------------------
 */

/* Rows of weights as the file has them: `rows` outputs of `columns` inputs. */
struct decoder_weight {
    enum gguf_type type;
    unsigned rows, columns;
    size_t row_bytes;
    const unsigned char *data;
    const unsigned char *quads, *scales; /* for native kernels; see decoder_pack.c */
};

enum decoder_product {
    DECODER_Q,
    DECODER_K,
    DECODER_V,
    DECODER_O,
    DECODER_GATE,
    DECODER_UP,
    DECODER_DOWN,
    DECODER_PRODUCTS
};

struct decoder_layer {
    struct decoder_weight product[DECODER_PRODUCTS];
    const float *attention_norm, *feed_norm; /* [width] */
};

struct decoder {
    unsigned layers, width, heads, kv_heads, head, feed, vocabulary, context;
    float epsilon;
    struct decoder_layer *layer;
    struct decoder_weight embedding; /* [vocabulary][width] */
    const float *norm;
    float *turn;          /* [context][head / 2][cos, sin] */
    struct pages *packed; /* NULL: nothing is */
};

/* The model of a file, which has to stay open. 0, or -1 with a line in `why` (GGUF_WHY bytes) that
 * says what of it is not read here. */
int decoder_open(struct decoder **out, const struct gguf *file, char *why);
void decoder_close(struct decoder *decoder); /* NULL is allowed */
/* Bytes of weights that one step must load. */
double decoder_weight_bytes(const struct decoder *decoder);
/* A row's weights, [columns], widened to floats exactly as products take them. */
void decoder_weights_of(const struct decoder_weight *weight, size_t row, float *out);

/* --- a cache -----------------------------------------------------------------------------------
 */

#define DECODER_BLOCK 16 /* tokens */

/* Keys and values of `sequences` sequences of up to `tokens` tokens, by blocks. */
struct decoder_cache {
    const struct decoder *decoder;
    enum decoder_rounding rounding;
    unsigned sequences, row_blocks;
    int32_t *ids;        /* [sequences][row_blocks] */
    size_t layer_bytes;  /* of the keys of one layer, or of its values */
    unsigned char *keys; /* [layers][layer_bytes], values after all keys */
    uint64_t state; /* a number of its own whenever keys or values change: see decoder_cache.c */
    void *room;     /* of the last step, for what is between its kernels */
    size_t room_bytes;
};
/* 0, or -1 with a line in `why` (GGUF_WHY bytes). */
int decoder_cache_open(struct decoder_cache *out, const struct decoder *decoder,
                       enum decoder_rounding rounding, unsigned sequences, unsigned tokens,
                       char *why);
void decoder_cache_close(struct decoder_cache *cache); /* a zeroed one is allowed */
/* Sequence `to` takes over the blocks of the first `tokens` tokens of `from`, whole blocks of them,
 * as a prefix cache does; returns how many tokens these are. Neither may write there any more. */
unsigned decoder_cache_share(struct decoder_cache *cache, unsigned to, unsigned from,
                             unsigned tokens);
/* Sequence `to` gets a copy of the first `tokens` tokens of `from`: a prompt computed elsewhere. */
void decoder_cache_copy(struct decoder_cache *cache, unsigned to, unsigned from, unsigned tokens);
/* Sequence s has blocks of its own again. */
void decoder_cache_own(struct decoder_cache *cache, unsigned s);

/* --- a device ----------------------------------------------------------------------------------
 */

/* The weights in a device's memory, and what a step needs there: of a GPU, or of a machine that
 * stands in for one (kernels/device). Steps copy a cache there when it was changed here, and write
 * back what they add to it. Model and device are borrowed. `checked`: the checked build of the SIMT
 * machine. One step at a time. 0, or -1 with a line in `why` (GGUF_WHY bytes). */
struct decoder_device;
int decoder_device_open(struct decoder_device **out, struct device *device,
                        const struct decoder *decoder, bool checked, char *why);
void decoder_device_close(struct decoder_device *device); /* NULL is allowed */

/* --- a step ------------------------------------------------------------------------------------
 */

/* What runs it. The model is plain C, from the lines above; the others are native kernels. */
#define DECODER_ENGINES(V)                                                                         \
    V(DECODER_MODEL, "model")                                                                      \
    V(DECODER_PORTABLE, "portable")                                                                \
    V(DECODER_AVX2, "avx2")                                                                        \
    V(DECODER_AVX512, "avx512")
enum decoder_engine { DECODER_ENGINES(DECODER_ENUMERATOR) DECODER_ENGINE_COUNT };
const char *decoder_engine_name(enum decoder_engine engine);
bool decoder_engine_works(enum decoder_engine engine);
enum decoder_engine decoder_engine_best(void); /* the widest native one */

struct decoder_row {
    uint32_t token;
    unsigned sequence, position;
    bool wanted; /* its logits */
};

struct decoder_step {
    const struct decoder *decoder;
    struct decoder_cache *cache;
    struct decoder_plan plan;
    enum decoder_engine engine;
    /* Not NULL: its kernels run the step. The model then is of these, whose attention has a tree of
     * its own; all other bits are the native kernels'. */
    struct decoder_device *device;
    unsigned threads;    /* 1… */
    unsigned processors; /* that heuristics count with; 0: 132 */
    unsigned counted;    /* rows that heuristics of products count; 0: those there are */
    const struct decoder_row *row;
    unsigned rows;
};
/* logits: [wanted rows][vocabulary]. Rows before a row's position are in the cache, or among the
 * step's. 0, or -1 with a line in `why` (GGUF_WHY bytes). */
int decoder_run(const struct decoder_step *step, float *logits, char *why);

/* The index of the largest; the first of equal ones. No NaN wins. */
uint32_t decoder_greedy(const float *logits, size_t vocabulary);

#ifdef __cplusplus
}
#endif
#endif
