/*
 * atomics_planted_test.cu: three cures in their shortest form, each with the mistakes that people
 * make in it. Most change no result where threads run one at a time: it takes the checked machine
 * to see them.
 */
#include "kernels/atomics/atomics_fixed.h"
#include "kernels/atomics/atomics_planted.h"
#include "kernels/device/kernel.h"

namespace {

/* A block's elements to one, in thread 0: one warp after another. */
__device__ float planted_block_sum(float v, bool barrier) {
    __shared__ float slot[32];
    for (int distance = 16; distance > 0; distance /= 2)
        v = v + __shfl_down_sync(0xffffffffu, v, distance);
    if (threadIdx.x % 32 == 0)
        slot[threadIdx.x / 32] = v;
    if (barrier)
        __syncthreads();
    if (threadIdx.x == 0)
        for (unsigned k = 1; k < blockDim.x / 32; k++)
            v = v + slot[k];
    return v;
}

__global__ void planted_ticket(int mistake, const float *x, float *result, unsigned *scratch) {
    __shared__ unsigned drawn;
    if (threadIdx.x == 0)
        drawn = atomicAdd(&scratch[0], 1u);
    __syncthreads();
    float v = planted_block_sum(x[drawn * blockDim.x + threadIdx.x], true);
    if (threadIdx.x)
        return;
    unsigned *turn = &scratch[1];
    if (mistake == ATOMICS_NO_ACQUIRE)
        while (atomicAdd(turn, 0u) != drawn)
            continue;
    else
        while (kernel_load_acquire(turn) != drawn)
            continue;
    *result = *result + v;
    if (mistake == ATOMICS_NO_RELEASE)
        kernel_store_relaxed(turn, drawn + 1);
    else
        kernel_store_release(turn, drawn + 1);
}

__global__ void planted_fixed(int mistake, const float *x, unsigned long long *sum, unsigned *flags,
                              double scale, double limit) {
    double d = (double)x[blockIdx.x * blockDim.x + threadIdx.x];
    if (mistake == ATOMICS_NO_RANGE || fabs(d) <= limit)
        atomicAdd(sum, (unsigned long long)__double2ll_rn(d * scale));
    else
        atomicOr(flags, atomics_fixed_trouble(d));
}

__global__ void planted_fixed_end(const unsigned long long *sum, const unsigned *flags, int unit,
                                  float *result) {
    *result = atomics_fixed_f32((int64_t)*sum, *flags, unit);
}

__global__ void planted_partials(int mistake, const float *x, float *result, unsigned *scratch) {
    __shared__ unsigned come;
    float *partial = (float *)(scratch + 16);
    float v =
        planted_block_sum(x[blockIdx.x * blockDim.x + threadIdx.x], mistake != ATOMICS_NO_BARRIER);
    if (threadIdx.x)
        return;
    partial[blockIdx.x] = v;
    if (mistake != ATOMICS_NO_FENCE)
        __threadfence();
    come = atomicAdd(&scratch[0], 1u);
    __threadfence();
    if (come != (mistake == ATOMICS_NO_WAIT ? 0 : gridDim.x - 1))
        return;
    float total = 0;
    for (unsigned b = 0; b < gridDim.x; b++)
        total = total + partial[b];
    *result = total;
}

int run_ticket(enum atomics_mistake mistake, unsigned blocks, unsigned threads, const float *x,
               float *result, void *scratch) {
    return kernel_launch(planted_ticket, dim3(blocks), dim3(threads), 0, nullptr, (int)mistake, x,
                         result, (unsigned *)scratch);
}

int run_fixed(enum atomics_mistake mistake, unsigned blocks, unsigned threads, const float *x,
              float *result, void *scratch, int unit, double limit) {
    unsigned long long *sum = (unsigned long long *)scratch;
    unsigned *flags = (unsigned *)(sum + 1);
    double scale = round_f64_from((uint64_t)(1023 - unit) << 52);
    if (kernel_launch(planted_fixed, dim3(blocks), dim3(threads), 0, nullptr, (int)mistake, x, sum,
                      flags, scale, limit))
        return -1;
    return kernel_launch(planted_fixed_end, dim3(1), dim3(1), 0, nullptr,
                         (const unsigned long long *)sum, (const unsigned *)flags, unit, result);
}

int run_partials(enum atomics_mistake mistake, unsigned blocks, unsigned threads, const float *x,
                 float *result, void *scratch) {
    return kernel_launch(planted_partials, dim3(blocks), dim3(threads), 0, nullptr, (int)mistake, x,
                         result, (unsigned *)scratch);
}

} // namespace

extern "C" const struct atomics_planted_ops KERNEL_EXPORT(atomics_planted) = {run_ticket, run_fixed,
                                                                              run_partials};
