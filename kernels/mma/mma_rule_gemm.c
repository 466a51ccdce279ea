/*
 * mma_rule_gemm.c: whole products by a rule; see mma_rule.h. Rows are decoded once, laid out as
 * instructions take them, and then met with each other.
 */
#include <stdlib.h>

#include "kernels/device/device.h"
#include "kernels/mma/mma_rule_inside.h"
#include "kernels/threads/threads.h"

/* Columns that one CPU takes in a row: as many as mma_wide() does at once. */
#define COLUMNS 8

struct gemm {
    const struct mma_rule *rule;
    const struct mma_operands *operands;
    const struct mma_slice *slices;
    size_t count, padded; /* slices; items of a row */
    struct mma_unit unit;
    bool fast; /* the processor has what chain_fast and aligned_fast need */
    bool wide; /* … and mma_wide() */
    size_t m, rows;
    union mma_item *a; /* [rows][padded] */
    bool *odd;         /* [rows]: infinities or NaN */
    float *out;
    bool failed;
};

static size_t padded_length(const struct mma_rule *rule, const struct mma_slice *slice) {
    size_t k = (size_t)rule->k;
    return (slice->end - slice->begin + k - 1) / k * k;
}

/* Place of the i-th product of an instruction. */
static size_t place_of(const struct mma_rule *rule, size_t i) {
    return rule->sum == MMA_TWO_STEPS ? i % 4 / 2 * 16 + i / 4 * 2 + i % 2 : i;
}

/* A row is laid out as instructions take it: each slice filled up with zeros to whole instructions;
 * in MMA_TWO_STEPS those of an instruction's first step before those of its second.
 *
 * Whether all of `values` that a slice names is finite; `to` is of no use otherwise. */
static bool lay_out(const struct gemm *g, const float *values, union mma_item *to) {
    size_t k = (size_t)g->rule->k;
    bool chain = g->rule->sum == MMA_CHAIN;
    for (size_t s = 0; s < g->count; s++) {
        size_t length = g->slices[s].end - g->slices[s].begin,
               padded = padded_length(g->rule, &g->slices[s]);
        for (size_t i = 0; i < padded; i++) {
            float value = i < length ? values[g->slices[s].begin + i] : 0.0f;
            union mma_item *item = &to[i / k * k + place_of(g->rule, i % k)];
            if (chain)
                item->value = g->rule->flush ? mma_flush(value) : value;
            else if (!mma_is_finite(value))
                return false;
            else
                item->number = mma_number_of(g->rule, value);
        }
        to += padded;
    }
    return true;
}

/* --- one slice of one element ------------------------------------------------------------------
 */

/* n numbers, whole blocks. The number of products is a constant where most of the time is spent. */
MMA_INLINE float aligned(const struct mma_unit *unit, const union mma_item *a,
                         const union mma_item *b, size_t n, float c) {
    size_t block = (size_t)unit->block;
    for (size_t i = 0; i < n && mma_is_finite(c); i += block) {
        const struct mma_number *x = &a[i].number, *y = &b[i].number;
        switch (block) {
        case 4:
            c = mma_block(unit, x, y, 4, c);
            break;
        case 8:
            c = mma_block(unit, x, y, 8, c);
            break;
        case 16:
            c = mma_block(unit, x, y, 16, c);
            break;
        case 32:
            c = mma_block(unit, x, y, 32, c);
            break;
        default:
            c = mma_block(unit, x, y, (int)block, c);
        }
    }
    return c;
}

MMA_INLINE float chain(const struct mma_rule *rule, const union mma_item *a,
                       const union mma_item *b, size_t n, float c) {
    if (!rule->flush) {
        for (size_t i = 0; i < n; i++)
            c = __builtin_fmaf(a[i].value, b[i].value, c);
        return c;
    }
    c = mma_flush(c);
    if (rule->chains == 1) {
        size_t swap = rule->swap;
        for (size_t i = 0; i < n; i++)
            c = mma_fma_flushed(a[i ^ swap].value, b[i ^ swap].value, c);
        return c;
    }
    for (size_t i = 0; i < n; i += (size_t)rule->k) {
        float even = 0, odd = 0;
        for (size_t j = i; j < i + (size_t)rule->k; j += 2) {
            even = mma_fma_flushed(a[j].value, b[j].value, even);
            odd = mma_fma_flushed(a[j + 1].value, b[j + 1].value, odd);
        }
        c = mma_flush(c + mma_flush(even + odd));
    }
    return c;
}

