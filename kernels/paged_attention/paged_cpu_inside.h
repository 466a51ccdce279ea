/*
 * paged_cpu_inside.h: what the files of the native decode step share.
 *
 *     paged_cpu.c          instruction sets, shares of threads, one step, merging splits
 *     paged_cpu_decode.c   one thread's share: attention
 *     paged_cpu_gather.c   one thread's share: gather and walk
 *     paged_cpu_walk.c     which bytes a share needs, in which order, and asking for them ahead
 *     paged_cpu_kernel.inc the arithmetic, once for each instruction set:
 *     paged_cpu_portable.c, paged_cpu_avx2.c, paged_cpu_avx512.c
 */
#ifndef NANOLAB_KERNELS_PAGED_ATTENTION_PAGED_CPU_INSIDE_H
#define NANOLAB_KERNELS_PAGED_ATTENTION_PAGED_CPU_INSIDE_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/element/element.h"
#include "kernels/paged_attention/paged_cpu.h"

#define PAGED_LANES 16
#define PAGED_LINE 64

/* --- arithmetic --------------------------------------------------------------------------------
 */

/* Keys that one call of `scores` takes, and tokens that one of `values` takes at most. */
#define PAGED_SCORE_KEYS 4
#define PAGED_VALUE_TOKENS 8

typedef void paged_scores(const char *const *k, size_t piece, const float *const *q,
                          float *const *scores);
typedef void paged_values(const char *const *v, size_t offset, unsigned tokens,
                          const float *weights, float *acc);

enum { PAGED_HEAD_SIZES = 2, PAGED_GROUP_SIZES = 5 /* 1, 2, 4, 8; 3 of 4 */ };

struct paged_cpu_kernels {
    /* q·k of PAGED_SCORE_KEYS keys, each with its own queries, [group][head] in f32: scores[n][g ×
     * PAGED_TILE]. k: where each key's channels begin. `rows`: channels lie one after another.
     * `pieces`: 16 bytes of them, the next `piece` bytes further. */
    paged_scores *rows[ELEMENTS][PAGED_HEAD_SIZES][PAGED_GROUP_SIZES];
    paged_scores *pieces[ELEMENTS][PAGED_HEAD_SIZES][PAGED_GROUP_SIZES];
    /* acc[g][channel] += weights[g × PAGED_TILE + i] v[i][channel] for i = 0…tokens-1, in order;
     * v[i] + offset: token i's channels. */
    paged_values *values[ELEMENTS][PAGED_HEAD_SIZES][PAGED_GROUP_SIZES];
    /* Scores of a tile's n tokens, unscaled, to weights; 0 for the rest of the tile. Updates the
     * maximum and the lanes of the weights' sum; returns what earlier sums are to be multiplied
     * by. */
    float (*softmax)(float *scores, unsigned n, float scale, float *most, float *lanes);
    /* The sum of PAGED_LANES lanes. */
    float (*tree)(const float *lanes);
    /* x[i] *= by, x[i] /= by; n a multiple of PAGED_LANES. */
    void (*multiply)(float *x, size_t n, float by);
    void (*divide)(float *x, size_t n, float by);
    /* acc[i] = weight × x[i] + acc[i] */
    void (*add)(float *acc, const float *x, size_t n, float weight);
    void (*widen[ELEMENTS])(float *to, const void *from, size_t n);
    /* n tokens' channels, n apart from each other in v, to f32 rows of `head` channels. */
    void (*turn[ELEMENTS])(float *rows, const char *v, size_t apart, unsigned tokens,
                           unsigned head);
    /* 32-bit words, unsigned, mod 2^64; half a word at the end counts as its low half. */
    uint64_t (*sum)(const char *from, size_t bytes);
};

/* One element, exact. */
static inline float paged_cpu_widen(const char *p, enum element type) {
    float x;
    uint16_t half;
    if (type == ELEMENT_F32) {
        memcpy(&x, p, sizeof x);
        return x;
    }
    memcpy(&half, p, sizeof half);
    return type == ELEMENT_BF16 ? element_from_bf16(half) : element_from_f16(half);
}

extern const struct paged_cpu_kernels paged_cpu_portable, paged_cpu_avx2, paged_cpu_avx512;

/* --- one step ----------------------------------------------------------------------------------
 */

