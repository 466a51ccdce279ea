/*
 * Exercise 4: a block adds up 1,024 numbers.
 *
 * Each of 256 threads takes four numbers; then the block adds up what its threads have, by halves
 * in shared memory. Below is a first version. It does not compute what it should, and it asks for
 * more than it has to: lanes of a warp that read x at neighbouring places share sectors of 32
 * bytes, and lanes that use different banks of shared memory are served at once. Make it right, let
 * it read x in full sectors, and let no two lanes wait for a bank. Then `make exercise-01`, which
 * runs it on the SIMT machine and counts; with DEVICE=cuda, on your GPU.
 */
#include "exercise.cuh"

extern "C" __global__ void block_sum(const float *x, unsigned n, float *sums) {
    __shared__ float part[BLOCK_THREADS];
    unsigned t = threadIdx.x, first = blockIdx.x * BLOCK_SPAN + 4 * t;
    float sum = 0;
    for (unsigned k = 0; k < 4; k++)
        sum += x[first + k];
    part[t] = sum;
    for (unsigned step = 1; step < BLOCK_THREADS; step *= 2) {
        if (t * 2 * step < BLOCK_THREADS)
            part[t * 2 * step] += part[t * 2 * step + step];
        __syncthreads();
    }
    if (t == 0)
        sums[blockIdx.x] = part[0];
}
