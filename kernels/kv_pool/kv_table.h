/*
 * kv_table.h: block tables, the map from a sequence's tokens to the blocks of a paged KV cache.
 *
 * A cache is a pool of equal blocks; block `id` holds the keys and values of `block_tokens`
 * consecutive tokens of one sequence. Row s of a table names the blocks of sequence s in the order
 * of its tokens: token t of sequence s lies in slot t % block_tokens of block
 * ids[s × row_blocks + t / block_tokens]. Two tables of one shape ask for the same bytes; where
 * these lie is all that differs, and is what lab 04 is about.
 *
 * All of it is host memory. Kernels get a copy of `ids` and `tokens` on their device.
 */
#ifndef NANOLAB_KERNELS_KV_POOL_KV_TABLE_H
#define NANOLAB_KERNELS_KV_POOL_KV_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KV_NO_BLOCK (-1)
/* Tokens in a block that the workload (kv_pool.h) fills, and in one of a table that is looked at:
 * engines that align blocks with a state of another kind have thousands. */
#define KV_BLOCK_TOKENS_MOST 256
#define KV_TABLE_TOKENS_MOST (1 << 20)

struct kv_table {
    unsigned sequences;    /* rows, >= 1 */
    unsigned block_tokens; /* 1…KV_TABLE_TOKENS_MOST */
    unsigned row_blocks;   /* length of a row: blocks of the longest sequence */
    unsigned pool_blocks;  /* ids are 0…pool_blocks - 1 */
    int32_t *ids;          /* [sequences][row_blocks]; KV_NO_BLOCK after a sequence's last block */
    int32_t *tokens;       /* [sequences]: tokens in context, >= 0 */
};

/* A table with no block named yet. `tokens` has one number per sequence; it is copied. 0, or -1: no
 * memory, or sizes out of range. */
int kv_table_open(struct kv_table *out, unsigned sequences, const int32_t *tokens,
                  unsigned block_tokens, unsigned pool_blocks);
/* Frees ids and tokens. A zeroed table is allowed. */
void kv_table_close(struct kv_table *table);

/* Blocks of sequence s: its tokens over block_tokens, rounded up. */
unsigned kv_table_blocks_of(const struct kv_table *table, unsigned sequence);
/* Of all sequences, shared blocks counted every time. */
size_t kv_table_blocks(const struct kv_table *table);

/*
 * Maps that other benchmarks use, and the extremes between which a real one lies. `page_blocks` is
 * the number of blocks in one 2 MiB of cache (at least 1).
 *
 * identity, reversed and within-sequence use the lowest blocks of the pool, as many as are named;
 * permuted, clustered and aliased use blocks of all of it. Clusters go on from one sequence to the
 * next. spread takes one block of each 2 MiB in turn, in a random order of these that stays, round
 * after round, from the first sequence to the last: so all pages before any page again, and a new
 * page at each step unless only one has blocks left.
 */
#define KV_MAPS(X)                                                                                 \
    X(KV_MAP_IDENTITY, "identity", "blocks in the order of the sequences and their tokens")        \
    X(KV_MAP_REVERSED, "reversed", "the same, from the last block to the first")                   \
    X(KV_MAP_WITHIN, "within-sequence", "each sequence's own range of blocks, shuffled")           \
    X(KV_MAP_PERMUTED, "permuted", "all blocks of the pool, shuffled")                             \
    X(KV_MAP_CLUSTERED, "clustered", "shuffled runs of 2 MiB, blocks in order inside a run")       \
    X(KV_MAP_SPREAD, "spread", "every next block in another 2 MiB of the pool")                    \
    X(KV_MAP_ALIASED, "aliased", "drawn with replacement: blocks are named more than once")

#define KV_MAP_ENUMERATOR(value, word, what) value,
enum kv_map { KV_MAPS(KV_MAP_ENUMERATOR) KV_MAP_COUNT };
const char *kv_map_name(enum kv_map map);
const char *kv_map_what(enum kv_map map);

/* Names the blocks of an opened table; kv_table_check is sure to accept them. The same arguments
 * give the same ids on every machine (Philox). 0, or -1 with the reason in `why` (KV_WHY bytes, or
 * NULL) and the table as it was: the pool is too small (aliased fits any), no memory. */
#define KV_WHY 240
int kv_table_map(struct kv_table *table, enum kv_map map, unsigned page_blocks, uint64_t seed,
                 char *why);

/* Whether kernels may follow this table: lengths and ids in range, no id missing or left over, and,
 * unless `may_share`, no block named twice. 0, or -1 with one line in `why` (KV_WHY bytes, or NULL)
 * that names the sequence, the block and what to do. */
int kv_table_check(const struct kv_table *table, bool may_share, char *why);

/* What a map looks like to the memory system. Blocks are `block_bytes` long and lie at
 * id × block_bytes from the start of a pool that starts on a 2 MiB boundary. */
struct kv_map_stats {
    size_t blocks;          /* named, every time counted */
    size_t unique_blocks;   /* distinct */
    uint64_t tokens;        /* of all sequences */
    uint64_t unique_tokens; /* slots that hold one: of a block that is named twice, the most that
                               any sequence fills */
    size_t runs;     /* maximal stretches of a row whose ids go up by one: also the copies that
                        moving all sequences elsewhere takes */
    double run_mean; /* blocks per run */
    size_t run_median, run_longest; /* of an even number of runs: the lower middle one */
    size_t pages;                   /* distinct 2 MiB pages touched */
    double pages_over_ideal;        /* over the fewest that hold so many bytes */
    double jump_mean;       /* mean distance in bytes from a block's end to the next one's start,
                               0 inside a run */
    double page_switches;   /* share of steps, block to block in a row, into another page than the
                               one in which the last block ended */
    size_t run_lengths[24]; /* runs of length [2^k, 2^(k+1)); the last one: and more */
};
/* Of a table that kv_table_check accepts, sharing or not; all 0 if it names no block. 0, or -1: no
 * memory, or blocks of 0 bytes or too long to count with. */
int kv_table_stats(const struct kv_table *table, size_t block_bytes, struct kv_map_stats *out);

#ifdef __cplusplus
}
#endif
#endif
