/* rejected: defines simt_last_counts */
/* Cheats: brings a counter of its own, which reports little work. */
#include "exercise.cuh"
#include "kernels/simt/simt.h"

extern "C" void simt_last_counts(struct simt_counts *counts) {
    memset(counts, 0, sizeof *counts);
    counts->requests_counted = 1;
    counts->load_requests = 1;
    counts->load_sectors = counts->load_sectors_least = 4;
}

extern "C" __global__ void block_sum(const float *x, unsigned n, float *sums) {
    __shared__ float part[BLOCK_THREADS];
    unsigned t = threadIdx.x, first = blockIdx.x * BLOCK_SPAN + 4 * t;
    float sum = 0;
    for (unsigned i = first; i < first + 4 && i < n; i++)
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
