/*
 * kv_table_read.h: block tables as text, so that a table of a serving engine can be looked at:
 *
 *     {"block_tokens": 16, "pool_blocks": 4096,
 *      "sequences": [{"tokens": 40, "blocks": [7, 8, 3]}, …]}
 *
 * One number of `blocks` for every started block of `tokens`, in the order of the tokens. The forms
 * and names of vLLM, FlashInfer and SGLang are read too (kv_forms.c lists them), as JSON or as
 * Python prints them (kv_python.c). The text may come from anywhere: whatever is wrong with it ends
 * in one line that says where and what to do.
 */
#ifndef NANOLAB_KERNELS_KV_POOL_KV_TABLE_READ_H
#define NANOLAB_KERNELS_KV_POOL_KV_TABLE_READ_H

#include <stdio.h>

#include "kernels/kv_pool/kv_table.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Larger texts are refused, since reading one can take 50 times its size, and tables of more ids,
 * padding of short rows included, since a short text could ask for memory without end. */
#define KV_TEXT_MOST ((size_t)32 << 20)
#define KV_IDS_MOST ((size_t)1 << 26)

/* What a text may leave out. */
struct kv_read_options {
    unsigned block_tokens; /* 0: the text says it */
    unsigned pool_blocks;  /* 0: the text says it, or as many as the highest id asks for */
    int64_t null_block;    /* -1: none; else an id that stands for tokens that are not kept: these
                              blocks and their tokens are left out (vLLM: 0) */
};

/* Opens the table that `length` bytes of text describe; `options` may be NULL. 0: kv_table_check
 * accepts it, with blocks shared or not, and `note` (KV_WHY bytes) is "" or says in one line what
 * was taken for granted; or -1 with one line of printable ASCII in `why` (KV_WHY bytes), and
 * nothing to close. */
int kv_table_parse(const char *text, size_t length, const struct kv_read_options *options,
                   struct kv_table *out, char *note, char *why);
/* The same of all that `in` holds. */
int kv_table_read(FILE *in, const struct kv_read_options *options, struct kv_table *out, char *note,
                  char *why);

/* Writes a table that kv_table_check accepts as such a text. 0, or -1: `out` cannot be written. */
int kv_table_write(const struct kv_table *table, FILE *out);

#ifdef __cplusplus
}
#endif
#endif
