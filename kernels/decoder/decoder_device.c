/*
 * decoder_device.c: a step on a device: the order of decoder_step.c, kernel after kernel of
 * decoder.cu, attention by paged_attention's. Nothing is waited for before the logits.
 *
 * A cache stays in host memory, where any engine reads it, and has a copy on the device, as of a
 * state that has a number. A step on the device writes its keys and values to both.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/decoder/decoder_inside.h"
#include "kernels/decoder/decoder_kernels.h"

enum { ALIGNMENT = 256, PROCESSORS = 132 };

/* A piece of device memory that grows. */
struct memory {
    void *at;
    size_t bytes;
};

struct layer_there {
    struct decoder_matrix product[DECODER_PRODUCTS];
    const float *attention_norm, *feed_norm;
};

struct decoder_device {
    struct device *device;
    const struct decoder *decoder;
    const struct decoder_ops *ops;
    const struct paged_ops *attention;
    struct memory weights, cache, scratch;
    uint64_t state; /* of the cache whose copy is there */
    struct decoder_matrix embedding;
    struct layer_there *layer;
    const float *norm, *turn;
};

static int refuse(char *why, const char *what) {
    snprintf(why, GGUF_WHY, "%s", what);
    return -1;
}

static int failed(char *why) {
    return refuse(why, device_error());
}

static int grow(struct decoder_device *on, struct memory *memory, size_t bytes) {
    if (memory->bytes >= bytes)
        return 0;
    if (memory->at)
        device_free(on->device, memory->at);
    *memory = (struct memory){0};
    if (device_alloc(on->device, &memory->at, bytes) != 0)
        return -1;
    memory->bytes = bytes;
    return 0;
}

/* --- weights -----------------------------------------------------------------------------------
 */

/* Where the next piece goes; with memory there, it is written. */
struct upload {
    struct decoder_device *on;
    size_t at;
    int status;
};

static const void *put(struct upload *u, const void *from, size_t bytes) {
    char *to = (char *)u->on->weights.at + u->at;
    u->at += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (!u->on->weights.at)
        return NULL;
    if (u->status == 0)
        u->status = device_write(u->on->device, to, from, bytes);
    return to;
}

static struct decoder_matrix put_matrix(struct upload *u, const struct decoder_weight *w) {
    return (struct decoder_matrix){w->type, w->rows, w->columns,
                                   put(u, w->data, w->row_bytes * w->rows)};
}

/* Once to know how much there is, and once to write it. */
static int put_all(struct decoder_device *on, size_t *bytes) {
    const struct decoder *d = on->decoder;
    struct upload u = {.on = on};
    on->embedding = put_matrix(&u, &d->embedding);
    on->norm = put(&u, d->norm, d->width * sizeof(float));
    on->turn = put(&u, d->turn, (size_t)d->context * d->head * sizeof(float));
    for (unsigned l = 0; l < d->layers; l++) {
        for (int p = 0; p < DECODER_PRODUCTS; p++)
            on->layer[l].product[p] = put_matrix(&u, &d->layer[l].product[p]);
        on->layer[l].attention_norm = put(&u, d->layer[l].attention_norm, d->width * sizeof(float));
        on->layer[l].feed_norm = put(&u, d->layer[l].feed_norm, d->width * sizeof(float));
    }
    *bytes = u.at;
    return u.status;
}

int decoder_device_open(struct decoder_device **out, struct device *device,
                        const struct decoder *decoder, bool checked, char *why) {
    struct decoder_device *on = calloc(1, sizeof(*on));
    size_t bytes = 0;
    *out = NULL;
    if (!on || !(on->layer = calloc(decoder->layers, sizeof(*on->layer)))) {
        free(on);
        return refuse(why, "no memory for a model on a device");
    }
    on->device = device;
    on->decoder = decoder;
    on->ops = decoder_ops_for(device_kind(device), checked);
    on->attention = paged_ops_for(device_kind(device), checked);
    if (!on->ops || !on->attention || put_all(on, &bytes) != 0 ||
        grow(on, &on->weights, bytes) != 0 || put_all(on, &bytes) != 0) {
        decoder_device_close(on);
        return failed(why);
    }
    *out = on;
    return 0;
}

