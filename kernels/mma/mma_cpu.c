/*
 * mma_cpu.c: a native product: picks the code for it, brings the operands into the kernel's order,
 * goes through the loops that mma_cpu.h describes, and adds the slices' sums.
 */
#include "kernels/mma/mma_cpu.h"

#include <stdlib.h>

#include "kernels/mma/mma_cpu_inside.h"
#include "kernels/threads/threads.h"

struct mma_cpu_job {
    struct mma_job base;
    struct mma_cpu_plan plan;
    const struct mma_cpu_code *code;
    const struct mma_rule *rule;
    struct mma_slice slices[MMA_CPU_SLICES_MOST];
    struct pool *pool;
    size_t width, panels;  /* columns of a panel of B; panels */
    size_t blocks, units;  /* of A's rows: blocks of at most the tile's height; the code's units */
    size_t length, chunk;  /* K, and what is gone through at once, in whole steps */
    size_t inside_bytes;   /* of one thread's panel */
    void *a, *b, *partial; /* A in order; B in order, or each thread's panel; the slices' sums */
};

/* --- which code ------------------------------------------------------------------------------- */

bool mma_cpu_isa_usable(enum mma_cpu_isa isa) {
#ifdef __x86_64__
    if (isa == MMA_CPU_AVX2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (isa == MMA_CPU_AVX512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bf16");
    if (isa == MMA_CPU_AMX)
        return mma_cpu_amx_usable();
#endif
    return isa == MMA_CPU_SCALAR || isa == MMA_CPU_AMX_MODEL;
}

enum mma_cpu_isa mma_cpu_isa_best(enum element in) {
    enum mma_cpu_isa isa = in == ELEMENT_BF16 ? MMA_CPU_AMX : MMA_CPU_SCALAR;
    while (!mma_cpu_isa_usable(isa))
        isa--;
    return isa;
}

static const struct mma_cpu_code *code_of(enum mma_cpu_isa isa) {
#ifdef __x86_64__
    if (isa == MMA_CPU_AVX2)
        return &mma_cpu_avx2;
    if (isa == MMA_CPU_AVX512)
        return &mma_cpu_avx512;
    if (isa == MMA_CPU_AMX)
        return &mma_cpu_amx;
#endif
    return isa == MMA_CPU_AMX_MODEL ? &mma_cpu_amx_model : &mma_cpu_scalar;
}

/* --- who does what ---------------------------------------------------------------------------- */

/* The first of `all` that thread `index` of `count` takes. */
static size_t share(size_t all, unsigned index, unsigned count) {
    return all / count * index + all % count * index / count;
}

/* The first row of a block of A. The last block's units may not all be rows. */
static size_t block_row(const struct mma_cpu_job *j, size_t block) {
    return share(j->units, (unsigned)block, (unsigned)j->blocks) * j->code->unit;
}

struct rows {
    size_t first, count, width; /* width: with what fills the last unit */
};
static struct rows block_rows(const struct mma_cpu_job *j, size_t block) {
    size_t first = block_row(j, block), width = block_row(j, block + 1) - first;
    size_t left = j->base.operands->problem.shape.m - first;
    return (struct rows){first, width < left ? width : left, width};
}

/* --- operands into order ---------------------------------------------------------------------- */

static void pack_a(void *context, unsigned index, unsigned count) {
    const struct mma_cpu_job *j = context;
    const struct mma_problem *p = &j->base.operands->problem;
    size_t end = share(j->blocks, index + 1, count);
    for (size_t block = share(j->blocks, index, count); block < end; block++) {
        struct rows rows = block_rows(j, block);
        struct mma_cpu_pack pack = {.from = (const char *)j->base.a +
                                            rows.first * mma_lda(p) * element_bytes(p->in),
                                    .stride = mma_lda(p),
                                    .in = p->in,
                                    .rows = rows.count,
                                    .width = rows.width,
                                    .k = p->shape.k,
                                    .step = j->code->step,
                                    .to = (char *)j->a + rows.first * j->length * j->code->a_bytes};
        j->code->pack_a(&pack);
    }
}

/* K from `begin` on of one panel of B. */
static void pack_panel(const struct mma_cpu_job *j, size_t panel, size_t begin, size_t k,
                       void *to) {
    const struct mma_problem *p = &j->base.operands->problem;
    size_t first = panel * j->width, left = p->shape.n - first;
    struct mma_cpu_pack pack = {.from = (const char *)j->base.b +
                                        (first * mma_ldb(p) + begin) * element_bytes(p->in),
                                .stride = mma_ldb(p),
                                .in = p->in,
                                .rows = left < j->width ? left : j->width,
                                .width = j->width,
                                .k = k,
                                .step = j->code->step,
                                .partner = j->code->partner,
                                .missing = 0x8000,
                                .to = to};
    j->code->pack_b(&pack);
}

static void pack_b(void *context, unsigned index, unsigned count) {
    const struct mma_cpu_job *j = context;
    size_t end = share(j->panels, index + 1, count), bytes = j->width * j->code->b_bytes;
    for (size_t panel = share(j->panels, index, count); panel < end; panel++)
        pack_panel(j, panel, 0, j->base.operands->problem.shape.k,
                   (char *)j->b + panel * j->length * bytes);
}

static int pack_again(void *context) {
    struct mma_cpu_job *j = context;
    if (j->plan.pack == MMA_CPU_PACK_BEFORE && j->base.operands->problem.shape.k)
        pool_run_on(j->pool, (unsigned)j->plan.threads, pack_b, j);
    return 0;
}

/* --- the product ------------------------------------------------------------------------------ */

static float *slice_sums(const struct mma_cpu_job *j, size_t slice, size_t *stride) {
    const struct mma_problem *p = &j->base.operands->problem;
    *stride = j->plan.split == 1 ? mma_ldc(p) : p->shape.n;
    return j->plan.split == 1 ? j->base.c : (float *)j->partial + slice * p->shape.m * p->shape.n;
}

#define LINE 64 /* bytes */

/* All rows of one panel of C, and K from `begin` on. `next` is what b will be; NULL: nothing is
 * fetched ahead. */
static void multiply_panel(const struct mma_cpu_job *j, size_t slice, size_t panel, size_t begin,
                           size_t k, const void *b, const char *next) {
    const struct mma_shape *s = &j->base.operands->problem.shape;
    size_t stride, column = panel * j->width, left = s->n - column;
    float *c = slice_sums(j, slice, &stride) + column;
    struct mma_cpu_block block = {.b = b,
                                  .ldc = stride,
                                  .steps = (k + j->code->step - 1) / j->code->step,
                                  .columns = (unsigned)(left < j->width ? left : j->width),
                                  .fresh = begin == j->slices[slice].begin};
    if (next)
        block.ahead_lines = (j->width * k * j->code->b_bytes / LINE + block.steps * j->blocks - 1) /
                            (block.steps * j->blocks);
    for (size_t i = 0; i < j->blocks; i++) {
        block.ahead = next ? next + i * block.steps * block.ahead_lines * LINE : NULL;
        struct rows rows = block_rows(j, i);
        block.a =
            (const char *)j->a + (rows.first * j->length + rows.width * begin) * j->code->a_bytes;
        block.c = c + rows.first * stride;
        block.rows = (unsigned)rows.count;
        j->code->multiply(j->plan.tile, &block);
    }
}

/* K from `begin` on of one panel of a B that was packed before. */
static const char *packed(const struct mma_cpu_job *j, size_t panel, size_t begin) {
    return (const char *)j->b + (panel * j->length + begin) * j->width * j->code->b_bytes;
}

/* Panels first…end-1 of one slice; `inside` is the thread's own memory for a panel. */
static void multiply_slice(const struct mma_cpu_job *j, size_t slice, size_t first, size_t end,
                           void *inside) {
    size_t last = j->slices[slice].end;
    for (size_t begin = j->slices[slice].begin; begin < last; begin += j->chunk) {
        size_t k = last - begin < j->chunk ? last - begin : j->chunk;
        for (size_t panel = first; panel < end; panel++) {
            if (j->plan.pack == MMA_CPU_PACK_INSIDE) {
                pack_panel(j, panel, begin, k, inside);
                multiply_panel(j, slice, panel, begin, k, inside, NULL);
                continue;
            }
            const char *next = panel + 1 < end    ? packed(j, panel + 1, begin)
                               : begin + k < last ? packed(j, first, begin + k)
                                                  : NULL;
            multiply_panel(j, slice, panel, begin, k, packed(j, panel, begin),
                           j->plan.ahead ? next : NULL);
        }
    }
}

/* A sum of nothing. */
static void clear_slice(const struct mma_cpu_job *j, size_t slice, size_t first, size_t end) {
    const struct mma_shape *s = &j->base.operands->problem.shape;
    size_t stride, from = first * j->width, to = end * j->width < s->n ? end * j->width : s->n;
    float *c = slice_sums(j, slice, &stride);
    for (size_t m = 0; m < s->m && from < to; m++)
        memset(c + m * stride + from, 0, (to - from) * sizeof *c);
}

static void multiply(void *context, unsigned index, unsigned count) {
    const struct mma_cpu_job *j = context;
    size_t slices = (size_t)j->plan.split, all = slices * j->panels;
    size_t begin = share(all, index, count), end = share(all, index + 1, count);
    if (j->code->begin)
        j->code->begin();
    for (size_t s = 0; s < slices; s++) {
        size_t first = s * j->panels, last = first + j->panels;
        size_t from = (begin > first ? begin : first) - first;
        size_t to = end < first ? 0 : (end < last ? end : last) - first;
        if (from >= to)
            continue;
        if (j->slices[s].begin == j->slices[s].end)
            clear_slice(j, s, from, to);
        else
            multiply_slice(j, s, from, to, (char *)j->b + index * j->inside_bytes);
    }
    if (j->code->end)
        j->code->end();
}

static float merged(const struct mma_cpu_plan *plan, const float *sum, size_t stride) {
    if (plan->merge == MMA_CPU_MERGE_PAIRS)
        return (sum[0] + sum[stride]) + (sum[2 * stride] + sum[3 * stride]);
    float total = sum[0];
    for (int s = 1; s < plan->split; s++)
        total += sum[(size_t)s * stride];
    return total;
}

static void merge(void *context, unsigned index, unsigned count) {
    const struct mma_cpu_job *j = context;
    const struct mma_problem *p = &j->base.operands->problem;
    size_t end = share(p->shape.m, index + 1, count), n = p->shape.n;
    const float *sums = j->partial;
    for (size_t m = share(p->shape.m, index, count); m < end; m++)
        for (size_t i = 0; i < n; i++)
            ((float *)j->base.c)[m * mma_ldc(p) + i] =
                merged(&j->plan, sums + m * n + i, p->shape.m * n);
}

static int call(void *context) {
    struct mma_cpu_job *j = context;
    const struct mma_shape *s = &j->base.operands->problem.shape;
    unsigned threads = (unsigned)j->plan.threads;
    if (!s->m || !s->n)
        return 0;
    if (s->k)
        pool_run_on(j->pool, threads, pack_a, j);
    pool_run_on(j->pool, threads, multiply, j);
    if (j->plan.split > 1)
        pool_run_on(j->pool, threads, merge, j);
    return 0;
}

/* --- the model -------------------------------------------------------------------------------- */

static int element(void *context, size_t m, size_t n, float *value) {
    const struct mma_cpu_job *j = context;
    float sums[MMA_CPU_SLICES_MOST] = {0};
    for (int s = 0; s < j->plan.split; s++)
        if (mma_gemm_element(j->rule, j->base.operands, &j->slices[s], 1, m, n, &sums[s]) != 0)
            return -1;
    *value = merged(&j->plan, sums, 1);
    return 0;
}

/* --- the job ---------------------------------------------------------------------------------- */

static void close_job(void *context) {
    struct mma_cpu_job *j = context;
    device_free(j->base.device, j->a);
    device_free(j->base.device, j->b);
    device_free(j->base.device, j->partial);
    mma_job_close(&j->base);
    free(j);
}

static struct json_t *plan(const void *context) {
    return plan_json(&mma_cpu_plans, &((const struct mma_cpu_job *)context)->plan);
}

struct mma_shape mma_cpu_fragment(const struct mma_cpu_plan *of) {
    const struct mma_cpu_code *code = code_of((enum mma_cpu_isa)of->isa);
    return (struct mma_shape){code->unit, (size_t)of->tile & 0xff, code->step};
}

static void arrange(struct mma_cpu_job *j) {
    const struct mma_shape *s = &j->base.operands->problem.shape;
    size_t height = (size_t)j->plan.tile >> 8, per = height / j->code->unit;
    j->width = (size_t)j->plan.tile & 0xff;
    j->panels = (s->n + j->width - 1) / j->width;
    j->units = (s->m + j->code->unit - 1) / j->code->unit;
    j->blocks = (j->units + per - 1) / per;
    j->length = (s->k + j->code->step - 1) / j->code->step * j->code->step;
    j->chunk = j->plan.chunk != MMA_CPU_WHOLE && (size_t)j->plan.chunk < j->length
                   ? (size_t)j->plan.chunk
                   : j->length;
    mma_cpu_slices(&j->plan, s->k, j->slices);
}

static int prepare(struct mma_cpu_job *j) {
    const struct mma_shape *s = &j->base.operands->problem.shape;
    unsigned threads = (unsigned)j->plan.threads;
    bool inside = j->plan.pack == MMA_CPU_PACK_INSIDE;
    size_t a = j->units * j->code->unit * j->length * j->code->a_bytes;
    j->inside_bytes = inside ? j->width * j->chunk * j->code->b_bytes : 0;
    size_t b =
        inside ? threads * j->inside_bytes : j->panels * j->width * j->length * j->code->b_bytes;
    if (device_alloc(j->base.device, &j->a, a + 1) != 0 ||
        device_alloc(j->base.device, &j->b, b + 1) != 0 ||
        (j->plan.split > 1 &&
         device_alloc(j->base.device, &j->partial,
                      (size_t)j->plan.split * s->m * s->n * sizeof(float) + 1) != 0))
        return -1;
    j->pool = pool_shared(threads);
    if (!j->pool)
        return device_fail("out of memory or threads for %u threads", threads);
    return pack_again(j);
}

int mma_cpu_job_open(struct job *job, struct device *device, const struct mma_operands *operands,
                     const struct mma_cpu_plan *of) {
    const struct mma_problem *p = &operands->problem;
    char why[PLAN_WHY];
    *job = (struct job){0};
    if (device_kind(device) != DEVICE_CPU)
        return device_fail("native products do not run on %s", device_id(device));
    if (mma_cpu_plan_check(of, why) != 0)
        return device_fail("%s", why);
    const struct mma_rule *rule = mma_cpu_rule((enum mma_cpu_isa)of->isa, p->in);
    if (!rule || p->out != ELEMENT_F32)
        return device_fail("%s has no product of %s with a result of %s",
                           mma_cpu_isa_name((enum mma_cpu_isa)of->isa), element_word(p->in),
                           element_word(p->out));
    if (!mma_cpu_isa_usable((enum mma_cpu_isa)of->isa))
        return device_fail("this processor has no %s", mma_cpu_isa_name((enum mma_cpu_isa)of->isa));
    struct mma_cpu_job *j = calloc(1, sizeof *j);
    if (!j)
        return device_fail("out of memory");
    j->plan = *of;
    j->rule = rule;
    j->code = code_of((enum mma_cpu_isa)of->isa);
    j->base.call = call;
    j->base.pack = pack_again;
    j->base.element = element;
    if (mma_job_open(job, &j->base, device, operands) != 0) {
        free(j);
        return -1;
    }
    job->call = call;
    job->plan = plan;
    job->close = close_job;
    arrange(j);
    if (prepare(j) != 0) {
        job_close(job);
        return -1;
    }
    return 0;
}
