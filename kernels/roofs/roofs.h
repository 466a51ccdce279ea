/*
 * roofs.h: microkernels whose only purpose is to reach a machine's limits: reading, writing and
 * copying memory, multiply-adds in registers, atomic updates, and calls that do nothing.
 *
 * A job is one such kernel with its buffers, in the shape that the timing harness calls (see
 * harness/measure/bench.h); harness/measure/roof.h measures the best of several jobs as the denominator of other
 * measurements. Every job can prove that it did its work: readers return a checksum, writers and
 * copiers leave a pattern, multiply-adds a value known to the bit, atomics a count. So a reader
 * that skips half of its buffer is wrong and not fast.
 *
 * The `cpu` kernels are native (scalar, AVX2, AVX-512, chosen at run time); those of `cuda` and
 * `simt` come from one source, roofs.cu. On simt they run for their results only.
 */
#ifndef NANOLAB_KERNELS_ROOFS_ROOFS_H
#define NANOLAB_KERNELS_ROOFS_ROOFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/device/device.h"

#ifdef __cplusplus
extern "C" {
#endif

enum roofs_op {
    ROOFS_READ,  /* every byte of the footprint into registers */
    ROOFS_WRITE, /* every byte of the footprint from registers */
    ROOFS_COPY,  /* one half of the footprint to the other */
    ROOFS_FMA32, /* x = x a + b in independent chains, in registers */
    ROOFS_FMA64,
    ROOFS_ATOMIC, /* integer additions to one address, or to one for each thread */
    ROOFS_EMPTY,  /* a call, a hand-over to other threads, or a kernel launch, that does nothing */
    ROOFS_OPS
};
const char *roofs_op_name(enum roofs_op op); /* "read", …, "fma32", "atomic", "empty" */

/* ROOFS_LIBC: the C library's memcpy and memset. ROOFS_GPU: the kernels of roofs.cu. */
enum roofs_isa { ROOFS_SCALAR, ROOFS_AVX2, ROOFS_AVX512, ROOFS_LIBC, ROOFS_GPU, ROOFS_ISAS };
const char *roofs_isa_name(enum roofs_isa isa);
/* The widest instruction set that this CPU, and the operating system, supports. */
enum roofs_isa roofs_isa_best(void);
bool roofs_isa_works(enum roofs_isa isa);

/* Footprints are multiples of this. */
#define ROOFS_PAGE ((size_t)4096)

struct roofs_plan {
    enum roofs_op op;
    enum roofs_isa isa;
    size_t bytes;      /* read, write, copy: the footprint, both buffers of a copy together; a
                        * multiple of 2 ROOFS_PAGE */
    unsigned passes;   /* over the footprint in one call; 0 or 1: one */
    unsigned threads;  /* CPU: workers. GPU: threads per block */
    unsigned streams;  /* CPU: places a worker reads at a time, 1, 2, 4 or 8. GPU: 16-byte loads a
                        * thread has in flight, 1, 2, 4 or 8 */
    unsigned span;     /* CPU reads: bytes of each stream before all of them move on, a multiple
                        * of 256; 0: the streams share out the whole */
    unsigned prefetch; /* CPU reads: bytes ahead, 0: left to the hardware */
    bool nontemporal;  /* CPU writes and copies: past the caches */
    bool shared;       /* atomics: all threads on one address */
    bool wait;         /* GPU, empty: every call waits until the kernel has ended */
    bool checked;      /* simt: the checked build of the kernels */
    unsigned blocks;   /* GPU: in the grid; 0: as many as the op wants */
    unsigned rounds;   /* multiply-adds and atomics: steps per thread and call; 0: 1024 */
};

/* The plan as a part of a case id, such as "avx512/streams=4/span=0/prefetch=8192"; leaves out what
 * the op does not use, and op, bytes and threads. Returns text. */
#define ROOFS_TEXT 96
char *roofs_plan_text(const struct roofs_plan *plan, char text[ROOFS_TEXT]);

/* The plans worth trying for the best of an op on a device at a footprint, at most `most`; returns
 * how many. `threads` counts workers on a CPU and is ignored on a GPU. Passes are chosen so that
 * one call is long beside its own overhead. */
size_t roofs_variants(const struct device *device, enum roofs_op op, size_t bytes, unsigned threads,
                      struct roofs_plan *plans, size_t most);

/* Buffers that jobs of one device share: a source filled with the pattern, and a target. Either
 * may be 0 bytes long. */
struct roofs_memory;
int roofs_memory_open(struct roofs_memory **out, struct device *device, size_t source_bytes,
                      size_t target_bytes);
void roofs_memory_close(struct roofs_memory *memory);

struct roofs_job;
/* `memory` must be large enough (read: source; write: target; copy: half of the footprint in
 * each), and outlive the job; jobs that touch no memory may pass one of 0 bytes. */
int roofs_job_open(struct roofs_job **out, struct roofs_memory *memory,
                   const struct roofs_plan *plan);
void roofs_job_close(struct roofs_job *job);

/* One call; the functions below have the types that bench.h wants. On a GPU it launches and does
 * not wait, unless plan.wait. */
int roofs_job_call(void *job);
/* Whether all calls so far did their work; -1 with device_error() if not. */
int roofs_job_check(void *job);

/* The proof for jobs that share a target, or that were timed: poisons what the job writes, calls
 * once more, and checks. */
int roofs_job_prove(void *job);

/* Of one call. Bytes count what is read plus what is written; a multiply-add is 2 flops; updates
 * are atomic additions. */
double roofs_job_bytes(const struct roofs_job *job);
double roofs_job_flops(const struct roofs_job *job);
double roofs_job_updates(const struct roofs_job *job);

#ifdef __cplusplus
}
#endif
#endif
