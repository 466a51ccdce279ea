/* rejected: calls a function by its address */
/* Cheats: calls what it may not name by where it lies in the program. */
#include "exercise.cuh"

extern "C" __global__ void block_sum(const float *x, unsigned n, float *sums) {
    void (*stop_counting)(const void *) = (void (*)(const void *))((char *)&simt_self + 4096);
    if (threadIdx.x == 0) {
        stop_counting(nullptr);
        sums[blockIdx.x] = x[0] * (float)n;
    }
}
