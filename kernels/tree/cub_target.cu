/*
 * cub_target.cu: cub::DeviceReduce::Sum as a target for recover(). Only nvcc builds it; for the
 * SIMT machine this file is empty.
 */
#if defined(__CUDACC__)

#include <cub/device/device_reduce.cuh>
#include <cub/version.cuh>
#include <stdio.h>
#include <stdlib.h>

#include "kernels/tree/targets.h"

namespace {

struct reduction {
    struct device *device;
    size_t bytes; /* of x */
    void *x, *result, *scratch;
    size_t scratch_bytes;
};

int check(cudaError_t error, const char *what) {
    if (error == cudaSuccess)
        return 0;
    cudaGetLastError();
    return device_fail("cub::DeviceReduce::Sum, %s: %s", what, cudaGetErrorString(error));
}

template <class T>
int sum(void *context, const void *x, size_t n, double *result) {
    struct reduction *r = static_cast<struct reduction *>(context);
    T value = 0;
    if (device_write(r->device, r->x, x, r->bytes))
        return -1;
    cudaStream_t stream = static_cast<cudaStream_t>(device_stream(r->device));
    if (check(cub::DeviceReduce::Sum(r->scratch, r->scratch_bytes, static_cast<const T *>(r->x),
                                     static_cast<T *>(r->result), n, stream),
              "launch") ||
        device_sync(r->device) || device_read(r->device, &value, r->result, sizeof value))
        return -1;
    *result = value;
    return 0;
}

template <class T>
int start(struct recover_target *target, const void *x, size_t n) {
    struct reduction *r = static_cast<struct reduction *>(target->context);
    cudaStream_t stream = static_cast<cudaStream_t>(device_stream(r->device));
    return check(cub::DeviceReduce::Sum(r->scratch, r->scratch_bytes, static_cast<const T *>(x),
                                        static_cast<T *>(r->result), n, stream),
                 "launch");
}

void close(struct recover_target *target) {
    struct reduction *r = static_cast<struct reduction *>(target->context);
    if (!r)
        return;
    device_free(r->device, r->x);
    device_free(r->device, r->result);
    device_free(r->device, r->scratch);
    free(r);
    target->context = nullptr;
}

template <class T>
int open(struct recover_target *target, size_t n, struct device *device) {
    *target = {};
    struct reduction *r = static_cast<struct reduction *>(calloc(1, sizeof *r));
    if (!r)
        return device_fail("not enough memory");
    r->device = device;
    r->bytes = n * sizeof(T);
    target->type = target->result = sizeof(T) == 8 ? ELEMENT_F64 : ELEMENT_F32;
    target->sum = sum<T>;
    target->context = r;
    if (check(cub::DeviceReduce::Sum(nullptr, r->scratch_bytes, static_cast<const T *>(nullptr),
                                     static_cast<T *>(nullptr), n),
              "asking for its workspace") ||
        device_alloc(device, &r->x, r->bytes) || device_alloc(device, &r->result, sizeof(T)) ||
        device_alloc(device, &r->scratch, r->scratch_bytes ? r->scratch_bytes : 1)) {
        close(target);
        return -1;
    }
    return 0;
}

void version(char *text, size_t size) {
    snprintf(text, size, "CUB %d.%d.%d", CUB_MAJOR_VERSION, CUB_MINOR_VERSION,
             CUB_SUBMINOR_VERSION);
}

} // namespace

extern "C" {
const struct tree_target tree_targets_cub[] = {
    {"cub", "cub::DeviceReduce::Sum of f32", DEVICE_CUDA, open<float>, close, version,
     start<float>},
    {"cub-f64", "cub::DeviceReduce::Sum of f64", DEVICE_CUDA, open<double>, close, version,
     start<double>},
};
const size_t tree_targets_cub_count = sizeof tree_targets_cub / sizeof *tree_targets_cub;
}

#endif
