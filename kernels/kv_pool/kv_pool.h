/*
 * kv_pool.h: the allocator of a paged KV cache, as serving engines have it, and what use does to
 * the order of its free list.
 *
 * Three layers, each usable alone:
 *
 *     kv_pool     blocks with reference counts and pins, four free-list policies, and prefix
 *                 caching: full blocks are known by a hash chained on their parent, stay findable
 *                 while free, and are evicted when they are taken
 *     kv_slab     the other way: one contiguous range per request, reserved for its worst case
 *     kv_churn    a serving loop that ages a pool: requests arrive, share prefixes, grow token by
 *                 token, are pre-empted when the pool runs dry, and leave; then the block table of
 *                 a batch of a given shape at a given amount of free memory
 *
 * Plain C, one thread, host memory only: this is bookkeeping, there is no cache behind it. Equal
 * seeds give equal tables on every machine.
 */
#ifndef NANOLAB_KERNELS_KV_POOL_KV_POOL_H
#define NANOLAB_KERNELS_KV_POOL_KV_POOL_H

#include "kernels/kv_pool/kv_table.h"
#include "kernels/serving/serving.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- blocks ------------------------------------------------------------------------------------
 */

/* Which free block is taken next. fifo: the one freed longest ago (vLLM V1: a queue that starts in
 * id order; a sequence's blocks are freed last token first). lifo: the one freed last; id 0 to
 * begin with. address: the lowest id. buddy: aligned runs of powers of two, split and merged; a
 * take of n blocks is served by the longest runs that it fills, each from the lowest of the
 * shortest free runs that are long enough. */
#define KV_POLICIES(X)                                                                             \
    X(KV_FIFO, "fifo", "the block freed longest ago, vLLM's order")                                \
    X(KV_LIFO, "lifo", "the block freed last")                                                     \
    X(KV_ADDRESS, "address", "the free block of the lowest id")                                    \
    X(KV_BUDDY, "buddy", "runs of powers of two, split and merged")

#define KV_POLICY_ENUMERATOR(value, word, what) value,
enum kv_policy { KV_POLICIES(KV_POLICY_ENUMERATOR) KV_POLICY_COUNT };
const char *kv_policy_name(enum kv_policy policy);
const char *kv_policy_what(enum kv_policy policy);
/* -1: no such word. */
int kv_policy_parse(const char *word, enum kv_policy *policy);

struct kv_pool;

/* 0, or -1: no memory, no such policy, or not 1…INT32_MAX blocks. */
int kv_pool_open(struct kv_pool **out, enum kv_policy policy, unsigned blocks);
void kv_pool_close(struct kv_pool *pool);

/* Takes `count` blocks with one reference each into ids[0…count-1], all or none: 0, or -1 when
 * fewer are free. Forgets what the blocks were cached as. */
int kv_pool_take(struct kv_pool *pool, unsigned count, int32_t *ids);
/* One more holder, or one less; a block without holders is free, unless pinned. 0, or -1: no such
 * block, or nobody holds it. */
int kv_pool_hold(struct kv_pool *pool, int32_t id);
int kv_pool_release(struct kv_pool *pool, int32_t id);
/* A pinned block is not taken by anybody until it is unpinned as often; pins are no references:
 * a released pinned block goes to the free list when its last pin goes. Only held or pinned blocks
 * can be pinned. */
int kv_pool_pin(struct kv_pool *pool, int32_t id);
int kv_pool_unpin(struct kv_pool *pool, int32_t id);

/* Prefix caching. A full block is known by a hash of its tokens and its parent's hash (0 for the
 * first block). */
uint64_t kv_hash_chain(uint64_t parent, const uint32_t *tokens, unsigned count);
/* Makes a held block findable. If another block is known by this hash already, that one stays the
 * one that is found. 0, or -1: nobody holds the block, or it is known by another hash. */
int kv_pool_cache(struct kv_pool *pool, int32_t id, uint64_t hash);
/* Takes a reference (out of the free list if the block lies there) and returns the id, or
 * KV_NO_BLOCK. */
int32_t kv_pool_find(struct kv_pool *pool, uint64_t hash);

unsigned kv_pool_blocks(const struct kv_pool *pool);
unsigned kv_pool_free_blocks(const struct kv_pool *pool);
unsigned kv_pool_holders(const struct kv_pool *pool, int32_t id);
unsigned kv_pool_pins(const struct kv_pool *pool, int32_t id);
/* Every invariant, in O(blocks): none on the free list twice, none lost, counts right, hashes
 * found. 0, or -1 with the first broken one in `why` (KV_WHY bytes). */
int kv_pool_audit(const struct kv_pool *pool, char *why);

/* --- contiguous ranges -------------------------------------------------------------------------
 */

