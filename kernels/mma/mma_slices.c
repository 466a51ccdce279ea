/*
 * mma_slices.c: the integer GEMM as a job: slices the operands, shares tiles or parts of K out to
 * threads, and rounds what they found.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels/mma/mma_slices_inside.h"
#include "kernels/plan/plan.h"
#include "kernels/threads/threads.h"

#define THREADS_MOST 2
#define ALIGNMENT 64

/* One operand's rows. */
struct side {
    const float *x;
    size_t stride, rows; /* there are */
    size_t padded;       /* a multiple of `high`, at least one panel */
    int high;            /* rows of a panel */
    int *place;          /* q of each row there is, zeros behind */
    bool *special;       /* rows with a NaN or an infinity */
    struct mma_slices_layout at;
    size_t panel;    /* bytes from panel to panel, where all of K is there */
    uint8_t *digits; /* NULL: B's, where they are made in the call */
};

struct slices {
    struct mma_job base;
    struct mma_slices_plan plan;
    const struct mma_slices_code *code;
    mma_slices_multiply *multiply;
    struct mma_shape shape;
    int classes, rows, columns; /* of a tile */
    size_t part, parts;         /* k of a part; parts */
    size_t in_hand;             /* tiles' columns that each panel of A is multiplied with in turn */
    struct side a, b;
    int32_t *off; /* [part][panel of A][class][row] */
    bool any_special;
    /* Of each thread. */
    uint8_t *b_part[THREADS_MOST]; /* the tiles in hand, of one part of K: digits made in calls */
    int64_t *v[THREADS_MOST];      /* with more than one part: [padded rows][padded columns] */
};

static size_t round_up(size_t n, size_t to) {
    return (n + to - 1) / to * to;
}

static size_t count_in(const struct slices *s, size_t part) {
    size_t first = part * s->part;
    return s->shape.k - first < s->part ? s->shape.k - first : s->part;
}

static size_t groups_of(size_t count) {
    return round_up(count, MMA_SLICES_MULTIPLE) / MMA_SLICES_GROUP;
}

static void share(size_t count, unsigned index, unsigned threads, size_t *first, size_t *end) {
    *first = count * index / threads;
    *end = count * (index + 1) / threads;
}

static void in_threads(struct slices *s, pool_function *work) {
    if (s->plan.threads == 1)
        work(s, 0, 1);
    else
        pool_run_on(pool_shared((unsigned)s->plan.threads), (unsigned)s->plan.threads, work, s);
}

/* --- slicing ----------------------------------------------------------------------------------
 */

static void scan(const struct slices *s, struct side *of, size_t first, size_t end) {
    for (size_t row = first; row < end && row < of->rows; row++) {
        uint32_t bits = s->code->largest(of->x + row * of->stride, s->shape.k);
        of->special[row] = bits >= 0x7f800000u;
        of->place[row] = mma_slices_place(bits, s->plan.slices);
    }
}

/* Rows first…end-1 (whole panels) of one part of K. */
static void cut(const struct slices *s, const struct side *of, size_t first, size_t end,
                size_t part, uint8_t *to, int32_t *sums) {
    struct mma_slices_cut job = {.x = of->x + first * of->stride + part * s->part,
                                 .stride = of->stride,
                                 .rows = first < of->rows ? of->rows - first : 0,
                                 .padded = end - first,
                                 .count = count_in(s, part),
                                 .groups = groups_of(count_in(s, part)),
                                 .place = of->place + first,
                                 .slices = s->plan.slices,
                                 .is_signed = of == &s->a,
                                 .to = to,
                                 .at = of->at,
                                 .sums = sums};
    s->code->cut(&job);
}

static uint8_t *digits_at(const struct slices *s, const struct side *of, size_t panel,
                          size_t part) {
    return of->digits + panel * of->panel + part * s->part / MMA_SLICES_GROUP * of->at.group;
}

static int32_t *off_at(const struct slices *s, size_t panel, size_t part) {
    size_t panels = s->a.padded / (size_t)s->rows;
    return s->off + (part * panels + panel) * (size_t)(s->classes * s->rows);
}