void decoder_device_close(struct decoder_device *on) {
    if (!on)
        return;
    struct memory *all[] = {&on->weights, &on->cache, &on->scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i]->at)
            device_free(on->device, all[i]->at);
    free(on->layer);
    free(on);
}

/* --- a step's memory ---------------------------------------------------------------------------
 */

/* What of a step is the host's to say, in one piece: [rows] each, but for the ids. */
struct said {
    unsigned *token, *position, *slot, *source;
    int32_t *tokens, *ids;
};

struct run {
    const struct decoder_step *step;
    struct decoder_device *on;
    const struct decoder *d;
    void *stream;
    bool bf16;
    unsigned rows, wide, wanted;
    size_t token_bytes; /* of one token's keys in a layer */
    struct kv_table table;
    struct paged_plan plan;
    struct paged_shape shape;
    float *x, *normed, *q, *k, *v, *gate, *up, *attended, *logits;
    char *queries, *written, *workspace;
    struct said said;
};

static void *take(char *base, size_t *at, size_t bytes) {
    void *piece = base ? base + *at : NULL;
    *at += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return piece;
}

/* Lays out what the host says at `base`; bytes. */
static size_t lay_out_said(struct said *s, char *base, const struct run *run) {
    const size_t each = run->rows * sizeof(unsigned);
    size_t at = 0;
    s->token = take(base, &at, each);
    s->position = take(base, &at, each);
    s->slot = take(base, &at, each);
    s->source = take(base, &at, each);
    s->tokens = take(base, &at, each);
    s->ids = take(base, &at, each * run->table.row_blocks);
    return at;
}

/* The same of everything. What the host says comes first. */
static size_t lay_out(struct run *run, char *base) {
    const struct decoder *d = run->d;
    const size_t rows = run->rows, keys = (size_t)d->kv_heads * d->head;
    size_t at = lay_out_said(&run->said, base, run);
    run->x = take(base, &at, rows * d->width * sizeof(float));
    run->normed = take(base, &at, rows * d->width * sizeof(float));
    run->q = take(base, &at, rows * d->width * sizeof(float));
    run->k = take(base, &at, rows * keys * sizeof(float));
    run->v = take(base, &at, rows * keys * sizeof(float));
    run->gate = take(base, &at, rows * d->feed * sizeof(float));
    run->up = take(base, &at, rows * d->feed * sizeof(float));
    run->attended = take(base, &at, rows * keys * run->wide * sizeof(float));
    run->queries = take(base, &at, rows * run->token_bytes * run->wide);
    run->written = take(base, &at, 2 * d->layers * rows * run->token_bytes);
    run->workspace = take(base, &at, paged_workspace_bytes(&run->plan, &run->shape));
    run->logits = take(base, &at, (size_t)run->wanted * d->vocabulary * sizeof(float));
    return at;
}

static int write_said(const struct run *run, char *why) {
    struct said s;
    const size_t bytes = lay_out_said(&s, NULL, run);
    char *piece = calloc(1, bytes);
    unsigned wanted = 0;
    if (!piece)
        return refuse(why, "no memory for a step");
    lay_out_said(&s, piece, run);
    for (unsigned r = 0; r < run->rows; r++) {
        const struct decoder_row *row = &run->step->row[r];
        s.token[r] = row->token;
        s.position[r] = row->position;
        s.slot[r] = (unsigned)decoder_cache_slot(run->step->cache, row);
        if (row->wanted)
            s.source[wanted++] = r;
    }
    memcpy(s.tokens, run->table.tokens, run->rows * sizeof(*s.tokens));
    memcpy(s.ids, run->table.ids, (size_t)run->rows * run->table.row_blocks * sizeof(*s.ids));
    int status = device_write(run->on->device, run->on->scratch.at, piece, bytes);
    free(piece);
    return status == 0 ? 0 : failed(why);
}

