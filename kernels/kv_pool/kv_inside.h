/*
 * kv_inside.h: what the files of this family share, and its tests look into.
 */
#ifndef NANOLAB_KERNELS_KV_POOL_KV_INSIDE_H
#define NANOLAB_KERNELS_KV_POOL_KV_INSIDE_H

#include "kernels/kv_pool/kv_bits.h"
#include "kernels/kv_pool/kv_pool.h"

/* The Philox stream of maps, apart from those of kernels/serving: drawing without replacement, or
 * with it. */
#define KV_STREAM_SHUFFLE 0x4b56

/* Puts one line into `why` (KV_WHY bytes, or NULL) and returns -1. */
int kv_fail(char *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- pool --------------------------------------------------------------------------------------
 */

/* A block is free if nobody holds it and it is not pinned. */
struct kv_block {
    uint64_t hash; /* if known */
    uint32_t holders, pins;
    int32_t before, after; /* in the queue of fifo and lifo, while free */
    bool known;            /* found by its hash */
};

/* A free-list policy: where free blocks wait. */
struct kv_free_ops {
    int (*open)(struct kv_pool *pool); /* with every block on it; 0, or -1: no memory */
    void (*put)(struct kv_pool *pool, int32_t id);
    /* The next `count` blocks; so many are there. */
    void (*pop)(struct kv_pool *pool, unsigned count, int32_t *ids);
    /* A certain block, which is there. */
    void (*remove)(struct kv_pool *pool, int32_t id);
    /* Counts every block on the list in seen[id] (up to 2) and checks the list's own rules. */
    int (*audit)(const struct kv_pool *pool, unsigned char *seen, char *why);
};
extern const struct kv_free_ops kv_free_fifo, kv_free_lifo, kv_free_address, kv_free_buddy;

#define KV_ORDERS 31 /* run lengths 2^0…2^30 */

struct kv_pool {
    enum kv_policy policy;
    const struct kv_free_ops *ops;
    unsigned blocks, free_blocks;
    struct kv_block *block;         /* [blocks + 1]: the last one is both ends of the queue */
    struct kv_bits runs[KV_ORDERS]; /* buddy: bit i of runs[k] is the free run i × 2^k …;
                                       address: runs[0] alone */
    /* Open addressing: the ids of known blocks, by their hash; KV_NO_BLOCK where empty. */
    int32_t *slots;
    unsigned slot_bits, known;
};

/* kv_known.c: the table of hashes. `look` takes no reference. */
int kv_known_open(struct kv_pool *pool);
int32_t kv_known_look(const struct kv_pool *pool, uint64_t hash);
void kv_known_add(struct kv_pool *pool, int32_t id, uint64_t hash); /* a new hash */
void kv_known_drop(struct kv_pool *pool, int32_t id);               /* a known block */

/* --- contiguous ranges -------------------------------------------------------------------------
 */

struct kv_range {
    uint64_t start, slots;
};
struct kv_slab {
    enum kv_fit fit;
    uint64_t slots, free_slots;
    struct kv_range *ranges; /* taken ones, by start */
    size_t count, room;
};

/* --- churn -------------------------------------------------------------------------------------
 */

/* What a sequence of the serving loop holds: its `memory`. */
struct kv_blocks {
    unsigned blocks;  /* ids[0…blocks-1] */
    unsigned chained; /* hashes[0…chained-1] are computed */
    uint64_t *hashes; /* of full blocks */
    int32_t *ids;
};
/* The last step's admission that failed for want of memory, if there was one. */
struct kv_refused {
    bool is;
    uint64_t asked, had; /* slots it needed, slots that were free */
};
struct kv_churn {
    struct kv_churn_options options;
    struct kv_pool *pool;
    struct serving_loop *loop;
    bool spent;                    /* kv_churn_table was called */
    struct kv_churn_counts counts; /* of steps and blocks: the loop counts requests */
    uint64_t preempted;            /* up to the last step … */
    bool emptied;                  /* … which pre-empted, and left nobody running */
    struct kv_refused refused;
};
struct serving_options kv_churn_serving(const struct kv_churn_options *options);
int kv_churn_step(struct kv_churn *churn, char *why);
/* One step of a loop in which somebody always waits. */
int kv_step(struct serving_loop *loop, char *why);

#endif
