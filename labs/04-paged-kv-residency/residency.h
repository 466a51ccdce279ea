/*
 * residency.h: what the files of this lab share.
 *
 *     lab.c        the claims, in the README's order; names with units; tables
 *     maps.c       block tables: made maps, and those that an allocator's use has left
 *     steps.c      memory and prefetching of timed steps, and how one enters a contest
 *     bytes.c      K1: bytes counted
 *     bits.c       K9: bits against the model, poisoned blocks, splits, bad tables
 *     ladder.c     K6: latency against footprint, page size, stride, lanes
 *     churn.c      K8: what an allocator's use does to the map; what allocation wastes
 *     gather.c     K4: the same bytes through different maps, over the ceiling
 *     decode.c     K2: attention over the roof, batch, context, group and splits
 *     stream.c     K3: what survives in the last-level cache between steps
 *     spills.c     K7: registers and spills as the compiler reports them
 *     replicas.c   K5: one shape, one amount of free memory, many maps
 *     cost.c       K10: a step's time from three prices
 *
 * timed.h is shared by the files about time, replicas.h by K5 and its test.
 */
#ifndef NANOLAB_LABS_04_RESIDENCY_H
#define NANOLAB_LABS_04_RESIDENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/lab/contest.h"
#include "harness/lab/lab.h"
#include "harness/lab/tables.h"
#include "kernels/kv_pool/kv_pool.h"
#include "kernels/kv_pool/kv_table.h"
#include "kernels/paged_attention/paged_job.h"

#define MIB ((size_t)1 << 20)

/* --- maps.c: block tables. 0, or -1 with device_error() and nothing to close -------------------
 */

/* Of these lengths, in a pool three times as large as they need; `map` in pages of four blocks, so
 * that small tables have many. */
int map_small(struct kv_table *out, unsigned sequences, const int32_t *tokens,
              unsigned block_tokens, enum kv_map map, uint64_t seed);
/* Of equal sequences, for steps of a plan; pool_blocks 0: just enough. */
int map_equal(struct kv_table *out, const struct paged_plan *plan, unsigned kv_heads,
              unsigned sequences, unsigned tokens, unsigned pool_blocks, enum kv_map map,
              uint64_t seed);
/* What an allocator hands to a batch of equal sequences, prompts first, after a workload has run
 * for `steps`, and then until it has taken `turnovers` times the blocks of its pool. */
struct aged_map {
    struct kv_churn_options workload;
    uint64_t steps;
    unsigned turnovers;
    unsigned sequences, prompt, tokens, free_blocks;
};
int map_aged(struct kv_table *out, const struct aged_map *how);

/* --- steps.c -----------------------------------------------------------------------------------
 */

/* Keys and values by element and pages, and memory that readers read: each is taken when it is
 * first asked for, and kept for the sweep's next contests. Ask for the largest first. */
struct memories {
    struct lab_run *run;
    struct device *device;
    size_t most;                /* a quarter of the memory that was free at first */
    struct memories_held *held; /* keys and values, one after another */
    struct memories_reader *readers;
    struct memories_before *befores;
    struct roofs_memory *source;
};
struct memories memories_open(struct lab_run *run, struct device *device);
void memories_close(struct memories *memories);
/* For `bytes` of keys and values together. 0, or -1 after lab_error(). *out is NULL where pages of
 * this kind cannot be had: lab_note() says so. */
int memories_take(struct memories *memories, enum element element, size_t bytes,
                  enum pages_kind kind, struct paged_memory **out);
/* In 2 MiB pages, or as the system does it. NULL after lab_error(). */
struct paged_memory *memories_huge(struct memories *memories, enum element element, size_t bytes);
/* For readers of at most so many bytes. NULL after lab_error(). */
struct roofs_memory *memories_source(struct memories *memories, size_t bytes);
/* A job that reads `bytes` of it once, to fill the caches with something else. NULL after
 * lab_error(). Owned by `memories`. */