/* B's digits are stored plus 128: what that adds to the sums of a panel's rows. */
static void set_off(const struct slices *s, const int32_t *sums, int32_t *off) {
    for (int w = 0; w < s->classes; w++)
        for (int row = 0; row < s->rows; row++) {
            int32_t sum = 0;
            for (int i = 0; i < s->plan.slices; i++)
                if (w >= i && w - i < s->plan.slices)
                    sum += sums[row * MMA_SLICES_MOST + i];
            off[w * s->rows + row] = 128 * sum;
        }
}

static void slice_a(void *context, unsigned index, unsigned threads) {
    struct slices *s = context;
    size_t first, end, high = (size_t)s->rows;
    share(s->a.padded / high, index, threads, &first, &end);
    for (size_t panel = first; panel < end; panel++) {
        scan(s, &s->a, panel * high, (panel + 1) * high);
        for (size_t part = 0; part < s->parts; part++) {
            int32_t sums[MMA_SLICES_ROWS_MOST * MMA_SLICES_MOST];
            cut(s, &s->a, panel * high, (panel + 1) * high, part, digits_at(s, &s->a, panel, part),
                sums);
            set_off(s, sums, off_at(s, panel, part));
        }
    }
}

static void scan_b(void *context, unsigned index, unsigned threads) {
    struct slices *s = context;
    size_t first, end;
    share(s->b.padded, index, threads, &first, &end);
    scan(s, &s->b, first, end);
}

static void slice_b(void *context, unsigned index, unsigned threads) {
    struct slices *s = context;
    size_t first, end, high = MMA_SLICES_COLUMNS;
    share(s->b.padded / high, index, threads, &first, &end);
    for (size_t panel = first; panel < end; panel++) {
        scan(s, &s->b, panel * high, (panel + 1) * high);
        for (size_t part = 0; part < s->parts; part++)
            cut(s, &s->b, panel * high, (panel + 1) * high, part, digits_at(s, &s->b, panel, part),
                NULL);
    }
}

/* --- multiplying ------------------------------------------------------------------------------
 */

static void finish(const struct slices *s, const int64_t *v, size_t row, size_t column,
                   size_t count) {
    float *c = (float *)s->base.c + row * mma_ldc(&s->base.operands->problem) + column;
    int power = mma_slices_power(s->plan.slices, s->classes) - s->a.place[row];
    s->code->round(v, count, power, s->b.place + column, c);
    for (size_t i = 0; s->any_special && i < count; i++)
        if (s->a.special[row] || s->b.special[column + i])
            c[i] = mma_slices_special(s->a.x + row * s->a.stride,
                                      s->b.x + (column + i) * s->b.stride, s->shape.k);
}

static size_t inside(size_t rows, size_t first, int wanted) {
    return first >= rows ? 0 : rows - first < (size_t)wanted ? rows - first : (size_t)wanted;
}

/* Digits of one tile's columns; `slot`: which of the tiles in hand it is. */
static const uint8_t *columns_at(const struct slices *s, size_t tile, size_t slot, size_t part,
                                 unsigned index, size_t *panel_bytes) {
    size_t panels = (size_t)s->columns / MMA_SLICES_COLUMNS;
    *panel_bytes = s->b.panel;
    if (s->b.digits)
        return digits_at(s, &s->b, tile * panels, part);
    *panel_bytes = s->part / MMA_SLICES_GROUP * s->b.at.group;
    return s->b_part[index] + slot * panels * *panel_bytes;
}

static void slice_columns(const struct slices *s, size_t tile, size_t slot, size_t part,
                          unsigned index) {
    size_t bytes, first = tile * (size_t)s->columns, end = first + (size_t)s->columns;
    uint8_t *to = (uint8_t *)columns_at(s, tile, slot, part, index, &bytes);
    for (; first < end; first += MMA_SLICES_COLUMNS, to += bytes)
        cut(s, &s->b, first, first + MMA_SLICES_COLUMNS, part, to, NULL);
}

