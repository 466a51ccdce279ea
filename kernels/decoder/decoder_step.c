/*
 * decoder_step.c: one step, kernel after kernel. Threads share out the outputs of a product and the
 * rows of everything else; which thread does what never changes a bit.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/decoder/decoder_inside.h"
#include "kernels/element/element.h"
#include "kernels/paged_attention/paged_cpu.h"
#include "kernels/threads/threads.h"

enum { PRODUCTS_MOST = 3 };

/* What is done with the outputs of products, by the thread that has them. */
enum what_after { AFTER_NOTHING, AFTER_ROUND, AFTER_ADD, AFTER_SWIGLU };

struct run {
    const struct decoder_step *step;
    const struct decoder *d;
    const struct decoder_kernels *kernels;
    struct pool *pool;
    bool rounded;     /* what kernels hand on, to bfloat16 */
    unsigned group;   /* queries of a head of keys, and so many that kernels have */
    unsigned wide;    /* decoder_wide */
    float *x;         /* [rows][width]: the residual stream */
    float *normed;    /* [rows][width] */
    float *q, *k, *v; /* [rows][width], [rows][kv_heads × head] twice */
    float *gate, *up; /* [rows][feed] */
    float *out;       /* [rows][width] */
    float *weights;   /* [threads][DECODER_TILE + 1][most columns] */
    uint16_t *pairs;  /* [rows][most columns], as decoder_inputs has them */
    float *sums;      /* [rows][most columns / GGUF_BLOCK] */
    void *queries;    /* [rows][kv_heads][wide][head] of the cache's element */
    float *attended;  /* the same, floats */
    void *workspace;  /* of attention */
    unsigned columns; /* most of a product */
    struct kv_table table;
    /* The call in hand. */
    const struct decoder_weight *weight[PRODUCTS_MOST];
    float *to[PRODUCTS_MOST];
    enum what_after after;
    float *from;
    unsigned rows;
    size_t from_stride;
    const float *gain;
    unsigned layer;
    /* Many rows: this copy of the run is a thread's, which does all kernels of its rows by itself
     * between one layer's attention and the next one's. */
    bool own;
    unsigned index, count;
};

static const struct decoder_kernels *const kernels_of[DECODER_ENGINE_COUNT] = {
    [DECODER_MODEL] = &decoder_model,
    [DECODER_PORTABLE] = &decoder_cpu_portable,
#ifdef __x86_64__
    [DECODER_AVX2] = &decoder_cpu_avx2,
    [DECODER_AVX512] = &decoder_cpu_avx512,
#endif
};
static const enum paged_isa isa_of[DECODER_ENGINE_COUNT] = {
    [DECODER_MODEL] = PAGED_PORTABLE,
    [DECODER_PORTABLE] = PAGED_PORTABLE,
    [DECODER_AVX2] = PAGED_AVX2,
    [DECODER_AVX512] = PAGED_AVX512,
};

static const struct decoder_kernels *kernels_for(enum decoder_engine engine) {
#ifdef __x86_64__
    if (engine == DECODER_AVX512 && __builtin_cpu_supports("avx512bf16"))
        return &decoder_cpu_avx512_bf16;
#endif
    return kernels_of[engine];
}

const char *decoder_engine_name(enum decoder_engine engine) {
#define NAME(value, word) [value] = word,
    static const char *const name[] = {DECODER_ENGINES(NAME)};
    return name[engine];
}

bool decoder_engine_works(enum decoder_engine engine) {
    return kernels_of[engine] && paged_isa_works(isa_of[engine]);
}

enum decoder_engine decoder_engine_best(void) {
    return decoder_engine_works(DECODER_AVX512) ? DECODER_AVX512
           : decoder_engine_works(DECODER_AVX2) ? DECODER_AVX2
                                                : DECODER_PORTABLE;
}

static int refuse(char *why, const char *what) {
    snprintf(why, GGUF_WHY, "%s", what);
    return -1;
}

/* --- small kernels -----------------------------------------------------------------------------
 */

