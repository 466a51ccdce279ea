/*
 * atomics_planted.h: cures with a mistake in them, and without. For atomics_mutants_test.c.
 */
#ifndef NANOLAB_KERNELS_ATOMICS_ATOMICS_PLANTED_H
#define NANOLAB_KERNELS_ATOMICS_ATOMICS_PLANTED_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum atomics_mistake {
    ATOMICS_RIGHT,
    ATOMICS_NO_RELEASE, /* ticket: the turn is passed on without a fence before it */
    ATOMICS_NO_ACQUIRE, /* ticket: the turn is taken without a fence after it */
    ATOMICS_NO_RANGE,   /* fixed: elements beyond the range are converted all the same */
    ATOMICS_NO_WAIT,    /* partials: merged by the first block to come instead of the last */
    ATOMICS_NO_FENCE,   /* partials: merged by the last block, announced without a fence */
    ATOMICS_NO_BARRIER, /* partials: a block's warps not waited for */
    ATOMICS_MISTAKES
};

/* All sum x[0 … blocks × threads - 1] into result[0]; scratch: 4 KiB of zeros. 0 or -1. */
struct atomics_planted_ops {
    int (*ticket)(enum atomics_mistake mistake, unsigned blocks, unsigned threads, const float *x,
                  float *result, void *scratch);
    /* Units of 2^unit, elements within limit. */
    int (*fixed)(enum atomics_mistake mistake, unsigned blocks, unsigned threads, const float *x,
                 float *result, void *scratch, int unit, double limit);
    int (*partials)(enum atomics_mistake mistake, unsigned blocks, unsigned threads, const float *x,
                    float *result, void *scratch);
};
extern const struct atomics_planted_ops atomics_planted_simt, atomics_planted_checked;

#ifdef __cplusplus
}
#endif
#endif
