/*
 * mma_kernel_fixture.h: for the tests of mma.h's kernels: products on the SIMT machine, compared
 * with what the model predicts.
 */
#ifndef NANOLAB_KERNELS_MMA_KERNEL_FIXTURE_H
#define NANOLAB_KERNELS_MMA_KERNEL_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/mma/mma.h"
#include "kernels/simt/simt.h"

#define COUNT(x) (sizeof(x) / sizeof(x)[0])

static struct device *device;

static inline int open_device(void **state) {
    (void)state;
    return device_open(&device, DEVICE_SIMT, 0);
}
static inline int close_device(void **state) {
    (void)state;
    device_close(device);
    return 0;
}

static inline struct mma_plan parsed(const char *text) {
    struct mma_plan plan;
    char why[PLAN_WHY];
    if (mma_plan_parse(text, &plan, why) != 0)
        fail_msg("%s: %s", text, why);
    return plan;
}

/* The formats are the plan's. `gap`: elements between rows; `off`: elements that the first ones
 * lie behind a boundary. */
static inline struct mma_problem problem_of(const struct mma_plan *plan, size_t m, size_t n,
                                            size_t k, size_t gap, size_t off) {
    enum element in = (enum element)plan->in, out = (enum element)plan->out;
    return (struct mma_problem){.shape = {m, n, k},
                                .in = in,
                                .out = out,
                                .lda = k + gap,
                                .ldb = k + gap,
                                .ldc = n + gap,
                                .a_offset = off * element_bytes(in),
                                .b_offset = off * element_bytes(in),
                                .c_offset = off * element_bytes(out)};
}

static inline bool same(float a, float b) {
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

/* Outputs of a job that are not the predicted ones. */
static inline size_t differing(struct job *job, const struct mma_operands *o, const char *what) {
    const struct mma_shape *s = &o->problem.shape;
    float *c = malloc((s->m * s->n + 1) * sizeof *c), value;
    size_t wrong = 0;
    assert_non_null(c);
    if (mma_job_poison(job) != 0 || job_call(job) != 0 || mma_job_output(job, c) != 0)
        fail_msg("%s, %zu x %zu x %zu: %s", what, s->m, s->n, s->k, device_error());
    for (size_t m = 0; m < s->m; m++)
        for (size_t n = 0; n < s->n; n++) {
            if (mma_job_element(job, m, n, &value) != 0)
                fail_msg("%s: %s", what, device_error());
            if (!same(c[m * s->n + n], value) && !wrong++)
                print_message("%s, %zu x %zu x %zu: C[%zu][%zu] is %a, predicted %a\n", what, s->m,
                              s->n, s->k, m, n, (double)c[m * s->n + n], (double)value);
        }
    free(c);
    return wrong;
}

/* Runs a plan `times` over on operands; all outputs must be as predicted, and close to exact sums
 * where they are finite. Returns the hash of the outputs. */
static inline uint64_t run_plan(const struct mma_operands *o, const struct mma_plan *plan,
                                bool checked, int times, bool finite) {
    char text[MMA_TEXT];
    struct job job;
    struct job_bits bits;
    mma_plan_text(plan, text);
    if ((checked ? mma_kernel_job_open_checked : mma_kernel_job_open)(&job, device, o, plan) != 0)
        fail_msg("%s: %s", text, device_error());
    for (int k = 0; k < times; k++)
        assert_int_equal(differing(&job, o, text), 0);
    if (finite && job_prove(&job) != 0)
        fail_msg("%s: %s", text, device_error());
    assert_int_equal(job_bits(&job, &bits), 0);
    job_close(&job);
    return bits.bits;
}

static inline struct mma_operands operands_of(const struct mma_problem *problem, enum mma_fill fill,
                                              uint64_t seed) {
    struct mma_operands o;
    if (mma_operands_open(&o, problem, fill, seed) != 0)
        fail_msg("%s", device_error());
    return o;
}

/* The plan for operands laid out anyhow: its load as wide as they allow, at most. */
static inline struct mma_plan fitted(struct mma_plan plan, const struct mma_problem *problem) {
    if (plan.load > mma_widest_load(problem))
        plan.load = MMA_LOAD_FIT;
    return plan;
}

/* The plans that hold every pair of values, but for wgmma's, which the machine has not; *count of
 * them. */
static inline struct mma_plan *simt_plans(size_t *count) {
    struct mma_plan *plans;
    size_t all, kept = 0;
    const struct mma_plan any = mma_plan_default();
    assert_int_equal(mma_plans_pairs(0, &any, &plans, &all), 0);
    for (size_t k = 0; k < all; k++)
        if (plans[k].kernel != MMA_WARPGROUP)
            plans[kept++] = plans[k];
    *count = kept;
    return plans;
}

#endif