/* One tile of C, for one part of K; `first_part`: the thread's first. */
static void one_tile(const struct slices *s, struct mma_slices_block *block, size_t panel,
                     size_t tile, size_t part, unsigned index, bool first_part) {
    _Alignas(ALIGNMENT)
        int32_t sums[MMA_SLICES_CLASSES_MOST * MMA_SLICES_ROWS_MOST * MMA_SLICES_WIDE_MOST];
    _Alignas(ALIGNMENT) int64_t v[MMA_SLICES_ROWS_MOST * MMA_SLICES_WIDE_MOST];
    size_t row = panel * (size_t)s->rows, column = tile * (size_t)s->columns;
    struct mma_slices_into into = {v, (size_t)s->columns, true};
    if (s->parts > 1)
        into = (struct mma_slices_into){s->v[index] + row * s->b.padded + column, s->b.padded,
                                        first_part};
    s->multiply(block, sums);
    s->code->add(block, sums, off_at(s, panel, part), &into);
    for (size_t r = 0; s->parts == 1 && r < inside(s->a.rows, row, s->rows); r++)
        finish(s, v + r * (size_t)s->columns, row + r, column,
               inside(s->b.rows, column, s->columns));
}

/* All rows of some tiles' columns, for one part of K. */
static void columns_of_part(const struct slices *s, size_t first, size_t end, size_t part,
                            unsigned index, bool first_part) {
    struct mma_slices_block block = {.a_at = s->a.at,
                                     .b_group = s->b.at.group,
                                     .groups = groups_of(count_in(s, part)),
                                     .slices = s->plan.slices,
                                     .classes = s->classes,
                                     .rows = s->rows,
                                     .columns = s->columns};
    for (size_t tile = first; !s->b.digits && tile < end; tile++)
        slice_columns(s, tile, tile - first, part, index);
    for (size_t panel = 0; panel < s->a.padded / (size_t)s->rows; panel++) {
        block.a = digits_at(s, &s->a, panel, part);
        for (size_t tile = first; tile < end; tile++) {
            block.b = columns_at(s, tile, tile - first, part, index, &block.b_panel);
            one_tile(s, &block, panel, tile, part, index, first_part);
        }
    }
}

/* Threads share the columns; or, where K has parts, the parts. */
static void multiply_share(void *context, unsigned index, unsigned threads) {
    struct slices *s = context;
    size_t first = 0, end = s->b.padded / (size_t)s->columns;
    if (s->parts == 1)
        share(end, index, threads, &first, &end);
    for (size_t part = s->parts > 1 ? index : 0; part<s->parts; part += s->parts> 1 ? threads : 1)
        for (size_t tile = first; tile < end; tile += s->in_hand)
            columns_of_part(s, tile, end - tile < s->in_hand ? end : tile + s->in_hand, part, index,
                            part == index);
}

static void merge_share(void *context, unsigned index, unsigned threads) {
    struct slices *s = context;
    size_t first, end;
    share(s->shape.m, index, threads, &first, &end);
    for (size_t row = first; row < end; row++) {
        int64_t *v = s->v[0] + row * s->b.padded;
        for (int t = 1; t < s->plan.threads; t++)
            for (size_t column = 0; column < s->shape.n; column++)
                v[column] += s->v[t][row * s->b.padded + column];
        finish(s, v, row, 0, s->shape.n);
    }
}

static bool any(const struct side *of) {
    for (size_t row = 0; row < of->rows; row++)
        if (of->special[row])
            return true;
    return false;
}

/* B's slices, where they are made beforehand. */
static int pack(void *context) {
    struct slices *s = context;
    if (s->b.digits)
        in_threads(s, slice_b);
    return 0;
}

static int call(void *context) {
    struct slices *s = context;
    if (s->shape.m == 0 || s->shape.n == 0)
        return 0;
    in_threads(s, slice_a);
    if (s->plan.weights == MMA_SLICES_INSIDE)
        in_threads(s, scan_b);
    s->any_special = any(&s->a) || any(&s->b);
    in_threads(s, multiply_share);
    if (s->parts > 1)
        in_threads(s, merge_share);
    return 0;
}

