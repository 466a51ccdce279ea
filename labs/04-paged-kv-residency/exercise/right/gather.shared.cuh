/* The slots of the tokens that a block of threads copies are looked up once, into shared memory. */
#include "exercise.cuh"

extern "C" __global__ void gather(const float *pool, const int *ids, unsigned tokens,
                                  unsigned block_tokens, unsigned D, float *out) {
    __shared__ unsigned slot[GATHER_THREADS];
    unsigned begin = blockIdx.x * GATHER_THREADS, end = min(begin + GATHER_THREADS, tokens * D);
    unsigned first = begin / D, i = begin + threadIdx.x;
    for (unsigned t = first + threadIdx.x; t * D < end; t += GATHER_THREADS)
        slot[t - first] = (unsigned)ids[t / block_tokens] * block_tokens + t % block_tokens;
    __syncthreads();
    if (i < end)
        out[i] = pool[slot[i / D - first] * D + i % D];
}