/* To the nearest bfloat16, ties to even; NaN stays one. */
DECODER_WIDE static void round_floats(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        uint32_t up = bits + 0x7fff + (bits >> 16 & 1);
        bits = (bits & 0x7fffffff) > 0x7f800000 ? bits | 0x400000 : up;
        bits &= 0xffff0000;
        memcpy(&x[i], &bits, sizeof bits);
    }
}

DECODER_WIDE static void add_floats(float *restrict x, const float *restrict y, size_t n) {
    for (size_t i = 0; i < n; i++)
        x[i] += y[i];
}

static void hand_on(const struct run *run, float *x, size_t n) {
    if (run->rounded)
        round_floats(x, n);
}

/* Pairs of a head's numbers, by the angles of a position. */
DECODER_WIDE static void turn(float *restrict x, const float *restrict at, unsigned heads,
                              unsigned half) {
    for (unsigned h = 0; h < heads; h++, x += 2 * half)
        for (unsigned i = 0; i < half; i++) {
            const float c = at[2 * i], s = at[2 * i + 1], a = x[2 * i], b = x[2 * i + 1];
            x[2 * i] = fmaf(a, c, -(b * s));
            x[2 * i + 1] = fmaf(a, s, b * c);
        }
}

/* The upper halves of n floats: bfloat16 of those that are rounded already. */
DECODER_WIDE static void store_upper(uint16_t *restrict to, const float *restrict x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        to[i] = (uint16_t)(bits >> 16);
    }
}

/* n floats to the cache's element. */
static void store(const struct run *run, void *to, const float *x, size_t n) {
    if (run->rounded)
        store_upper(to, x, n);
    else
        memcpy(to, x, n * sizeof *x);
}

static unsigned char *slot(const struct run *run, unsigned layer, bool values,
                           const struct decoder_row *row) {
    const struct decoder_cache *c = run->step->cache;
    const size_t token = (run->rounded ? 2 : 4) * (size_t)run->d->kv_heads * run->d->head;
    return c->keys + (layer + (values ? run->d->layers : 0)) * c->layer_bytes +
           decoder_cache_slot(c, row) * token;
}

/* --- kernels shared between threads ------------------------------------------------------------
 */

static unsigned share(unsigned n, unsigned index, unsigned count) {
    return (unsigned)((uint64_t)n * index / count);
}

/* Rows and outputs of a product that one thread has. */
struct piece {
    unsigned row, rows, first, count;
};

/* What comes after product p, of a thread's own piece. */
static void finish(const struct run *run, int p, const struct piece *of) {
    const unsigned stride = run->weight[p]->rows, n = of->count;
    for (unsigned r = of->row; r < of->row + of->rows && n; r++) {
        const size_t at = (size_t)r * stride + of->first;
        float *out = run->to[p] + at, *x;
        hand_on(run, out, n);
        if (run->after == AFTER_ADD) {
            x = run->x + at;
            add_floats(x, out, n);
            hand_on(run, x, n);
        } else if (run->after == AFTER_SWIGLU && p == 1) {
            x = run->to[0] + at;
            run->kernels->swiglu(x, out, n, x);
            hand_on(run, x, n);
        }
    }
}

/* Few rows: each thread has outputs of all of them, and reads its own weights. Many: each has all
 * outputs of its own rows (see between). */
static struct piece piece_of(const struct run *run, const struct decoder_weight *w, unsigned index,
                             unsigned count) {
    if (run->own) {
        const unsigned row = share(run->rows, index, count);
        return (struct piece){row, share(run->rows, index + 1, count) - row, 0, w->rows};
    }
    const unsigned tiles = (w->rows + DECODER_TILE - 1) / DECODER_TILE;
    const unsigned from = share(tiles, index, count) * DECODER_TILE,
                   end = share(tiles, index + 1, count) * DECODER_TILE;
    return (struct piece){0, run->rows, from, (end < w->rows ? end : w->rows) - from};
}

