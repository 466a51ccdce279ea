/*
 * serving_fixture.h: what the tests of the loop share.
 */
#ifndef NANOLAB_KERNELS_SERVING_SERVING_FIXTURE_H
#define NANOLAB_KERNELS_SERVING_SERVING_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/rng/philox.h"
#include "kernels/serving/serving_inside.h"

#define MS 1000000u

/* Requests of `prompt` and `output` tokens, all equal, one always waiting; no bounds but
 * `batch_most`. */
static inline struct serving_options plain(unsigned prompt, unsigned output, unsigned batch_most) {
    return (struct serving_options){
        .trace = {.seed = 1,
                  .prompt_mean = prompt,
                  .output_mean = output,
                  .length_most = prompt + output},
        .contract = {.top_p = 1},
        .batcher = SERVING_BUDGET_ONLY,
        .batch_most = batch_most,
    };
}

/* Everything at once: mixed lengths, a short queue, little memory, chunks, steps that are too
 * long. */
static inline struct serving_options busy(uint64_t seed) {
    return (struct serving_options){
        .trace = {.seed = seed,
                  .prompt_mean = 50,
                  .output_mean = 30,
                  .length_sigma = 0.8,
                  .length_most = 200,
                  .share = 0.5,
                  .prefixes = 3,
                  .prefix_tokens = 20},
        .contract = {.temperature = 0.7, .top_p = 0.9},
        .arrivals = SERVING_POISSON,
        .arrival_mean_ns = 12 * MS,
        .arrival_group = 3,
        .requests = 400,
        .queue_most = 12,
        .slots = 1300,
        .batcher = SERVING_LATENCY_GUARDED,
        .batch_most = 32,
        .token_budget = 100,
        .step_budget_ns = 9 * MS,
        .batch_cut = 12,
        .restore_steps = 5,
    };
}

/* Durations of 2 to `most` ms, at random. */
struct jitter {
    uint64_t seed, most_ms;
};
static inline int jitter_driver(void *self, const struct serving_batch *batch,
                                struct serving_outcome *outcome, char *why) {
    const struct jitter *jitter = self;
    (void)why;
    outcome->duration_ns =
        2 * MS + philox_below(philox_u64(jitter->seed, 1, batch->step), jitter->most_ms - 1) * MS;
    return 0;
}

/* A step of so many milliseconds; the batch as it was. */
static inline struct serving_batch step_of(struct serving_loop *loop, uint64_t ms) {
    char why[SERVING_WHY] = "";
    struct serving_batch batch;
    if (serving_begin(loop, &batch, why) != 1 ||
        serving_end(loop, &(struct serving_outcome){.duration_ns = ms * MS}, why) != 0)
        fail_msg("%s", why);
    return batch;
}

static inline struct serving_loop *opened(const struct serving_options *options,
                                          const struct serving_observer *observer) {
    struct serving_loop *loop;
    char why[SERVING_WHY] = "";
    if (serving_open(&loop, options, NULL, observer, why) != 0)
        fail_msg("%s", why);
    return loop;
}

static inline struct serving_counts counts_of(const struct serving_loop *loop) {
    struct serving_counts counts;
    serving_counts(loop, &counts);
    return counts;
}

/* Runs to the end, or so many steps. */
static inline void run_all(struct serving_loop *loop, uint64_t steps, struct jitter jitter) {
    char why[SERVING_WHY] = "";
    if (serving_run(loop, steps, jitter_driver, &jitter, why) < 0)
        fail_msg("%s", why);
}

static inline void record_schedule(void *self, const struct serving_step_record *record) {
    assert_int_equal(serving_schedule_add(self, record), 0);
}

/* The text of a schedule; free it. */
static inline char *schedule_text(const struct serving_schedule *schedule, size_t *size) {
    char *text = NULL;
    FILE *file = open_memstream(&text, size);
    assert_non_null(file);
    assert_int_equal(serving_schedule_write(schedule, file), 0);
    fclose(file);
    return text;
}

#endif
