/* bpe_inside.h: between bpe.c, which reads a tokenizer, and bpe_encode.c, which uses it. */
#ifndef NANOLAB_KERNELS_DECODER_BPE_INSIDE_H
#define NANOLAB_KERNELS_DECODER_BPE_INSIDE_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "kernels/decoder/bpe.h"

#define BPE_NO_TOKEN UINT32_MAX

struct merge {
    uint32_t left, right, joined, rank;
};

struct bpe {
    size_t vocabulary, merges;
    struct gguf_text *token; /* as bytes, in `bytes` */
    char *bytes;
    uint32_t *token_slot; /* id + 1, 0 where free; by hash of the bytes */
    struct merge *merge;
    uint32_t *merge_slot;            /* index + 1 */
    size_t token_slots, merge_slots; /* powers of two */
    uint32_t byte[256];              /* the token of each byte, or BPE_NO_TOKEN */
    uint32_t start, end;             /* <|im_start|>, <|im_end|> */
    char *system;
    pcre2_code *digit, *word;
    /* While it is read. */
    char *fill, *why;
};

/* The slot that holds the merge of two tokens, or the free one where it would be. */
uint32_t *bpe_merge_slot(const struct bpe *bpe, uint32_t left, uint32_t right);

#endif
