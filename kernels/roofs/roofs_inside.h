/*
 * roofs_inside.h: what roofs.c, roofs_cpu.c and roofs.cu share, and nobody else sees.
 */
#ifndef NANOLAB_KERNELS_ROOFS_INSIDE_H
#define NANOLAB_KERNELS_ROOFS_INSIDE_H

#include "kernels/roofs/roofs.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The source's pattern: 64-bit word i is (i + 1) × this odd number, mod 2^64. Its sum over n words
 * has a closed form. */
#define ROOFS_PATTERN 0x9E3779B97F4A7C15ull

/* Multiply-adds: chain c of lane l starts at 1 + c/16 + l/1024 and goes x = x a + b. The values
 * stay in [0.5, 4] and never settle on a bit pattern soon, so nothing can be left out. */
#define ROOFS_CHAINS 12
#define ROOFS_FMA_A 0.99951171875 /* 1 - 2^-11 */
#define ROOFS_FMA_B 0.00048828125 /* 2^-11 */
#define ROOFS_FMA_START(chain, lane) (1.0 + (chain)*0x1p-4 + (lane)*0x1p-10)
/* Lanes with values of their own; wider machines repeat them. */
#define ROOFS_FMA_LANES 16

#define ROOFS_COUNTER_STEP 8 /* 64-bit words between counters: a cache line */

/* What a job hands to the kernels: buffers in device memory. */
struct roofs_work {
    const struct roofs_plan *plan;
    const void *source;
    void *target;
    uint64_t *counters; /* atomics: `counter_count`, ROOFS_COUNTER_STEP apart; reads: checksum */
    void *values;       /* multiply-adds: the end values, see roofs_values */
    uint64_t value;     /* writes: the word to write in this call */
    void *stream;
};

/* How many counters and end values (floats or doubles) a plan needs. */
size_t roofs_counters(const struct roofs_plan *plan);
size_t roofs_values(const struct roofs_plan *plan);

/* Each adds its checksum to counters[0], or its counts to its counters. 0 or -1. */
struct roofs_ops {
    int (*fill)(void *to, size_t bytes, void *stream); /* the pattern */
    int (*run[ROOFS_OPS])(const struct roofs_work *work);
};

/* roofs_plan.c: 0, or -1 with device_fail(): no such plan on such a device. */
int roofs_plan_check(const struct roofs_plan *plan, struct device *device);
bool roofs_moves_memory(const struct roofs_plan *plan); /* read, write, copy */

/* For tests. Runs a job with other kernels, such as some that skip work. */
void roofs_job_use(struct job *job, const struct roofs_ops *ops);
/* Whether all calls so far did their work; -1 with device_error() if not. */
int roofs_job_check(const struct job *job);

extern const struct roofs_ops roofs_ops_cpu, roofs_ops_simt, roofs_ops_checked;
extern const struct roofs_ops roofs_ops_cuda DEVICE_CUDA_ONLY;
extern const struct roofs_ops roofs_ops_ptx DEVICE_PTX_ONLY;

#ifdef __cplusplus
}
#endif
#endif