/* Up to three products of the same inputs. */
static void product_part(void *context, unsigned index, unsigned count) {
    const struct run *run = context;
    const struct decoder_step *step = run->step;
    float *weights = run->weights + (size_t)index * (DECODER_TILE + 1) * run->columns;
    for (int p = 0; p < PRODUCTS_MOST && run->weight[p]; p++) {
        const struct decoder_weight *w = run->weight[p];
        const struct piece of = piece_of(run, w, index, count);
        const size_t from = (size_t)of.row * run->columns; /* as prepare_part has them */
        const struct decoder_inputs in = {run->from + of.row * run->from_stride, run->pairs + from,
                                          run->sums + from / GGUF_BLOCK, run->from_stride};
        const struct decoder_staging staging =
            decoder_staging(&step->plan, step->counted ? step->counted : run->rows, w->rows,
                            w->columns, step->processors);
        for (unsigned n = 0, each; n < of.count; n += each) {
            each = of.count - n < DECODER_TILE ? of.count - n : DECODER_TILE;
            run->kernels->product(w, of.first + n, each, &in, of.rows, staging,
                                  run->to[p] + (size_t)of.row * w->rows, w->rows, weights);
        }
        if (run->after != AFTER_NOTHING)
            finish(run, p, &of);
    }
}

struct product {
    const struct decoder_weight *weight;
    float *to;
};

/* Pairs lie as close as the inputs do, those of a thread's own rows where no other product's, with
 * longer rows, reach. */
static void prepare_part(void *context, unsigned index, unsigned count) {
    const struct run *run = context;
    const size_t n = run->from_stride;
    const unsigned begin = share(run->rows, index, count), first = run->own ? begin : 0;
    for (unsigned r = begin; r < share(run->rows, index + 1, count); r++) {
        const size_t to = (size_t)first * run->columns + (r - first) * n;
        run->kernels->prepare(run->from + r * n, (unsigned)n, run->pairs + to,
                              run->sums + to / GGUF_BLOCK);
    }
}

static void on_threads(struct run *run, unsigned threads, pool_function *function) {
    if (run->own)
        function(run, run->index, run->count);
    else
        pool_run_on(run->pool, threads, function, run);
}

/* By rows, each by one thread. */
static void each_row(struct run *run, pool_function *function) {
    const unsigned threads = run->step->threads;
    on_threads(run, run->rows < threads ? run->rows : threads, function);
}

static void multiply(struct run *run, float *from, enum what_after after,
                     const struct product *products, int count) {
    for (int p = 0; p < PRODUCTS_MOST; p++) {
        run->weight[p] = p < count ? products[p].weight : NULL;
        run->to[p] = p < count ? products[p].to : NULL;
    }
    run->after = after;
    run->from = from;
    run->from_stride = products->weight->columns;
    if (run->step->plan.terms != DECODER_WHOLE)
        each_row(run, prepare_part);
    on_threads(run, run->step->threads, product_part);
}

static void norm_part(void *context, unsigned index, unsigned count) {
    const struct run *run = context;
    const unsigned width = run->d->width;
    for (unsigned r = share(run->rows, index, count); r < share(run->rows, index + 1, count); r++) {
        float *out = run->normed + (size_t)r * width;
        run->kernels->norm(run->x + (size_t)r * width, run->gain, width, run->d->epsilon,
                           (unsigned)run->step->plan.norm, out);
        hand_on(run, out, width);
    }
}

static void normalise(struct run *run, const float *gain) {
    run->gain = gain;
    each_row(run, norm_part);
}

/* --- attention ---------------------------------------------------------------------------------
 */

unsigned decoder_wide(const struct decoder *d) {
    unsigned wide = 1;
    while (wide < d->heads / d->kv_heads)
        wide *= 2;
    return wide;
}

struct paged_plan decoder_attention_plan(const struct decoder_step *step) {
    struct paged_plan plan = paged_plan_default();
    plan.element = step->plan.rounding == DECODER_BF16 ? ELEMENT_BF16 : ELEMENT_F32;
    plan.block = DECODER_BLOCK;
    plan.head = (int)step->decoder->head;
    plan.group = (int)decoder_wide(step->decoder);
    plan.rule = step->plan.rule == DECODER_HEURISTIC ? PAGED_HEURISTIC : PAGED_FIXED;
    plan.splits = step->plan.splits;
    return plan;
}

