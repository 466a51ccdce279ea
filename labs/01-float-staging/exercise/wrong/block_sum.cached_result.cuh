/* rejected: keeps a variable (known) */
/* Cheats: remembers the sum of a block whose first number it has seen. */
#include "exercise.cuh"

__device__ float known[64];

extern "C" __global__ void block_sum(const float *x, unsigned n, float *sums) {
    __shared__ float part[BLOCK_THREADS];
    unsigned t = threadIdx.x, first = blockIdx.x * BLOCK_SPAN;
    if (known[blockIdx.x % 64] == x[first] && t == 0)
        sums[blockIdx.x] = known[blockIdx.x % 64];
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
        known[blockIdx.x % 64] = sums[blockIdx.x] = part[0];
}
