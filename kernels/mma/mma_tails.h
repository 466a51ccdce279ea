/*
 * mma_tails.h: are terms left out of the sums? Where A and B hold ones, every element of C is K, to
 * the bit (of an FP32 output up to K = 2^24): what is less counts the terms that were lost, what is
 * more those added twice, and NaN is what nobody wrote. No rounding can hide a term, and no model
 * of the order is needed.
 *
 * Shapes are drawn and stay as they are: kernels lose tails at lengths that no one rounds to.
 *
 *     struct mma_opener opener = {"oneDNN", open_onednn, &options};
 *     struct mma_tails tails;
 *     mma_tails_count(&tails, &opener, device, &(struct mma_tails_options){.shapes = 10000, …});
 */
#ifndef NANOLAB_KERNELS_MMA_MMA_TAILS_H
#define NANOLAB_KERNELS_MMA_MMA_TAILS_H

#include "kernels/mma/mma_job.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whoever multiplies: opens a job on these operands. 0, or -1 with device_error() where it does not
 * take them. */
struct mma_opener {
    const char *name;
    int (*open)(struct job *job, struct device *device, const struct mma_operands *operands,
                void *context);
    void *context;
};

struct mma_tails_options {
    enum element in, out;
    size_t shapes;
    struct mma_shape most; /* dimensions are drawn from 1 to these, each alike; 0: 64, 64, 512 */
    uint64_t seed;
};

/* Shapes that are kept for the record. */
#define MMA_TAILS_KEPT 8
#define MMA_TAILS_WHY 240

struct mma_tails {
    size_t shapes, elements; /* that were multiplied and looked at */
    size_t declined;         /* shapes that the opener did not take; why the first */
    char why[MMA_TAILS_WHY];
    size_t wrong_shapes, wrong_elements;
    struct mma_tail {
        struct mma_shape shape;
        size_t m, n;  /* the first element that is wrong */
        size_t wrong; /* how many are */
        float value;  /* in place of K */
    } first[MMA_TAILS_KEPT];
};

/* 0, or -1 with device_error(): a call failed that had been opened, no memory, or an output format
 * that does not hold every K that may be drawn. */
int mma_tails_count(struct mma_tails *out, const struct mma_opener *opener, struct device *device,
                    const struct mma_tails_options *options);
/* The shape with this number. */
struct mma_shape mma_tails_shape(const struct mma_tails_options *options, size_t number);

#ifdef __cplusplus
}
#endif
#endif
