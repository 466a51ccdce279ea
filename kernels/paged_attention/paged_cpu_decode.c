/*
 * paged_cpu_decode.c: one thread's share of attention, tile by tile: scores, softmax, values.
 *
 * Heads lie inside tokens in nhd, so with one query per head a token is taken with all its heads
 * before the next: memory is read in its order, which the hardware follows. In the other layouts a
 * block's tokens lie inside its heads.
 */
#include <stdlib.h>

#include "kernels/paged_attention/paged_cpu_inside.h"
#include "kernels/paged_attention/paged_exp.h"

enum { TURNED = 16 }; /* tokens of vllm's values that are turned into rows at a time */

struct decode {
    const struct paged_cpu_step *job;
    struct paged_ahead *ahead;
    unsigned span; /* tokens taken with all heads before the next ones */
    paged_scores *scores;
    paged_values *values;
    float scale;
    float *q;      /* [head][group][channel] */
    float *weight; /* [head][group][PAGED_TILE] */
    float *lanes;  /* [head][group][PAGED_LANES] */
    float *most;   /* [head][group] */
    float *rows;   /* [TURNED][channel] */
    float *acc;    /* [head][group][channel], of the item in hand */
};

/* --- the thread's own memory -------------------------------------------------------------------
 */

size_t paged_cpu_private_bytes(unsigned heads, unsigned group, unsigned head) {
    size_t queries = (size_t)heads * group;
    return whole_lines(sizeof(struct paged_ahead)) +
           whole_lines(queries * (head + PAGED_TILE + PAGED_LANES) * sizeof(float)) +
           whole_lines(queries * sizeof(float)) + whole_lines(TURNED * head * sizeof(float));
}

static void begin(struct decode *d, const struct paged_cpu_step *job, unsigned thread) {
    size_t queries = (size_t)job->heads * job->group;
    unsigned head = job->head == 64 ? 0 : 1, group = 0;
    while (1u << group < job->group)
        group++;
    if (job->group == 4 && job->call->queries == 3) /* the last of PAGED_GROUP_SIZES */
        group = PAGED_GROUP_SIZES - 1;
    enum element type = (enum element)job->call->plan.element;
    const struct paged_cpu_kernels *kernels = job->kernels;
    char *memory = job->private + thread * job->private_bytes;
    d->job = job;
    d->ahead = (struct paged_ahead *)memory;
    d->q = (float *)(memory + whole_lines(sizeof *d->ahead));
    d->weight = d->q + queries * job->head;
    d->lanes = d->weight + queries * PAGED_TILE;
    d->rows = d->lanes + queries * PAGED_LANES;
    d->most = d->rows + (size_t)TURNED * job->head;
    bool vllm = job->layout == PAGED_VLLM;
    d->scores = (vllm ? kernels->pieces : kernels->rows)[type][head][group];
    d->values = kernels->values[vllm ? ELEMENT_F32 : type][head][group];
    d->scale = paged_scale((int)job->head);
    /* One query is bound by memory: each token is read in memory's order. More are bound by
     * arithmetic: several tokens share what is in registers. */
    d->span = job->group == 1 ? 1 : PAGED_VALUE_TOKENS;
    if (job->layout != PAGED_NHD && job->block > d->span)
        d->span = job->block < PAGED_TILE ? job->block : PAGED_TILE;
    paged_ahead_begin(d->ahead, job, thread);
}

/* --- one tile ----------------------------------------------------------------------------------
 */

/* Each token's first channel of head 0. */
static void find_tokens(const struct paged_cpu_step *job, const struct paged_half *half,
                        const char **token) {
    const char *at = NULL;
    unsigned slot = job->block;
    for (unsigned t = 0; t < half->tokens; t++, slot++, at += job->token_stride) {
        if (slot == job->block) {
            at = paged_block_of(job, half->values, half->sequence, half->first + t, &slot);
            at += slot * job->token_stride;
        }
        token[t] = at;
    }
}

static unsigned at_most(unsigned x, unsigned most) {
    return x < most ? x : most;
}

/* Four keys for one call. */
struct keys {
    struct decode *d;
    unsigned count;
    size_t bytes;
    const char *k[PAGED_SCORE_KEYS];
    const float *q[PAGED_SCORE_KEYS];
    float *out[PAGED_SCORE_KEYS];
};

static void flush_keys(struct keys *keys) {
    struct decode *d = keys->d;
    paged_ahead_use(d->ahead, keys->count * keys->bytes);
    for (; keys->count < PAGED_SCORE_KEYS; keys->count++) {
        keys->k[keys->count] = keys->k[0];
        keys->q[keys->count] = keys->q[0];
        keys->out[keys->count] = keys->out[0];
    }
    d->scores(keys->k, d->job->piece, keys->q, keys->out);
    keys->count = 0;
}

static inline void push_key(struct keys *keys, const char *k, const float *q, float *out) {
    keys->k[keys->count] = k;
    keys->q[keys->count] = q;
    keys->out[keys->count++] = out;
    if (keys->count == PAGED_SCORE_KEYS)
        flush_keys(keys);
}

static void score(struct decode *d, const struct paged_half *half) {
    const struct paged_cpu_step *job = d->job;
    const char *token[PAGED_TILE];
    find_tokens(job, half, token);
    struct keys keys = {d, 0, job->head * job->element, {0}, {0}, {0}};
    size_t queries = (size_t)job->group * job->head, scores = (size_t)job->group * PAGED_TILE;
    unsigned span = d->span;
    for (unsigned from = 0; from < half->tokens; from += span) {
        unsigned end = at_most(from + span, half->tokens);
        for (unsigned h = 0; h < half->heads; h++)
            for (unsigned t = from; t < end; t++)
                push_key(&keys, token[t] + (half->head + h) * job->head_stride, d->q + h * queries,
                         d->weight + h * scores + t);
    }
    /* Some keys twice fill the last call. */
    if (keys.count)
        flush_keys(&keys);
}