struct job *memories_reader(struct memories *memories, size_t bytes);
/* The largest of bytes, bytes/2, … that is no more than `most`. */
size_t memories_fitting(const struct memories *memories, size_t bytes);

/* The last-level cache as the topology says; a default where it does not. In a virtual machine it
 * may be wrong, so it only sizes what is read and swept. */
size_t last_level_bytes(const struct device *device);
/* OP.MAPPING.nhd.ELEMENT.b16.d128.g1.fixed.s1 */
struct paged_plan plan_of(enum paged_op op, enum paged_mapping mapping, enum element element);
/* Enough samples for an interval also where a step takes 50 ms. */
struct bench_limits mode_limits(const struct lab_run *run);

/* How a CPU asks ahead, as measured on it: the fastest for attention through a permuted table, and
 * for a gather with its blocks in order, since that is the ceiling others are measured against.
 * Measured and recorded as a contest ("04/prefetch/OP/…") when first asked for, and read from there
 * after that, so that a resumed run goes on with the same. NONE elsewhere, and for a walk. 0, or -1
 * after lab_error(). */
int prefetch_measured(struct lab_run *run, struct device *device, enum paged_op op,
                      enum paged_prefetch *out);
/* A step of the run's seed with the prefetch above. 0, or -1 after lab_error(). */
int step_of(struct lab_run *run, struct device *device, const struct paged_plan *plan,
            unsigned kv_heads, const struct kv_table *table, struct paged_step *out);

/* Enters a step as PLAN/hHEADS/batch=B/tokens=L/MAP[/ARM] with all its parameters but `state`.
 * Its counter "unique bytes per second" counts shared blocks once. NULL after lab_error(). */
struct entrant *enter_step(struct lab_run *run, struct contest *c, struct paged_memory *memory,
                           const struct paged_step *step, const char *map, const char *arm);
/* Makes a sample one call, after a step (if `warm`) and after `reader` (NULL: nothing) has read
 * other memory, in this order; with a reader the case's `state` is cold. -1 after lab_error(). */
int enter_after(struct memories *memories, struct entrant *step, bool warm,
                const struct job *reader, double reader_bytes);

/* --- the claims --------------------------------------------------------------------------------
 */

int sweep_bytes(struct lab_run *run, struct device *device); /* K1 */
void check_bytes(const struct rows *rows, struct finding *finding);
int sweep_bits(struct lab_run *run, struct device *device); /* K9 */
void check_bits(const struct rows *rows, struct finding *finding);
int predict_bits(struct lab_run *run);
int sweep_ladder(struct lab_run *run, struct device *device); /* K6 */
void check_lanes(const struct rows *rows, struct finding *finding);
int sweep_churn(struct lab_run *run, struct device *device); /* K8 */
void check_waste(const struct rows *rows, struct finding *finding);
int sweep_gather(struct lab_run *run, struct device *device); /* K4 */
void check_scatter(const struct rows *rows, struct finding *finding);
int sweep_decode(struct lab_run *run, struct device *device); /* K2 */
void check_bound(const struct rows *rows, struct finding *finding);
int sweep_stream(struct lab_run *run, struct device *device); /* K3 */
void check_residency(const struct rows *rows, struct finding *finding);
int sweep_spills(struct lab_run *run, struct device *device); /* K7 */
void check_spills(const struct rows *rows, struct finding *finding);
int sweep_replicas(struct lab_run *run, struct device *device); /* K5 */
void check_replicas(const struct rows *rows, struct finding *finding);
/* K10 */
void check_cost_model(const struct rows *rows, struct finding *finding);

/* Tables of more or other lines than rows. */
int write_batch(struct lab_run *run, const struct rows *rows, struct lab_table *table);
int write_churn(struct lab_run *run, const struct rows *rows, struct lab_table *table);
int write_waste(struct lab_run *run, const struct rows *rows, struct lab_table *table);
int write_replicas(struct lab_run *run, const struct rows *rows, struct lab_table *table);

#endif
