/* decoder_text.c: see decoder_text.h. */
#include "kernels/decoder/decoder_text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernels/decoder/decoder_small.h"

/* --- weights -----------------------------------------------------------------------------------
 */

#define REAL_FILE "SmolLM2-135M-Instruct.Q4_1.gguf"
enum { SMALL_SEED = 1 };

/* As scripts/fetch-model has it. False: there is no folder to look into. */
static bool real_path(char *out, size_t bytes) {
    const char *models = getenv("NANOLAB_MODELS"), *cache = getenv("XDG_CACHE_HOME"),
               *home = getenv("HOME");
    if (models && *models)
        snprintf(out, bytes, "%s/%s", models, REAL_FILE);
    else if (cache && *cache)
        snprintf(out, bytes, "%s/nanolab/models/%s", cache, REAL_FILE);
    else if (home && *home)
        snprintf(out, bytes, "%s/.cache/nanolab/models/%s", home, REAL_FILE);
    else
        return false;
    return !models || strcmp(models, "none") != 0;
}

static int open_small(struct gguf **out, char *why) {
    size_t bytes;
    unsigned char *content = decoder_small_file(SMALL_SEED, &bytes);
    int status = content ? gguf_parse(out, content, bytes, why) : -1;
    if (!content)
        snprintf(why, GGUF_WHY, "no memory for a model");
    free(content);
    return status;
}

/* `path` NULL: the small one. */
static int open_model(struct decoder_model *out, const char *path, char *why) {
    *out = path ? (struct decoder_model){.real = true, .name = "smollm2-135m-q4_1"}
                : (struct decoder_model){.name = "random-2x192"};
    if ((out->real ? gguf_open(&out->file, path, why) : open_small(&out->file, why)) != 0 ||
        bpe_open(&out->bpe, out->file, why) != 0 ||
        decoder_open(&out->decoder, out->file, why) != 0 ||
        (bpe_vocabulary(out->bpe) != out->decoder->vocabulary &&
         snprintf(why, GGUF_WHY, "%s: its tokens are not as many as its embedding has rows",
                  path ? path : out->name))) {
        decoder_model_close(out);
        return -1;
    }
    return 0;
}

int decoder_model_open(struct decoder_model *out, char *why) {
    char path[4096];
    const bool there = real_path(path, sizeof path) && access(path, F_OK) == 0;
    return open_model(out, there ? path : NULL, why);
}

int decoder_model_open_small(struct decoder_model *out, char *why) {
    return open_model(out, NULL, why);
}

void decoder_model_close(struct decoder_model *model) {
    decoder_close(model->decoder);
    bpe_close(model->bpe);
    gguf_close(model->file);
    *model = (struct decoder_model){0};
}

/* --- text --------------------------------------------------------------------------------------
 */

static struct decoder_step step_of(const struct decoder_way *way, struct decoder_cache *cache,
                                   const struct decoder_row *row) {
    return (struct decoder_step){.decoder = way->model->decoder,
                                 .cache = cache,
                                 .plan = way->plan,
                                 .engine = way->engine,
                                 .device = way->device,
                                 .threads = way->threads,
                                 .processors = way->processors,
                                 .row = row};
}

/* Rows for all tokens of a prompt; the last one's logits are wanted. */
static unsigned prompt_rows(const struct bpe_tokens *prompt, unsigned sequence,
                            struct decoder_row *row) {
    for (unsigned i = 0; i < prompt->count; i++)
        row[i] = (struct decoder_row){prompt->id[i], sequence, i, i + 1 == prompt->count};
    return (unsigned)prompt->count;
}

static size_t longest(const struct bpe_tokens *prompt, size_t count) {
    size_t most = 0;
    for (size_t i = 0; i < count; i++)
        most = prompt[i].count > most ? prompt[i].count : most;
    return most;
}

struct continuing {
    const struct decoder_way *way;
    const struct bpe_tokens *prompt;
    size_t count;
    unsigned most;
    uint32_t *text;
    unsigned *length;
    struct decoder_cache cache;
    struct decoder_row *row;
    float *logits;
    bool *ended;
    char *why;
};

static void take(struct continuing *c, size_t i, const float *logits) {
    const struct decoder_model *model = c->way->model;
    uint32_t token = decoder_greedy(logits, model->decoder->vocabulary);
    if (token != bpe_end(model->bpe))
        c->text[i * c->most + c->length[i]++] = token;
    c->ended[i] = token == bpe_end(model->bpe) || c->length[i] == c->most;
}

