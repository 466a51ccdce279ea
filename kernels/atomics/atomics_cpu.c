/*
 * atomics_cpu.c: float sums by native threads that update shared memory (atomics_cpu.h).
 *
 * All threads of a run wait for each other before they begin, since the order of updates is what is
 * looked at: two threads that follow one another would show none. Contenders keep adding 0 to the
 * words being updated until the last of the plan's threads is done.
 */
#include "kernels/atomics/atomics_cpu.h"

#include <math.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "kernels/atomics/atomics_fixed.h"
#include "kernels/atomics/atomics_inside.h"
#include "kernels/sum/binned.h"
#include "kernels/threads/threads.h"

#define CACHE_LINE 64
#define MET_FLAGS 3
#define PAUSES 2000 /* before a waiting thread gives its core away */

struct run {
    struct atomics_cpu_job *job;
    enum atomics_type type;
    enum atomics_merge merge;
    enum atomics_cure cure;
    size_t addresses;
    unsigned threads;
    void *cells;
    double scale, limit;
    char *hot; /* words for the contenders: `addresses` of them, `step` bytes apart */
    size_t step;
    _Alignas(CACHE_LINE) _Atomic unsigned waiting; /* threads that have not come yet */
    _Alignas(CACHE_LINE) _Atomic unsigned working;
    _Alignas(CACHE_LINE) _Atomic unsigned ticket;
};

static void wait_a_little(unsigned *tries) {
    if (++*tries > PAUSES)
        sched_yield();
#if defined(__x86_64__) || defined(__i386__)
    else
        __builtin_ia32_pause();
#endif
}

/* The nearest integer, ties to even, of a number well inside the range. */
static inline int64_t nearest(double x) {
#ifdef __SSE2__
    return _mm_cvtsd_si64(_mm_set_sd(x)); /* as llrint, which is a call */
#else
    return llrint(x);
#endif
}

struct fixed_cell {
    _Atomic uint64_t q;
    _Atomic uint32_t flags;
};

/* --- f32 --- */

static inline void cut_one_f32(struct binned_f32 *state, const struct binned_f32_cut *cut,
                               float x) {
    int32_t q1, q2;
    binned_f32_split(cut, x, &q1, &q2);
    state->a1 += q1;
    state->a2 += q2;
}

static void pieces_f32(const struct binned_f32 *state, int64_t *piece) {
    piece[0] = state->a1;
    piece[1] = state->a2;
}

static struct binned_f32 state_of_f32(int bin, const int64_t *piece) {
    return (struct binned_f32){bin, 0, piece[0], piece[1]};
}

#define NAME(x) x##_f32
#define BIN(x) binned_f32_##x
#define STATE binned_f32
#define CUT binned_f32_cut
#define REAL float
#define BITS uint32_t
#define TO_BITS round_f32_bits
#define FROM_BITS round_f32_from
#define BINS ATOMICS_BINS_F32
#define PIECES ATOMICS_SUMS_F32
#include "kernels/atomics/atomics_cpu_kernel.inc"
#undef NAME
#undef BIN
#undef STATE
#undef CUT
#undef REAL
#undef BITS
#undef TO_BITS
#undef FROM_BITS
#undef BINS
#undef PIECES

/* --- f64 --- */

static inline void cut_one_f64(struct binned_f64 *state, const struct binned_f64_cut *cut,
                               double x) {
    int64_t q[BINNED_F64_BINS];
    binned_f64_split(cut, x, q);
    for (int j = 0; j < BINNED_F64_BINS; j++)
        binned_f64_carry(state, j, q[j]);
}

static void pieces_f64(const struct binned_f64 *state, int64_t *piece) {
    for (int j = 0; j < BINNED_F64_BINS; j++) {
        piece[j] = state->lo[j];
        piece[BINNED_F64_BINS + j] = state->hi[j];
    }
}

static struct binned_f64 state_of_f64(int bin, const int64_t *piece) {
    struct binned_f64 state = binned_f64_zero();
    state.bin = bin;
    for (int j = 0; j < BINNED_F64_BINS; j++) {
        state.hi[j] = piece[BINNED_F64_BINS + j];
        binned_f64_carry(&state, j, piece[j]);
    }
    return state;
}

#define NAME(x) x##_f64
#define BIN(x) binned_f64_##x
#define STATE binned_f64
#define CUT binned_f64_cut
#define REAL double
#define BITS uint64_t
#define TO_BITS round_f64_bits
#define FROM_BITS round_f64_from
#define BINS ATOMICS_BINS_F64
#define PIECES ATOMICS_SUMS_F64
#include "kernels/atomics/atomics_cpu_kernel.inc"

/* --- the plan ----------------------------------------------------------------------------------
 */

ATOMICS_CPU_PLAN_FIELDS(PLAN_VALUES)
#define FIELD(name, values, what) PLAN_FIELD(atomics_cpu_plan, name, what)
static const struct plan_field fields[ATOMICS_CPU_FIELDS] = {ATOMICS_CPU_PLAN_FIELDS(FIELD)};

