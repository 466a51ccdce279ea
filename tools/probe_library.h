/*
 * probe_library.h: cuBLASLt's products over drawn shapes: are their bits those that follow from
 * what the library says of its choice (mma_cublaslt_order.h)? Part of probe.c.
 */
#ifndef NANOLAB_TOOLS_PROBE_LIBRARY_H
#define NANOLAB_TOOLS_PROBE_LIBRARY_H

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "kernels/mma/mma_cublaslt.h"
#include "kernels/mma/mma_predicted.h"

/* Who published the rules found them right for 99.8 % of all shapes, and here they must be; of one
 * algorithm, and K in one part, for all. */
#define PROBE_LIBRARY_SHARE 0.998
#define PROBE_LIBRARY_ALWAYS "66"

static int library_open(struct job *job, struct device *device, const struct mma_operands *operands,
                        void *context) {
    return mma_cublaslt_job_open(job, device, operands, context);
}

/* "66", "66 split", "24 split". */
static void library_label(const struct job *job, char *word) {
    const struct mma_cublaslt_choice *choice = mma_cublaslt_job_choice(job);
    snprintf(word, MMA_PREDICTED_LABEL, "%d%s", choice->id,
             choice->split > 1 || choice->split < 0 ? " split" : "");
}

static void library_line(json_t *line) {
    if (line)
        json_dumpf(line, stdout, 0);
    putchar('\n');
    json_decref(line);
}

static void library_lines(const char *formats, const struct mma_predicted *p) {
    for (size_t i = 0; i < p->labels; i++) {
        const struct mma_predicted_label *l = &p->label[i];
        library_line(json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:s, s:s*}", "library", "cuBLASLt",
                               "formats", formats, "algorithm", l->word, "predicted",
                               (int)l->shapes, "wrong", (int)l->wrong, "declined", (int)l->declined,
                               "outcome",
                               l->wrong    ? "wrong"
                               : l->shapes ? "the predicted bits"
                                           : "declined",
                               "why", l->declined ? l->why : NULL));
    }
    for (size_t i = 0; i < p->wrong && i < MMA_PREDICTED_KEPT; i++) {
        const struct mma_predicted_miss *m = &p->first[i];
        library_line(json_pack("{s:s, s:s, s:s, s:[iii], s:[ii], s:f, s:f, s:s}", "library",
                               "cuBLASLt", "formats", formats, "algorithm", m->word, "shape",
                               (int)m->shape.m, (int)m->shape.n, (int)m->shape.k, "element",
                               (int)m->m, (int)m->n, "predicted", (double)m->predicted, "measured",
                               (double)m->measured, "outcome", "other bits"));
    }
}

struct library_total {
    size_t shapes, wrong, declined, refused, always_wrong;
};

/* 0, or -1 with device_error(). */
static int probe_library(struct device *device, size_t shapes, double seconds,
                         struct library_total *total) {
    static const struct {
        enum element in, out;
        const char *text;
    } formats[] = {{ELEMENT_BF16, ELEMENT_F32, "bf16 to f32"},
                   {ELEMENT_F16, ELEMENT_F16, "f16 to f16"},
                   {ELEMENT_BF16, ELEMENT_BF16, "bf16 to bf16"},
                   {ELEMENT_E4M3, ELEMENT_F32, "e4m3 to f32"}};
    const size_t count = sizeof formats / sizeof *formats;
    struct mma_cublaslt_plan plan = mma_cublaslt_plan_default();
    const struct mma_opener opener = {"cuBLASLt", library_open, &plan};
    *total = (struct library_total){0};
    for (size_t f = 0; f < count; f++) {
        const struct mma_predicted_options options = {.in = formats[f].in,
                                                      .out = formats[f].out,
                                                      .shapes = (shapes + count - 1) / count,
                                                      .most = {256, 2048, 16384},
                                                      .seed = 11 + f,
                                                      .seconds = seconds / (double)count,
                                                      .label = library_label,
                                                      .declines = mma_cublaslt_job_declines};
        struct mma_predicted p;
        if (mma_predicted_count(&p, &opener, device, &options) != 0)
            return -1;
        library_lines(formats[f].text, &p);
        if (p.refused)
            library_line(json_pack("{s:s, s:s, s:i, s:s, s:s}", "library", "cuBLASLt", "formats",
                                   formats[f].text, "refused", (int)p.refused, "outcome",
                                   "no algorithm", "why", p.why));
        total->shapes += p.shapes, total->wrong += p.wrong;
        total->declined += p.declined, total->refused += p.refused;
        for (size_t i = 0; i < p.labels; i++)
            if (strcmp(p.label[i].word, PROBE_LIBRARY_ALWAYS) == 0)
                total->always_wrong += p.label[i].wrong;
    }
    return 0;
}

#endif
