/*
 * mma_tails.c: see mma_tails.h.
 */
#include "kernels/mma/mma_tails.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/rng/philox.h"

static struct mma_shape most_of(const struct mma_tails_options *o) {
    return (struct mma_shape){o->most.m ? o->most.m : 64, o->most.n ? o->most.n : 64,
                              o->most.k ? o->most.k : 512};
}

struct mma_shape mma_tails_shape(const struct mma_tails_options *options, size_t number) {
    struct mma_shape most = most_of(options);
    const uint64_t stream = 0x6d6d7400;
    return (struct mma_shape){
        1 + philox_below(philox_u64(options->seed, stream, number), most.m),
        1 + philox_below(philox_u64(options->seed, stream + 1, number), most.n),
        1 + philox_below(philox_u64(options->seed, stream + 2, number), most.k)};
}

/* Of one product. */
static void look(struct mma_tails *tails, struct mma_shape s, const float *c) {
    struct mma_tail tail = {.shape = s};
    for (size_t i = 0; i < s.m * s.n; i++) {
        if (c[i] == (float)s.k) /* never true of NaN */
            continue;
        if (tail.wrong++ == 0) {
            tail.m = i / s.n;
            tail.n = i % s.n;
            tail.value = c[i];
        }
    }
    tails->shapes++;
    tails->elements += s.m * s.n;
    tails->wrong_elements += tail.wrong;
    if (tail.wrong == 0)
        return;
    if (tails->wrong_shapes < MMA_TAILS_KEPT)
        tails->first[tails->wrong_shapes] = tail;
    tails->wrong_shapes++;
}

static int multiply(struct mma_tails *tails, const struct mma_opener *opener, struct device *device,
                    const struct mma_operands *operands, float *c) {
    struct job job;
    if (opener->open(&job, device, operands, opener->context) != 0) {
        if (tails->declined++ == 0)
            snprintf(tails->why, sizeof tails->why, "%s", device_error());
        return 0;
    }
    int status = job_call(&job) != 0 || mma_job_output(&job, c) != 0 ? -1 : 0;
    job_close(&job);
    if (status == 0)
        look(tails, operands->problem.shape, c);
    return status;
}

/* Every whole number up to this is a number of the format. */
static size_t counts_to(enum element out) {
    return out == ELEMENT_F32 ? (size_t)1 << 24 : out == ELEMENT_F16 ? 2048 : 256;
}

int mma_tails_count(struct mma_tails *out, const struct mma_opener *opener, struct device *device,
                    const struct mma_tails_options *options) {
    struct mma_shape most = most_of(options);
    *out = (struct mma_tails){0};
    if (options->out != ELEMENT_F32 && options->out != ELEMENT_F16 && options->out != ELEMENT_BF16)
        return device_fail("lost terms are counted in f32, f16 or bf16");
    if (most.k > counts_to(options->out))
        return device_fail("an output of %s cannot count up to %zu terms",
                           element_word(options->out), most.k);
    float *c = malloc(most.m * most.n * sizeof *c);
    int status = c ? 0 : device_fail("out of memory for %zu x %zu numbers", most.m, most.n);
    for (size_t i = 0; i < options->shapes && status == 0; i++) {
        struct mma_problem problem = {
            .shape = mma_tails_shape(options, i), .in = options->in, .out = options->out};
        struct mma_operands operands;
        status = mma_operands_open(&operands, &problem, MMA_FILL_ONES, 0);
        if (status != 0)
            break;
        status = multiply(out, opener, device, &operands, c);
        mma_operands_close(&operands);
    }
    free(c);
    return status;
}
