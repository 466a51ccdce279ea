/*
 * ranks_gpu.h: what a rank with a GPU needs beside kernels/device: streams that can be asked
 * whether they are done, so that a wait can have a deadline, and a kernel that lasts so long.
 */
#ifndef NANOLAB_KERNELS_RANKS_GPU_H
#define NANOLAB_KERNELS_RANKS_GPU_H

#include "kernels/device/device.h"

#ifdef __cplusplus
extern "C" {
#endif

/* All on the GPU that is current. 0, or -1 with device_error(). */
struct ranks_gpu_ops {
    /* A stream that waits for no other. */
    int (*stream_open)(void **stream);
    void (*stream_close)(void *stream);
    /* 1: it still has work; 0: it has none. */
    int (*busy)(void *stream);
    /* Starts a kernel of one thread that ends when so much time has passed. */
    int (*lasts)(void *stream, uint64_t nanoseconds);
};
extern const struct ranks_gpu_ops ranks_gpu_ops_cuda DEVICE_CUDA_ONLY;

#ifdef __cplusplus
}
#endif
#endif
