/*
 * mma_predicted.c: see mma_predicted.h.
 */
#include "kernels/mma/mma_predicted.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/rng/philox.h"

#define STREAM 0x6d6d7000

/* 1…most, each octave alike. */
static size_t draw(const struct mma_predicted_options *o, size_t most, size_t number, int what) {
    uint64_t bits = philox_u64(o->seed, STREAM + (uint64_t)what, number);
    double part = (double)(bits >> 11) * 0x1p-53;
    size_t value = (size_t)exp2(part * log2((double)most + 1));
    return value < 1 ? 1 : value > most ? most : value;
}

static size_t rounded(size_t value) {
    return value < 8 ? 8 : value / 8 * 8;
}

struct mma_shape mma_predicted_shape(const struct mma_predicted_options *options, size_t number) {
    struct mma_shape s = {draw(options, options->most.m, number, 0),
                          draw(options, options->most.n, number, 1),
                          draw(options, options->most.k, number, 2)};
    if (number % 2 == 0)
        s.n = rounded(s.n), s.k = rounded(s.k);
    return s;
}

static struct mma_predicted_label *label_of(struct mma_predicted *p, const char *word) {
    size_t i = 0;
    while (i < p->labels && strcmp(p->label[i].word, word) != 0)
        i++;
    if (i == MMA_PREDICTED_LABELS)
        return &p->label[i - 1];
    if (i == p->labels) {
        snprintf(p->label[i].word, sizeof p->label[i].word, "%s", word);
        p->labels++;
    }
    return &p->label[i];
}

static bool same_bits(float x, float y) {
    return (isnan(x) && isnan(y)) || memcmp(&x, &y, sizeof x) == 0;
}

static int compare(struct mma_predicted *p, const struct job *job, const struct mma_shape *s,
                   const struct mma_predicted_options *options, size_t number,
                   struct mma_predicted_label *label, const float *c) {
    size_t elements = options->elements ? options->elements : 16, all = s->m * s->n, wrong = 0;
    for (size_t i = 0; i < elements && i < all; i++) {
        uint64_t bits = philox_u64(options->seed ^ number, STREAM + 3, i);
        size_t at = i == 0 ? all - 1 : elements >= all ? i - 1 : philox_below(bits, all);
        float predicted;
        if (mma_job_element(job, at / s->n, at % s->n, &predicted) != 0)
            return -1;
        p->elements++;
        if (same_bits(predicted, c[at]))
            continue;
        p->wrong_elements++;
        if (wrong++ == 0 && p->wrong < MMA_PREDICTED_KEPT) {
            struct mma_predicted_miss miss = {.shape = *s,
                                              .m = at / s->n,
                                              .n = at % s->n,
                                              .predicted = predicted,
                                              .measured = c[at]};
            memcpy(miss.word, label->word, sizeof miss.word);
            p->first[p->wrong] = miss;
        }
    }
    p->shapes++, label->shapes++;
    p->wrong += wrong > 0, label->wrong += wrong > 0;
    return 0;
}

static int multiply(struct mma_predicted *p, const struct mma_opener *opener, struct device *device,
                    const struct mma_operands *operands,
                    const struct mma_predicted_options *options, size_t number) {
    const struct mma_shape *s = &operands->problem.shape;
    char word[MMA_PREDICTED_LABEL] = "all";
    struct job job;
    if (opener->open(&job, device, operands, opener->context) != 0) {
        if (p->refused++ == 0)
            snprintf(p->why, sizeof p->why, "%s", device_error());
        return 0;
    }
    if (options->label)
        options->label(&job, word);
    struct mma_predicted_label *label = label_of(p, word);
    float *c = NULL;
    int status = 0;
    if (!mma_job_has_model(&job)) {
        p->declined++;
        if (label->declined++ == 0)
            snprintf(label->why, sizeof label->why, "%s",
                     options->declines ? options->declines(&job) : "");
    } else if (!(c = malloc(s->m * s->n * sizeof *c))) {
        status = device_fail("out of memory for %zu x %zu numbers", s->m, s->n);
    } else {
        status = mma_job_poison(&job) != 0 || job_call(&job) != 0 || mma_job_output(&job, c) != 0 ||
                         compare(p, &job, s, options, number, label, c) != 0
                     ? -1
                     : 0;
    }
    free(c);
    job_close(&job);
    return status;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int mma_predicted_count(struct mma_predicted *out, const struct mma_opener *opener,
                        struct device *device, const struct mma_predicted_options *options) {
    double end = options->seconds > 0 ? now() + options->seconds : INFINITY;
    int status = 0;
    *out = (struct mma_predicted){0};
    for (size_t i = 0; i < options->shapes && status == 0 && now() < end; i++) {
        struct mma_problem problem = {
            .shape = mma_predicted_shape(options, i), .in = options->in, .out = options->out};
        struct mma_operands operands;
        status = mma_operands_open(&operands, &problem, MMA_FILL_NORMAL, options->seed + i);
        if (status != 0)
            break;
        status = multiply(out, opener, device, &operands, options, i);
        mma_operands_close(&operands);
    }
    return status;
}
