/*
 * paged_cpu.h: the native decode step, gather and walk, for when time on a CPU is the subject.
 *
 * The same plans, cache, tables and outputs as paged.h; threads share out the (sequence, split)
 * pairs. Its bits have a staging of their own, said in paged_cpu.c, and equal on every instruction
 * set, thread count, prefetch, map, layout and block size: paged_cpu_model() is the portable code.
 */
#ifndef NANOLAB_KERNELS_PAGED_ATTENTION_PAGED_CPU_H
#define NANOLAB_KERNELS_PAGED_ATTENTION_PAGED_CPU_H

#include "kernels/paged_attention/paged.h"

#ifdef __cplusplus
extern "C" {
#endif

enum paged_isa { PAGED_PORTABLE, PAGED_AVX2, PAGED_AVX512, PAGED_ISAS };
const char *paged_isa_name(enum paged_isa isa);
/* The widest that this CPU and operating system support. */
enum paged_isa paged_isa_best(void);
bool paged_isa_works(enum paged_isa isa);

/* Which lines are asked for ahead of the token in hand. none: left to the hardware. next: the
 * lines that follow in token order. robin: those of the next eight 4 KiB pages, a line of each by
 * turns, so that eight pages stream at once. Which is fastest differs: next was, for attention, on
 * a Zen 4, robin on a Sapphire Rapids; callers measure it or say which (paged_job.h). */
#define PAGED_PREFETCHES(X)                                                                        \
    X(PAGED_PREFETCH_NONE, "none")                                                                 \
    X(PAGED_PREFETCH_NEXT, "next")                                                                 \
    X(PAGED_PREFETCH_ROBIN, "robin")
#define PAGED_PREFETCH_ENUMERATOR(value, word) value,
enum paged_prefetch { PAGED_PREFETCHES(PAGED_PREFETCH_ENUMERATOR) PAGED_PREFETCH_COUNT };
const char *paged_prefetch_name(enum paged_prefetch prefetch);

struct paged_cpu_call {
    struct paged_plan plan;
    struct paged_shape shape;
    enum paged_isa isa;
    enum paged_prefetch prefetch;
    unsigned threads; /* 1… */
    /* Queries of a group that matter, from its first on, where the others only fill it up: their
     * `out` is any. 0: all. */
    unsigned queries;
    const void *k, *v, *q; /* 64-byte aligned host memory; pages.h for k and v */
    float *out;
    uint64_t *sums;
    void *workspace; /* paged_cpu_workspace_bytes */
};
size_t paged_cpu_workspace_bytes(const struct paged_plan *plan, const struct paged_shape *shape,
                                 unsigned threads);
/* One step, done when it returns. 0, or -1 with device_error(). The caller has checked plan, shape
 * and table (paged_check). */
int paged_cpu_run(const struct paged_cpu_call *call);

/* The bits of an attention step on any ISA, by the portable code on one thread. */
int paged_cpu_model(const struct paged_plan *plan, const struct paged_shape *shape, const void *k,
                    const void *v, const void *q, float *out);

#ifdef __cplusplus
}
#endif
#endif