static void weights(struct decode *d, const struct paged_half *half) {
    const unsigned queries = d->job->call->queries;
    size_t head = d->job->head;
    for (size_t i = 0; i < (size_t)half->heads * d->job->group; i++) {
        if (queries && i % d->job->group >= queries)
            continue;
        float factor = d->job->kernels->softmax(d->weight + i * PAGED_TILE, half->tokens, d->scale,
                                                d->most + i, d->lanes + i * PAGED_LANES);
        if (factor != 1)
            d->job->kernels->multiply(d->acc + i * head, head, factor);
    }
}

static void values_of_rows(struct decode *d, const struct paged_half *half) {
    const struct paged_cpu_step *job = d->job;
    const char *token[PAGED_TILE];
    find_tokens(job, half, token);
    size_t bytes = (size_t)job->head * job->element;
    for (unsigned from = 0; from < half->tokens; from += d->span) {
        unsigned end = at_most(from + d->span, half->tokens);
        for (unsigned h = 0; h < half->heads; h++) {
            size_t query = (size_t)h * job->group;
            for (unsigned t = from; t < end; t += PAGED_VALUE_TOKENS) {
                unsigned some = at_most(end - t, PAGED_VALUE_TOKENS);
                paged_ahead_use(d->ahead, some * bytes);
                d->values(token + t, (half->head + h) * job->head_stride, some,
                          d->weight + query * PAGED_TILE + t, d->acc + query * job->head);
            }
        }
    }
}

/* vllm's values lie with tokens inside channels: they are turned first. */
static void values_of_columns(struct decode *d, const struct paged_half *half) {
    const struct paged_cpu_step *job = d->job;
    size_t bytes = (size_t)job->head * job->element;
    const char *row[TURNED];
    for (unsigned t = 0; t < TURNED; t++)
        row[t] = (const char *)(d->rows + t * job->head);
    for (unsigned from = 0, span; from < half->tokens; from += span) {
        unsigned slot;
        const char *block = paged_block_of(job, true, half->sequence, half->first + from, &slot);
        span = at_most(at_most(job->block - slot, PAGED_TILE), half->tokens - from);
        for (unsigned h = 0; h < half->heads; h++) {
            size_t query = (size_t)h * job->group;
            for (unsigned t = 0, some; t < span; t += some) {
                some = at_most(span - t, TURNED);
                const char *v = block + (half->head + h) * job->head_stride;
                job->kernels->turn[job->call->plan.element](
                    d->rows, v + (size_t)(slot + t) * job->element, job->block, some, job->head);
                paged_ahead_use(d->ahead, some * bytes);
                for (unsigned i = 0; i < some; i += PAGED_VALUE_TOKENS)
                    d->values(row + i, 0, at_most(some - i, PAGED_VALUE_TOKENS),
                              d->weight + query * PAGED_TILE + from + t + i,
                              d->acc + query * job->head);
            }
        }
    }
}

/* --- one item ----------------------------------------------------------------------------------
 */

static void begin_item(struct decode *d, const struct paged_item *item) {
    const struct paged_cpu_step *job = d->job;
    size_t first = ((size_t)item->sequence * job->heads + item->head) * job->group;
    size_t queries = (size_t)item->heads * job->group;
    if (job->splits == 1)
        d->acc = job->call->out + first * job->head;
    else
        d->acc = job->partial +
                 (((size_t)item->sequence * job->splits + item->split) * job->heads + item->head) *
                     job->group * job->head;
    memset(d->acc, 0, queries * job->head * sizeof *d->acc);
    memset(d->lanes, 0, queries * PAGED_LANES * sizeof *d->lanes);
    for (size_t i = 0; i < queries; i++)
        d->most[i] = -INFINITY;
    job->kernels->widen[job->call->plan.element](
        d->q, (const char *)job->call->q + first * job->head * job->element, queries * job->head);
}

static void end_item(struct decode *d, const struct paged_item *item) {
    const struct paged_cpu_step *job = d->job;
    size_t first =
        (((size_t)item->sequence * job->splits + item->split) * job->heads + item->head) *
        job->group;
    for (size_t i = 0; i < (size_t)item->heads * job->group; i++) {
        float total = job->kernels->tree(d->lanes + i * PAGED_LANES);
        if (job->splits > 1) {
            job->most[first + i] = d->most[i];
            job->total[first + i] = total;
        } else if (total > 0) {
            job->kernels->divide(d->acc + i * job->head, job->head, total);
        }
    }
}

void paged_cpu_decode(const struct paged_cpu_step *job, unsigned thread) {
    struct decode d;
    begin(&d, job, thread);
    for (size_t index = job->first[thread]; index < job->first[thread + 1]; index++) {
        struct paged_item item = paged_cpu_item(job, index);
        unsigned tokens = (unsigned)job->table->tokens[item.sequence];
        begin_item(&d, &item);
        for (unsigned tile = item.tile; tile < item.end; tile++) {
            unsigned first = tile * PAGED_TILE;
            struct paged_half half = {
                item.sequence, first,      at_most(tokens - first, PAGED_TILE),
                item.head,     item.heads, false};
            score(&d, &half);
            weights(&d, &half);
            half.values = true;
            if (job->layout == PAGED_VLLM)
                values_of_columns(&d, &half);
            else
                values_of_rows(&d, &half);
        }
        end_item(&d, &item);
    }
}
