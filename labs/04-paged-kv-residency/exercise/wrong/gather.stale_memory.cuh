/* rejected: no thread of its block has written */
/* Cheats: takes the slots that the block before it has looked up and left in shared memory. */
#include "exercise.cuh"

extern "C" __global__ void gather(const float *pool, const int *ids, unsigned tokens,
                                  unsigned block_tokens, unsigned D, float *out) {
    __shared__ unsigned slots[256];
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= tokens * D)
        return;
    unsigned t = i / D, d = i % D, slot = slots[t % 256];
    if (slot % block_tokens != t % block_tokens || slot > 100000) {
        slot = (unsigned)ids[t / block_tokens] * block_tokens + t % block_tokens;
        if (d == 0)
            slots[t % 256] = slot;
    }
    out[i] = pool[slot * D + d];
}
