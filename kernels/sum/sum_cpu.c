/*
 * sum_cpu.c: runs a native plan: picks the code for it, shares the elements out to threads, and
 * joins what they return.
 */
#include "kernels/sum/sum_cpu.h"

#include <math.h>

#include "kernels/device/device.h"
#include "kernels/sum/sum_cpu_kernels.h"
#include "kernels/threads/threads.h"

#define THREADS_MAX 4
#define CHUNK_MULTIPLE 1024
#define CACHE_LINE 64

static const char *const isa_names[SUM_CPU_ISAS] = {"portable", "avx2", "avx512"};

const char *sum_cpu_isa_name(enum sum_cpu_isa isa) {
    return isa_names[isa];
}

bool sum_cpu_isa_usable(enum sum_cpu_isa isa) {
#ifdef __x86_64__
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c");
    if (isa == SUM_CPU_AVX2)
        return avx2;
    if (isa == SUM_CPU_AVX512)
        return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#endif
    return isa == SUM_CPU_PORTABLE;
}

enum sum_cpu_isa sum_cpu_isa_best(void) {
    /* Asked for at every sum: looked up once. Threads that race here find the same. */
    static _Atomic int best = -1;
    int isa = best;
    if (isa < 0) {
        for (isa = SUM_CPU_AVX512; !sum_cpu_isa_usable((enum sum_cpu_isa)isa);)
            isa--;
        best = isa;
    }
    return (enum sum_cpu_isa)isa;
}

/* --- finding the code ------------------------------------------------------------------------- */

struct place {
    enum sum_cpu_pair pair;
    enum sum_cpu_width width;
    enum sum_cpu_shape shape;
};

/* One more than the number of a pair of types, and of a number of lanes; 0: no code for it. */
#define PAIR_PLACE(name, t, a) [t][a] = SUM_CPU_PAIR_##name + 1,
static const unsigned char pair_place[4][2] = {SUM_CPU_PAIRS(PAIR_PLACE)};
static const unsigned char width_place[17] = {
    [1] = SUM_CPU_WIDTH_1 + 1, [8] = SUM_CPU_WIDTH_8 + 1, [16] = SUM_CPU_WIDTH_16 + 1};

/* A short sum takes no longer than a call of sum_cpu_plan_check, so this looks at no more than it
 * must: what the loops rely on. */
static int find_place(const struct sum_cpu_plan *plan, struct place *place) {
    unsigned type = (unsigned)plan->type, acc = (unsigned)plan->acc;
    unsigned lanes = (unsigned)plan->lanes, span = (unsigned)plan->span;
    unsigned streams = (unsigned)plan->streams, unroll = (unsigned)plan->unroll;
    if (type > 3 || acc > 1 || lanes > 16 || streams > 4 || unroll > 8)
        return -1;
    unsigned pair = pair_place[type][acc], width = width_place[lanes];
    unsigned shape = sum_cpu_shape_place[streams][unroll];
    place->pair = pair - 1;
    place->width = width - 1;
    place->shape = shape - 1;
    /* A span must be whole steps, and a step is at most 128 elements. */
    return pair && width && shape && span % 128 == 0 && span <= INT32_MAX ? 0 : -1;
}

/* From the best table that has the entry, at most `isa`. The portable one has them all. */
#define FIND(isa, member)                                                                          \
    (TABLE(isa, SUM_CPU_AVX512, sum_cpu_avx512, member)                                            \
         TABLE(isa, SUM_CPU_AVX2, sum_cpu_avx2, member) sum_cpu_portable.member)
#ifdef __x86_64__
#define TABLE(isa, level, table, member) (isa) >= (level) && table.member ? table.member:
#else
#define TABLE(isa, level, table, member)
#endif

/* --- one thread's share ----------------------------------------------------------------------- */

struct share {
    _Alignas(CACHE_LINE) struct sum_cpu_value value;
    struct binned_f32 binned32;
    struct binned_f64 binned64;
};

struct job {
    const struct sum_cpu_plan *plan;
    const char *x;
    size_t n, chunk, element;
    sum_cpu_kernel *kernel;
    sum_cpu_binned32 *binned32;
    sum_cpu_binned64 *binned64;
    struct share *shares;
};

static void run_share(void *context, unsigned index, unsigned count) {
    (void)count;
    const struct job *job = context;
    struct share *share = &job->shares[index];
    size_t first = index * job->chunk;
    size_t n = job->n - first < job->chunk ? job->n - first : job->chunk;
    const char *x = job->x + first * job->element;
    if (job->kernel) {
        job->kernel(job->plan, x, n, &share->value);
    } else if (job->binned32) {
        share->binned32 = binned_f32_zero();
        job->binned32(job->plan, x, n, &share->binned32);
    } else {
        share->binned64 = binned_f64_zero();
        job->binned64(job->plan, x, n, &share->binned64);
    }
}

