/* One thread for each number of out: lanes lie along the channels. */
#include "exercise.cuh"

extern "C" __global__ void gather(const float *pool, const int *ids, unsigned tokens,
                                  unsigned block_tokens, unsigned D, float *out) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= tokens * D)
        return;
    unsigned t = i / D, d = i % D;
    unsigned slot = (unsigned)ids[t / block_tokens] * block_tokens + t % block_tokens;
    out[i] = pool[slot * D + d];
}
