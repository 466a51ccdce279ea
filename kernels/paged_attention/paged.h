/*
 * paged.h: one decode step of grouped-query attention over a paged KV cache, and the two kernels
 * that take it apart: the gather reads the same bytes and only adds them up, the walk reads the
 * block table and nothing else.
 *
 * For each sequence s, KV head h and query head g of its group:
 *
 *     score[t] = q[s,h,g] · k[s,t,h] / sqrt(D)      t = 0 … tokens[s] - 1, D channels
 *     out[s,h,g] = Σ_t softmax(score)[t] v[s,t,h]   f32; all zero where tokens[s] is 0
 *
 * Keys and values lie in blocks that a table names (kernels/kv_pool/kv_table.h), in one of three
 * layouts; or, as the ceiling, in one contiguous slab per sequence. A plan names the decisions;
 * kernels/paged_attention/paged.cu executes it on a GPU or on the SIMT machine, paged_cpu.h
 * natively.
 *
 * What decides the bits: element, head and the split of a sequence's tokens, and nothing of the
 * map, the layout or the block size, because all kernels walk the tokens in the same order in tiles
 * of PAGED_TILE tokens. So residency changes the time and never the answer; a split
 * that the batch chooses changes the answer. The exponential is written out in fused multiply-adds
 * (paged_exp.h), so that it, too, has the same bits everywhere.
 */
#ifndef NANOLAB_KERNELS_PAGED_ATTENTION_PAGED_H
#define NANOLAB_KERNELS_PAGED_ATTENTION_PAGED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/device/device.h"
#include "kernels/element/element.h"
#include "kernels/kv_pool/kv_table.h"
#include "kernels/plan/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

struct json_t;

/* --- the values of each field: V(value, word) --------------------------------------------------
 */

#define PAGED_OPS(V) V(PAGED_ATTENTION, "attention") V(PAGED_GATHER, "gather") V(PAGED_WALK, "walk")

/* table: blocks of a pool, named by a table. slab: sequence s has its own contiguous range, as long
 * as the longest sequence. */
#define PAGED_MAPPINGS(V) V(PAGED_TABLE, "table") V(PAGED_SLAB, "slab")

/*
 * Where token t (of its block, or of its slab, both `n` tokens long), head h and channel d lie, in
 * elements from the start of the block or slab; H heads of D channels, x = 16 bytes / element:
 * nhd    k and v: (t × H + h) × D + d
 * hnd    k and v: (h × n + t) × D + d
 * vllm   k: ((h × D/x + d/x) × n + t) × x + d%x; v: (h × D + d) × n + t      tables only
 */
#define PAGED_LAYOUTS(V) V(PAGED_NHD, "nhd") V(PAGED_HND, "hnd") V(PAGED_VLLM, "vllm")

/* Of keys, values and queries. */
#define PAGED_ELEMENTS(V) V(ELEMENT_F32, "f32") V(ELEMENT_BF16, "bf16") V(ELEMENT_F16, "f16")

/* Tokens in a block. Slabs have none: they are named b1. */
#define PAGED_BLOCKS(V)                                                                            \
    V(1, "b1")                                                                                     \
    V(2, "b2")                                                                                     \
    V(4, "b4") V(8, "b8") V(16, "b16") V(32, "b32") V(64, "b64") V(128, "b128") V(256, "b256")

/* Channels of a head; query heads of a KV head. */
#define PAGED_HEADS(V) V(64, "d64") V(128, "d128")
#define PAGED_GROUPS(V) V(1, "g1") V(2, "g2") V(4, "g4") V(8, "g8")

/* Into how many parts the tokens of a sequence are split, merged at the end in their order. fixed:
 * always `splits`. heuristic: as FlashAttention chooses: by the work there is for the
 * multiprocessors, so by the batch; at most `splits`. */
#define PAGED_RULES(V) V(PAGED_FIXED, "fixed") V(PAGED_HEURISTIC, "heuristic")
#define PAGED_SPLITS(V) V(1, "s1") V(2, "s2") V(4, "s4") V(8, "s8") V(16, "s16") V(32, "s32")

