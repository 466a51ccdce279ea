/*
 * mma_reveal.h: the summation trees of a matrix product, recovered from its outputs alone, whoever
 * multiplies: our kernels, a library on the CPU or on a GPU.
 *
 * Classes. Every row of A gets the same numbers, and every row of B: all elements of C are then the
 * same sum, and where two differ in a bit they were added differently. So a few calls on such data
 * show which elements a trailing tile, or another kernel, added in its own way: no tile size need
 * be known.
 *
 * Trees. Elements of one class answer for each other. The questions that recover() asks of one
 * element are spread over the rows (or columns) of its class, so that one product answers as many
 * questions as it has rows or columns: 4,096 products take about a hundred calls instead of 20,000.
 * That they may answer for each other is checked: what was found is compared with random data of
 * many kinds, some of them on the element itself; and mma_reveal_value() says what any element of
 * the class must be on any other operands.
 *
 *     struct mma_classes classes;
 *     struct mma_revealed revealed;
 *     mma_classes_find(&classes, &job, 0);
 *     mma_reveal(&revealed, &job, &classes, 0, 5, NULL);
 *     tree_words(revealed.found.tree), mma_reveal_value(&revealed, &operands, 0, 5, &value);
 *
 * The job's operands are as they were afterwards; its output is not.
 */
#ifndef NANOLAB_KERNELS_MMA_MMA_REVEAL_H
#define NANOLAB_KERNELS_MMA_MMA_REVEAL_H

#include "kernels/mma/mma_job.h"
#include "kernels/tree/recover.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mma_classes {
    struct mma_shape shape;
    uint32_t *of;   /* of element (m, n): of[m * shape.n + n]; numbered as they come, from 0 */
    size_t count;   /* how many classes */
    uint64_t *seen; /* of each class: a hash of its elements on that data, the same for all shapes
                       of one K and format */
    size_t calls;   /* of the job */
    bool different; /* the same operands gave other bits: elements have no classes */
};

/* 0, or -1 with device_error(). No product of 0 elements. */
int mma_classes_find(struct mma_classes *out, const struct job *job, uint64_t seed);
void mma_classes_close(struct mma_classes *classes);
uint32_t mma_class_of(const struct mma_classes *classes, size_t m, size_t n);

struct mma_revealed {
    struct recovery found;
    struct recover_target target; /* the types, for recovery_value() */
    size_t calls;                 /* of the job */
};

/* Element (m, n) under study; options may be NULL (a unit or mask of 0: by the formats). 0 with a
 * verdict in out->found (mma_revealed_close it), or -1 with device_error(): a call failed, formats
 * that recover() does not know. */
int mma_reveal(struct mma_revealed *out, const struct job *job, const struct mma_classes *classes,
               size_t m, size_t n, const struct recover_options *options);
void mma_revealed_close(struct mma_revealed *revealed);
/* What element (m, n) of a product of these operands must be, if it is added as was found: -1 with
 * device_error(), also if no tree was found, or for another K or format. */
int mma_reveal_value(const struct mma_revealed *revealed, const struct mma_operands *operands,
                     size_t m, size_t n, float *value);

#ifdef __cplusplus
}
#endif
#endif