/* --- joining ---------------------------------------------------------------------------------- */

#define DEFINE_JOIN(name, ACC)                                                                     \
    static void name##_add(struct share *into, const struct share *from, bool compensated) {       \
        ACC a = (ACC)into->value.s, b = (ACC)from->value.s;                                        \
        ACC total = a + b, part = total - a;                                                       \
        if (compensated) {                                                                         \
            ACC both = (ACC)into->value.c + (ACC)from->value.c;                                    \
            into->value.c = both + ((a - (total - part)) + (b - part));                            \
        }                                                                                          \
        into->value.s = total;                                                                     \
    }                                                                                              \
    static ACC name##_join(struct share *shares, unsigned count,                                   \
                           const struct sum_cpu_plan *plan) {                                      \
        bool compensated = plan->method == SUM_COMPENSATED;                                        \
        if (plan->join == SUM_CPU_JOIN_SERIAL)                                                     \
            for (unsigned k = 1; k < count; k++)                                                   \
                name##_add(&shares[0], &shares[k], compensated);                                   \
        else                                                                                       \
            for (unsigned d = 1; d < count; d *= 2)                                                \
                for (unsigned k = 0; k + d < count; k += 2 * d)                                    \
                    name##_add(&shares[k], &shares[k + d], compensated);                           \
        ACC s = (ACC)shares[0].value.s, c = (ACC)shares[0].value.c;                                \
        return compensated && c != 0 && isfinite(c) ? s + c : s;                                   \
    }
DEFINE_JOIN(f32, float)
DEFINE_JOIN(f64, double)

static uint64_t join(struct share *shares, unsigned count, const struct sum_cpu_plan *plan) {
    if (plan->method != SUM_BINNED)
        return plan->acc == SUM_ACC32 ? round_f32_bits(f32_join(shares, count, plan))
                                      : round_f64_bits(f64_join(shares, count, plan));
    for (unsigned k = 1; k < count; k++) {
        if (plan->acc == SUM_ACC32)
            binned_f32_merge(&shares[0].binned32, shares[k].binned32);
        else
            binned_f64_merge(&shares[0].binned64, shares[k].binned64);
    }
    return plan->acc == SUM_ACC32 ? round_f32_bits(binned_f32_value(&shares[0].binned32))
                                  : round_f64_bits(binned_f64_value(&shares[0].binned64));
}

/* --- the whole -------------------------------------------------------------------------------- */

static int refuse(const struct sum_cpu_plan *plan, size_t n) {
    char why[SUM_WHY];
    if (sum_cpu_plan_check(plan, why))
        return device_fail("the native sum's plan is illegal: %s", why);
    return device_fail("a native sum needs 1 or more inputs and a plan it has code for, not %zu",
                       n);
}

int sum_cpu_run_isa(const struct sum_cpu_plan *plan, enum sum_cpu_isa isa, const void *x, size_t n,
                    uint64_t *bits) {
    struct place at;
    if (n == 0 || plan->threads < 1 || plan->threads > THREADS_MAX || find_place(plan, &at))
        return refuse(plan, n);
    struct share shares[THREADS_MAX];
    struct job job = {.plan = plan, .x = x, .n = n, .shares = shares};
    job.element = element_bytes((enum element)plan->type);
    if (plan->method != SUM_BINNED) {
        int compensated = plan->method == SUM_COMPENSATED;
        job.kernel = FIND(isa, kernel[at.pair][at.width][at.shape][compensated]);
    } else if (plan->acc == SUM_ACC32) {
        job.binned32 = FIND(isa, binned32[at.pair][at.width]);
    } else {
        job.binned64 = FIND(isa, binned64[at.pair][at.width]);
    }
    size_t threads = (size_t)plan->threads;
    unsigned used = 1;
    job.chunk = n;
    if (threads > 1) {
        job.chunk = n / threads + (n % threads != 0);
        job.chunk += (CHUNK_MULTIPLE - job.chunk % CHUNK_MULTIPLE) % CHUNK_MULTIPLE;
        used = (unsigned)(n / job.chunk + (n % job.chunk != 0));
    }
    if (used == 1) {
        run_share(&job, 0, 1);
    } else {
        struct pool *pool = pool_shared(used);
        if (!pool)
            return device_fail("no memory or threads for a native sum on %u threads", used);
        pool_run_on(pool, used, run_share, &job);
    }
    *bits = join(shares, used, plan);
    return 0;
}

int sum_cpu_run(const struct sum_cpu_plan *plan, const void *x, size_t n, uint64_t *bits) {
    return sum_cpu_run_isa(plan, sum_cpu_isa_best(), x, n, bits);
}