#define PAGED_ENUMERATOR(value, word) value,
enum paged_op { PAGED_OPS(PAGED_ENUMERATOR) };
enum paged_mapping { PAGED_MAPPINGS(PAGED_ENUMERATOR) };
enum paged_layout { PAGED_LAYOUTS(PAGED_ENUMERATOR) };
enum paged_rule { PAGED_RULES(PAGED_ENUMERATOR) };

#define PAGED_PLAN_FIELDS(X)                                                                       \
    X(op, PAGED_OPS, "what is computed")                                                           \
    X(mapping, PAGED_MAPPINGS, "how tokens are found")                                             \
    X(layout, PAGED_LAYOUTS, "order inside a block or slab")                                       \
    X(element, PAGED_ELEMENTS, "type of keys, values and queries")                                 \
    X(block, PAGED_BLOCKS, "tokens per block")                                                     \
    X(head, PAGED_HEADS, "channels per head")                                                      \
    X(group, PAGED_GROUPS, "query heads per KV head")                                              \
    X(rule, PAGED_RULES, "who decides the number of splits")                                       \
    X(splits, PAGED_SPLITS, "splits of a sequence, or the most of them")

#define PAGED_MEMBER(name, values, what) int name;
struct paged_plan {
    PAGED_PLAN_FIELDS(PAGED_MEMBER)
};
#define PAGED_FIELD_ID(name, values, what) PAGED_FIELD_##name,
enum paged_field_id { PAGED_PLAN_FIELDS(PAGED_FIELD_ID) PAGED_FIELDS };
#define PAGED_FIELD_BIT(name) (1u << PAGED_FIELD_##name)

extern const struct plan_family paged_family;

/* attention.table.nhd.bf16.b16.d128.g1.fixed.s1 */
struct paged_plan paged_plan_default(void);
char *paged_plan_text(const struct paged_plan *plan, char *out); /* PLAN_TEXT bytes */
int paged_plan_parse(const char *text, struct paged_plan *plan, char *why);
struct json_t *paged_plan_json(const struct paged_plan *plan);
int paged_plan_check(const struct paged_plan *plan, char *why);

/* --- a step ------------------------------------------------------------------------------------
 */

/* Tokens are walked in tiles of this many; a split is a range of whole tiles. */
#define PAGED_TILE 64

/* What a plan is applied to. The table (host memory, borrowed) gives sequences and lengths for
 * slabs too, where its ids are not read. */
struct paged_shape {
    unsigned kv_heads; /* H, 1…64 */
    const struct kv_table *table;
    /* Multiprocessors, or workers, that the heuristic counts with; 0: the device's own (132 on the
     * SIMT machine). */
    unsigned processors;
};
/* 0 if plan, shape and table fit; -1 with one line in `why` (PLAN_WHY bytes, or NULL). Tables are
 * checked with kv_table_check: `may_share` lets blocks be named twice (shared prefixes). */
int paged_check(const struct paged_plan *plan, const struct paged_shape *shape, bool may_share,
                char *why);

/* The number of splits of every sequence: on the device that shape->processors says; launching
 * with 0 processors on a GPU counts its own instead. By the longest sequence's tiles, as a grid has
 * one size; a sequence with fewer tiles than splits leaves the last ones empty. */
unsigned paged_splits(const struct paged_plan *plan, const struct paged_shape *shape);
/* FlashAttention's rule: one split if `work` (sequences × KV heads) fills 0.8 of the processors or
 * there are at most 4 tiles; else the fewest splits within 85 % of the best wave efficiency. */
unsigned paged_split_heuristic(unsigned work, unsigned processors, unsigned tiles, unsigned most);
/* Tiles [first, end) of one split: tiles / splits of them, rounded up; the last ones may have fewer
 * or none. */
void paged_split_range(unsigned tiles, unsigned splits, unsigned split, unsigned *first,
                       unsigned *end);

/* Bytes of one token's keys (or values) of all heads; of a block's; of the whole cache's keys (or
 * values): pool_blocks blocks, or sequences slabs. */
size_t paged_token_bytes(const struct paged_plan *plan, const struct paged_shape *shape);
size_t paged_block_bytes(const struct paged_plan *plan, const struct paged_shape *shape);
size_t paged_cache_bytes(const struct paged_plan *plan, const struct paged_shape *shape);
/* K1's formula, 2·B·L·H·D·s, with the sum of the tokens for B·L: bytes of keys and values that a
 * step must load; a walk loads none. Shared blocks count for every sequence that names them. */
