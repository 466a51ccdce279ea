/*
 * mma_slices_fixture.h: what the tests of the integer GEMM share.
 */
#ifndef NANOLAB_KERNELS_MMA_MMA_SLICES_FIXTURE_H
#define NANOLAB_KERNELS_MMA_MMA_SLICES_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/mma/mma_slices_inside.h"
#include "kernels/plan/plan.h"
#include "kernels/rng/philox.h"

static struct device *cpu;

static inline int open_cpu(void **state) {
    (void)state;
    return device_open(&cpu, DEVICE_CPU, 0);
}

static inline int close_cpu(void **state) {
    (void)state;
    device_close(cpu);
    return 0;
}

static inline struct mma_problem problem_of(size_t m, size_t n, size_t k) {
    return (struct mma_problem){.shape = {m, n, k}, .in = ELEMENT_F32, .out = ELEMENT_F32};
}

static inline void open_operands(struct mma_operands *o, const struct mma_problem *p,
                                 enum mma_fill fill, uint64_t seed) {
    if (mma_operands_open(o, p, fill, seed) != 0)
        fail_msg("%s", device_error());
}

/* The output of one call of a plan, dense; the caller frees it. */
static inline float *output_of(const struct mma_operands *o, const struct mma_slices_plan *plan) {
    const struct mma_shape *s = &o->problem.shape;
    float *c = calloc(s->m * s->n + 1, sizeof *c);
    struct job job;
    assert_non_null(c);
    if (mma_slices_job_open(&job, cpu, o, plan) != 0 || mma_job_poison(&job) != 0 ||
        job_call(&job) != 0 || mma_job_output(&job, c) != 0)
        fail_msg("%s", device_error());
    job_close(&job);
    return c;
}

static inline struct mma_slices_plan plan_of(int slices, int kept) {
    struct mma_slices_plan plan = {.isa = mma_slices_best(),
                                   .slices = slices,
                                   .kept = kept,
                                   .split = 1,
                                   .threads = 1,
                                   .weights = MMA_SLICES_BEFORE};
    mma_slices_plan_fit(&plan);
    assert_int_equal(plan_check(&mma_slices_plans, &plan, NULL), 0);
    return plan;
}

static const struct {
    int slices, kept, products;
} kinds[] = {{3, 0, 6}, {3, 1, 8}, {4, 0, 10}, {4, 1, 13}};
#define KINDS (sizeof kinds / sizeof *kinds)
#define EACH_KIND(kind) for (size_t kind = 0; kind < KINDS; kind++)

static inline float *row_of(struct mma_operands *o, bool of_a, size_t row) {
    return of_a ? (float *)o->a + row * mma_lda(&o->problem)
                : (float *)o->b + row * mma_ldb(&o->problem);
}

/* Magnitudes over all of float's range in one row; rows of subnormal numbers, of numbers near the
 * largest, of zeros, and of one number. */
static inline void make_hostile(struct mma_operands *o) {
    const struct mma_shape s = o->problem.shape;
    for (int of = 0; of < 2; of++)
        for (size_t row = 0; row < (of ? s.n : s.m); row++) {
            float *x = row_of(o, of == 0, row);
            for (size_t k = 0; k < s.k; k++) {
                struct philox_block r = philox_at(99, (uint64_t)of << 32 | row, k);
                float sign = r.v[0] & 1 ? -1.0f : 1.0f;
                float wide = ldexpf((float)(r.v[1] | 1), (int)(r.v[2] % 270) - 180);
                float tiny = ldexpf((float)(r.v[1] >> 8), -149 - (int)(r.v[2] % 20));
                float large = ldexpf((float)(r.v[1] >> 8 | 0x800000), 104);
                float kinds_of[] = {wide, tiny, large, 0, k == row ? 1.5f : 0, (float)(r.v[1] % 3)};
                x[k] = sign * kinds_of[row % 6];
            }
        }
}

/* --- the model -------------------------------------------------------------------------------- */
static inline size_t check_against_model(const struct mma_operands *o,
                                         const struct mma_slices_plan *plan, const char *what) {
    const struct mma_shape *s = &o->problem.shape;
    struct job job;
    char text[PLAN_TEXT];
    float *c = calloc(s->m * s->n + 1, sizeof *c);
    if (mma_slices_job_open(&job, cpu, o, plan) != 0 || mma_job_poison(&job) != 0 ||
        job_call(&job) != 0 || mma_job_output(&job, c) != 0)
        fail_msg("%s", device_error());
    for (size_t m = 0; m < s->m; m++)
        for (size_t n = 0; n < s->n; n++) {
            float got = c[m * s->n + n], expected;
            assert_int_equal(mma_job_element(&job, m, n, &expected), 0);
            if (mma_hash(&got, 1) != mma_hash(&expected, 1))
                fail_msg("%s, %s: C[%zu][%zu] is %a and was to be %a", what,
                         plan_text(&mma_slices_plans, plan, text), m, n, (double)got,
                         (double)expected);
        }
    job_close(&job);
    free(c);
    return s->m * s->n;
}

/* On every instruction set there is. */
static inline size_t check_all_isas(const struct mma_operands *o, int slices, int kept,
                                    const char *what) {
    size_t checked = 0;
    for (int isa = MMA_SLICES_PORTABLE; isa < MMA_SLICES_ISAS_COUNT; isa++) {
        struct mma_slices_plan plan = plan_of(slices, kept);
        plan.isa = isa;
        mma_slices_plan_fit(&plan);
        if (!mma_slices_usable((enum mma_slices_isa)isa))
            continue;
        checked += check_against_model(o, &plan, what);
        plan.split = 3;
        plan.threads = 2;
        plan.weights = MMA_SLICES_INSIDE;
        checked += check_against_model(o, &plan, what);
    }
    return checked;
}

#endif