static int bring_cache(const struct run *run, char *why) {
    const struct decoder_cache *c = run->step->cache;
    struct decoder_device *on = run->on;
    const size_t bytes = 2 * run->d->layers * c->layer_bytes;
    if (on->state == c->state)
        return 0;
    if (grow(on, &on->cache, bytes) != 0 ||
        device_write(on->device, on->cache.at, c->keys, bytes) != 0)
        return failed(why);
    on->state = c->state;
    return 0;
}

static int open_run(struct run *run, char *why) {
    const struct decoder_step *step = run->step;
    const struct decoder *d = run->d;
    run->bf16 = step->plan.rounding == DECODER_BF16;
    run->rows = step->rows;
    run->wide = decoder_wide(d);
    run->token_bytes = (run->bf16 ? 2 : 4) * (size_t)d->kv_heads * d->head;
    run->stream = device_stream(run->on->device);
    for (unsigned r = 0; r < step->rows; r++)
        run->wanted += step->row[r].wanted;
    if (decoder_attention_table(&run->table, step, why) != 0)
        return -1;
    /* The same number on every device: its own multiprocessors do not count. */
    run->plan = decoder_attention_plan(step);
    run->shape = (struct paged_shape){d->kv_heads, &run->table,
                                      step->processors ? step->processors : PROCESSORS};
    if (paged_check(&run->plan, &run->shape, true, why) != 0)
        return -1;
    if (grow(run->on, &run->on->scratch, lay_out(run, NULL)) != 0)
        return failed(why);
    lay_out(run, run->on->scratch.at);
    return write_said(run, why) != 0 ? -1 : bring_cache(run, why);
}

/* --- kernels -----------------------------------------------------------------------------------
 */

static int multiply(const struct run *run, const struct decoder_matrix *w, const float *x,
                    float *out, bool adds) {
    const struct decoder_step *step = run->step;
    const bool head = w == &run->on->embedding;
    const unsigned rows = head ? run->wanted : run->rows;
    const struct decoder_multiply m = {
        .w = *w,
        .staging = decoder_staging(&step->plan, step->counted ? step->counted : rows, w->outputs,
                                   w->inputs, step->processors),
        .rows = rows,
        .bf16 = run->bf16 && !head,
        .adds = adds,
        .x = x,
        .out = out};
    return run->on->ops->multiply(&m, run->stream);
}

static int normalise(const struct run *run, const float *gain, bool wanted_alone) {
    const struct decoder_normalise n = {.rows = wanted_alone ? run->wanted : run->rows,
                                        .width = run->d->width,
                                        .parts = (unsigned)run->step->plan.norm,
                                        .bf16 = run->bf16,
                                        .epsilon = run->d->epsilon,
                                        .x = run->x,
                                        .gain = gain,
                                        .source = wanted_alone ? run->said.source : NULL,
                                        .out = run->normed};
    return run->on->ops->normalise(&n, run->stream);
}

static int attend(const struct run *run, unsigned l) {
    const struct decoder *d = run->d;
    char *keys = (char *)run->on->cache.at + l * run->step->cache->layer_bytes,
         *values = keys + d->layers * run->step->cache->layer_bytes,
         *written = run->written + l * run->rows * run->token_bytes;
    const struct decoder_place p = {.rows = run->rows,
                                    .heads = d->heads,
                                    .kv_heads = d->kv_heads,
                                    .head = d->head,
                                    .wide = run->wide,
                                    .bf16 = run->bf16,
                                    .q = run->q,
                                    .k = run->k,
                                    .v = run->v,
                                    .turn = run->on->turn,
                                    .position = run->said.position,
                                    .slot = run->said.slot,
                                    .keys = keys,
                                    .values = values,
                                    .written_keys = written,
                                    .written_values =
                                        written + d->layers * run->rows * run->token_bytes,
                                    .queries = run->queries};
    const struct paged_call call = {.plan = run->plan,
                                    .shape = run->shape,
                                    .k = keys,
                                    .v = values,
                                    .q = run->queries,
                                    .ids = run->said.ids,
                                    .tokens = run->said.tokens,
                                    .out = run->attended,
                                    .workspace = run->workspace,
                                    .stream = run->stream};
    const struct decoder_collect c = {.rows = run->rows,
                                      .heads = d->heads,
                                      .kv_heads = d->kv_heads,
                                      .head = d->head,
                                      .wide = run->wide,
                                      .bf16 = run->bf16,
                                      .attended = run->attended,
                                      .out = run->q};
    return run->on->ops->place(&p, run->stream) || run->on->attention->launch(&call) ||
                   run->on->ops->collect(&c, run->stream)
               ? -1
               : 0;
}

