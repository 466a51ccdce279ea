/*
 * roofs_cpu.c: the native kernels. Workers take contiguous stretches of whole pages; which worker
 * has which stretch is fixed, so that what a worker wrote is what it reads later.
 */
#include <stdatomic.h>
#include <string.h>

#include "kernels/roofs/roofs_inside.h"
#include "kernels/threads/threads.h"

struct cpu_kernels {
    uint64_t (*read)(const char *p, size_t bytes, unsigned streams, size_t span, size_t ahead);
    void (*write)(char *p, size_t bytes, uint64_t value, bool nontemporal);
    void (*copy)(char *to, const char *from, size_t bytes, bool nontemporal);
    void (*fma32)(float *out, unsigned rounds);
    void (*fma64)(double *out, unsigned rounds);
    size_t width; /* bytes of a vector */
};

#if defined(__x86_64__)
#include <immintrin.h>

#define NAME(x) avx512_##x
#define TARGET __attribute__((target("avx512f")))
#define V __m512i
#define VZERO _mm512_setzero_si512()
#define VADD(a, b) _mm512_add_epi64(a, b)
#define VLOAD(p) _mm512_loadu_si512(p)
#define VSET(x) _mm512_set1_epi64((long long)(x))
#define VSTORE(p, v) _mm512_storeu_si512(p, v)
#define VSTREAM(p, v) _mm512_stream_si512((void *)(p), v)
#define F __m512
#define FSET(x) _mm512_set1_ps(x)
#define FFMA(x, a, b) _mm512_fmadd_ps(x, a, b)
#define D __m512d
#define DSET(x) _mm512_set1_pd(x)
#define DFMA(x, a, b) _mm512_fmadd_pd(x, a, b)
#include "kernels/roofs/roofs_cpu.inc"

#define NAME(x) avx2_##x
#define TARGET __attribute__((target("avx2,fma")))
#define V __m256i
#define VZERO _mm256_setzero_si256()
#define VADD(a, b) _mm256_add_epi64(a, b)
#define VLOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define VSET(x) _mm256_set1_epi64x((long long)(x))
#define VSTORE(p, v) _mm256_storeu_si256((__m256i *)(p), v)
#define VSTREAM(p, v) _mm256_stream_si256((__m256i *)(p), v)
#define F __m256
#define FSET(x) _mm256_set1_ps(x)
#define FFMA(x, a, b) _mm256_fmadd_ps(x, a, b)
#define D __m256d
#define DSET(x) _mm256_set1_pd(x)
#define DFMA(x, a, b) _mm256_fmadd_pd(x, a, b)
#include "kernels/roofs/roofs_cpu.inc"
#define SCALAR_STREAM(p, v) _mm_stream_si64((long long *)(p), (long long)(v))
#else
#define __builtin_ia32_sfence() __sync_synchronize()
#define SCALAR_STREAM(p, v) memcpy(p, &(uint64_t){v}, 8)
#endif

/* Scalar, and not turned into vectors behind our back. Without FMA instructions a fused multiply-
 * add would be a library call: here the product is rounded before the addition. */