/* The model's: of the kernels that a device would run, or of the native ones. */
static int model_of_attention(const struct run *run, const struct paged_cpu_call *call) {
    return (run->step->device ? paged_model : paged_cpu_model)(&call->plan, &call->shape, call->k,
                                                               call->v, call->q, call->out);
}

/* Queries and keys of a row to their position's angles, and all to where attention finds it. */
static void place_part(void *context, unsigned index, unsigned count) {
    const struct run *run = context;
    const struct decoder *d = run->d;
    const unsigned head = d->head, keys = d->kv_heads * head;
    const size_t queries = (size_t)run->wide * head * (run->rounded ? 2 : 4);
    for (unsigned r = share(run->rows, index, count); r < share(run->rows, index + 1, count); r++) {
        const struct decoder_row *row = &run->step->row[r];
        const float *angles = d->turn + (size_t)row->position * head;
        float *q = run->q + (size_t)r * d->width, *k = run->k + (size_t)r * keys;
        turn(q, angles, d->heads, head / 2);
        turn(k, angles, d->kv_heads, head / 2);
        hand_on(run, q, d->width);
        hand_on(run, k, keys);
        store(run, slot(run, run->layer, false, row), k, keys);
        store(run, slot(run, run->layer, true, row), run->v + (size_t)r * keys, keys);
        for (unsigned h = 0; h < d->kv_heads; h++)
            store(run, (char *)run->queries + ((size_t)r * d->kv_heads + h) * queries,
                  q + (size_t)h * run->group * head, (size_t)run->group * head);
    }
}

/* What attention gave, without the queries that were only put in to fill a group that kernels have.
 */
static void collect_part(void *context, unsigned index, unsigned count) {
    const struct run *run = context;
    const struct decoder *d = run->d;
    const size_t group = (size_t)run->group * d->head, wide = (size_t)run->wide * d->head;
    for (unsigned r = share(run->rows, index, count); r < share(run->rows, index + 1, count); r++) {
        float *q = run->q + (size_t)r * d->width;
        for (unsigned h = 0; h < d->kv_heads; h++)
            memcpy(q + h * group, run->attended + ((size_t)r * d->kv_heads + h) * wide,
                   group * sizeof *q);
        hand_on(run, q, d->width);
    }
}

static int attend(const struct run *run, char *why) {
    const struct decoder *d = run->d;
    const struct decoder_cache *c = run->step->cache;
    struct paged_cpu_call call = {
        .plan = decoder_attention_plan(run->step),
        .shape = {d->kv_heads, &run->table, run->step->processors},
        .isa = isa_of[run->step->engine],
        .threads = run->step->threads,
        .queries = run->group,
        .k = c->keys + run->layer * c->layer_bytes,
        .v = c->keys + (d->layers + run->layer) * c->layer_bytes,
        .q = run->queries,
        .out = run->attended,
        .workspace = run->workspace,
    };
    int status =
        run->step->engine == DECODER_MODEL ? model_of_attention(run, &call) : paged_cpu_run(&call);
    return status == 0 ? 0 : refuse(why, device_error());
}

/* --- the step ----------------------------------------------------------------------------------
 */

/* A layer up to its attention. */
static void before(struct run *run) {
    const struct decoder_layer *layer = &run->d->layer[run->layer];
    const struct decoder_weight *of = layer->product;
    normalise(run, layer->attention_norm);
    multiply(run, run->normed, AFTER_ROUND,
             (struct product[]){
                 {&of[DECODER_Q], run->q}, {&of[DECODER_K], run->k}, {&of[DECODER_V], run->v}},
             3);
    each_row(run, place_part);
}

static void after(struct run *run) {
    const struct decoder_layer *layer = &run->d->layer[run->layer];
    const struct decoder_weight *of = layer->product;
    each_row(run, collect_part);
    multiply(run, run->q, AFTER_ADD, &(struct product){&of[DECODER_O], run->out}, 1);
    normalise(run, layer->feed_norm);
    multiply(run, run->normed, AFTER_SWIGLU,
             (struct product[]){{&of[DECODER_GATE], run->gate}, {&of[DECODER_UP], run->up}}, 2);
    multiply(run, run->gate, AFTER_ADD, &(struct product){&of[DECODER_DOWN], run->out}, 1);
}

