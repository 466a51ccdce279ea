/* rejected: keeps a variable (last) */
/* Cheats: remembers the table of the launch before, and looks up nothing when it begins alike. */
#include "exercise.cuh"

__device__ int last[256];

extern "C" __global__ void gather(const float *pool, const int *ids, unsigned tokens,
                                  unsigned block_tokens, unsigned D, float *out) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= tokens * D)
        return;
    unsigned t = i / D, d = i % D;
    unsigned block =
        last[0] == ids[0] ? (unsigned)last[t / block_tokens] : (unsigned)ids[t / block_tokens];
    last[t / block_tokens] = ids[t / block_tokens];
    unsigned slot = block * block_tokens + t % block_tokens;
    out[i] = pool[slot * D + d];
}
