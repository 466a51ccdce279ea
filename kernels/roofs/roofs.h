/*
 * roofs.h: microkernels whose only purpose is to reach a machine's limits: reading, writing and
 * copying memory, multiply-adds in registers, atomic updates, and calls that do nothing.
 *
 * A plan says which kernel, and on how much; roofs_job_open makes a job of it (kernels/device/
 * job.h). Every job can prove that it did its work: readers return a checksum, writers and copiers
 * leave a pattern, multiply-adds a value known to the bit, atomics a count. So a reader that skips
 * half of its buffer is wrong and not fast. The best of several jobs, measured together, is a roof:
 * the denominator of other measurements (harness/lab/contest.h, contest_readers).
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
#include "kernels/device/job.h"
#include "kernels/plan/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- the values of each field: V(value, word) --------------------------------------------------
 */

/* read, write: every byte of the footprint into, or from, registers. copy: one half of it to the
 * other. fma: x = x a + b in independent chains, in registers. atomic: integer additions to one
 * address, or to one for each thread. empty: a call, a hand-over to other threads, or a kernel
 * launch, that does nothing. */
#define ROOFS_OP_WORDS(V)                                                                          \
    V(ROOFS_READ, "read")                                                                          \
    V(ROOFS_WRITE, "write")                                                                        \
    V(ROOFS_COPY, "copy")                                                                          \
    V(ROOFS_FMA32, "fma32")                                                                        \
    V(ROOFS_FMA64, "fma64") V(ROOFS_ATOMIC, "atomic") V(ROOFS_EMPTY, "empty")
/* libc: the C library's memcpy and memset. gpu: the kernels of roofs.cu. */
#define ROOFS_ISA_WORDS(V)                                                                         \
    V(ROOFS_SCALAR, "scalar")                                                                      \
    V(ROOFS_AVX2, "avx2") V(ROOFS_AVX512, "avx512") V(ROOFS_LIBC, "libc") V(ROOFS_GPU, "gpu")
#define ROOFS_STREAM_WORDS(V)                                                                      \
    V(1, "streams=1") V(2, "streams=2") V(4, "streams=4") V(8, "streams=8")
/* Bytes of each stream before all of them move on; 0: the streams share out the whole. */
#define ROOFS_SPAN_WORDS(V) V(0, "span=0") V(1024, "span=1024") V(4096, "span=4096")
/* Bytes ahead; 0: left to the hardware. */
#define ROOFS_PREFETCH_WORDS(V)                                                                    \
    V(0, "prefetch=0")                                                                             \
    V(512, "prefetch=512")                                                                         \
    V(4096, "prefetch=4096") V(8192, "prefetch=8192") V(16384, "prefetch=16384")
#define ROOFS_STORE_WORDS(V) V(0, "cached") V(1, "nontemporal")
#define ROOFS_ADDRESS_WORDS(V) V(0, "private") V(1, "shared")
#define ROOFS_WAIT_WORDS(V) V(0, "queue") V(1, "wait")
#define ROOFS_BUILD_WORDS(V) V(0, "plain") V(1, "checked")

#define ROOFS_ENUMERATOR(value, word) value,
enum roofs_op { ROOFS_OP_WORDS(ROOFS_ENUMERATOR) ROOFS_OPS };
enum roofs_isa { ROOFS_ISA_WORDS(ROOFS_ENUMERATOR) ROOFS_ISAS };

/* The fields: X(name, values, what). */
#define ROOFS_PLAN_FIELDS(X)                                                                       \
    X(op, ROOFS_OP_WORDS, "what is done")                                                          \
    X(isa, ROOFS_ISA_WORDS, "instructions that do it")                                             \
    X(streams, ROOFS_STREAM_WORDS,                                                                 \
      "CPU reads: places a worker reads at a time. GPU: 16-byte loads a thread has in flight")     \
    X(span, ROOFS_SPAN_WORDS, "CPU reads: bytes of a stream at a time")                            \
    X(prefetch, ROOFS_PREFETCH_WORDS, "CPU reads: bytes asked for ahead")                          \
    X(nontemporal, ROOFS_STORE_WORDS, "CPU writes and copies: whether past the caches")            \
    X(shared, ROOFS_ADDRESS_WORDS, "atomics: whether all threads update one address")              \
    X(wait, ROOFS_WAIT_WORDS, "GPU, empty: whether every call waits until the kernel has ended")   \
    X(checked, ROOFS_BUILD_WORDS, "simt: which build of the kernels")

/* Footprints are multiples of this. */
#define ROOFS_PAGE ((size_t)4096)

#define ROOFS_MEMBER(name, values, what) int name;
struct roofs_plan {
    ROOFS_PLAN_FIELDS(ROOFS_MEMBER)
    /* How much of it. */
    size_t bytes;     /* read, write, copy: the footprint, both buffers of a copy together; a
                       * multiple of 2 ROOFS_PAGE */
    unsigned passes;  /* over the footprint in one call; 0: one */
    unsigned threads; /* CPU: workers. GPU: threads per block */
    unsigned blocks;  /* GPU: in the grid; 0: 132 */
    unsigned rounds;  /* multiply-adds and atomics: steps per thread and call; 0: 1024 */
};

const char *roofs_op_name(enum roofs_op op);
/* "bytes/s", "flop/s", "updates/s", "calls/s": what an op's speed is counted in. */
const char *roofs_unit(enum roofs_op op);
/* The widest instruction set that this CPU, and the operating system, supports. */
enum roofs_isa roofs_isa_best(void);
bool roofs_isa_works(enum roofs_isa isa);

/* The plan as a part of a case id, such as "avx512/streams=4/span=0/prefetch=8192"; leaves out what
 * the op does not use, and op, bytes, passes and a CPU's threads. Returns text. */
#define ROOFS_TEXT PLAN_TEXT
char *roofs_plan_text(const struct roofs_plan *plan, char text[ROOFS_TEXT]);
/* The plan as a record, with how much of it. New reference. */
struct json_t *roofs_plan_json(const struct roofs_plan *plan);

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

/* `memory` must be large enough (read: source; write: target; copy: half of the footprint in
 * each), and outlive the job; jobs that touch no memory may pass one of 0 bytes. On a GPU a call
 * launches and does not wait, unless plan->wait. The job can prove its work; there is no one
 * number that is its result, so it has no bits. 0, or -1 with device_error(). */
int roofs_job_open(struct job *out, struct roofs_memory *memory, const struct roofs_plan *plan);
/* What one call of a job of this family does, in the op's unit: bytes read plus bytes written (as
 * job.bytes), flops, where a multiply-add is 2 (as job.flops), atomic updates, or 1 call. */
double roofs_job_work(const struct job *job);

#ifdef __cplusplus
}
#endif
#endif
