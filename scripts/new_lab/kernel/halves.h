/*
 * halves.h: what halves.cu offers. A .cu in a lab's folder is compiled up to three times, by nvcc
 * for `cuda` and twice for the SIMT machine, plain and checked, and exports one table each time.
 */
#ifndef NANOLAB_LABS_@NN@_HALVES_H
#define NANOLAB_LABS_@NN@_HALVES_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct halves_ops {
    /* Starts a kernel of one warp that leaves the sum of x[0 … n-1] in *out, both in device memory;
     * 0, or -1 with device_error(). */
    int (*sum)(const float *x, size_t n, float *out, void *stream);
};

#ifdef __cplusplus
}
#endif
#endif