static int rules(const void *of, char *why) {
    const struct atomics_cpu_plan *plan = of;
    if (plan->merge == ATOMICS_NONE &&
        (plan->cure == ATOMICS_ORDERED || plan->cure == ATOMICS_TICKET))
        PLAN_REFUSE("%s merges threads' values: it needs the merge 'thread'",
                    plan->cure == ATOMICS_ORDERED ? "ordered" : "ticket");
    return 0;
}

static const struct plan_family family = {
    .name = "a plan of atomics on a CPU",
    .example = "f32.none.fixed.a1.t2",
    .size = sizeof(struct atomics_cpu_plan),
    .fields = fields,
    .count = ATOMICS_CPU_FIELDS,
    .counts = 1u << ATOMICS_CPU_FIELD_addresses | 1u << ATOMICS_CPU_FIELD_threads,
    .rules = rules,
};

struct atomics_cpu_plan atomics_cpu_plan_default(void) {
    return (struct atomics_cpu_plan){.type = ATOMICS_F32,
                                     .merge = ATOMICS_NONE,
                                     .cure = ATOMICS_PLAIN,
                                     .addresses = 1,
                                     .threads = 2};
}

char *atomics_cpu_plan_text(const struct atomics_cpu_plan *plan, char *out) {
    return plan_text(&family, plan, out);
}

int atomics_cpu_plan_parse(const char *text, struct atomics_cpu_plan *plan, char *why) {
    struct atomics_cpu_plan parsed = atomics_cpu_plan_default();
    unsigned named;
    if (plan_parse(&family, text, &parsed, &named, why) || atomics_cpu_plan_check(&parsed, 0, why))
        return -1;
    *plan = parsed;
    return 0;
}

struct json_t *atomics_cpu_plan_json(const struct atomics_cpu_plan *plan) {
    return plan_json(&family, plan);
}

size_t atomics_cpu_updates(const struct atomics_cpu_plan *plan, size_t n) {
    return plan->merge == ATOMICS_NONE ? n : (size_t)plan->threads;
}

int atomics_cpu_plan_check(const struct atomics_cpu_plan *plan, size_t n, char *why) {
    if (plan_check(&family, plan, why))
        return -1;
    size_t updates = n ? atomics_cpu_updates(plan, n) : 0;
    if (updates > (size_t)INT32_MAX)
        PLAN_REFUSE("%zu updates are more than the %d that are numbered", updates, INT32_MAX);
    if (plan->cure == ATOMICS_BINNED && plan->type == ATOMICS_F64 &&
        updates / (size_t)plan->addresses >= BINNED_F64_FOLD)
        PLAN_REFUSE("%zu updates at %d addresses are more than 64-bit pieces hold, %d at each",
                    updates, plan->addresses, BINNED_F64_FOLD);
    return 0;
}

/* --- running -----------------------------------------------------------------------------------
 */

static void work(struct run *run, unsigned index) {
    size_t n = run->job->n, c = (n + run->threads - 1) / run->threads;
    size_t u = index;
    if (run->cure == ATOMICS_TICKET)
        u = atomic_fetch_add_explicit(&run->ticket, 1, memory_order_relaxed);
    size_t first = u * c < n ? u * c : n, end = first + c < n ? first + c : n;
    bool wide = run->type == ATOMICS_F64;
    if (run->merge == ATOMICS_NONE)
        (wide ? elements_f64 : elements_f32)(run, first, end);
    else
        (wide ? merged_f64 : merged_f32)(run, u, first, end);
}

static void contend(struct run *run) {
    size_t a = 0;
    while (atomic_load_explicit(&run->working, memory_order_relaxed)) {
        atomic_fetch_add_explicit((_Atomic uint32_t *)(run->hot + a * run->step), 0,
                                  memory_order_relaxed);
        a = (a + 1) & (run->addresses - 1);
    }
}

static void thread_main(void *context, unsigned index, unsigned count) {
    struct run *run = context;
    (void)count;
    atomic_fetch_sub(&run->waiting, 1);
    for (unsigned tries = 0; atomic_load(&run->waiting);)
        wait_a_little(&tries);
    if (index >= run->threads) {
        contend(run);
        return;
    }
    work(run, index);
    atomic_fetch_sub(&run->working, 1);
}

/* Bytes of the cures' memory, and how far apart its addresses are. */
static size_t cell_bytes(const struct atomics_cpu_plan *plan, size_t *step) {
    bool wide = plan->type == ATOMICS_F64;
    size_t addresses = (size_t)plan->addresses;
    *step = 0;
    switch (plan->cure) {
    case ATOMICS_FIXED:
        *step = sizeof(struct fixed_cell);
        break;
    case ATOMICS_BINNED:
        *step = wide ? sizeof(struct cell_f64) : sizeof(struct cell_f32);
        break;
    case ATOMICS_TICKET:
        return addresses * sizeof(uint64_t);
    case ATOMICS_ORDERED:
        return (size_t)plan->threads * sizeof(double);
    default:
        return 0;
    }
    return addresses * *step;
}