static inline uint64_t scalar_load(const char *p) {
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

#define NAME(x) scalar_##x
#define TARGET __attribute__((optimize("no-tree-vectorize", "no-tree-slp-vectorize")))
#define V uint64_t
#define VZERO 0
#define VADD(a, b) ((a) + (b))
#define VLOAD(p) scalar_load(p)
#define VSET(x) (x)
#define VSTORE(p, v) memcpy(p, &(uint64_t){v}, 8)
#define VSTREAM(p, v) SCALAR_STREAM(p, v)
#define F float
#define FSET(x) (x)
#define FFMA(x, a, b) ((x) * (a) + (b))
#define D double
#define DSET(x) (x)
#define DFMA(x, a, b) ((x) * (a) + (b))
#include "kernels/roofs/roofs_cpu.inc"

static const struct cpu_kernels *kernels_of(int isa) {
    switch (isa) {
#if defined(__x86_64__)
    case ROOFS_AVX512:
        return &avx512_kernels;
    case ROOFS_AVX2:
        return &avx2_kernels;
#endif
    default:
        return &scalar_kernels;
    }
}

/* --- shares ------------------------------------------------------------------------------------
 */

/* The stretch of pages of worker `index`; an empty one where pages are few. */
static void share(size_t bytes, unsigned index, unsigned count, size_t *begin, size_t *size) {
    size_t pages = bytes / ROOFS_PAGE;
    size_t first = pages * index / count, last = pages * (index + 1) / count;
    *begin = first * ROOFS_PAGE;
    *size = (last - first) * ROOFS_PAGE;
}

/* Between passes: what a pass read or wrote may have changed, so it cannot be left out. */
static inline void next_pass(void) {
    __asm__ volatile("" ::: "memory");
}

static void read_part(void *context, unsigned index, unsigned count) {
    const struct roofs_work *work = context;
    const struct roofs_plan *plan = work->plan;
    const struct cpu_kernels *kernels = kernels_of(plan->isa);
    size_t begin, size;
    share(plan->bytes, index, count, &begin, &size);
    uint64_t sum = 0;
    for (unsigned pass = 0; pass < plan->passes; ++pass) {
        sum += kernels->read((const char *)work->source + begin, size, plan->streams, plan->span,
                             plan->prefetch);
        next_pass();
    }
    __atomic_fetch_add(work->counters, sum, __ATOMIC_RELAXED);
}

static void write_part(void *context, unsigned index, unsigned count) {
    const struct roofs_work *work = context;
    const struct roofs_plan *plan = work->plan;
    const struct cpu_kernels *kernels = kernels_of(plan->isa);
    size_t begin, size;
    share(plan->bytes, index, count, &begin, &size);
    char *to = (char *)work->target + begin;
    for (unsigned pass = 0; pass < plan->passes; ++pass) {
        if (plan->isa == ROOFS_LIBC)
            memset(to, (int)(work->value & 0xff), size);
        else
            kernels->write(to, size, work->value, plan->nontemporal);
        next_pass();
    }
}

static void copy_part(void *context, unsigned index, unsigned count) {
    const struct roofs_work *work = context;
    const struct roofs_plan *plan = work->plan;
    const struct cpu_kernels *kernels = kernels_of(plan->isa);
    size_t begin, size;
    share(plan->bytes / 2, index, count, &begin, &size);
    char *to = (char *)work->target + begin;
    const char *from = (const char *)work->source + begin;
    for (unsigned pass = 0; pass < plan->passes; ++pass) {
        if (plan->isa == ROOFS_LIBC)
            memcpy(to, from, size);
        else
            kernels->copy(to, from, size, plan->nontemporal);
        next_pass();
    }
}

static void fma_part(void *context, unsigned index, unsigned count) {
    (void)count;
    const struct roofs_work *work = context;
    const struct roofs_plan *plan = work->plan;
    const struct cpu_kernels *kernels = kernels_of(plan->isa);
    size_t each = roofs_values(plan) / plan->threads;
    if (plan->op == ROOFS_FMA32)
        kernels->fma32((float *)work->values + index * each, plan->rounds);
    else
        kernels->fma64((double *)work->values + index * each, plan->rounds);
}

static void atomic_part(void *context, unsigned index, unsigned count) {
    (void)count;
    const struct roofs_work *work = context;
    const struct roofs_plan *plan = work->plan;
    uint64_t *counter = work->counters + (plan->shared ? 0 : index * ROOFS_COUNTER_STEP);
    for (unsigned r = 0; r < plan->rounds; ++r)
        __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static void nothing(void *context, unsigned index, unsigned count) {
    (void)context;
    (void)index;
    (void)count;
    __asm__ volatile("");
}

/* --- the table ---------------------------------------------------------------------------------
 */

static int run_on_workers(const struct roofs_work *work, pool_function *function) {
    unsigned threads = work->plan->threads;
    if (threads <= 1) {
        function((void *)(uintptr_t)work, 0, 1);
        return 0;
    }
    struct pool *pool = pool_shared(threads);
    if (!pool)
        return device_fail("cannot start %u threads; use fewer", threads);
    pool_run_on(pool, threads, function, (void *)(uintptr_t)work);
    return 0;
}

static int cpu_fill(void *to, size_t bytes, void *stream) {
    (void)stream;
    uint64_t *word = to;
    for (size_t i = 0; i < bytes / 8; ++i)
        word[i] = (i + 1) * ROOFS_PATTERN;
    return 0;
}

static int cpu_read(const struct roofs_work *work) {
    return run_on_workers(work, read_part);
}

static int cpu_write(const struct roofs_work *work) {
    return run_on_workers(work, write_part);
}

static int cpu_copy(const struct roofs_work *work) {
    return run_on_workers(work, copy_part);
}

static int cpu_fma(const struct roofs_work *work) {
    return run_on_workers(work, fma_part);
}

static int cpu_atomic(const struct roofs_work *work) {
    return run_on_workers(work, atomic_part);
}

static int cpu_empty(const struct roofs_work *work) {
    /* Through a pointer the compiler cannot see through, or it would not be a call. */
    pool_function *volatile function = nothing;
    return run_on_workers(work, function);
}

const struct roofs_ops roofs_ops_cpu = {
    .fill = cpu_fill,
    .run = {[ROOFS_READ] = cpu_read,
            [ROOFS_WRITE] = cpu_write,
            [ROOFS_COPY] = cpu_copy,
            [ROOFS_FMA32] = cpu_fma,
            [ROOFS_FMA64] = cpu_fma,
            [ROOFS_ATOMIC] = cpu_atomic,
            [ROOFS_EMPTY] = cpu_empty},
};

/* --- instruction sets --------------------------------------------------------------------------
 */

bool roofs_isa_works(enum roofs_isa isa) {
    switch (isa) {
    case ROOFS_SCALAR:
    case ROOFS_LIBC:
        return true;
#if defined(__x86_64__)
    case ROOFS_AVX2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case ROOFS_AVX512:
        return __builtin_cpu_supports("avx512f");
#endif
    default:
        return false;
    }
}

enum roofs_isa roofs_isa_best(void) {
    return roofs_isa_works(ROOFS_AVX512) ? ROOFS_AVX512
           : roofs_isa_works(ROOFS_AVX2) ? ROOFS_AVX2
                                         : ROOFS_SCALAR;
}

size_t roofs_counters(const struct roofs_plan *plan) {
    if (plan->op != ROOFS_ATOMIC || plan->shared)
        return 1;
    return plan->isa == ROOFS_GPU ? (size_t)plan->threads * plan->blocks : plan->threads;
}

size_t roofs_values(const struct roofs_plan *plan) {
    if (plan->op != ROOFS_FMA32 && plan->op != ROOFS_FMA64)
        return 0;
    if (plan->isa == ROOFS_GPU)
        return (size_t)plan->threads * plan->blocks * ROOFS_CHAINS;
    size_t width = plan->isa == ROOFS_SCALAR
                       ? 1
                       : kernels_of(plan->isa)->width / (plan->op == ROOFS_FMA32 ? 4 : 8);
    return plan->threads * ROOFS_CHAINS * width;
}
