/*
 * device_cuda.cu: a GPU as a device, through the CUDA run time. Built only where nvcc is; it opens
 * nothing where no driver or no GPU is, and says which of the two is missing.
 */
#include <cuda_runtime.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels/device/backend.h"

struct cuda_state {
    int index;
    cudaStream_t stream;
    cudaEvent_t start, stop;
};

static int check(cudaError_t status, const char *expression, int line) {
    if (status == cudaSuccess)
        return 0;
    return device_fail("CUDA: %s (%s) in %s, device_cuda.cu:%d; %s", cudaGetErrorString(status),
                       cudaGetErrorName(status), expression, line, device_cuda_advice(status));
}

/* The numbers in device_advice.c. */
#define IS(name, number) static_assert(name == number, #name " is not " #number)
IS(cudaErrorMemoryAllocation, 2);
IS(cudaErrorInitializationError, 3);
IS(cudaErrorStubLibrary, 34);
IS(cudaErrorInsufficientDriver, 35);
IS(cudaErrorDevicesUnavailable, 46);
IS(cudaErrorNoDevice, 100);
IS(cudaErrorInvalidDevice, 101);
IS(cudaErrorNoKernelImageForDevice, 209);
IS(cudaErrorECCUncorrectable, 214);
IS(cudaErrorUnsupportedPtxVersion, 222);
IS(cudaErrorOperatingSystem, 304);
IS(cudaErrorIllegalAddress, 700);
IS(cudaErrorLaunchTimeout, 702);
IS(cudaErrorMisalignedAddress, 716);
IS(cudaErrorLaunchFailure, 719);
IS(cudaErrorSystemNotReady, 802);
IS(cudaErrorSystemDriverMismatch, 803);
IS(cudaErrorCompatNotSupportedOnDevice, 804);
IS(cudaErrorUnknown, 999);
#undef IS