/* What lies between the attention of layer `layer` - 1 and that of `layer`. */
static void between(struct run *run) {
    const unsigned layer = run->layer;
    if (layer > 0) {
        run->layer = layer - 1;
        after(run);
        run->layer = layer;
    }
    if (layer < run->d->layers)
        before(run);
}

static void between_part(void *context, unsigned index, unsigned count) {
    struct run mine = *(const struct run *)context;
    mine.own = true;
    mine.index = index;
    mine.count = count;
    between(&mine);
}

/* With so many rows for each thread, they stay in its own cache from one kernel to the next; that
 * each thread then widens all weights by itself costs less than rows that change hands. */
#define ROWS_APART 32

static int all_layers(struct run *run, char *why) {
    const bool apart = run->rows / run->step->threads >= ROWS_APART;
    for (run->layer = 0; run->layer <= run->d->layers; run->layer++) {
        if (apart)
            pool_run_on(run->pool, run->step->threads, between_part, run);
        else
            between(run);
        if (run->layer < run->d->layers && attend(run, why) != 0)
            return -1;
    }
    return 0;
}

static void embed(struct run *run) {
    const struct decoder_weight *w = &run->d->embedding;
    for (unsigned r = 0; r < run->rows; r++)
        decoder_weights_of(w, run->step->row[r].token, run->x + (size_t)r * w->columns);
    hand_on(run, run->x, (size_t)run->rows * w->columns);
}

/* The rows whose logits are wanted come first, each in its place's order. */
static void logits_of(struct run *run, float *logits) {
    const unsigned width = run->d->width;
    unsigned wanted = 0;
    normalise(run, run->d->norm);
    for (unsigned r = 0; r < run->rows; r++)
        if (run->step->row[r].wanted)
            memmove(run->normed + (size_t)wanted++ * width, run->normed + (size_t)r * width,
                    width * sizeof(float));
    if (!wanted)
        return;
    run->rows = wanted;
    multiply(run, run->normed, AFTER_NOTHING, &(struct product){&run->d->embedding, logits}, 1);
}

static int check(const struct decoder_step *step, char *why) {
    const struct decoder *d = step->decoder;
    if (step->rows == 0 || step->threads == 0)
        return refuse(why, "a step has a row at least, and a thread");
    if (step->cache->decoder != d ||
        step->cache->rounding != (enum decoder_rounding)step->plan.rounding)
        return refuse(why, "the cache is another model's, or of another rounding");
    if (!decoder_engine_works(step->engine))
        return refuse(why, "this processor lacks the instructions of that engine");
    for (unsigned r = 0; r < step->rows; r++)
        if (step->row[r].token >= d->vocabulary ||
            step->row[r].sequence >= step->cache->sequences ||
            step->row[r].position >= step->cache->row_blocks * DECODER_BLOCK ||
            step->row[r].position >= d->context)
            return refuse(why, "a row's token, sequence or position is out of range");
    return 0;
}

int decoder_attention_table(struct kv_table *table, const struct decoder_step *step, char *why) {
    const struct decoder_cache *c = step->cache;
    int32_t *tokens = calloc(step->rows, sizeof(*tokens));
    for (unsigned r = 0; tokens && r < step->rows; r++)
        tokens[r] = (int32_t)step->row[r].position + 1;
    int status = tokens ? kv_table_open(table, step->rows, tokens, DECODER_BLOCK,
                                        c->sequences * c->row_blocks)
                        : -1;
    free(tokens);
    if (status != 0)
        return refuse(why, "no memory for a block table");
    for (unsigned r = 0; r < step->rows; r++)
        memcpy(table->ids + (size_t)r * table->row_blocks,
               c->ids + (size_t)step->row[r].sequence * c->row_blocks,
               kv_table_blocks_of(table, r) * sizeof(int32_t));
    return 0;
}

