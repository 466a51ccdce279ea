/*
 * sum_block.cuh: the states of a warp's and a block's threads to one, staged as a plan says, and
 * that one to the result. Part of sum.cu.
 */
#ifndef NANOLAB_KERNELS_SUM_SUM_BLOCK_CUH
#define NANOLAB_KERNELS_SUM_SUM_BLOCK_CUH

#include "kernels/device/kernel.h"
#include "kernels/sum/sum.h"
#include "kernels/sum/sum_state.cuh"

namespace {

/* The unit in which states travel between lanes. */
template <int BYTES>
struct sum_word {
    unsigned long long bits;
};
template <>
struct sum_word<4> {
    unsigned bits;
};

/* The state of another lane, word by word. */
template <typename S>
__device__ inline S sum_shuffle(const S &own, int warp, int distance) {
    constexpr int BYTES = sizeof(S) % 8 ? 4 : 8, WORDS = sizeof(S) / BYTES;
    constexpr int UNROLL = WORDS <= 8 ? WORDS : 1; /* long accumulators live in memory anyway */
    struct sum_word<BYTES> word[WORDS];
    memcpy(word, &own, sizeof own);
#pragma unroll UNROLL
    for (int k = 0; k < WORDS; k++)
        word[k].bits = warp == SUM_SHFL_XOR ? __shfl_xor_sync(0xffffffffu, word[k].bits, distance)
                                            : __shfl_down_sync(0xffffffffu, word[k].bits, distance);
    S other;
    memcpy(&other, word, sizeof other);
    return other;
}

/* 32 lanes' states to one, in lane 0 (others hold leftovers). `mine` are this warp's 32 states of
 * shared memory; the shuffles do not use them. */
template <typename S>
__device__ inline void sum_warp_step(S *state, int warp, S *mine) {
    constexpr int UNROLL = sizeof(S) <= 16 ? 5 : 1;
    int lane = threadIdx.x % 32;
    switch (warp) {
    case SUM_SHFL_DOWN:
#pragma unroll UNROLL
        for (int distance = 16; distance > 0; distance /= 2)
            sum_merge(state, sum_shuffle(*state, SUM_SHFL_DOWN, distance));
        break;
    case SUM_SHFL_XOR:
#pragma unroll UNROLL
        for (int distance = 1; distance < 32; distance *= 2)
            sum_merge(state, sum_shuffle(*state, SUM_SHFL_XOR, distance));
        break;
    case SUM_SHARED_SEQ:
        mine[lane] = *state;
        __syncwarp();
#pragma unroll UNROLL
        for (int distance = 16; distance > 0; distance /= 2) {
            if (lane < distance)
                sum_merge(&mine[lane], mine[lane + distance]);
            __syncwarp();
        }
        *state = mine[lane];
        break;
    default: /* SUM_SHARED_INTER */
        mine[lane] = *state;
        __syncwarp();
#pragma unroll UNROLL
        for (int distance = 1; distance < 32; distance *= 2) {
            if (lane % (2 * distance) == 0)
                sum_merge(&mine[lane], mine[lane + distance]);
            __syncwarp();
        }
        *state = mine[lane];
    }
}

/* A block's states to one, in thread 0. All threads call it. */
template <typename S>
__device__ inline void sum_block_merge_at(S *state, int warp, int merge) {
    /* One state per warp, then (shared warp steps only) one per thread. */
    extern __shared__ double2 sum_shared[];
    S *slot = (S *)sum_shared, *own = slot + 32;
    int lane = threadIdx.x % 32, at = threadIdx.x / 32, warps = blockDim.x / 32;

    sum_settle(state);
    sum_warp_step(state, warp, own + 32 * at);
    if (warps == 1)
        return;
    if (lane == 0)
        slot[at] = *state;
    __syncthreads();
    if (merge == SUM_SERIAL) {
        if (threadIdx.x == 0)
#pragma unroll 1
            for (int k = 1; k < warps; k++)
                sum_merge(state, slot[k]);
    } else if (merge == SUM_WARP) {
        if (at == 0) {
            if (lane < warps)
                *state = slot[lane];
            else
                sum_clear(state);
            sum_warp_step(state, warp, own);
        }
    } else {
        for (int distance = 1; distance < warps; distance *= 2) {
            int k = threadIdx.x;
            if (k < warps && k % (2 * distance) == 0 && k + distance < warps)
                sum_merge(&slot[k], slot[k + distance]);
            __syncthreads();
        }
        *state = slot[0];
    }
}

/* Calls, as what is done once per block or once per sum is in every kernel, and there are many. A
 * state travels in registers where they are enough for it, and stays in memory otherwise. */
template <typename S>
struct sum_travels {
    static constexpr bool IN_REGISTERS = sizeof(S) <= 256;
};
template <typename S>
__device__ __noinline__ S sum_block_merge_call(S state, int warp, int merge) {
    sum_block_merge_at(&state, warp, merge);
    return state;
}
template <typename S>
__device__ __noinline__ void sum_block_merge_call(S *state, int warp, int merge) {
    sum_block_merge_at(state, warp, merge);
}
template <typename S>
__device__ inline void sum_block_merge(S *state, int warp, int merge) {
    if constexpr (sum_travels<S>::IN_REGISTERS)
        *state = sum_block_merge_call(*state, warp, merge);
    else
        sum_block_merge_call(state, warp, merge);
}

template <typename S>
__device__ __noinline__ void sum_write_result_call(S sum, void *result) {
    sum_finish(&sum, result);
}
template <typename S>
__device__ __noinline__ void sum_write_result_call(S *sum, void *result) {
    sum_finish(sum, result);
}
/* The state is used up. */
template <typename S>
__device__ inline void sum_write_result(S *sum, void *result) {
    if constexpr (sum_travels<S>::IN_REGISTERS)
        sum_write_result_call(*sum, result);
    else
        sum_write_result_call(sum, result);
}

} // namespace

#endif
