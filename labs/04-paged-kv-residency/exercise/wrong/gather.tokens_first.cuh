/* rejected: times as many sectors */
/* Neighbouring threads copy neighbouring tokens: right, and each lane has sectors of its own. */
#include "exercise.cuh"

extern "C" __global__ void gather(const float *pool, const int *ids, unsigned tokens,
                                  unsigned block_tokens, unsigned D, float *out) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= tokens * D)
        return;
    unsigned t = i % tokens, d = i / tokens;
    unsigned slot = (unsigned)ids[t / block_tokens] * block_tokens + t % block_tokens;
    out[t * D + d] = pool[slot * D + d];
}
