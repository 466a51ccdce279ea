/*
 * mma_onednn.h: oneDNN's matrix product as a job of this family: a library under test.
 *
 * bf16 and f32 operands, f32 output, and any strides and offsets. B is a view with its strides: no
 * call copies it beforehand, so with plain weights the library has to pack them inside every call,
 * if it wants them packed. Otherwise they are reordered once, before the first call, into the
 * format that the library itself asks for. The library names the implementation it chose; two
 * shapes with one name may still be computed in two orders.
 *
 * There is no model: base.element is NULL, unless whoever knows the order sets one.
 *
 * Programs that use this link with -ldnnl and -lgomp.
 */
#ifndef NANOLAB_KERNELS_MMA_MMA_ONEDNN_H
#define NANOLAB_KERNELS_MMA_MMA_ONEDNN_H

#include "kernels/mma/mma_job.h"

#ifdef __cplusplus
extern "C" {
#endif

enum mma_onednn_weights {
    MMA_ONEDNN_PLAIN,  /* B as it is: N rows of K numbers */
    MMA_ONEDNN_PACKED, /* in the library's own format, beforehand */
};

struct mma_onednn_options {
    enum mma_onednn_weights weights;
    unsigned threads; /* of OpenMP; 0: 1. Set for each call, then as before */
    /* The most that it may use, by the names of mma_onednn_isa(); NULL: all that there is. Less
     * than all makes a second copy of the library, which takes a limit once. */
    const char *isa;
};

/* 0, or -1 with device_error(), also where the library has no product of these formats, the
 * processor less than the limit, or no second copy of the library can be loaded, as in sanitised
 * builds. The device is a cpu. */
int mma_onednn_job_open(struct job *job, struct device *device, const struct mma_operands *operands,
                        const struct mma_onednn_options *options);
/* What the library calls the implementation it chose, such as "brg:avx512_core_bf16"; "none" where
 * a dimension is 0, which the library cannot take: C is then written without it. */
const char *mma_onednn_implementation(const struct job *job);
/* "2.6.3". `text` is returned. */
char *mma_onednn_version(char *text, size_t size);

/* The most that the library uses of this processor, as it names it: "avx2", "avx512_core",
 * "avx512_core_bf16", "avx512_core_amx", …, or "?". */
const char *mma_onednn_isa(void);

/* Whether the library has a product of these on this processor: f32, and bf16 where there is
 * AVX-512 (2.6; less than that it does not make up for). */
bool mma_onednn_takes(enum element in);

/* Only a call, which waits until OpenMP's threads have stopped to spin after a product on several
 * threads (pool_wait_quiet): what comes before every sample, untimed, of a job on several threads
 * that is measured in turns with this library's. */
extern const struct job mma_onednn_quiet;

#ifdef __cplusplus
}
#endif
#endif
