/*
 * residency.h: what the files of this lab share.
 *
 *     lab.c        the claims, and the sweep as a list of its parts
 *     seat.c       a KV cache in a device's memory, and one step over it, ready to be run or timed
 *     outcome.c    whether what a step left is right
 *     contest.h    steps and readers that are timed together: room.c, supply.c, contest.c
 *     judge.c      what the intervals of ratios say
 *     exact.c      bits against the model, bounds, poisoned blocks: K9; with exact_batch.c, the
 *                  splits and the bad tables, exact_bytes.c, bytes counted: K1, and trial.c
 *     ladder.c     arms A and F: latency against footprint, page size, stride, lanes: K6; with
 *                  chase_group.c, chases in one group, ladder_read.c and knee.c, where it goes up
 *     churn.c      arm D: what an allocator's use does to the map; what allocation wastes: K8
 *     replicas.c   one shape, one amount of free memory, many maps: K5; replicas_stats.c
 *                  tells their differences from noise
 *     gather.c     arm B: the same bytes through different maps, over the ceiling: K4
 *     decode.c     arm C: attention over the roof, batch, context, group and splits: K2
 *     stream.c     arm E: what survives in the last-level cache between steps: K3
 *     resources.c  registers and spills as the compiler reports them: K7
 *     checks_*.c   the claims judged from the recorded cases
 *     tables_*.c   the tables behind the plots
 */
#ifndef NANOLAB_LABS_04_RESIDENCY_H
#define NANOLAB_LABS_04_RESIDENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/lab/lab.h"
#include "harness/measure/bench.h"
#include "kernels/chase/chase.h"
#include "kernels/kv_pool/kv_pool.h"
#include "kernels/kv_pool/kv_table.h"
#include "kernels/paged_attention/paged.h"
#include "kernels/paged_attention/paged_cpu.h"
#include "kernels/pages/pages.h"

/* --- seat.c ------------------------------------------------------------------------------------
 */

/* Keys and values in a device's memory, filled once; any number of steps with tables of their own
 * share it, since what a slot holds does not matter to time, and validation reads what is there.
 * No two blocks hold the same, so that a step that follows the wrong table is noticed. */
struct cache {
    struct device *device;
    size_t bytes; /* of keys, and as many of values */
    enum pages_kind kind;
    struct pages pages[2]; /* on a CPU: keys, values */
    void *k, *v;           /* device memory */
    void *host[2];         /* on a GPU: a copy in host memory, for validation */
};
/* Room for `bytes` of keys and as many of values, every byte holding ordinary numbers of `element`
 * (normal numbers that a seed gives). On a CPU in the given pages; PAGES_ANY elsewhere. 0, or -1
 * with device_error(). */
int cache_open(struct cache *cache, struct device *device, enum paged_element element, size_t bytes,
               enum pages_kind kind, uint64_t seed);
void cache_close(struct cache *cache);

/* One step of a plan over a cache, with its own table, queries and output. */
struct step {
    struct cache *cache;
    struct paged_plan plan;
    struct paged_shape shape;
    const struct kv_table *table; /* borrowed */
    enum paged_isa isa;           /* on a CPU … */
    enum paged_prefetch prefetch;
    unsigned threads;                                /* … 0: all */
    bool checked;                                    /* on simt: the checked build */
    void *q, *out, *sums, *workspace, *ids, *tokens; /* device memory */
    void *host_q;
};
/* With `like` NULL step->isa, prefetch and threads are the fastest ones; otherwise these, checked
 * and shape.processors are like's. 0, or -1 with device_error(); step_close either way. */
int step_open(struct step *step, struct cache *cache, const struct paged_plan *plan,
              unsigned kv_heads, const struct kv_table *table, const struct step *like,
              uint64_t seed);
void step_close(struct step *step);
/* One step; types that bench.h wants. */
int step_call(void *step);
/* Poisons the output, runs once more, and compares: sums exactly; attention with the float64
 * reference within its bound, at up to 64 (sequence, KV head) pairs spread over the batch. */
int step_validate(void *step);
/* Cycles that each warp of a gather spent in one more run, on a GPU: *count numbers, to be freed.
 * 0, or -1 with device_error(). */
int step_cycles(struct step *step, uint32_t **cycles, size_t *count);
/* The last run's output bits, hashed (FNV-1a over all output words); -1 with device_error(). */
int step_hash(struct step *step, uint64_t *hash);
/* K1's bytes, and the distinct ones among them. */
double step_bytes(const struct step *step);
double step_unique_bytes(const struct step *step);

/* A table of equal sequences: identity unless `map` says otherwise. 0 or -1 after lab_error(). */
int table_open(struct lab_run *run, struct kv_table *table, unsigned sequences, unsigned tokens,
               unsigned block_tokens, unsigned pool_blocks, enum kv_map map, size_t block_bytes,
               uint64_t seed);

struct bench_limits mode_limits(const struct lab_run *run);
/* For bench_options.progress: ends a group when a signal asked for it; context: the run. */
int stop_asked(void *run, size_t settled, size_t cases);

/* --- the parts of the sweep --------------------------------------------------------------------
 */

int sweep_exact(struct lab_run *run, struct device *device);
int sweep_churn(struct lab_run *run, struct device *device);
int sweep_ladder(struct lab_run *run, struct device *device);
int sweep_replicas(struct lab_run *run, struct device *device);
int sweep_gather(struct lab_run *run, struct device *device);
int sweep_decode(struct lab_run *run, struct device *device);
int sweep_stream(struct lab_run *run, struct device *device);
int sweep_resources(struct lab_run *run, struct device *device);

int write_map_tables(struct lab_run *run);  /* tables_map.c: exact, churn, ladder, replicas */
int write_time_tables(struct lab_run *run); /* tables_time.c: gather, decode, stream, resources */

/* --- checks ------------------------------------------------------------------------------------
 */

/* Whether address translation may be named as a cause on this device: somewhere the ladder of
 * pointer chases goes up with 4 KiB pages, and neither with 2 MiB pages nor with the same lines
 * packed onto few pages by half as much. `text` then says where and how much ("" if not). False as
 * well where the page size cannot be chosen. From recorded cases ("04/ladder/"). */
bool knee_is_translation(struct lab_run *run, const char *device_id, char *text, size_t size);

int check_bytes(struct lab_run *run, const char *device_id, struct finding *finding);     /* K1 */
int check_bound(struct lab_run *run, const char *device_id, struct finding *finding);     /* K2 */
int check_residency(struct lab_run *run, const char *device_id, struct finding *finding); /* K3 */
int check_scatter(struct lab_run *run, const char *device_id, struct finding *finding);   /* K4 */
int check_replicas(struct lab_run *run, const char *device_id, struct finding *finding);  /* K5 */
int check_lanes(struct lab_run *run, const char *device_id, struct finding *finding);     /* K6 */
int check_spills(struct lab_run *run, const char *device_id, struct finding *finding);    /* K7 */
int check_waste(struct lab_run *run, const char *device_id, struct finding *finding);     /* K8 */
int check_bits(struct lab_run *run, const char *device_id, struct finding *finding);      /* K9 */

#endif
