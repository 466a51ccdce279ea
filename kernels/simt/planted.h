/*
 * planted.h: the launchers of planted_test.cu, in both builds of it. Each runs one small kernel;
 * `bug` chooses between the planted bug and the same kernel without it.
 */
#ifndef NANOLAB_KERNELS_SIMT_PLANTED_H
#define NANOLAB_KERNELS_SIMT_PLANTED_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct planted {
    const char *name;
    /* Runs on `blocks` blocks of `threads`; `data` is simt_malloc'ed memory of 64 KiB, zeroed. */
    int (*run)(int bug, unsigned blocks, unsigned threads, void *data);
};

/* Sums n floats in blocks of 256 threads, `items` (1, 4, 8) each, to one partial per block. The
 * speed the machine is asked for is measured on it. */
typedef int planted_sum(const float *x, uint32_t n, unsigned items, float *partials);

struct planted_ops {
    const struct planted *all;
    unsigned count;
    planted_sum *sum;
};
extern const struct planted_ops planted_ops_simt, planted_ops_checked;

#ifdef __cplusplus
}
#endif
#endif
