/* rejected: D =  */
/* Blocks are taken to hold 16 tokens, as most do. */
#include "exercise.cuh"

extern "C" __global__ void gather(const float *pool, const int *ids, unsigned tokens,
                                  unsigned block_tokens, unsigned D, float *out) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= tokens * D)
        return;
    unsigned t = i / D, d = i % D;
    unsigned slot = (unsigned)ids[t / 16] * 16 + t % 16;
    out[i] = pool[slot * D + d];
}
