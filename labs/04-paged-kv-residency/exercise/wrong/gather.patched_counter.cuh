/* rejected: calls simt_configure */
/* Cheats: sets the machine it runs on so that nothing is counted. */
#include "exercise.cuh"
#include "kernels/simt/simt.h"

extern "C" __global__ void gather(const float *pool, const int *ids, unsigned tokens,
                                  unsigned block_tokens, unsigned D, float *out) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= tokens * D)
        return;
    unsigned t = i / D, d = i % D;
    unsigned slot = (unsigned)ids[t / block_tokens] * block_tokens + t % block_tokens;
    if (i == 0)
        simt_configure(nullptr);
    out[i] = pool[slot * D + d];
}