static int prefill(struct continuing *c) {
    for (size_t i = 0; i < c->count; i++) {
        struct decoder_step step = step_of(c->way, &c->cache, c->row);
        step.rows = prompt_rows(&c->prompt[i], (unsigned)i, c->row);
        if (decoder_run(&step, c->logits, c->why) != 0)
            return -1;
        take(c, i, c->logits);
    }
    return 0;
}

static int decode(struct continuing *c) {
    const size_t vocabulary = c->way->model->decoder->vocabulary;
    for (unsigned n = 0; n < c->most; n++) {
        struct decoder_step step = step_of(c->way, &c->cache, c->row);
        for (size_t i = 0; i < c->count; i++)
            if (!c->ended[i])
                c->row[step.rows++] =
                    (struct decoder_row){c->text[i * c->most + c->length[i] - 1], (unsigned)i,
                                         (unsigned)c->prompt[i].count + c->length[i] - 1, true};
        if (step.rows == 0)
            return 0;
        if (decoder_run(&step, c->logits, c->why) != 0)
            return -1;
        for (unsigned r = 0; r < step.rows; r++)
            take(c, c->row[r].sequence, c->logits + r * vocabulary);
    }
    return 0;
}

int decoder_continue(const struct decoder_way *way, const struct bpe_tokens *prompt, size_t count,
                     unsigned most, uint32_t *text, unsigned *length, char *why) {
    const struct decoder *d = way->model->decoder;
    const size_t prompt_most = longest(prompt, count);
    struct continuing c = {way, prompt, count, most, text, length, .why = why};
    if (decoder_cache_open(&c.cache, d, (enum decoder_rounding)way->plan.rounding, (unsigned)count,
                           (unsigned)(prompt_most + most), why) != 0)
        return -1;
    c.row = calloc((prompt_most > count ? prompt_most : count) + 1, sizeof(*c.row));
    c.logits = malloc(count * d->vocabulary * sizeof(*c.logits));
    c.ended = calloc(count, sizeof(*c.ended));
    memset(length, 0, count * sizeof(*length));
    int status = -1;
    if (c.row && c.logits && c.ended)
        status = prefill(&c) != 0 ? -1 : decode(&c);
    else
        snprintf(why, GGUF_WHY, "no memory for %zu texts", count);
    decoder_cache_close(&c.cache);
    free(c.row);
    free(c.logits);
    free(c.ended);
    return status;
}

int decoder_teach(const struct decoder_way *way, const struct bpe_tokens *prompt,
                  const uint32_t *text, unsigned length, unsigned chunk, float *logits, char *why) {
    const struct decoder *d = way->model->decoder;
    /* The last token of the text is nobody's input. */
    const unsigned before = (unsigned)prompt->count, rows = before + length - 1;
    struct decoder_cache cache;
    struct decoder_row *row = calloc(rows, sizeof(*row));
    int status =
        row ? decoder_cache_open(&cache, d, (enum decoder_rounding)way->plan.rounding, 1, rows, why)
            : -1;
    if (status != 0) {
        if (!row)
            snprintf(why, GGUF_WHY, "no memory for a text");
        free(row);
        return -1;
    }
    for (unsigned i = 0; i < rows; i++)
        row[i] = (struct decoder_row){i < before ? prompt->id[i] : text[i - before], 0, i,
                                      i + 1 >= before};
    for (unsigned at = 0; at < rows && status == 0; at += chunk) {
        struct decoder_step step = step_of(way, &cache, row + at);
        step.rows = rows - at < chunk ? rows - at : chunk;
        status = decoder_run(&step, logits, why);
        for (unsigned r = 0; r < step.rows; r++)
            logits += row[at + r].wanted ? d->vocabulary : 0;
    }
    decoder_cache_close(&cache);
    free(row);
    return status;
}

struct decoder_top decoder_top(const float *logits, size_t vocabulary) {
    struct decoder_top top = {decoder_greedy(logits, vocabulary), 0, 0};
    float next = -INFINITY;
    for (size_t i = 0; i < vocabulary; i++)
        if (i != top.best && logits[i] > next) {
            next = logits[i];
            top.next = (uint32_t)i;
        }
    top.margin = logits[top.best] - next;
    return top;
}