/* --- the job ----------------------------------------------------------------------------------
 */

static int element(void *context, size_t m, size_t n, float *value) {
    const struct slices *s = context;
    *value = mma_slices_model(s->base.operands, s->plan.slices, s->classes, m, n);
    return 0;
}

static struct json_t *plan_of(const void *context) {
    return plan_json(&mma_slices_plans, &((const struct slices *)context)->plan);
}

static void close_job(void *context) {
    struct slices *s = context;
    for (int t = 0; t < THREADS_MOST; t++) {
        free(s->b_part[t]);
        free(s->v[t]);
    }
    struct side *sides[] = {&s->a, &s->b};
    for (int k = 0; k < 2; k++) {
        free(sides[k]->place);
        free(sides[k]->special);
        free(sides[k]->digits);
    }
    free(s->off);
    mma_job_close(&s->base);
    free(s);
}

static void *aligned(size_t bytes, bool *short_of_memory) {
    void *memory = aligned_alloc(ALIGNMENT, round_up(bytes ? bytes : 1, ALIGNMENT));
    *short_of_memory |= !memory;
    return memory;
}

static void open_side(struct side *side, bool *short_of_memory) {
    side->padded = round_up(side->rows ? side->rows : 1, (size_t)side->high);
    side->place = calloc(side->padded, sizeof *side->place);
    side->special = calloc(side->padded, sizeof *side->special);
    *short_of_memory |= !side->place || !side->special;
}

static int open_memory(struct slices *s) {
    bool short_of_memory = false;
    size_t slices = (size_t)s->plan.slices, k = round_up(s->shape.k, MMA_SLICES_MULTIPLE);
    size_t group = MMA_SLICES_GROUP, high = (size_t)s->rows;
    s->a.at = (struct mma_slices_layout){group, group * high, group * high * slices};
    s->a.panel = k * high * slices;
    if (mma_slices_tiles(s->plan.isa)) {
        /* 64 bytes more: 16 rows a multiple of 4,096 bytes apart would fall into one cache set. */
        size_t row = k + MMA_SLICES_MULTIPLE;
        s->a.at = (struct mma_slices_layout){row * slices, row, group};
        s->a.panel = row * slices * high;
    }
    group *= MMA_SLICES_COLUMNS;
    s->b.at = (struct mma_slices_layout){MMA_SLICES_GROUP, group, group * slices};
    s->b.panel = k * MMA_SLICES_COLUMNS * slices;
    s->a.high = s->rows;
    s->b.high = s->columns;
    open_side(&s->a, &short_of_memory);
    open_side(&s->b, &short_of_memory);
    size_t panels = s->a.padded / high;
    s->a.digits = aligned(panels * s->a.panel, &short_of_memory);
    s->off = calloc(s->parts * panels * high * (size_t)s->classes, sizeof *s->off);
    short_of_memory |= !s->off;
    if (s->plan.weights == MMA_SLICES_BEFORE)
        s->b.digits = aligned(s->b.padded / MMA_SLICES_COLUMNS * s->b.panel, &short_of_memory);
    for (int t = 0; t < s->plan.threads; t++) {
        if (s->plan.weights == MMA_SLICES_INSIDE)
            s->b_part[t] =
                aligned(s->part * (size_t)s->columns * slices * s->in_hand, &short_of_memory);
        if (s->parts > 1)
            s->v[t] = aligned(s->a.padded * s->b.padded * sizeof(int64_t), &short_of_memory);
    }
    return short_of_memory ? device_fail("out of memory for an integer GEMM's slices") : 0;
}

int mma_slices_refuse(const struct mma_problem *p, int classes) {
    if (p->in != ELEMENT_F32 || p->out != ELEMENT_F32)
        return device_fail("the integer GEMM takes and gives f32");
    if (p->shape.k >= (size_t)1 << (classes == 5 ? 17 : 24))
        return device_fail("the integer GEMM's sums of %zu products do not fit 64 bits",
                           p->shape.k);
    return 0;
}