#define TRY(call)                                                                                  \
    do {                                                                                           \
        if (check((call), #call, __LINE__) != 0)                                                   \
            return -1;                                                                             \
    } while (0)

/* Calls reach the device the state names, also when a program has several open. */
#define SELECT(state)                                                                              \
    struct cuda_state *cuda = (struct cuda_state *)(state);                                        \
    TRY(cudaSetDevice(cuda->index))

static int cuda_count(void) {
    int count = 0;
    cudaError_t status = cudaGetDeviceCount(&count);
    if (status == cudaErrorInsufficientDriver)
        device_fail("no GPU can be used: there is no NVIDIA driver, or one older than this build's "
                    "CUDA %d.%d; install or update the driver",
                    CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
    else if (status == cudaErrorNoDevice || (status == cudaSuccess && count == 0))
        device_fail("%s", device_cuda_advice(cudaErrorNoDevice));
    else if (status != cudaSuccess)
        device_fail("no GPU can be used: %s (%s); %s", cudaGetErrorString(status),
                    cudaGetErrorName(status), device_cuda_advice(status));
    return status == cudaSuccess ? count : 0;
}

static void cuda_close(void *state) {
    struct cuda_state *cuda = (struct cuda_state *)state;
    if (cudaSetDevice(cuda->index) == cudaSuccess) {
        if (cuda->start)
            cudaEventDestroy(cuda->start);
        if (cuda->stop)
            cudaEventDestroy(cuda->stop);
        if (cuda->stream)
            cudaStreamDestroy(cuda->stream);
    }
    free(cuda);
}

static int open_stream(struct cuda_state *cuda, char *model, size_t model_size) {
    cudaDeviceProp properties;
    TRY(cudaSetDevice(cuda->index));
    TRY(cudaGetDeviceProperties(&properties, cuda->index));
    snprintf(model, model_size, "%s", properties.name);
    TRY(cudaStreamCreateWithFlags(&cuda->stream, cudaStreamNonBlocking));
    TRY(cudaEventCreate(&cuda->start));
    TRY(cudaEventCreate(&cuda->stop));
    return 0;
}

static int cuda_open(int index, void **state, char *model, size_t model_size) {
    struct cuda_state *cuda = (struct cuda_state *)calloc(1, sizeof *cuda);
    if (!cuda)
        return device_fail("out of memory while opening cuda:%d", index);
    cuda->index = index;
    if (open_stream(cuda, model, model_size) != 0) {
        cuda_close(cuda);
        return -1;
    }
    *state = cuda;
    return 0;
}

static size_t cuda_memory_free(void *state) {
    size_t available = 0, total = 0;
    struct cuda_state *cuda = (struct cuda_state *)state;
    if (cudaSetDevice(cuda->index) != cudaSuccess ||
        cudaMemGetInfo(&available, &total) != cudaSuccess)
        return 0;
    return available;
}

static int cuda_alloc(void *state, void **out, size_t bytes) {
    SELECT(state);
    cudaError_t status = cudaMalloc(out, bytes);
    if (status == cudaErrorMemoryAllocation) {
        cudaGetLastError(); /* an allocation that fails must not fail the next launch */
        return device_fail("out of memory: cuda:%d cannot allocate %zu bytes; use a smaller size "
                           "or --quick",
                           cuda->index, bytes);
    }
    return check(status, "cudaMalloc", __LINE__);
}

static void cuda_free(void *state, void *memory) {
    struct cuda_state *cuda = (struct cuda_state *)state;
    if (cudaSetDevice(cuda->index) == cudaSuccess)
        cudaFree(memory);
}

/* Copies go through the device's own stream and wait for it: the stream does not synchronise with
 * the default stream, on which a plain cudaMemcpy would run ahead of launched work. */
static int cuda_copy(void *state, void *to, const void *from, size_t bytes, cudaMemcpyKind kind) {
    SELECT(state);
    TRY(cudaMemcpyAsync(to, from, bytes, kind, cuda->stream));
    TRY(cudaStreamSynchronize(cuda->stream));
    return 0;
}

static int cuda_write(void *state, void *to, const void *host_from, size_t bytes) {
    return cuda_copy(state, to, host_from, bytes, cudaMemcpyHostToDevice);
}

static int cuda_read(void *state, void *host_to, const void *from, size_t bytes) {
    return cuda_copy(state, host_to, from, bytes, cudaMemcpyDeviceToHost);
}

static int cuda_fill(void *state, void *to, int byte, size_t bytes) {
    SELECT(state);
    TRY(cudaMemsetAsync(to, byte, bytes, cuda->stream));
    return 0;
}

static int cuda_sync(void *state) {
    SELECT(state);
    TRY(cudaStreamSynchronize(cuda->stream));
    TRY(cudaGetLastError());
    return 0;
}

static int cuda_timer_start(void *state) {
    SELECT(state);
    TRY(cudaEventRecord(cuda->start, cuda->stream));
    return 0;
}

static int cuda_timer_stop(void *state, double *seconds) {
    SELECT(state);
    float milliseconds = 0;
    TRY(cudaEventRecord(cuda->stop, cuda->stream));
    TRY(cudaEventSynchronize(cuda->stop));
    TRY(cudaGetLastError());
    TRY(cudaEventElapsedTime(&milliseconds, cuda->start, cuda->stop));
    *seconds = 1e-3 * milliseconds;
    return 0;
}

static void *cuda_stream(void *state) {
    return ((struct cuda_state *)state)->stream;
}

int device_cuda_version(int *version) {
    return cudaRuntimeGetVersion(version) == cudaSuccess ? 0 : -1;
}

int device_cuda_address(int index, char *address, int size) {
    return cudaDeviceGetPCIBusId(address, size, index) == cudaSuccess ? 0 : -1;
}

extern "C" const struct device_backend device_backend_cuda = {
    cuda_count, cuda_open, cuda_close, cuda_memory_free, cuda_alloc,      cuda_free,   cuda_write,
    cuda_read,  cuda_fill, cuda_sync,  cuda_timer_start, cuda_timer_stop, cuda_stream,
};
