/* A warp takes a token at a time, and its lanes go along the channels; warps go on to later tokens.
 */
#include "exercise.cuh"

extern "C" __global__ void gather(const float *pool, const int *ids, unsigned tokens,
                                  unsigned block_tokens, unsigned D, float *out) {
    unsigned lane = threadIdx.x % 32, warps = gridDim.x * (GATHER_THREADS / 32);
    for (unsigned t = (blockIdx.x * GATHER_THREADS + threadIdx.x) / 32; t < tokens; t += warps) {
        const float *from =
            pool + ((size_t)ids[t / block_tokens] * block_tokens + t % block_tokens) * D;
        for (unsigned d = lane; d < D; d += 32)
            out[(size_t)t * D + d] = from[d];
    }
}
