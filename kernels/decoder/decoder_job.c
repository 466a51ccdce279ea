/* decoder_job.c: see decoder_job.h. */
#include "kernels/decoder/decoder_job.h"

#include <stdlib.h>
#include <string.h>

struct step_job {
    struct decoder_way way;
    struct decoder_cache cache;
    struct decoder_row *row;
    unsigned batch, position; /* sequences; tokens of each that lie before */
    unsigned rows, wanted;
    float *logits;
    struct job_bits said;
};

/* FNV-1a over words. */
static struct job_bits hash_of(const float *x, size_t n) {
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        h = (h ^ bits) * 0x100000001b3u;
    }
    return (struct job_bits){h, 64};
}

static size_t logits_count(const struct step_job *j) {
    return (size_t)j->wanted * j->way.model->decoder->vocabulary;
}

/* Any tokens will do, as long as they are the same ones every time. */
static uint32_t token_at(const struct step_job *j, unsigned sequence, unsigned position) {
    return (sequence * 7919u + position * 104729u + 13u) % (j->way.model->decoder->vocabulary - 16);
}

static int run(struct step_job *j, enum decoder_engine engine) {
    char why[GGUF_WHY];
    const struct decoder_step step = {.decoder = j->way.model->decoder,
                                      .cache = &j->cache,
                                      .plan = j->way.plan,
                                      .engine = engine,
                                      .device = j->way.device,
                                      .threads = j->way.threads,
                                      .processors = j->way.processors,
                                      .row = j->row,
                                      .rows = j->rows};
    return decoder_run(&step, j->logits, why) == 0 ? 0 : device_fail("%s", why);
}

static int call(void *context) {
    struct step_job *j = context;
    return run(j, j->way.engine);
}

static int bits(void *context, struct job_bits *out) {
    const struct step_job *j = context;
    *out = hash_of(j->logits, logits_count(j));
    return 0;
}

static int predict(void *context, struct job_bits *out) {
    struct step_job *j = context;
    if (j->said.width == 0) {
        if (run(j, DECODER_MODEL) != 0)
            return -1;
        j->said = hash_of(j->logits, logits_count(j));
    }
    *out = j->said;
    return 0;
}

static int prove(void *context) {
    struct step_job *j = context;
    struct job_bits said, got;
    if (predict(j, &said) != 0)
        return -1;
    memset(j->logits, 0xff, logits_count(j) * sizeof(*j->logits));
    if (call(j) != 0 || bits(j, &got) != 0)
        return -1;
    return got.bits == said.bits ? 0 : device_fail("a step's logits are not those of the model");
}

static struct json_t *plan(const void *context) {
    const struct step_job *j = context;
    return decoder_plan_json(&j->way.plan);
}

static void close_job(void *context) {
    struct step_job *j = context;
    decoder_cache_close(&j->cache);
    free(j->row);
    free(j->logits);
    free(j);
}

/* What lies before the step, in pieces. */
static int fill_cache(struct step_job *j) {
    char why[GGUF_WHY];
    struct decoder_row row[64];
    for (unsigned s = 0; s < j->batch; s++)
        for (unsigned p = 0; p < j->position;) {
            struct decoder_step step = {.decoder = j->way.model->decoder,
                                        .cache = &j->cache,
                                        .plan = j->way.plan,
                                        .engine = j->way.engine,
                                        .device = j->way.device,
                                        .threads = j->way.threads,
                                        .row = row};
            for (; step.rows < 64 && p < j->position; step.rows++, p++)
                row[step.rows] = (struct decoder_row){token_at(j, s, p), s, p, false};
            if (decoder_run(&step, NULL, why) != 0)
                return device_fail("%s", why);
        }
    return 0;
}

/* A step of `rows` rows, of which the last `wanted` want logits. */
static int open_job(struct job *out, const struct step_job *like) {
    const struct decoder *d = like->way.model->decoder;
    struct step_job *j = calloc(1, sizeof(*j));
    char why[GGUF_WHY] = "no memory for a step";
    memset(out, 0, sizeof *out);
    if (!j)
        return device_fail("%s", why);
    *j = *like;
    const unsigned each = j->rows / j->batch; /* of a sequence */
    j->row = calloc(j->rows + 1, sizeof(*j->row));
    j->logits = malloc(logits_count(j) * sizeof(*j->logits));
    if (!j->row || !j->logits ||
        decoder_cache_open(&j->cache, d, (enum decoder_rounding)j->way.plan.rounding, j->batch,
                           j->position + each, why) != 0) {
        close_job(j);
        return device_fail("%s", why);
    }
    for (unsigned r = 0; r < j->rows; r++) {
        const unsigned s = r / each, at = j->position + r % each;
        j->row[r] = (struct decoder_row){token_at(j, s, at), s, at, r >= j->rows - j->wanted};
    }
    if (fill_cache(j) != 0) {
        close_job(j);
        return -1;
    }
    const double element = j->way.plan.rounding == DECODER_BF16 ? 2 : 4,
                 cached = 2.0 * d->layers * d->kv_heads * d->head * element * (j->position + each) *
                          j->batch;
    double weights = 0;
    for (unsigned l = 0; l < d->layers; l++)
        for (int p = 0; p < DECODER_PRODUCTS; p++)
            weights += (double)d->layer[l].product[p].rows * d->layer[l].product[p].columns;
    *out = (struct job){.context = j,
                        .call = call,
                        .prove = prove,
                        .bits = bits,
                        .predict = predict,
                        .plan = plan,
                        .close = close_job,
                        .bytes = decoder_weight_bytes(d) + cached,
                        .flops = 2 * weights * j->rows +
                                 2.0 * d->embedding.rows * d->embedding.columns * j->wanted};
    return 0;
}

int decoder_job_open(struct job *out, const struct decoder_way *way, unsigned batch,
                     unsigned position) {
    return open_job(
        out,
        &(struct step_job){
            .way = *way, .batch = batch, .position = position, .rows = batch, .wanted = batch});
}

int decoder_prompt_job_open(struct job *out, const struct decoder_way *way, unsigned tokens) {
    return open_job(out, &(struct step_job){.way = *way, .batch = 1, .rows = tokens, .wanted = 1});
}