static int get_scratch(struct atomics_cpu_job *job, size_t bytes) {
    if (bytes <= job->scratch_bytes)
        return 0;
    free(job->scratch);
    bytes = (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    job->scratch = aligned_alloc(CACHE_LINE, bytes);
    job->scratch_bytes = job->scratch ? bytes : 0;
    return job->scratch ? 0 : device_fail("out of memory for %zu bytes of sums", bytes);
}

int atomics_cpu_run(const struct atomics_cpu_plan *plan, struct atomics_cpu_job *job) {
    char why[PLAN_WHY], text[PLAN_TEXT];
    if (job->n == 0)
        return device_fail("a sum of no inputs is not run: n must be at least 1");
    if (atomics_cpu_plan_check(plan, job->n, why))
        return device_fail("%s: %s", atomics_cpu_plan_text(plan, text), why);
    if (plan->cure == ATOMICS_LOGGED && !job->log)
        return device_fail("%s: there is no memory for the log", atomics_cpu_plan_text(plan, text));
    if (plan->cure == ATOMICS_FIXED &&
        (job->unit < ATOMICS_UNIT_LEAST || job->unit > ATOMICS_UNIT_MOST))
        return device_fail("%s: the unit 2^%d is outside 2^%d … 2^%d",
                           atomics_cpu_plan_text(plan, text), job->unit, ATOMICS_UNIT_LEAST,
                           ATOMICS_UNIT_MOST);
    size_t bytes = atomics_type_bytes((enum atomics_type)plan->type), step;
    size_t cells = cell_bytes(plan, &step);
    unsigned threads = (unsigned)plan->threads, all = threads + job->contenders;
    struct pool *pool = pool_shared(all);
    if (!pool)
        return device_fail("%u threads cannot be started", all);
    if (get_scratch(job, cells))
        return -1;
    memset(job->result, 0, (size_t)plan->addresses * bytes);
    if (cells)
        memset(job->scratch, 0, cells);
    struct run run = {
        .job = job,
        .type = (enum atomics_type)plan->type,
        .merge = (enum atomics_merge)plan->merge,
        .cure = (enum atomics_cure)plan->cure,
        .addresses = (size_t)plan->addresses,
        .threads = threads,
        .cells = job->scratch,
        .hot = step ? job->scratch : job->result,
        .step = step ? step : bytes,
        .waiting = all,
        .working = threads,
    };
    if (run.cure == ATOMICS_FIXED) {
        run.scale = ldexp(1.0, -job->unit);
        run.limit = atomics_fixed_limit(job->n, job->unit);
    }
    pool_run_on(pool, all, thread_main, &run);
    job->status = run.type == ATOMICS_F64 ? finish_f64(&run) : finish_f32(&run);
    return 0;
}

void atomics_cpu_job_end(struct atomics_cpu_job *job) {
    free(job->scratch);
    job->scratch = NULL;
    job->scratch_bytes = 0;
}

/* --- the model ---------------------------------------------------------------------------------
 */

static size_t update_of(const void *context, size_t n, size_t i) {
    const struct atomics_cpu_plan *plan = context;
    size_t threads = (size_t)plan->threads;
    return plan->merge == ATOMICS_NONE ? i : i / ((n + threads - 1) / threads);
}

void atomics_cpu_update_values(const struct atomics_cpu_plan *plan, const void *x, size_t n,
                               void *values) {
    enum atomics_type type = (enum atomics_type)plan->type;
    enum atomics_add add = atomics_add_plain(type);
    size_t bytes = atomics_type_bytes(type);
    if (plan->merge == ATOMICS_NONE) {
        memcpy(values, x, n * bytes);
        return;
    }
    for (size_t u = 0; u < (size_t)plan->threads; u++)
        atomics_set(type, values, u, 0, (uint64_t)1 << (8 * bytes - 1)); /* -0.0 */
    for (size_t i = 0; i < n; i++) {
        size_t u = update_of(plan, n, i);
        atomics_set(
            type, values, u, 0,
            atomics_add_bits(add, atomics_get(type, values, u, 0), atomics_get(type, x, i, 0)));
    }
}

int atomics_cpu_model(const struct atomics_cpu_plan *plan, const void *x, size_t n, int unit,
                      void *result, uint32_t *status, char *why) {
    if (atomics_cpu_plan_check(plan, n, why))
        return -1;
    struct atomics_case c = {
        .type = (enum atomics_type)plan->type,
        .cure = (enum atomics_cure)plan->cure,
        .addresses = (size_t)plan->addresses,
        .n = n,
        .updates = atomics_cpu_updates(plan, n),
        .x = x,
        .unit = unit,
        .add = atomics_add_plain((enum atomics_type)plan->type),
        .lanes_of_partials = 1,
        .update_of = update_of,
        .plan = plan,
    };
    void *values = malloc(c.updates * atomics_type_bytes(c.type));
    if (!values)
        PLAN_REFUSE("out of memory");
    atomics_cpu_update_values(plan, x, n, values);
    c.values = values;
    int failed = atomics_case_model(&c, result, status, why);
    free(values);
    return failed;
}
