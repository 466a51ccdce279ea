/*
 * bpe.h: text to a model's tokens and back, by the byte-level byte-pair encoding that a GGUF file
 * holds (tokenizer.ggml.model "gpt2", .pre "smollm"), and the chat template.
 *
 * Text is cut into words: each digit by itself, and what lies between by GPT-2's expression
 * (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"; encoder.py of its
 * code). A word's bytes become one token each, and of the neighbouring pairs that the file has a
 * merge for the one named first is joined, leftmost first, until there is none. Bytes stand in the
 * file as characters: printable ones of Latin-1 as themselves, the others as U+0100 on.
 */
#ifndef NANOLAB_KERNELS_DECODER_BPE_H
#define NANOLAB_KERNELS_DECODER_BPE_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/decoder/gguf.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BPE_TEXT_MOST ((size_t)64 << 20)

struct bpe;

struct bpe_tokens {
    uint32_t *id;
    size_t count, room;
};

/* Takes what it needs out of `file`. 0, or -1 with a line in `why` (GGUF_WHY bytes). */
int bpe_open(struct bpe **out, const struct gguf *file, char *why);
void bpe_close(struct bpe *bpe); /* NULL is allowed */

size_t bpe_vocabulary(const struct bpe *bpe);
/* The token that ends an answer. */
uint32_t bpe_end(const struct bpe *bpe);

/* Appends the tokens of UTF-8 text. Names of control tokens in it are text like any other. 0, or
 * -1 with a line in `why`, and `out` as it was. */
int bpe_encode(const struct bpe *bpe, const char *text, size_t bytes, struct bpe_tokens *out,
               char *why);
/* Appends a conversation of one question, up to where the answer begins. `system` NULL: what the
 * model's own template says where there is none. */
int bpe_chat(const struct bpe *bpe, const char *system, const char *question,
             struct bpe_tokens *out, char *why);
void bpe_tokens_free(struct bpe_tokens *tokens);

/* A token's bytes; those of several tokens together are UTF-8, one's alone need not be. */
struct gguf_text bpe_bytes(const struct bpe *bpe, uint32_t id);

#ifdef __cplusplus
}
#endif
#endif
