/*
 * paged_job.h: a decode step, a gather or a walk as a job (kernels/device/job.h), over keys and
 * values that lie in one memory.
 *
 *     struct paged_memory memory;         // filled once, shared by any number of jobs
 *     struct paged_step step = paged_step_of(&plan, kv_heads, &table);
 *     struct job job;
 *     if (paged_memory_open(&memory, device, ELEMENT_BF16, bytes, PAGES_2M, seed) != 0 ||
 *         paged_job_open(&job, &memory, &step) != 0) …device_error()…
 *
 * A memory is opened in one of two ways. For time: filled with normal numbers throughout, no two
 * blocks alike, so that a job that follows the wrong table is noticed. For bits: holding one
 * step's content and NaN in all that its table does not name.
 */
#ifndef NANOLAB_KERNELS_PAGED_ATTENTION_PAGED_JOB_H
#define NANOLAB_KERNELS_PAGED_ATTENTION_PAGED_JOB_H

#include "kernels/device/job.h"
#include "kernels/paged_attention/paged.h"
#include "kernels/paged_attention/paged_cpu.h"
#include "kernels/pages/pages.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- what a job does ---------------------------------------------------------------------------
 */

struct paged_step {
    struct paged_plan plan;
    unsigned kv_heads;
    const struct kv_table *table; /* a job keeps a copy */
    unsigned processors;          /* that the heuristic counts with; 0: the device's own */
    bool checked;                 /* on simt: the checked build */
    enum paged_isa isa;           /* these on a CPU only */
    enum paged_prefetch prefetch;
    unsigned threads;
    uint64_t seed; /* of the queries */
};
/* The widest instructions, PAGED_PREFETCH_NEXT, all CPUs, seed 0. Which prefetch is fastest differs
 * by machine and is a caller's decision: measure it (lab 04 does, "04/prefetch/"), or say NEXT. */
struct paged_step paged_step_of(const struct paged_plan *plan, unsigned kv_heads,
                                const struct kv_table *table);
struct paged_shape paged_step_shape(const struct paged_step *step);

/* --- keys and values ---------------------------------------------------------------------------
 */

struct paged_memory {
    struct device *device;
    enum element element;
    size_t bytes; /* of keys, and as many of values */
    enum pages_kind kind;
    struct pages pages[2]; /* on a CPU: keys, values */
    void *k, *v;           /* device memory */
    void *host[2];         /* elsewhere: the same in host memory, to compare with */
};
/* Memory for `bytes` of keys and as many of values, all of it normal numbers of a seed. On a CPU in
 * the given pages; pass PAGES_ANY elsewhere. 0, or -1 with device_error() (and pages_unavailable())
 * and nothing to close. */
int paged_memory_open(struct paged_memory *memory, struct device *device, enum element element,
                      size_t bytes, enum pages_kind kind, uint64_t seed);
/* As large as a step needs and holding its content (paged_fill_cache), so that steps of one shape
 * and seed have equal outputs under every map, layout and block size. */
int paged_memory_of_step(struct paged_memory *memory, struct device *device,
                         const struct paged_step *step, enum pages_kind kind, uint64_t seed);
void paged_memory_close(struct paged_memory *memory);
/* The other poison: each NaN of the second way becomes the largest finite number of the type, which
 * shows where a NaN that is multiplied by zero and thrown away would not. *count of them. 0, or -1
 * with device_error(). */
int paged_memory_repoison(struct paged_memory *memory, size_t *count);

/* --- jobs --------------------------------------------------------------------------------------
 */

/* A job of one step over `memory` (borrowed: it outlives the job; the table is copied). Shared
 * blocks are allowed. 0, or -1 with device_error() and nothing to close.
 *
 * bytes: of keys and values that must be loaded (K1's); of a walk those that it finds the way to,
 * so that its speed over a gather's is time over time. bits, predict: a hash of the outputs, or of
 * the sums. prove: sums must be equal; attention must lie inside the bound of its float64
 * reference, at up to 64 pairs of a sequence and a KV head spread over the batch. */
int paged_job_open(struct job *out, struct paged_memory *memory, const struct paged_step *step);

const struct paged_step *paged_job_step(const struct job *job);
const struct paged_memory *paged_job_memory(const struct job *job);
/* Distinct bytes among job->bytes: shared blocks once. */
double paged_job_unique_bytes(const struct job *job);
size_t paged_job_block_bytes(const struct job *job); /* 0 of slabs */
unsigned paged_job_splits(const struct job *job);    /* splits taken */
size_t paged_job_outputs(const struct job *job);

/* Of attention, as `outputs` numbers in host memory: what one call leaves, into poisoned memory;
 * what must come out on this device; how many of `out` lie inside the reference's bound (NaN never
 * does), for small steps. 0, or -1 with device_error(). */
int paged_job_run(const struct job *job, float *out);
int paged_job_model(const struct job *job, float *out);
int paged_job_inside(const struct job *job, const float *out, size_t *inside);
/* FNV-1a, as in `bits`. */
uint64_t paged_hash(const void *bytes, size_t count);

/* Cycles that each warp of a gather spent in one more run, on a GPU: *count numbers, to be freed.
 * 0, or -1 with device_error(). */
int paged_job_cycles(const struct job *job, uint32_t **cycles, size_t *count);
/* Registers per thread and bytes of local memory of its kernel, as the driver reports them. */
int paged_job_resources(const struct job *job, int *registers, int *local_bytes);

#ifdef __cplusplus
}
#endif
#endif