static int refuse(const struct mma_problem *p, const struct mma_slices_plan *plan,
                  const struct device *device) {
    char why[PLAN_WHY];
    int classes = plan->slices + plan->kept;
    if (plan_check(&mma_slices_plans, plan, why) != 0)
        return device_fail("the integer GEMM's plan is illegal: %s", why);
    if (device_kind(device) != DEVICE_CPU)
        return device_fail("the integer GEMM of slices runs on cpu, not on %s", device_id(device));
    if (!mma_slices_usable((enum mma_slices_isa)plan->isa))
        return device_fail("this processor has no %s",
                           plan_word(&mma_slices_plans, plan, MMA_SLICES_FIELD_isa));
    return mma_slices_refuse(p, classes);
}

static void choose_code(struct slices *s) {
    s->code = &mma_slices_portable;
    s->multiply = s->plan.isa == MMA_SLICES_AMX_MODEL ? mma_slices_multiply_soft_tiles
                                                      : mma_slices_multiply_portable;
#ifdef __x86_64__
    if (s->plan.isa == MMA_SLICES_VNNI || s->plan.isa == MMA_SLICES_AMX) {
        s->code = &mma_slices_avx512;
        s->multiply = s->plan.isa == MMA_SLICES_AMX
                          ? mma_slices_multiply_amx
                          : mma_slices_multiply_vnni(s->plan.slices, s->classes, s->plan.tile);
    }
#endif
}

int mma_slices_job_open(struct job *job, struct device *device, const struct mma_operands *operands,
                        const struct mma_slices_plan *plan) {
    const struct mma_problem *p = &operands->problem;
    memset(job, 0, sizeof *job);
    if (refuse(p, plan, device) != 0)
        return -1;
    if (plan->threads > 1 && !pool_shared((unsigned)plan->threads))
        return device_fail("no memory or threads for an integer GEMM on %d threads", plan->threads);
    struct slices *s = calloc(1, sizeof *s);
    if (!s)
        return device_fail("out of memory for an integer GEMM");
    s->plan = *plan;
    s->shape = p->shape;
    s->classes = plan->slices + plan->kept;
    s->rows = mma_slices_rows(plan->tile);
    s->columns = mma_slices_columns(plan->tile);
    choose_code(s);
    /* AMX is through with a panel of A sooner than the last-level cache brings the next. */
    s->in_hand = mma_slices_tiles(plan->isa) ? 4 : 1;
    s->part = mma_slices_part(p->shape.k, (size_t)plan->split);
    s->parts = mma_slices_parts(p->shape.k, s->part);
    s->base.call = call;
    s->base.element = element;
    s->base.pack = pack;
    s->base.fraction = plan->slices == 3 ? 20 : 23;
    if (mma_job_open(job, &s->base, device, operands) != 0) {
        free(s);
        return -1;
    }
    s->a.x = s->base.a, s->a.stride = mma_lda(p), s->a.rows = p->shape.m;
    s->b.x = s->base.b, s->b.stride = mma_ldb(p), s->b.rows = p->shape.n;
    job->call = call;
    job->plan = plan_of;
    job->close = close_job;
    if (open_memory(s) != 0) {
        job_close(job);
        return -1;
    }
    return pack(s);
}

/* --- what this machine has --------------------------------------------------------------------
 */

bool mma_slices_usable(enum mma_slices_isa isa) {
#ifdef __x86_64__
    bool vnni = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                __builtin_cpu_supports("avx512vnni");
    if (isa == MMA_SLICES_VNNI)
        return vnni;
    if (isa == MMA_SLICES_AMX)
        return vnni && mma_slices_amx_allowed();
#endif
    return isa == MMA_SLICES_PORTABLE || isa == MMA_SLICES_AMX_MODEL;
}

enum mma_slices_isa mma_slices_best(void) {
    return mma_slices_usable(MMA_SLICES_AMX)    ? MMA_SLICES_AMX
           : mma_slices_usable(MMA_SLICES_VNNI) ? MMA_SLICES_VNNI
                                                : MMA_SLICES_PORTABLE;
}
