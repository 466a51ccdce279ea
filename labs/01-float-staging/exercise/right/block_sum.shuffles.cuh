/* Warps add up by shuffles; eight sums go through shared memory, by one barrier. */
#include "exercise.cuh"

extern "C" __global__ void block_sum(const float *x, unsigned n, float *sums) {
    __shared__ float part[BLOCK_THREADS / 32];
    unsigned t = threadIdx.x, first = blockIdx.x * BLOCK_SPAN;
    float sum = 0;
    for (unsigned k = 0; k < 4; k++) {
        unsigned i = first + k * BLOCK_THREADS + t;
        sum += i < n ? x[i] : 0;
    }
    for (int d = 16; d > 0; d /= 2)
        sum += __shfl_down_sync(0xffffffff, sum, d);
    if (t % 32 == 0)
        part[t / 32] = sum;
    __syncthreads();
    if (t < 32) {
        sum = t < BLOCK_THREADS / 32 ? part[t] : 0;
        for (int d = 4; d > 0; d /= 2)
            sum += __shfl_down_sync(0xffffffff, sum, d);
        if (t == 0)
            sums[blockIdx.x] = sum;
    }
}