double paged_kv_bytes(const struct paged_plan *plan, const struct paged_shape *shape);
/* Distinct bytes among them (shared blocks once). -1: no memory. */
double paged_unique_bytes(const struct paged_plan *plan, const struct paged_shape *shape);
/* What else a step of cuda and simt loads and stores: the ids of each tile's blocks, once per KV
 * head; the length, once per KV head and split; the queries, once per split; the output; partial
 * results, written and read once. Gather and walk: ids, lengths and the sums. */
double paged_other_bytes(const struct paged_plan *plan, const struct paged_shape *shape);
double paged_flops(const struct paged_plan *plan, const struct paged_shape *shape);
size_t paged_workspace_bytes(const struct paged_plan *plan, const struct paged_shape *shape);
/* Elements of q (of the plan's type) and of the output (f32): sequences × kv_heads × group × head,
 * in that order. */
size_t paged_query_elements(const struct paged_plan *plan, const struct paged_shape *shape);

/* --- data --------------------------------------------------------------------------------------
 */

/* Fills host (or CPU device) memory of paged_cache_bytes each: first all with NaN (0xff bytes),
 * then the named slots. What a token holds depends on (seed, sequence, token, head, channel) alone,
 * so the same shape has the same content under every map, layout and block size. Blocks named by
 * several sequences hold the content of the first that names them, position for position.
 * `threads` workers. 0 or -1: no memory. */
int paged_fill_cache(const struct paged_plan *plan, const struct paged_shape *shape, uint64_t seed,
                     unsigned threads, void *k, void *v);
int paged_fill_queries(const struct paged_plan *plan, const struct paged_shape *shape,
                       uint64_t seed, void *q);

/* --- kernels of cuda and simt ------------------------------------------------------------------
 */

/* All pointers: device memory, 16-byte aligned. */
struct paged_call {
    struct paged_plan plan;
    struct paged_shape shape;
    const void *k, *v, *q;
    const int32_t *ids, *tokens; /* copies of the table's */
    float *out;                  /* attention: paged_query_elements */
    uint64_t *sums;              /* gather, walk: one per sequence, overwritten; see paged_sums */
    void *workspace;             /* paged_workspace_bytes */
    /* Not NULL: cycles each warp of a gather spent, one per warp (cuda only); `warps` of them. */
    uint32_t *cycles;
    size_t warps;
    void *stream;
};
struct paged_ops {
    /* One step. 0 or -1 with device_error(); done after device_sync. */
    int (*launch)(const struct paged_call *call);
    /* Warps of a gather, for `cycles`. */
    size_t (*warps)(const struct paged_call *call);
    /* What the compiler said of the kernel of a plan, as the driver reports it: registers per
     * thread and bytes of local memory (spills). -1 with device_error() on the SIMT machine. */
    int (*resources)(const struct paged_plan *plan, int *registers, int *local_bytes);
};
const struct paged_ops *paged_ops_for(enum device_kind kind, bool checked);

/* --- what must come out ------------------------------------------------------------------------
 */

/* The bits of cuda and simt, from host memory laid out by the plan. 0 or -1: no memory. */
int paged_model(const struct paged_plan *plan, const struct paged_shape *shape, const void *k,
                const void *v, const void *q, float *out);
/* The sums of a gather (all 32-bit words of a sequence's keys and values, as unsigned, mod 2^64; a
 * half of a word that holds no token's number, as vllm's values can have it, counts as 0) or of a
 * walk (a sequence's ids, each once): exact in every order, so the same on every device. A walk
 * does not look at k and v. */
int paged_sums(const struct paged_plan *plan, const struct paged_shape *shape, const void *k,
               const void *v, uint64_t *sums);

/* The float64 reference of one sequence and KV head, all its query heads, and a bound on
 * |out - reference| for any of our kernels at this plan (derived in paged_reference.c). out and
 * bound: group × head numbers. 0 or -1: no memory. */
int paged_reference(const struct paged_plan *plan, const struct paged_shape *shape,
                    unsigned sequence, unsigned kv_head, const void *k, const void *v,
                    const void *q, double *out, double *bound);

#ifdef __cplusplus
}
#endif
#endif