/* One range of token slots per request, reserved at its longest possible length. */
#define KV_FITS(X)                                                                                 \
    X(KV_FIRST_FIT, "first-fit", "the lowest hole that is large enough")                           \
    X(KV_BEST_FIT, "best-fit", "the smallest hole that is large enough")
#define KV_FIT_ENUMERATOR(value, word, what) value,
enum kv_fit { KV_FITS(KV_FIT_ENUMERATOR) KV_FIT_COUNT };
const char *kv_fit_name(enum kv_fit fit);

struct kv_slab;
int kv_slab_open(struct kv_slab **out, enum kv_fit fit, uint64_t slots);
void kv_slab_close(struct kv_slab *slab);
/* The start of a range of `slots` (>= 1), or -1: no hole is large enough. */
int64_t kv_slab_take(struct kv_slab *slab, uint64_t slots);
/* The range that starts there. 0, or -1: none does. */
int kv_slab_release(struct kv_slab *slab, int64_t start);
uint64_t kv_slab_free_slots(const struct kv_slab *slab);
uint64_t kv_slab_largest_hole(const struct kv_slab *slab);
size_t kv_slab_holes(const struct kv_slab *slab);
int kv_slab_audit(const struct kv_slab *slab, char *why);

/* --- a workload --------------------------------------------------------------------------------
 */

/* A serving loop (kernels/serving) whose next request always waits, on a paged pool. */
struct kv_churn_options {
    enum kv_policy policy;
    unsigned pool_blocks;
    unsigned block_tokens;
    unsigned running;           /* most requests at a time; 0: as many as the pool holds */
    struct serving_trace trace; /* the requests */
};
/* A workload like a chat service's on a pool of this size; policy fifo. */
struct kv_churn_options kv_churn_default(unsigned pool_blocks, unsigned block_tokens,
                                         uint64_t seed);
/* Whether a workload can be run: 0, or -1 with what is wrong and how to put it right in `why`. */
int kv_churn_check(const struct kv_churn_options *options, char *why);

struct kv_churn;
/* 0, or -1: no memory, or options that make no sense (kv_churn_check says which). */
int kv_churn_open(struct kv_churn **out, const struct kv_churn_options *options);
void kv_churn_close(struct kv_churn *churn);
/* Runs `steps` decode steps: one token for every running request, admissions before it (none after
 * a step that pre-empted); then audits the pool. -1: no memory, or an invariant broke (`why`). */
int kv_churn_run(struct kv_churn *churn, uint64_t steps, char *why);

struct kv_churn_counts {
    uint64_t steps, admitted, finished, preempted;
    uint64_t blocks_taken, blocks_found; /* new ones; shared ones found by their hash */
    uint64_t operations;                 /* blocks taken, found and given back */
};
void kv_churn_counts(const struct kv_churn *churn, struct kv_churn_counts *out);
const struct kv_pool *kv_churn_pool(const struct kv_churn *churn);

/*
 * The block table of a batch at an exactly given shape and an exactly given amount of free memory,
 * on the pool as the workload left it: running requests are ended, oldest first, until the batch
 * and `free_blocks` fit; the batch is admitted in turns of `prompt` tokens each and then grows one
 * token per sequence and step to `tokens`, as decoding would; and what is free beyond `free_blocks`
 * is held. So replicas of different seeds or policies differ in the map and in nothing else. The
 * batch shares nothing. `table` is opened here. The churn can only be closed afterwards. 0, or -1
 * with the reason in `why` (KV_WHY bytes): it does not fit.
 */
int kv_churn_table(struct kv_churn *churn, unsigned sequences, unsigned prompt, unsigned tokens,
                   unsigned free_blocks, struct kv_table *table, char *why);

/*
 * Waste of paged and of contiguous allocation on one trace: the requests of `options`, arriving
 * faster than they can be served, in equal memory (pool_blocks × block_tokens slots). Nothing is
 * moved to close holes. `outer` is sampled in every step when no more requests can be admitted (0
 * unless the next one was refused for want of memory), all else after the step's tokens.
 */
struct kv_waste {
    double inner_mean, inner_worst;    /* slots taken that hold no token, over slots taken */
    double outer_mean, outer_worst;    /* free slots that the waiting request could not get although
                                          enough were free in all, over all slots */
    double inner_per_sequence;         /* slots; paged: under one block */
    double running_mean;               /* requests in memory */
    double tokens_mean;                /* tokens in memory, over all slots: what is really used */
    uint64_t steps, finished, refused; /* refused: steps in which the next one did not fit … */
    uint64_t refused_by_holes;         /* … although so many slots were free in all */
};
int kv_waste_paged(const struct kv_churn_options *options, uint64_t steps, struct kv_waste *out,
                   char *why);
int kv_waste_contiguous(const struct kv_churn_options *options, enum kv_fit fit, uint64_t steps,
                        struct kv_waste *out, char *why);

#ifdef __cplusplus
}
#endif
#endif
