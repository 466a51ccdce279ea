/*
 * allreduce_fixture.h: what the tests of the family share: data whose sums show every change of
 * order, schedules, and calls on the SIMT machine against the model.
 */
#ifndef NANOLAB_KERNELS_ALLREDUCE_FIXTURE_H
#define NANOLAB_KERNELS_ALLREDUCE_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>

#include "kernels/allreduce/allreduce_job.h"
#include "kernels/element/element.h"
#include "kernels/rng/data.h"
#include "kernels/simt/simt.h"

static inline struct allreduce_plan plan_of(const char *text) {
    struct allreduce_plan plan;
    char why[PLAN_WHY];
    if (allreduce_plan_parse(text, &plan, why) != 0)
        fail_msg("%s: %s", text, why);
    return plan;
}

/* Parts of n elements: random signs, a few octaves apart, so that nearly every order rounds
 * otherwise. Caller frees. */
static inline void *parts_of(const struct allreduce_plan *plan, size_t n, uint64_t seed) {
    struct data_options options = {.seed = seed, .low = -3, .high = 3};
    size_t all = (size_t)allreduce_parts(plan) * n;
    enum element type = plan->type == ALLREDUCE_BF16 ? ELEMENT_BF16 : ELEMENT_F32;
    void *x = malloc(all * 4 + 1);
    assert_non_null(x);
    assert_int_equal(data_fill(DATA_LOG_UNIFORM, type, &options, x, all), 0);
    return x;
}

static inline uint32_t element_bits(const struct allreduce_plan *plan, const void *y, size_t i) {
    return plan->type == ALLREDUCE_BF16 ? ((const uint16_t *)y)[i] : ((const uint32_t *)y)[i];
}

/* Elements of two results that are not the same bits. */
static inline size_t differing(const struct allreduce_plan *plan, const void *a, const void *b,
                               size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += element_bits(plan, a, i) != element_bits(plan, b, i);
    return count;
}

#define SCHEDULES 15
static inline struct simt_config schedule_of(unsigned k) {
    return (struct simt_config){.interleave = (enum simt_interleave)(k % 5),
                                .block_order = (enum simt_block_order)(k / 5 % 3),
                                .resident = 1 + k % 8,
                                .seed = 77 + k};
}

/* --- running them ------------------------------------------------------------------------------
 */

static struct device *device;

static inline int setup(void **state) {
    (void)state;
    return device_open(&device, DEVICE_SIMT, 0);
}

static inline int teardown(void **state) {
    (void)state;
    device_close(device);
    return 0;
}

static inline struct job open_job(const struct allreduce_plan *plan, const void *x, size_t n,
                                  bool checked) {
    struct job job;
    struct allreduce_setup setup = {.plan = *plan, .x = x, .n = n, .checked = checked};
    if (allreduce_job_open(&job, device, &setup) != 0)
        fail_msg("%s", device_error());
    return job;
}

/* One call: every rank must have the bits of `expected`. */
static inline void expect_all_ranks(const struct job *job, const struct allreduce_plan *plan,
                                    size_t n, const void *expected) {
    char text[PLAN_TEXT];
    void *y = malloc(4 * n + 1);
    if (job_call(job) != 0)
        fail_msg("n = %zu: %s", n, device_error());
    for (int r = 0; r < plan->ranks; r++) {
        if (allreduce_job_output(job, r, y) != 0)
            fail_msg("n = %zu: %s", n, device_error());
        for (size_t i = 0; i < n; i++)
            if (element_bits(plan, y, i) != element_bits(plan, expected, i))
                fail_msg("%s, n = %zu: rank %d has %08x as element %zu; predicted is %08x",
                         allreduce_plan_text(plan, text), n, r, element_bits(plan, y, i), i,
                         element_bits(plan, expected, i));
    }
    free(y);
}

static inline void *model_of(const struct allreduce_plan *plan, const void *x, size_t n) {
    char why[PLAN_WHY];
    void *y = malloc(4 * n + 1);
    if (allreduce_model(plan, x, n, NULL, y, why) != 0)
        fail_msg("%s", why);
    return y;
}

/* By arrival: what the recorded arrivals say. */
static inline void expect_replay(const struct job *job) {
    struct job_bits got, expected;
    if (job_call(job) != 0 || job_bits(job, &got) != 0 ||
        allreduce_job_replayed(job, &expected) != 0)
        fail_msg("%s", device_error());
    assert_true(got.bits == expected.bits);
}

static inline void expect_predicted(const struct allreduce_plan *plan, size_t n, bool checked) {
    void *x = parts_of(plan, n, 1 + n);
    struct job job = open_job(plan, x, n, checked);
    if (allreduce_run_to_run(plan)) {
        void *y = model_of(plan, x, n);
        expect_all_ranks(&job, plan, n, y);
        free(y);
    } else {
        expect_replay(&job);
    }
    job_close(&job);
    free(x);
}

static const char *const algorithms[] = {"ring",    "tree",    "doubling",
                                         "oneshot", "twoshot", "arrival"};
#define ALGORITHMS (sizeof algorithms / sizeof *algorithms)

/* Of all schedules the one that these numbers come to. */
static inline void schedule(size_t k) {
    struct simt_config config = schedule_of((unsigned)(k % SCHEDULES));
    assert_int_equal(simt_configure(&config), 0);
}

#endif