struct paged_cpu_step {
    const struct paged_cpu_call *call;
    const struct paged_cpu_kernels *kernels;
    const struct kv_table *table;
    bool slab;
    enum paged_layout layout;             /* a block of one token has all layouts at once: nhd */
    unsigned heads, group, head, element; /* element: bytes */
    unsigned block;                       /* tokens of a block or slab */
    size_t block_bytes, token_bytes;
    /* Bytes from a token to the next (of a block), and from a head to the next. */
    size_t token_stride, head_stride;
    size_t piece;    /* vllm: from 16 bytes of a token's key to the next 16 */
    unsigned splits; /* of a sequence */
    unsigned parts;  /* into which the heads are shared where sequences are few */
    size_t items;    /* sequences × splits × parts */
    size_t *first;   /* [threads + 1]: the items of each */
    float *partial;  /* [sequence][split][head][group][channel], where there are splits … */
    float *most;     /* … their maxima [sequence][split][head][group] … */
    float *total;    /* … and the sums of their weights */
    char *private;   /* of thread t from t × private_bytes */
    size_t private_bytes;
};

/* Heads [head, head + heads) of tiles [tile, end) of a sequence's split. */
struct paged_item {
    unsigned sequence, split, tile, end, head, heads;
};
struct paged_item paged_cpu_item(const struct paged_cpu_step *job, size_t index);

/* Bytes, rounded up to whole cache lines. */
static inline size_t whole_lines(size_t bytes) {
    return (bytes + PAGED_LINE - 1) / PAGED_LINE * PAGED_LINE;
}
/* What a thread keeps for itself while it decodes. */
size_t paged_cpu_private_bytes(unsigned heads, unsigned group, unsigned head);

void paged_cpu_decode(const struct paged_cpu_step *job, unsigned thread);
void paged_cpu_gather(const struct paged_cpu_step *job, unsigned thread);

/* --- which bytes, in which order ---------------------------------------------------------------
 */

/* The keys, or the values, of one tile of an item: what is read in one go. */
struct paged_half {
    unsigned sequence, first, tokens, head, heads;
    bool values;
};

/* All halves of a share, keys and values of a tile by turns. */
struct paged_walk {
    const struct paged_cpu_step *job;
    size_t index, end; /* items */
    struct paged_item item;
    bool values;
};
void paged_walk_begin(struct paged_walk *walk, const struct paged_cpu_step *job, unsigned thread);
/* False: no more. */
bool paged_walk_next(struct paged_walk *walk, struct paged_half *half);

/* Where token t's block (or slab) begins, and its slot in it. */
static inline const char *paged_block_of(const struct paged_cpu_step *job, bool values,
                                         unsigned sequence, unsigned t, unsigned *slot) {
    const char *base = values ? job->call->v : job->call->k;
    size_t block = sequence;
    if (!job->slab) {
        const struct kv_table *table = job->table;
        block = (size_t)table->ids[(size_t)sequence * table->row_blocks + t / job->block];
        t %= job->block;
    }
    *slot = t;
    return base + block * job->block_bytes;
}

/* `count` stretches of `bytes`, the next one `stride` further. */
struct paged_span {
    const char *at;
    size_t count, bytes, stride;
};
/* The bytes of a half in the order of its tokens; returns how many of at most PAGED_TILE spans. */
unsigned paged_spans(const struct paged_cpu_step *job, const struct paged_half *half,
                     struct paged_span *spans);

/*
 * Asks for the bytes of a share before they are used (into the second-level cache), a batch of
 * PAGED_BATCH lines at a time. It must cost next to nothing per line: the places `at` of a batch
 * move on together, by `step`.
 */
enum { PAGED_BATCH = 8 };
struct paged_ahead {
    const char *at[PAGED_BATCH];
    size_t offset, end, step; /* from `at`; what one batch moves on by */
    long due;                 /* bytes that are to be asked for; below 0: so many too many */
    bool robin, on;
    struct paged_walk walk;
    struct paged_span spans[PAGED_TILE];
    unsigned span, spans_count;
    size_t stretch, stretch_at; /* of the span; bytes of the stretch */
};
void paged_ahead_begin(struct paged_ahead *ahead, const struct paged_cpu_step *job,
                       unsigned thread);
void paged_ahead_fill(struct paged_ahead *ahead);
/* When `bytes` more are used. */
static inline void paged_ahead_use(struct paged_ahead *ahead, size_t bytes) {
    if (!ahead->on)
        return;
    for (ahead->due += (long)bytes; ahead->due > 0; ahead->due -= PAGED_BATCH * PAGED_LINE) {
        if (ahead->offset >= ahead->end)
            paged_ahead_fill(ahead);
        for (int i = 0; i < PAGED_BATCH; i++)
            __builtin_prefetch(ahead->at[i] + ahead->offset, 0, 2);
        ahead->offset += ahead->step;
    }
}

#endif