static float aligned_plain(const struct mma_unit *unit, const union mma_item *a,
                           const union mma_item *b, size_t n, float c) {
    return aligned(unit, a, b, n, c);
}
static float chain_plain(const struct mma_rule *rule, const union mma_item *a,
                         const union mma_item *b, size_t n, float c) {
    return chain(rule, a, b, n, c);
}
#ifdef __x86_64__
__attribute__((target("avx2,fma"))) static float aligned_fast(const struct mma_unit *unit,
                                                              const union mma_item *a,
                                                              const union mma_item *b, size_t n,
                                                              float c) {
    return aligned(unit, a, b, n, c);
}
__attribute__((target("avx2,fma"))) static float chain_fast(const struct mma_rule *rule,
                                                            const union mma_item *a,
                                                            const union mma_item *b, size_t n,
                                                            float c) {
    return chain(rule, a, b, n, c);
}
static bool processor_is_fast(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#else
#define aligned_fast aligned_plain
#define chain_fast chain_plain
static bool processor_is_fast(void) {
    return false;
}
#endif

static float slice_of(const struct gemm *g, const union mma_item *a, const union mma_item *b,
                      size_t n, float c) {
    const struct mma_unit *unit = &g->unit;
    if (g->rule->sum == MMA_CHAIN)
        return g->fast ? chain_fast(g->rule, a, b, n, c) : chain_plain(g->rule, a, b, n, c);
    if (g->rule->sum == MMA_ALIGNED)
        return g->fast ? aligned_fast(unit, a, b, n, c) : aligned_plain(unit, a, b, n, c);
    size_t k = (size_t)g->rule->k;
    for (size_t i = 0; i < n; i += k) {
        float y = g->fast ? aligned_fast(unit, a + i, b + i, k, 0)
                          : aligned_plain(unit, a + i, b + i, k, 0);
        c = mma_add_after_steps(unit->half, y, c);
    }
    return c;
}

/* The same for eight columns; false: c is as it was. */
static bool slice_of_eight(const struct gemm *g, const union mma_item *a, const union mma_item *b,
                           size_t n, float *c) {
    if (g->rule->sum == MMA_ALIGNED)
        return mma_wide(&g->unit, a, b, n, c);
    if (g->rule->sum == MMA_CHAIN)
        return mma_wide_chain(g->rule, a, b, n, c);
    size_t k = (size_t)g->rule->k;
    float sums[COLUMNS];
    memcpy(sums, c, sizeof sums);
    for (size_t i = 0; i < n; i += k) {
        float y[COLUMNS] = {0};
        if (!mma_wide(&g->unit, a + i, b + COLUMNS * i, k, y))
            return false;
        for (int j = 0; j < COLUMNS; j++)
            sums[j] = mma_add_after_steps(g->unit.half, y[j], sums[j]);
    }
    memcpy(c, sums, sizeof sums);
    return true;
}

/* --- one element -------------------------------------------------------------------------------
 */

static float rounded(enum element out, float value) {
    double wide = 0;
    if (isnan(value))
        return mma_nan();
    if (out == ELEMENT_F32)
        return value;
    element_set(out, &wide, 0, (double)value);
    return (float)element_get(out, &wide, 0);
}

/* The partial sums so far, and one more. */
static float with_partial(bool first, float total, float partial) {
    return first ? partial : total + partial;
}

static float element_of(const struct gemm *g, const union mma_item *a, const union mma_item *b) {
    float total = 0, c = 0;
    bool first = true;
    for (size_t s = 0; s < g->count; s++) {
        if (s && g->slices[s].fresh) {
            total = with_partial(first, total, c);
            first = false;
            c = 0;
        }
        size_t n = padded_length(g->rule, &g->slices[s]);
        c = slice_of(g, a, b, n, c);
        a += n, b += n;
    }
    return rounded(g->operands->problem.out, with_partial(first, total, c));
}

/* Eight columns of one row. */
static bool elements_of_eight(const struct gemm *g, const union mma_item *a,
                              const union mma_item *b, float *out) {
    float total[COLUMNS], c[COLUMNS] = {0};
    bool first = true;
    for (size_t s = 0; s < g->count; s++) {
        for (int j = 0; j < COLUMNS && s && g->slices[s].fresh; j++) {
            total[j] = with_partial(first, total[j], c[j]);
            c[j] = 0;
        }
        first = first && !(s && g->slices[s].fresh);
        size_t n = padded_length(g->rule, &g->slices[s]);
        if (!slice_of_eight(g, a, b, n, c))
            return false;
        a += n, b += COLUMNS * n;
    }
    for (int j = 0; j < COLUMNS; j++)
        out[j] = rounded(g->operands->problem.out, with_partial(first, total[j], c[j]));
    return true;
}

static float element_by_dots(const struct gemm *g, const float *a, const float *b) {
    float total = 0, c = 0;
    bool first = true;
    for (size_t s = 0; s < g->count; s++) {
        const struct mma_slice *slice = &g->slices[s];
        if (s && slice->fresh) {
            total = with_partial(first, total, c);
            first = false;
            c = 0;
        }
        c = mma_dot(g->rule, a + slice->begin, b + slice->begin, slice->end - slice->begin, c);
    }
    return rounded(g->operands->problem.out, with_partial(first, total, c));
}

/* --- whole products ----------------------------------------------------------------------------
 */

static void prepare(struct gemm *g) {
    g->unit = mma_unit_of(g->rule);
    g->fast = processor_is_fast();
    g->wide = mma_wide_supported();
}

static int begin(struct gemm *g) {
    const struct mma_problem *problem = &g->operands->problem;
    if (problem->in != g->rule->in)
        return device_fail("operands of %s, and a rule for %s", element_word(problem->in),
                           element_word(g->rule->in));
    prepare(g);
    for (size_t s = 0; s < g->count; s++) {
        if (g->slices[s].begin > g->slices[s].end || g->slices[s].end > problem->shape.k)
            return device_fail("slice %zu is [%zu, %zu), and K is %zu", s, g->slices[s].begin,
                               g->slices[s].end, problem->shape.k);
        g->padded += padded_length(g->rule, &g->slices[s]);
    }
    return 0;
}

static int no_memory(void) {
    return device_fail("out of memory for a predicted product");
}

/* Room for n things of some size, n or more; never of size 0. */
static void *room(size_t n, size_t size) {
    return calloc(n ? n : 1, size);
}

int mma_gemm_element(const struct mma_rule *rule, const struct mma_operands *operands,
                     const struct mma_slice *slices, size_t count, size_t m, size_t n, float *out) {
    struct gemm g = {.rule = rule, .operands = operands, .slices = slices, .count = count};
    if (begin(&g) != 0)
        return -1;
    size_t k = operands->problem.shape.k;
    float *rows = room(2 * k, sizeof *rows);
    if (!rows)
        return no_memory();
    mma_a_row(operands, m, rows);
    mma_b_row(operands, n, rows + k);
    *out = element_by_dots(&g, rows, rows + k);
    free(rows);
    return 0;
}

/* A tile's rows, laid out. */
struct tile {
    union mma_item item[MMA_TILE][2 * MMA_TILE];
    bool odd[MMA_TILE];
};

static void tile_rows(const struct gemm *g, struct tile *tile, size_t rows, size_t k,
                      const float *values) {
    for (size_t i = 0; i < rows; i++)
        tile->odd[i] = !lay_out(g, values + i * k, tile->item[i]);
}

/* Columns j…j+7 of a tile, of all rows that allow it: done[i]. */
static void tile_eight(const struct gemm *g, size_t m, size_t n, size_t j, const struct tile *a,
                       const struct tile *b, const float *c, float *d, bool *done) {
    union mma_item eight[2 * MMA_TILE * COLUMNS];
    size_t padded = padded_length(g->rule, g->slices);
    bool wide = g->wide && j + COLUMNS <= n;
    for (size_t at = j; at < j + COLUMNS && wide; at++) {
        wide = !b->odd[at];
        for (size_t i = 0; i < padded; i++)
            eight[i * COLUMNS + at - j] = b->item[at][i];
    }
    for (size_t i = 0; i < m; i++) {
        bool all = wide && !a->odd[i];
        for (size_t at = j; at < j + COLUMNS && all; at++)
            all = mma_is_finite(c[i * n + at]);
        done[i] = all;
        if (!all)
            continue;
        float sums[COLUMNS];
        memcpy(sums, c + i * n + j, sizeof sums);
        done[i] = slice_of_eight(g, a->item[i], eight, padded, sums);
        memcpy(d + i * n + j, sums, sizeof sums);
    }
}

void mma_tile(const struct mma_rule *rule, size_t m, size_t n, size_t k, const float *a,
              const float *b, const float *c, float *d) {
    const struct mma_slice all = {0, k, false};
    struct gemm g = {.rule = rule, .slices = &all, .count = 1};
    struct tile x, y;
    prepare(&g);
    tile_rows(&g, &x, m, k, a);
    tile_rows(&g, &y, n, k, b);
    for (size_t j = 0; j < n; j += COLUMNS) {
        bool done[MMA_TILE];
        tile_eight(&g, m, n, j, &x, &y, c, d, done);
        for (size_t at = j; at < n && at < j + COLUMNS; at++)
            for (size_t i = 0; i < m; i++) {
                float from = c[i * n + at];
                if (done[i])
                    continue;
                if (x.odd[i] || y.odd[at] || !mma_is_finite(from))
                    d[i * n + at] = mma_dot(rule, a + i * k, b + at * k, k, from);
                else
                    d[i * n + at] =
                        slice_of(&g, x.item[i], y.item[at], padded_length(rule, &all), from);
            }
    }
}

/* What one CPU works with. */
struct columns {
    union mma_item *each;  /* [COLUMNS][padded] */
    union mma_item *eight; /* [padded][COLUMNS] */
    float *values;         /* of a row of B, and of one of A */
};

static void element_with_special(struct gemm *g, size_t i, size_t column, float *values,
                                 float *to) {
    size_t k = g->operands->problem.shape.k;
    mma_a_row(g->operands, g->m + i, values + k);
    mma_b_row(g->operands, column, values);
    *to = element_by_dots(g, values + k, values);
}

/* Columns [first, end) of all rows, at most COLUMNS. Rows with infinities or NaN go by dots. */
static void columns_of(struct gemm *g, size_t first, size_t end, struct columns *b) {
    size_t n = g->operands->problem.shape.n, count = end - first;
    bool odd[COLUMNS], wide = g->wide && count == COLUMNS;
    for (size_t j = 0; j < count; j++) {
        mma_b_row(g->operands, first + j, b->values);
        odd[j] = !lay_out(g, b->values, b->each + j * g->padded);
        wide = wide && !odd[j];
        for (size_t i = 0; i < g->padded && wide; i++)
            b->eight[i * COLUMNS + j] = b->each[j * g->padded + i];
    }
    for (size_t i = 0; i < g->rows; i++) {
        const union mma_item *a = g->a + i * g->padded;
        float *to = &g->out[i * n + first];
        if (wide && !g->odd[i] && elements_of_eight(g, a, b->eight, to))
            continue;
        for (size_t j = 0; j < count; j++)
            if (odd[j] || g->odd[i])
                element_with_special(g, i, first + j, b->values, &to[j]);
            else
                to[j] = element_of(g, a, b->each + j * g->padded);
    }
}

static void work(void *context, unsigned index, unsigned count) {
    struct gemm *g = context;
    size_t n = g->operands->problem.shape.n;
    struct columns b = {.each = room(COLUMNS * g->padded, sizeof *b.each),
                        .eight = room(COLUMNS * g->padded, sizeof *b.eight),
                        .values = room(2 * g->operands->problem.shape.k, sizeof *b.values)};
    if (b.each && b.eight && b.values)
        for (size_t j = (size_t)index * COLUMNS; j < n; j += (size_t)count * COLUMNS)
            columns_of(g, j, j + COLUMNS < n ? j + COLUMNS : n, &b);
    else
        __atomic_store_n(&g->failed, true, __ATOMIC_RELAXED);
    free(b.each);
    free(b.eight);
    free(b.values);
}

int mma_gemm(const struct mma_rule *rule, const struct mma_operands *operands,
             const struct mma_slice *slices, size_t count, size_t m, size_t rows, float *out) {
    struct gemm g = {.rule = rule,
                     .operands = operands,
                     .slices = slices,
                     .count = count,
                     .m = m,
                     .rows = rows,
                     .out = out};
    if (begin(&g) != 0)
        return -1;
    size_t k = operands->problem.shape.k;
    g.a = room(rows * g.padded, sizeof *g.a);
    g.odd = room(rows, sizeof *g.odd);
    float *values = room(k, sizeof *values);
    g.failed = !g.a || !g.odd || !values;
    for (size_t i = 0; i < rows && !g.failed; i++) {
        mma_a_row(operands, m + i, values);
        g.odd[i] = !lay_out(&g, values, g.a + i * g.padded);
    }
    struct pool *pool = g.failed ? NULL : pool_shared(pool_cpus());
    if (pool)
        pool_run(pool, work, &g);
    else if (!g.failed)
        work(&g, 0, 1);
    free(values);
    free(g.a);
    free(g.odd);
    return g.failed ? no_memory() : 0;
}
