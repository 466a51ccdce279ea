/* requests_test.cu: kernels whose requests to memory can be counted by hand; see requests.h. */
#include "kernels/device/kernel.h"
#include "kernels/simt/requests.h"

namespace {

__global__ void copy(const float *x, float *y, unsigned n, unsigned stride, unsigned first) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        y[i] = x[i * stride + first];
}

int run_copy(const float *x, float *y, unsigned n, unsigned stride, unsigned first,
             unsigned threads) {
    return kernel_launch(copy, (n + threads - 1) / threads, threads, 0, nullptr, x, y, n, stride,
                         first);
}

__global__ void copy4(const float4 *x, float4 *y) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    float4 v = x[i];
    v.x += 1;
    y[i] = v;
}

int run_copy4(const float *x, float *y, unsigned n) {
    return kernel_launch(copy4, n / 256, 64, 0, nullptr, (const float4 *)x, (float4 *)y);
}

__global__ void ragged(const float *x, float *y) {
    unsigned t = threadIdx.x;
    float sum = 0;
#pragma clang loop unroll(disable) vectorize(disable)
    for (unsigned k = 0; k < t % 4 + 1; k++)
        sum += x[t + 32 * k];
    y[t] = sum;
}

int run_ragged(const float *x, float *y) {
    return kernel_launch(ragged, 1, 32, 0, nullptr, x, y);
}

__global__ void parted(const float *x, float *y) {
    unsigned t = threadIdx.x;
    float v = x[t];
    if (t % 2) {
        y[t] = v + 1;
        __threadfence();
    } else {
        y[t] = v;
    }
}

int run_parted(const float *x, float *y) {
    return kernel_launch(parted, 1, 32, 0, nullptr, x, y);
}

template <class T>
__global__ void shared(const T *x, T *y, unsigned stride) {
    extern __shared__ char memory[];
    T *s = (T *)memory;
    unsigned t = threadIdx.x;
    s[t * stride] = x[t];
    __syncthreads();
    y[t] = s[t * stride];
}

int run_shared(const float *x, float *y, unsigned stride) {
    return kernel_launch(shared<float>, 1, 64, 64 * 32 * sizeof(float), nullptr, x, y, stride);
}

int run_shared_double(const double *x, double *y) {
    return kernel_launch(shared<double>, 1, 64, 64 * sizeof(double), nullptr, x, y, 1u);
}

__global__ void shared_one(const float *x, float *y) {
    __shared__ float s[64];
    unsigned t = threadIdx.x;
    s[t] = x[t];
    __syncthreads();
    y[t] = s[t - threadIdx.x];
}

int run_shared_one(const float *x, float *y) {
    return kernel_launch(shared_one, 1, 64, 0, nullptr, x, y);
}

__global__ void tree(const float *x, float *y, int neighbours) {
    __shared__ float s[256];
    unsigned t = threadIdx.x;
    s[t] = x[t];
    __syncthreads();
#pragma clang loop unroll(disable)
    for (unsigned k = 0; k < 8; k++) {
        unsigned active = 128 >> k, distance = neighbours ? 1u << k : active;
        unsigned at = neighbours ? 2 * distance * t : t;
        if (t < active)
            s[at] += s[at + distance];
        __syncthreads();
    }
    if (t == 0)
        y[0] = s[0];
}

int run_tree(const float *x, float *y, int neighbours) {
    return kernel_launch(tree, 1, 256, 0, nullptr, x, y, neighbours);
}

__global__ void atomics(unsigned *counters) {
    __shared__ unsigned local;
    if (threadIdx.x == 0)
        local = 0;
    __syncthreads();
    atomicAdd(&local, 1u);
    atomicMax(&local, 1u);
    __syncthreads();
    atomicAdd(&counters[threadIdx.x % 2], local);
    __syncthreads();
}

int run_atomics(unsigned *counters) {
    return kernel_launch(atomics, 2, 64, 0, nullptr, counters);
}

__global__ void ahead(const float *x, float *y, unsigned times) {
    float sum = 0;
#pragma clang loop unroll(disable) vectorize(disable)
    for (unsigned k = 0; k < times; k++)
        sum += x[k % 64];
    y[threadIdx.x] = sum;
}

int run_ahead(const float *x, float *y, unsigned times) {
    return kernel_launch(ahead, 1, 32, 0, nullptr, x, y, times);
}

__device__ float of_the_program;

__global__ void variable(float *y) {
    of_the_program = y[0];
    __syncthreads();
    y[1] = of_the_program;
}

int run_variable(float *y) {
    return kernel_launch(variable, 1, 1, 0, nullptr, y);
}

} // namespace

extern "C" const struct requests_ops KERNEL_EXPORT(requests_ops) = {
    run_copy,       run_copy4, run_ragged,  run_parted, run_shared,   run_shared_double,
    run_shared_one, run_tree,  run_atomics, run_ahead,  run_variable,
};
