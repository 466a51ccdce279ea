/* rejected: is another number than the pool's */
/* Every token of a block is its first. */
#include "exercise.cuh"

extern "C" __global__ void gather(const float *pool, const int *ids, unsigned tokens,
                                  unsigned block_tokens, unsigned D, float *out) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= tokens * D)
        return;
    unsigned t = i / D, d = i % D;
    unsigned slot = (unsigned)ids[t / block_tokens] * block_tokens;
    out[i] = pool[slot * D + d];
}
