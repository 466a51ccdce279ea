/*
 * kv_waste.c: what paged and contiguous allocation waste on one trace. Both admit first come, first
 * served; a contiguous range is reserved for the longest that its request can become, so nobody is
 * pre-empted, and its place is what may be wanting.
 */
#include <stdlib.h>
#include <string.h>

#include "kernels/kv_pool/kv_inside.h"

/* The state of memory at a sample, in slots unless said otherwise. */
struct sample {
    uint64_t taken, unused; /* unused: taken ones that hold no token */
    size_t running;         /* requests */
    struct kv_refused refused;
};

struct sums {
    double inner, outer, unused, running, tokens;
};

static void add_sample(const struct sample *sample, double slots, struct sums *sums,
                       struct kv_waste *out) {
    double inner = sample->taken ? (double)sample->unused / (double)sample->taken : 0;
    bool holes = sample->refused.is && sample->refused.asked <= sample->refused.had;
    double outer = holes ? (double)sample->refused.had / slots : 0;
    sums->inner += inner;
    sums->outer += outer;
    sums->unused += (double)sample->unused;
    sums->running += (double)sample->running;
    sums->tokens += (double)(sample->taken - sample->unused) / slots;
    out->inner_worst = inner > out->inner_worst ? inner : out->inner_worst;
    out->outer_worst = outer > out->outer_worst ? outer : out->outer_worst;
    out->refused += sample->refused.is;
    out->refused_by_holes += holes;
    out->steps++;
}

static void finish(const struct sums *sums, struct kv_waste *out) {
    double steps = out->steps ? (double)out->steps : 1;
    out->inner_mean = sums->inner / steps;
    out->outer_mean = sums->outer / steps;
    out->inner_per_sequence = sums->running > 0 ? sums->unused / sums->running : 0;
    out->running_mean = sums->running / steps;
    out->tokens_mean = sums->tokens / steps;
}

static double slots_of(const struct kv_churn_options *options) {
    return (double)options->pool_blocks * options->block_tokens;
}

/* --- paged -------------------------------------------------------------------------------------
 */

static size_t running_in(const struct serving_loop *loop) {
    struct serving_counts counts;
    serving_counts(loop, &counts);
    return counts.running;
}

/* Shared blocks are full, so what is unused is in the last block of each sequence. */
static struct sample sample_paged(const struct kv_churn *churn) {
    unsigned n = churn->options.block_tokens;
    struct sample sample = {
        .taken = (uint64_t)(kv_pool_blocks(churn->pool) - kv_pool_free_blocks(churn->pool)) * n,
        .running = running_in(churn->loop),
        .refused = churn->refused,
    };
    for (size_t i = 0; i < sample.running; i++) {
        const struct serving_sequence *sequence = serving_running(churn->loop, i);
        const struct kv_blocks *held = sequence->memory;
        sample.unused += (uint64_t)held->blocks * n - sequence->tokens;
    }
    return sample;
}

int kv_waste_paged(const struct kv_churn_options *options, uint64_t steps, struct kv_waste *out,
                   char *why) {
    *out = (struct kv_waste){0};
    if (kv_churn_check(options, why) != 0)
        return -1;
    struct kv_churn *churn;
    if (kv_churn_open(&churn, options) != 0)
        return kv_fail(why, "no memory for a pool of %u blocks", options->pool_blocks);
    struct sums sums = {0};
    int status = 0;
    for (uint64_t step = 0; step < steps && status == 0; step++) {
        status = kv_churn_step(churn, why);
        struct sample sample = sample_paged(churn);
        add_sample(&sample, slots_of(options), &sums, out);
    }
    if (status == 0)
        status = kv_pool_audit(churn->pool, why);
    struct kv_churn_counts counts;
    kv_churn_counts(churn, &counts);
    out->finished = counts.finished;
    kv_churn_close(churn);
    finish(&sums, out);
    return status;
}

/* --- contiguous --------------------------------------------------------------------------------
 */

/* A slab as the memory of a serving loop. A sequence's `memory` is where its range starts. */
struct ranges {
    struct kv_slab *slab;
    struct kv_refused refused;
};

static int admit(void *self, struct serving_sequence *sequence, char *why) {
    struct ranges *ranges = self;
    int64_t *start = malloc(sizeof *start);
    if (!start)
        return kv_fail(why, "no memory for a request");
    *start = kv_slab_take(ranges->slab, sequence->request.reserve);
    if (*start >= 0) {
        sequence->memory = start;
        return 1;
    }
    free(start);
    ranges->refused = (struct kv_refused){
        .is = true, .asked = sequence->request.reserve, .had = kv_slab_free_slots(ranges->slab)};
    return 0;
}

/* Its slots are reserved. */
static int append(void *self, struct serving_sequence *sequence, char *why) {
    (void)self;
    (void)sequence;
    (void)why;
    return 1;
}

static int release(void *self, struct serving_sequence *sequence, char *why) {
    struct ranges *ranges = self;
    int64_t start = *(int64_t *)sequence->memory;
    if (kv_slab_release(ranges->slab, start) == 0)
        return 0;
    return kv_fail(why, "the range at %lld was free already", (long long)start);
}

static void forget(void *self, struct serving_sequence *sequence) {
    (void)self;
    free(sequence->memory);
}

static struct sample sample_contiguous(const struct ranges *ranges,
                                       const struct serving_loop *loop) {
    struct sample sample = {.running = running_in(loop), .refused = ranges->refused};
    for (size_t i = 0; i < sample.running; i++) {
        const struct serving_sequence *sequence = serving_running(loop, i);
        sample.taken += sequence->request.reserve;
        sample.unused += sequence->request.reserve - sequence->tokens;
    }
    return sample;
}

int kv_waste_contiguous(const struct kv_churn_options *options, enum kv_fit fit, uint64_t steps,
                        struct kv_waste *out, char *why) {
    *out = (struct kv_waste){0};
    if (kv_churn_check(options, why) != 0)
        return -1;
    struct ranges ranges = {0};
    if (kv_slab_open(&ranges.slab, fit, (uint64_t)options->pool_blocks * options->block_tokens) !=
        0)
        return kv_fail(why, "no slab: no memory, or fit %d does not exist", (int)fit);
    const struct serving_options serving = kv_churn_serving(options);
    const struct serving_memory memory = {
        .self = &ranges, .admit = admit, .append = append, .release = release, .forget = forget};
    struct serving_loop *loop;
    struct serving_counts counts = {0};
    struct sums sums = {0};
    int status = serving_open(&loop, &serving, &memory, NULL, why);
    for (uint64_t step = 0; step < steps && status == 0; step++) {
        ranges.refused.is = false;
        status = kv_step(loop, why);
        struct sample sample = sample_contiguous(&ranges, loop);
        add_sample(&sample, slots_of(options), &sums, out);
    }
    if (status == 0) {
        status = kv_slab_audit(ranges.slab, why);
        serving_counts(loop, &counts);
    }
    out->finished = counts.finished;
    serving_close(loop);
    kv_slab_close(ranges.slab);
    finish(&sums, out);
    return status;
}
