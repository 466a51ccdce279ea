/*
 * mma_sync.cu: matrix products by mma.sync, the instruction of one warp. What they have in common
 * with the other kernels is in mma_tile.cuh.
 *
 * All of its forms read shared memory alike: a step is 32 bytes of K, which are 16 elements of 16
 * bits, 8 of tf32 or 32 of 8 bits, and a lane's registers of them are the words that ldmatrix gives
 * it. A step is one instruction, or two of m16n8k8 for 16-bit formats.
 */
#include "kernels/mma/mma_tile.cuh"

namespace {

/* A lane's four sums of a 16 × 8 fragment: (row, column), (row, column + 1), (row + 8, column),
 * (row + 8, column + 1) for row = lane / 4 and column = 2 (lane mod 4). */
template <int ACC>
struct mma_sums {
    float d[4];
};
template <>
struct mma_sums<MMA_ACC16> {
    unsigned d[2];
};

__device__ __forceinline__ float mma_sum(const struct mma_sums<MMA_ACC32> &sums, int at) {
    return sums.d[at];
}
__device__ __forceinline__ float mma_sum(const struct mma_sums<MMA_ACC16> &sums, int at) {
    return __half2float(__ushort_as_half((unsigned short)(sums.d[at / 2] >> 16 * (at % 2))));
}

/* Two of m16n8k8, the second from the first one's sums, for a step of 16-bit elements. */
#define MMA_STEP_TWICE(name)                                                                       \
    do {                                                                                           \
        const unsigned a_low[2] = {a[0], a[1]}, a_high[2] = {a[2], a[3]};                          \
        const unsigned b_low[1] = {b[0]}, b_high[1] = {b[1]};                                      \
        name(sums.d, a_low, b_low, sums.d);                                                        \
        name(sums.d, a_high, b_high, sums.d);                                                      \
    } while (0)

template <int KERNEL, int IN>
__device__ __forceinline__ void mma_step_of(struct mma_sums<MMA_ACC32> &sums,
                                            const unsigned (&a)[4], const unsigned (&b)[2]) {
    if constexpr (IN == ELEMENT_TF32)
        kernel_mma_8_tf32_f32(sums.d, a, b, sums.d);
    else if constexpr (IN == ELEMENT_E4M3)
        kernel_mma_32_e4m3_f32(sums.d, a, b, sums.d);
    else if constexpr (IN == ELEMENT_E5M2)
        kernel_mma_32_e5m2_f32(sums.d, a, b, sums.d);
    else if constexpr (KERNEL == MMA_M16N8K8 && IN == ELEMENT_F16)
        MMA_STEP_TWICE(kernel_mma_8_f16_f32);
    else if constexpr (KERNEL == MMA_M16N8K8)
        MMA_STEP_TWICE(kernel_mma_8_bf16_f32);
    else if constexpr (IN == ELEMENT_F16)
        kernel_mma_16_f16_f32(sums.d, a, b, sums.d);
    else
        kernel_mma_16_bf16_f32(sums.d, a, b, sums.d);
}

template <int KERNEL, int IN>
__device__ __forceinline__ void mma_step_of(struct mma_sums<MMA_ACC16> &sums,
                                            const unsigned (&a)[4], const unsigned (&b)[2]) {
    if constexpr (IN == ELEMENT_E4M3)
        kernel_mma_32_e4m3_f16(sums.d, a, b, sums.d);
    else if constexpr (IN == ELEMENT_E5M2)
        kernel_mma_32_e5m2_f16(sums.d, a, b, sums.d);
    else if constexpr (KERNEL == MMA_M16N8K8)
        MMA_STEP_TWICE(kernel_mma_8_f16_f16);
    else
        kernel_mma_16_f16_f16(sums.d, a, b, sums.d);
}

/* The tile, and a warp's part of it. */
template <int KERNEL, int IN, int ACC, int ROWS, int COLUMNS, int WARP_ROWS, int WARP_COLUMNS>
__global__ void __launch_bounds__(ROWS / WARP_ROWS * (COLUMNS / WARP_COLUMNS) * 32)
    mma_sync_tile(const __grid_constant__ struct mma_args job) {
    constexpr int WIDE = COLUMNS / WARP_COLUMNS, THREADS = ROWS / WARP_ROWS * WIDE * 32;
    constexpr int HIGH = WARP_ROWS / 16, BROAD = WARP_COLUMNS / 8, STEPS = MMA_ROW / 32;
    extern __shared__ __align__(128) char mma_shared[];
    struct mma_work work = mma_work_of(job, mma_number(job), ROWS, COLUMNS);
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    int row = warp / WIDE * WARP_ROWS, column = warp % WIDE * WARP_COLUMNS;
    struct mma_sums<ACC> sum[HIGH][BROAD] = {};
    bool idle = work.i + row >= job.p_rows || work.j + column >= job.q_rows;
    mma_walk<ROWS, COLUMNS, THREADS, true>(job, work, mma_shared, [&](const char *stage) {
        if (idle) /* all of this warp's sums are outside */
            return;
        KERNEL_UNROLL
        for (int step = 0; step < STEPS; step++) {
            unsigned left[HIGH][4], right[BROAD][2];
            KERNEL_UNROLL
            for (int i = 0; i < HIGH; i++) /* rows 0-7 and 8-15 of one unit, then of the next */
                kernel_load_matrices<4>(left[i], stage + mma_place<true>(row + 16 * i + lane % 16,
                                                                         2 * step + lane / 16));
            if constexpr (BROAD == 1) {
                kernel_load_matrices<2>(right[0], stage + mma_place<true>(ROWS + column + lane % 8,
                                                                          2 * step + lane / 8 % 2));
            } else {
                KERNEL_UNROLL
                for (int j = 0; j < BROAD; j += 2) { /* two units of rows 0-7, then of 8-15 */
                    unsigned both[4];
                    kernel_load_matrices<4>(
                        both,
                        stage + mma_place<true>(ROWS + column + 8 * j + lane % 8 + lane / 16 * 8,
                                                2 * step + lane / 8 % 2));
                    right[j][0] = both[0], right[j][1] = both[1];
                    right[j + 1][0] = both[2], right[j + 1][1] = both[3];
                }
            }
            KERNEL_UNROLL
            for (int i = 0; i < HIGH; i++) {
                KERNEL_UNROLL
                for (int j = 0; j < BROAD; j++)
                    mma_step_of<KERNEL, IN>(sum[i][j], left[i], right[j]);
            }
        }
    });
    mma_turn_begin(job, work);
    /* Sixteen rows at a time pass through shared memory; the gap keeps rows in other banks. */
    constexpr int PITCH = WARP_COLUMNS + MMA_GAP;
    float *square = (float *)mma_shared + warp * 16 * PITCH;
    KERNEL_UNROLL
    for (int i = 0; i < HIGH; i++) {
        KERNEL_UNROLL
        for (int j = 0; j < BROAD; j++) {
            KERNEL_UNROLL
            for (int at = 0; at < 4; at++)
                square[(lane / 4 + at / 2 * 8) * PITCH + 8 * j + lane % 4 * 2 + at % 2] =
                    mma_sum(sum[i][j], at);
        }
        mma_hand_in_warp(job, work, square, PITCH, 16, WARP_COLUMNS, work.i + row + 16 * i,
                         work.j + column);
    }
    mma_turn_end(job, work);
}

template <int KERNEL, int IN, int ACC>
int mma_sync_by_tile(const struct mma_call *call) {
    switch (call->plan.tile) {
    case MMA_TILE_OF(64, 64):
        return mma_run(call, mma_sync_tile<KERNEL, IN, ACC, 64, 64, 32, 32>);
    case MMA_TILE_OF(128, 128):
        if (call->plan.warps == 8)
            return mma_run(call, mma_sync_tile<KERNEL, IN, ACC, 128, 128, 64, 32>);
        return mma_run(call, mma_sync_tile<KERNEL, IN, ACC, 128, 128, 64, 64>);
    case MMA_TILE_OF(128, 256):
        return mma_run(call, mma_sync_tile<KERNEL, IN, ACC, 128, 256, 64, 64>);
    case MMA_TILE_OF(16, 128):
        return mma_run(call, mma_sync_tile<KERNEL, IN, ACC, 16, 128, 16, 32>);
    default:
        return mma_run(call, mma_sync_tile<KERNEL, IN, ACC, 128, 8, 32, 8>);
    }
}

template <int KERNEL>
int mma_sync_halves(const struct mma_call *call) {
    if (call->plan.in == ELEMENT_BF16)
        return mma_sync_by_tile<KERNEL, ELEMENT_BF16, MMA_ACC32>(call);
    if (call->plan.acc == MMA_ACC16)
        return mma_sync_by_tile<KERNEL, ELEMENT_F16, MMA_ACC16>(call);
    return mma_sync_by_tile<KERNEL, ELEMENT_F16, MMA_ACC32>(call);
}

template <int IN>
int mma_sync_bytes(const struct mma_call *call) {
    if (call->plan.acc == MMA_ACC16)
        return mma_sync_by_tile<MMA_M16N8K32, IN, MMA_ACC16>(call);
    return mma_sync_by_tile<MMA_M16N8K32, IN, MMA_ACC32>(call);
}

int mma_sync_launch(const struct mma_call *given) {
    struct mma_call call;
    if (mma_begin(given, &call) != 0)
        return -1;
    switch (call.plan.kernel) {
    case MMA_M16N8K8:
        if (call.plan.in == ELEMENT_TF32)
            return mma_sync_by_tile<MMA_M16N8K8, ELEMENT_TF32, MMA_ACC32>(&call);
        return mma_sync_halves<MMA_M16N8K8>(&call);
    case MMA_M16N8K16:
        return mma_sync_halves<MMA_M16N8K16>(&call);
    case MMA_M16N8K32:
        if (call.plan.in == ELEMENT_E4M3)
            return mma_sync_bytes<ELEMENT_E4M3>(&call);
        return mma_sync_bytes<ELEMENT_E5M2>(&call);
    default:
        return device_fail("no kernel of this file: see mma.cu and mma_wgmma.cu");
    }
}

} // namespace

extern "C" const struct mma_sync_ops KERNEL_EXPORT(mma_sync_ops) = {mma_sync_launch};