static int layer(const struct run *run, unsigned l) {
    const struct layer_there *there = &run->on->layer[l];
    const struct decoder_matrix *of = there->product;
    const size_t fed = (size_t)run->rows * run->d->feed;
    return normalise(run, there->attention_norm, false) ||
                   multiply(run, &of[DECODER_Q], run->normed, run->q, false) ||
                   multiply(run, &of[DECODER_K], run->normed, run->k, false) ||
                   multiply(run, &of[DECODER_V], run->normed, run->v, false) || attend(run, l) ||
                   multiply(run, &of[DECODER_O], run->q, run->x, true) ||
                   normalise(run, there->feed_norm, false) ||
                   multiply(run, &of[DECODER_GATE], run->normed, run->gate, false) ||
                   multiply(run, &of[DECODER_UP], run->normed, run->up, false) ||
                   run->on->ops->swiglu(run->gate, run->up, fed, run->bf16, run->stream) ||
                   multiply(run, &of[DECODER_DOWN], run->gate, run->x, true)
               ? -1
               : 0;
}

static int launch(const struct run *run) {
    const struct decoder_device *on = run->on;
    int status =
        on->ops->embed(&on->embedding, run->said.token, run->rows, run->bf16, run->x, run->stream);
    for (unsigned l = 0; status == 0 && l < run->d->layers; l++)
        status = layer(run, l);
    if (status != 0 || run->wanted == 0)
        return status;
    return normalise(run, on->norm, true) ||
                   multiply(run, &on->embedding, run->normed, run->logits, false)
               ? -1
               : 0;
}

/* --- the step ----------------------------------------------------------------------------------
 */

/* Keys and values of the step's rows into the cache of the host, which the device's copy then
 * equals. */
static int write_back(const struct run *run, char *why) {
    struct decoder_cache *c = run->step->cache;
    const size_t pieces = 2 * (size_t)run->d->layers, row = run->token_bytes;
    char *written = malloc(pieces * run->rows * row);
    if (!written)
        return refuse(why, "no memory for a step's keys and values");
    int status = device_read(run->on->device, written, run->written, pieces * run->rows * row);
    for (size_t p = 0; status == 0 && p < pieces; p++)
        for (unsigned r = 0; r < run->rows; r++)
            memcpy(c->keys + p * c->layer_bytes + decoder_cache_slot(c, &run->step->row[r]) * row,
                   written + (p * run->rows + r) * row, row);
    free(written);
    if (status != 0)
        return failed(why);
    decoder_cache_changed(c);
    run->on->state = c->state;
    return 0;
}

int decoder_device_run(const struct decoder_step *step, float *logits, char *why) {
    struct run run = {.step = step, .on = step->device, .d = step->decoder};
    if (run.on->decoder != step->decoder)
        return refuse(why, "the device holds the weights of another model");
    if (step->plan.terms != DECODER_WHOLE)
        return refuse(why, "a device's products take whole weights; other terms are a CPU's");
    int status = open_run(&run, why);
    if (status == 0) {
        const size_t bytes = (size_t)run.wanted * run.d->vocabulary * sizeof(*logits);
        /* What fails half-way leaves a cache there that is no longer the host's. */
        run.on->state = 0;
        if (launch(&run) != 0 || device_sync(run.on->device) != 0 ||
            (bytes && device_read(run.on->device, logits, run.logits, bytes) != 0))
            status = failed(why);
        else
            status = write_back(&run, why);
    }
    kv_table_close(&run.table);
    return status;
}
