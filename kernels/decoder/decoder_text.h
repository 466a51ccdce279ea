/*
 * decoder_text.h: text from a model: which weights are here, questions of several kinds, greedy
 * continuation of many of them at once, and the logits of a text that is given (teacher forcing).
 */
#ifndef NANOLAB_KERNELS_DECODER_DECODER_TEXT_H
#define NANOLAB_KERNELS_DECODER_DECODER_TEXT_H

#include "kernels/decoder/bpe.h"
#include "kernels/decoder/decoder.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- weights -----------------------------------------------------------------------------------
 */

struct decoder_model {
    struct gguf *file;
    struct bpe *bpe;
    struct decoder *decoder;
    bool real;        /* else the small one, of random weights: its text is nonsense */
    const char *name; /* "smollm2-135m-q4_1", "random-2x192" */
};

/* The real one where scripts/fetch-model puts it (NANOLAB_MODELS, or nanolab/models in the user's
 * cache), else the small one. NANOLAB_MODELS=none: the small one. 0, or -1 with a line in `why`
 * (GGUF_WHY bytes): it is there and cannot be read. */
int decoder_model_open(struct decoder_model *out, char *why);
/* The small one, whatever is there. */
int decoder_model_open_small(struct decoder_model *out, char *why);
void decoder_model_close(struct decoder_model *model); /* a zeroed one is allowed */

/* --- questions ---------------------------------------------------------------------------------
 */

struct decoder_question {
    const char *kind; /* "fact", "story", … */
    const char *text;
};
/* In an order in which the first ones are of all kinds. NULL past the last. */
const struct decoder_question *decoder_question(size_t i);

/* --- text --------------------------------------------------------------------------------------
 */

/* How it is run. */
struct decoder_way {
    const struct decoder_model *model;
    struct decoder_plan plan;
    enum decoder_engine engine;
    unsigned threads, processors; /* these and what follows: as in struct decoder_step */
    struct decoder_device *device;
};

/* Greedy continuations of `count` prompts, one row each in every step, by at most `most` tokens;
 * one that has ended leaves the batch. text[i] gets [count][most] tokens, length[i] how many, the
 * end's token not among them. 0, or -1 with a line in `why` (GGUF_WHY bytes). */
int decoder_continue(const struct decoder_way *way, const struct bpe_tokens *prompt, size_t count,
                     unsigned most, uint32_t *text, unsigned *length, char *why);

/* Logits of the steps that continue `prompt` as `text` does: row i is what follows i tokens of it,
 * so `length` rows of the vocabulary, each by itself as with a plan of rule `fixed`; `chunk` rows
 * are one step. */
int decoder_teach(const struct decoder_way *way, const struct bpe_tokens *prompt,
                  const uint32_t *text, unsigned length, unsigned chunk, float *logits, char *why);

/* The largest logit, the next one, and how far apart they are. */
struct decoder_top {
    uint32_t best, next;
    float margin;
};
struct decoder_top decoder_top(const float *logits, size_t vocabulary);

#ifdef __cplusplus
}
#endif
#endif
