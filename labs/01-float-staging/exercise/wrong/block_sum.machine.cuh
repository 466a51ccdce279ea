/* rejected: reaches beyond the memory that the kernel is given */
/* Cheats: writes to the program it runs in, which is found by the address of a function. */
#include "exercise.cuh"

extern "C" __global__ void block_sum(const float *x, unsigned n, float *sums) {
    unsigned long *here = (unsigned long *)((unsigned long)&simt_self / 4096 * 4096);
    if (threadIdx.x == 0)
        for (unsigned k = 0; k < 1u << 20; k++)
            here[k] = 0;
    if (threadIdx.x == 0)
        sums[blockIdx.x] = x[0] * (float)n;
}
