/*
 * exercise.h: what the three exercises of lab 04 are to provide. Each file provides its own part.
 */
#ifndef NANOLAB_LABS_04_EXERCISE_H
#define NANOLAB_LABS_04_EXERCISE_H

#include <stddef.h>
#include <stdint.h>

/* Row s of a block table names the blocks of sequence s: token t lies in slot t % block_tokens of
 * block ids[s × row_blocks + t / block_tokens]. What follows a row's last block means nothing. */
struct table {
    unsigned sequences, block_tokens, row_blocks, pool_blocks;
    const int32_t *ids;    /* [sequences][row_blocks] */
    const int32_t *tokens; /* [sequences], >= 0 */
};

/* --- bytes.c -----------------------------------------------------------------------------------
 */

/* Bytes of keys and values that one decode step loads, and how many of them are distinct: a block
 * that two sequences name is loaded twice and lies in memory once. 0, or -1: no memory. */
struct model {
    unsigned query_heads, kv_heads, head; /* heads of queries, of keys and values; channels */
    unsigned element;                     /* bytes */
};
int bytes(const struct model *model, const struct table *table, uint64_t *loaded,
          uint64_t *distinct);

/* --- attend.c ----------------------------------------------------------------------------------
 */

/* out[s][d] = Σ_t w[t] v[t][d], w the softmax over t of q[s] · k[t] / sqrt(D), for one head of D
 * channels, D <= 64. Slot n of block b lies at k[(b × block_tokens + n) × D]. A sequence of no
 * tokens gives zeros. Slots that hold no token hold anything at all. */
void attend(const struct table *table, unsigned D, const float *q, const float *k, const float *v,
            float *out);

/* --- blocks.c ----------------------------------------------------------------------------------
 */

/* An allocator of `count` blocks with reference counts; every file says for itself what is in it.
 */
struct blocks;
struct blocks *blocks_new(unsigned count);
void blocks_delete(struct blocks *blocks);
/* A free block, with one holder from now on; -1: none is free. */
int blocks_take(struct blocks *blocks);
/* One holder more, or one less; a block without holders is free. 0, or -1 and nothing done: no such
 * block, or nobody holds it. */
int blocks_hold(struct blocks *blocks, int id);
int blocks_release(struct blocks *blocks, int id);

#endif
