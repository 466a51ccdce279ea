/* rejected: is another number than the pool's */
/* A number is computed with on its way: where it is not a number, or -0, its bits change. */
#include "exercise.cuh"

extern "C" __global__ void gather(const float *pool, const int *ids, unsigned tokens,
                                  unsigned block_tokens, unsigned D, float *out) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= tokens * D)
        return;
    unsigned t = i / D, d = i % D;
    unsigned slot = (unsigned)ids[t / block_tokens] * block_tokens + t % block_tokens;
    out[i] = pool[slot * D + d] + 0.0f;
}
