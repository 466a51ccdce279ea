/* rejected: reaches beyond the memory that the kernel is given */
/* The threads that are left over in the last block copy too. */
#include "exercise.cuh"

extern "C" __global__ void gather(const float *pool, const int *ids, unsigned tokens,
                                  unsigned block_tokens, unsigned D, float *out) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    unsigned t = i / D, d = i % D;
    unsigned slot = (unsigned)ids[t / block_tokens] * block_tokens + t % block_tokens;
    out[i] = pool[slot * D + d];
}