/* A step's arrays, one after another in the cache's room: a step that needs no more than the one
 * before allocates nothing. */
static int open_room(struct run *run) {
    const struct decoder_step *step = run->step;
    const struct decoder *d = run->d;
    const size_t rows = step->rows, keys = (size_t)d->kv_heads * d->head, line = 64;
    const struct paged_plan plan = decoder_attention_plan(step);
    const struct paged_shape shape = {d->kv_heads, &run->table, step->processors};
    const struct {
        void *at; /* of a pointer */
        size_t bytes;
    } array[] = {
        {&run->x, rows * d->width * sizeof(float)},
        {&run->normed, rows * d->width * sizeof(float)},
        {&run->q, rows * d->width * sizeof(float)},
        {&run->k, rows * keys * sizeof(float)},
        {&run->v, rows * keys * sizeof(float)},
        {&run->gate, rows * d->feed * sizeof(float)},
        {&run->up, rows * d->feed * sizeof(float)},
        {&run->out, rows * d->width * sizeof(float)},
        {&run->weights, (size_t)step->threads * (DECODER_TILE + 1) * run->columns * sizeof(float)},
        {&run->pairs, rows * run->columns * sizeof(uint16_t)},
        {&run->sums, rows * (run->columns / GGUF_BLOCK) * sizeof(float)},
        {&run->queries, rows * keys * run->wide * sizeof(float)},
        {&run->attended, rows * keys * run->wide * sizeof(float)},
        {&run->workspace, paged_cpu_workspace_bytes(&plan, &shape, step->threads)},
    };
    struct decoder_cache *c = step->cache;
    size_t bytes = 0;
    for (size_t i = 0; i < sizeof array / sizeof *array; i++)
        bytes += (array[i].bytes + line - 1) / line * line;
    if (bytes > c->room_bytes) {
        free(c->room);
        c->room = aligned_alloc(line, bytes);
        c->room_bytes = c->room ? bytes : 0;
        if (!c->room)
            return -1;
    }
    unsigned char *at = c->room;
    for (size_t i = 0; i < sizeof array / sizeof *array; i++) {
        memcpy(array[i].at, &(void *){at}, sizeof at);
        at += (array[i].bytes + line - 1) / line * line;
    }
    /* Those that only fill a group up are 0 and stay so. */
    memset(run->queries, 0, rows * keys * run->wide * sizeof(float));
    return 0;
}

static int open_run(struct run *run, char *why) {
    const struct decoder_step *step = run->step;
    const struct decoder *d = run->d;
    run->kernels = kernels_for(step->engine);
    run->rounded = step->plan.rounding == DECODER_BF16;
    run->rows = step->rows;
    run->group = d->heads / d->kv_heads;
    run->wide = decoder_wide(d);
    run->columns = d->feed > d->width ? d->feed : d->width;
    run->pool = pool_shared(step->threads);
    if (decoder_attention_table(&run->table, step, why) != 0)
        return -1;
    const struct paged_plan plan = decoder_attention_plan(step);
    const struct paged_shape shape = {d->kv_heads, &run->table, step->processors};
    if (paged_check(&plan, &shape, true, why) != 0)
        return -1;
    return run->pool && open_room(run) == 0
               ? 0
               : refuse(why, "no memory for a step of so many rows; take fewer");
}

int decoder_run(const struct decoder_step *step, float *logits, char *why) {
    struct run run = {.step = step, .d = step->decoder};
    if (check(step, why) != 0)
        return -1;
    if (step->device && step->engine != DECODER_MODEL)
        return decoder_device_run(step, logits, why);
    decoder_cache_changed(step->cache);
    int status = open_run(&run, why);
    if (status == 0) {
        embed(&run);
        status = all_layers(&run, why);
    }
    if (status == 0)
        logits_of(&run, logits);
    kv_table_close(&run.table);
    return status;
}

uint32_t decoder_greedy(const float *logits, size_t vocabulary) {
    size_t best = 0;
    for (size_t i = 1; i < vocabulary; i++)
        if (logits[i] > logits[best] || logits[best] != logits[best])
            best = i;
    return (uint32_t)best;
}
