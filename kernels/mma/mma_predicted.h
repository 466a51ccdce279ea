/*
 * mma_predicted.h: over drawn shapes, are the bits of a matrix product those that its model says
 * beforehand? Counted by what the product says of itself, such as its algorithm; where it has no
 * model, it declines, and that is counted apart, with the reason.
 *
 * Half of the shapes stay as they are drawn: who rounds them sees half of the library's algorithms.
 * Of the others N and K are multiples of 8, as rows are in models.
 */
#ifndef NANOLAB_KERNELS_MMA_MMA_PREDICTED_H
#define NANOLAB_KERNELS_MMA_MMA_PREDICTED_H

#include "kernels/mma/mma_tails.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MMA_PREDICTED_LABEL 24

struct mma_predicted_options {
    enum element in, out;
    size_t shapes;
    struct mma_shape most; /* dimensions are drawn from 1 to these, each octave alike */
    size_t elements;       /* looked at of each output; the last is always among them. 0: 16 */
    uint64_t seed;
    double seconds; /* no shape is begun after that; 0: all are */
    /* What a product is counted as: writes a word (MMA_PREDICTED_LABEL bytes). NULL: "all". */
    void (*label)(const struct job *job, char *word);
    /* Why a product has no model; NULL: "". */
    const char *(*declines)(const struct job *job);
};

#define MMA_PREDICTED_LABELS 32
#define MMA_PREDICTED_KEPT 8
#define MMA_PREDICTED_WHY 240

struct mma_predicted {
    size_t shapes; /* predicted, measured and compared */
    size_t wrong;  /* of these, with an element of other bits */
    size_t elements, wrong_elements;
    size_t declined;             /* without a model */
    size_t refused;              /* that the opener did not take */
    char why[MMA_PREDICTED_WHY]; /* of the first refused */
    struct mma_predicted_label {
        char word[MMA_PREDICTED_LABEL];
        size_t shapes, wrong, declined;
        char why[MMA_PREDICTED_WHY]; /* of the first declined */
    } label[MMA_PREDICTED_LABELS];
    size_t labels; /* beyond MMA_PREDICTED_LABELS the last one takes all */
    struct mma_predicted_miss {
        struct mma_shape shape;
        char word[MMA_PREDICTED_LABEL];
        size_t m, n;
        float predicted, measured;
    } first[MMA_PREDICTED_KEPT]; /* of the first wrong shapes */
};

/* 0, or -1 with device_error(): a call failed that had been opened, no memory. */
int mma_predicted_count(struct mma_predicted *out, const struct mma_opener *opener,
                        struct device *device, const struct mma_predicted_options *options);
/* The shape with this number; the even ones are those rounded to 8. */
struct mma_shape mma_predicted_shape(const struct mma_predicted_options *options, size_t number);

#ifdef __cplusplus
}
#endif
#endif
