/*
 * ranks_gpu.cu: see ranks_gpu.h. A kernel that ends by the clock cannot be one of the SIMT machine,
 * which has none: for it the file is empty.
 */
#if defined(__CUDACC__)

#include "kernels/device/kernel.h"
#include "kernels/ranks/ranks_gpu.h"

namespace {

__global__ void lasts_kernel(unsigned long long nanoseconds) {
    unsigned long long began = kernel_nanoseconds();
    while (kernel_nanoseconds() - began < nanoseconds)
        ;
}

int check(cudaError_t status, const char *what) {
    return status == cudaSuccess
               ? 0
               : device_fail("CUDA, %s: %s (%s)", what, cudaGetErrorString(status),
                             cudaGetErrorName(status));
}

int stream_open(void **stream) {
    return check(cudaStreamCreateWithFlags((cudaStream_t *)stream, cudaStreamNonBlocking),
                 "opening a stream");
}

void stream_close(void *stream) {
    cudaStreamDestroy((cudaStream_t)stream);
}

int busy(void *stream) {
    cudaError_t status = cudaStreamQuery((cudaStream_t)stream);
    return status == cudaErrorNotReady ? 1 : check(status, "asking a stream");
}

int lasts(void *stream, uint64_t nanoseconds) {
    return kernel_launch(lasts_kernel, 1, 1, 0, stream, (unsigned long long)nanoseconds);
}

} // namespace

extern "C" const struct ranks_gpu_ops KERNEL_EXPORT(ranks_gpu_ops) = {stream_open, stream_close,
                                                                      busy, lasts};

#endif
