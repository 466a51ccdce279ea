/*
 * Exercise 4: gather through a block table.
 *
 * A sequence's keys lie in blocks all over the pool; the table says where. Below, neighbouring
 * threads copy neighbouring tokens, which looks natural. Count with the checker what a warp asks
 * memory for, and give the threads their work so that lanes read and write neighbouring numbers.
 * Mind the threads that are left over. Then `make exercise-04`; with DEVICE=cuda, on your GPU.
 */
#include "exercise.cuh"

extern "C" __global__ void gather(const float *pool, const int *ids, unsigned tokens,
                                  unsigned block_tokens, unsigned D, float *out) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    unsigned t = i % tokens, d = i / tokens;
    unsigned slot = (unsigned)ids[t / block_tokens] * block_tokens + t % block_tokens;
    out[t * D + d] = pool[slot * D + d];
}
