/* Each thread takes every 256th number; then by halves, the sum of thread t + half to that of t. */
#include "exercise.cuh"

extern "C" __global__ void block_sum(const float *x, unsigned n, float *sums) {
    __shared__ float part[BLOCK_THREADS];
    unsigned t = threadIdx.x, first = blockIdx.x * BLOCK_SPAN;
    float sum = 0;
    for (unsigned i = first + t; i < first + BLOCK_SPAN && i < n; i += BLOCK_THREADS)
        sum += x[i];
    part[t] = sum;
    __syncthreads();
    for (unsigned half = BLOCK_THREADS / 2; half > 0; half /= 2) {
        if (t < half)
            part[t] += part[t + half];
        __syncthreads();
    }
    if (t == 0)
        sums[blockIdx.x] = part[0];
}
