/*
 * mma_planted.h: for tests: a matrix product whose order of additions is known, one for each kind
 * of tile.
 */
#ifndef NANOLAB_KERNELS_MMA_MMA_PLANTED_H
#define NANOLAB_KERNELS_MMA_MMA_PLANTED_H

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernels/mma/mma_job.h"
#include "kernels/mma/mma_rule.h"

static struct device *planted_cpu;

static inline int planted_open_cpu(void **state) {
    (void)state;
    return device_open(&planted_cpu, DEVICE_CPU, 0);
}
static inline int planted_close_cpu(void **state) {
    (void)state;
    device_close(planted_cpu);
    return 0;
}

#define TILE 8

enum planted_order { IN_ORDER, TWO_HALVES, EVEN_ODD, BLOCKS, WANDERS };

struct planted {
    struct mma_job base;
    enum planted_order interior, trailing_row, trailing_column; /* row wins */
    /* Not NULL: all elements by this rule, slice by slice. */
    const struct mma_rule *rule;
    struct mma_slice slice[8];
    size_t slices;
    size_t turns;
};

/* x[from], x[from + step], … */
static inline float planted_chain(const float *x, const float *y, size_t from, size_t to,
                                  size_t step, float sum) {
    for (size_t i = from; i < to; i += step)
        sum = fmaf(x[i], y[i], sum);
    return sum;
}

static inline float planted_add(enum planted_order order, const float *x, const float *y,
                                size_t k) {
    float sum = 0;
    switch (order) {
    case TWO_HALVES:
        return planted_chain(x, y, 0, k / 2, 1, 0) + planted_chain(x, y, k / 2, k, 1, 0);
    case EVEN_ODD:
        return planted_chain(x, y, 0, k, 2, 0) + planted_chain(x, y, 1, k, 2, 0);
    case BLOCKS: /* of 16, the remainder first */
        sum = planted_chain(x, y, k / 16 * 16, k, 1, 0);
        for (size_t i = 0; i < k / 16; i++)
            sum += planted_chain(x, y, 16 * i, 16 * i + 16, 1, 0);
        return sum;
    default:
        return planted_chain(x, y, 0, k, 1, 0);
    }
}

/* Dense, as floats. */
static inline int planted_values(struct planted *p, const struct mma_operands *o, float *c) {
    struct mma_shape s = o->problem.shape;
    if (p->rule)
        return mma_gemm(p->rule, o, p->slice, p->slices, 0, s.m, c);
    float *x = malloc(2 * s.k * sizeof *x), *y = x + s.k;
    assert_non_null(x);
    for (size_t m = 0; m < s.m; m++)
        for (size_t n = 0; n < s.n; n++) {
            enum planted_order order = m >= s.m / TILE * TILE   ? p->trailing_row
                                       : n >= s.n / TILE * TILE ? p->trailing_column
                                                                : p->interior;
            if (order == WANDERS)
                order = p->turns % 2 ? TWO_HALVES : IN_ORDER;
            mma_a_row(o, m, x);
            mma_b_row(o, n, y);
            c[m * s.n + n] = planted_add(order, x, y, s.k);
        }
    free(x);
    return 0;
}

static inline int planted_call(void *context) {
    struct planted *p = context;
    const struct mma_problem *problem = &p->base.operands->problem;
    struct mma_shape s = problem->shape;
    struct mma_operands device = {.problem = *problem, .a = p->base.a, .b = p->base.b};
    float *c = malloc((s.m * s.n + 1) * sizeof *c);
    assert_non_null(c);
    p->turns++;
    int status = planted_values(p, &device, c);
    for (size_t m = 0; m < s.m; m++)
        for (size_t n = 0; n < s.n; n++)
            element_set(problem->out, p->base.c, m * mma_ldc(problem) + n, (double)c[m * s.n + n]);
    free(c);
    return status;
}

static const struct mma_problem planted_small = {.shape = {TILE + 3, 2 * TILE + 5, 100},
                                                 .in = ELEMENT_BF16,
                                                 .out = ELEMENT_F32,
                                                 .lda = 101,
                                                 .ldb = 110,
                                                 .ldc = 30,
                                                 .a_offset = 2};

static inline void planted_open(struct job *job, struct planted *p, const struct mma_operands *o) {
    p->base.call = planted_call;
    *job = (struct job){.call = planted_call};
    assert_int_equal(mma_job_open(job, &p->base, planted_cpu, o), 0);
}

static inline struct mma_operands planted_operands(const struct mma_problem *problem,
                                                   uint64_t seed) {
    struct mma_operands o;
    assert_int_equal(mma_operands_open(&o, problem, MMA_FILL_NORMAL, seed), 0);
    return o;
}

#endif
