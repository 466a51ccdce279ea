/*
 * mma.cu: matrix products by FMAs on the CUDA cores, and by WMMA, CUDA's C++ interface to the
 * matrix units. What they have in common with the other kernels is in mma_tile.cuh.
 */
#include "kernels/mma/mma_tile.cuh"

namespace {

/* --- scalar ------------------------------------------------------------------------------------
 */

/* Element e of a word of shared memory, as a float. */
template <int IN>
__device__ __forceinline__ float mma_widen(unsigned word, int e) {
    if constexpr (IN == ELEMENT_TF32)
        return __uint_as_float(word);
    else if constexpr (IN == ELEMENT_F16)
        return __half2float(__ushort_as_half((unsigned short)(word >> 16 * e)));
    else if constexpr (IN == ELEMENT_BF16)
        return __uint_as_float(e ? word & 0xffff0000u : word << 16);
    else if constexpr (IN == ELEMENT_E4M3)
        return element_from_e4m3((uint8_t)(word >> 8 * e));
    else
        return element_from_e5m2((uint8_t)(word >> 8 * e));
}

/* 128 threads, 16 side by side and 8 below each other; each has eight rows of the tile, eight
 * apart, by four columns, sixteen apart. */
template <int IN>
__global__ void __launch_bounds__(128) mma_scalar(const __grid_constant__ struct mma_args job) {
    constexpr int TILE = 64, THREADS = 128, ROWS = 8, COLUMNS = 4, DOWN = 8, ACROSS = 16;
    constexpr int PER_WORD = IN == ELEMENT_TF32                        ? 1
                             : IN == ELEMENT_F16 || IN == ELEMENT_BF16 ? 2
                                                                       : 4;
    extern __shared__ __align__(128) char mma_shared[];
    struct mma_work work = mma_work_of(job, mma_number(job), TILE, TILE);
    int down = threadIdx.x / ACROSS, across = threadIdx.x % ACROSS;
    float sum[ROWS][COLUMNS] = {};
    mma_walk<TILE, TILE, THREADS, true>(job, work, mma_shared, [&](const char *stage) {
#pragma unroll 1
        for (int word = 0; word < MMA_ROW / 4; word++) {
            unsigned p[ROWS], q[COLUMNS];
            KERNEL_UNROLL
            for (int i = 0; i < ROWS; i++)
                p[i] = *(const unsigned *)(stage + mma_place<true>(down + DOWN * i, word / 4) +
                                           word % 4 * 4);
            KERNEL_UNROLL
            for (int j = 0; j < COLUMNS; j++)
                q[j] = *(const unsigned *)(stage +
                                           mma_place<true>(TILE + across + ACROSS * j, word / 4) +
                                           word % 4 * 4);
            KERNEL_UNROLL
            for (int e = 0; e < PER_WORD; e++) {
                float right[COLUMNS];
                KERNEL_UNROLL
                for (int j = 0; j < COLUMNS; j++)
                    right[j] = mma_widen<IN>(q[j], e);
                KERNEL_UNROLL
                for (int i = 0; i < ROWS; i++) {
                    float left = mma_widen<IN>(p[i], e);
                    KERNEL_UNROLL
                    for (int j = 0; j < COLUMNS; j++)
                        sum[i][j] = __fmaf_rn(left, right[j], sum[i][j]);
                }
            }
        }
    });
    mma_turn_begin(job, work);
    KERNEL_UNROLL
    for (int i = 0; i < ROWS; i++) {
        KERNEL_UNROLL
        for (int j = 0; j < COLUMNS; j++)
            mma_hand_in(job, work, work.i + down + DOWN * i, work.j + across + ACROSS * j,
                        sum[i][j]);
    }
    mma_turn_end(job, work);
}

/* --- WMMA --------------------------------------------------------------------------------------
 */

/* The format that a GPU's WMMA must know. */
template <typename T>
struct mma_wmma_needs {
    static constexpr int arch = KERNEL_WMMA_F16;
};
template <>
struct mma_wmma_needs<__nv_bfloat16> {
    static constexpr int arch = KERNEL_WMMA_BF16;
};

/* load_matrix_sync() from shared memory. nvcc makes one instruction of it for halves; for bf16 it
 * does not see where the pointer points, and loads word by word. So that one is written out. */
template <typename FRAGMENT, typename T>
__device__ __forceinline__ void mma_load_fragment(FRAGMENT &to, const T *from, unsigned step) {
    nvcuda::wmma::load_matrix_sync(to, from, step);
}

#if defined(__CUDACC__) && KERNEL_MMA_ARCH >= 10 * KERNEL_WMMA_BF16
#define MMA_LOAD_ASM_2(side, layout, shape)                                                        \
    asm volatile("wmma.load." side ".sync.aligned." layout "." shape                               \
                 ".shared.bf16 {%0, %1}, [%2], %3;"                                                \
                 : "=r"(r[0]), "=r"(r[1])                                                          \
                 : "r"(at), "r"(step)                                                              \
                 : "memory")
#define MMA_LOAD_ASM_4(side, layout, shape)                                                        \
    asm volatile("wmma.load." side ".sync.aligned." layout "." shape                               \
                 ".shared.bf16 {%0, %1, %2, %3}, [%4], %5;"                                        \
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])                                  \
                 : "r"(at), "r"(step)                                                              \
                 : "memory")
#define MMA_LOAD_ASM_8(side, layout, shape)                                                        \
    asm volatile("wmma.load." side ".sync.aligned." layout "." shape                               \
                 ".shared.bf16 {%0, %1, %2, %3, %4, %5, %6, %7}, [%8], %9;"                        \
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]), "=r"(r[4]), "=r"(r[5]),         \
                   "=r"(r[6]), "=r"(r[7])                                                          \
                 : "r"(at), "r"(step)                                                              \
                 : "memory")
#define MMA_LOAD_BF16(side, m, n, layout, count)                                                   \
    __device__ __forceinline__ void mma_load_fragment(                                             \
        nvcuda::wmma::fragment<nvcuda::wmma::matrix_##side, m, n, 16, __nv_bfloat16,               \
                               nvcuda::wmma::layout##_major> &to,                                  \
        const __nv_bfloat16 *from, unsigned step) {                                                \
        unsigned r[count], at = kernel_shared_address(from);                                       \
        static_assert(sizeof to.x == sizeof r, "a fragment is its registers");                     \
        MMA_LOAD_ASM_##count(#side, #layout, "m" #m "n" #n "k16");                                 \
        memcpy(to.x, r, sizeof r);                                                                 \
    }
MMA_LOAD_BF16(a, 16, 16, row, 4)
MMA_LOAD_BF16(b, 16, 16, col, 4)
MMA_LOAD_BF16(a, 32, 8, row, 8)
MMA_LOAD_BF16(b, 32, 8, col, 2)
MMA_LOAD_BF16(a, 8, 32, row, 2)
MMA_LOAD_BF16(b, 8, 32, col, 8)
#endif

/* M × N of the fragments, the tile, and a warp's part of it. */
template <int M, int N, typename T, typename ACC, int ROWS, int COLUMNS, int WARP_ROWS,
          int WARP_COLUMNS>
__device__ __forceinline__ void mma_wmma_tile(const struct mma_args &job) {
    using namespace nvcuda::wmma;
    constexpr int K = 16, WIDE = COLUMNS / WARP_COLUMNS, THREADS = ROWS / WARP_ROWS * WIDE * 32;
    constexpr int HIGH = WARP_ROWS / M, BROAD = WARP_COLUMNS / N, STEP = MMA_ROW_WMMA / sizeof(T);
    extern __shared__ __align__(128) char mma_shared[];
    struct mma_work work = mma_work_of(job, mma_number(job), ROWS, COLUMNS);
    int warp = threadIdx.x / 32;
    int row = warp / WIDE * WARP_ROWS, column = warp % WIDE * WARP_COLUMNS;
    fragment<accumulator, M, N, K, ACC> sum[HIGH][BROAD];
    KERNEL_UNROLL
    for (int i = 0; i < HIGH; i++) {
        KERNEL_UNROLL
        for (int j = 0; j < BROAD; j++)
            fill_fragment(sum[i][j], (ACC)0.0f);
    }
    bool idle = work.i + row >= job.p_rows || work.j + column >= job.q_rows;
    mma_walk<ROWS, COLUMNS, THREADS, false>(job, work, mma_shared, [&](const char *stage) {
        if (idle) /* all of this warp's sums are outside */
            return;
        const T *p = (const T *)(stage + row * MMA_ROW_WMMA);
        const T *q = (const T *)(stage + (ROWS + column) * MMA_ROW_WMMA);
        KERNEL_UNROLL
        for (int k = 0; k < MMA_ROW / (int)sizeof(T); k += K) {
            fragment<matrix_b, M, N, K, T, col_major> right[BROAD];
            KERNEL_UNROLL
            for (int j = 0; j < BROAD; j++)
                mma_load_fragment(right[j], q + j * N * STEP + k, STEP);
            KERNEL_UNROLL
            for (int i = 0; i < HIGH; i++) {
                fragment<matrix_a, M, N, K, T, row_major> left;
                mma_load_fragment(left, p + i * M * STEP + k, STEP);
                KERNEL_UNROLL
                for (int j = 0; j < BROAD; j++)
                    mma_sync(sum[i][j], left, right[j], sum[i][j]);
            }
        }
    });
    /* Which lane holds which sum is the fragment's secret: they pass through shared memory. */
    mma_turn_begin(job, work);
    ACC *square = (ACC *)(mma_shared + warp * 1024);
    KERNEL_UNROLL
    for (int i = 0; i < HIGH; i++) {
        KERNEL_UNROLL
        for (int j = 0; j < BROAD; j++) {
            store_matrix_sync(square, sum[i][j], N, mem_row_major);
            mma_hand_in_warp(job, work, square, N, M, N, work.i + row + i * M,
                             work.j + column + j * N);
        }
    }
    mma_turn_end(job, work);
}

template <int M, int N, typename T, typename ACC, int ROWS, int COLUMNS, int WARP_ROWS,
          int WARP_COLUMNS>
__global__ void __launch_bounds__(ROWS / WARP_ROWS * (COLUMNS / WARP_COLUMNS) * 32)
    mma_wmma(const __grid_constant__ struct mma_args job) {
    /* Code for an older architecture is never launched, and must not name the fragments. */
    if constexpr (KERNEL_MMA_ARCH >= 10 * mma_wmma_needs<T>::arch)
        mma_wmma_tile<M, N, T, ACC, ROWS, COLUMNS, WARP_ROWS, WARP_COLUMNS>(job);
}

template <int M, int N, typename T, typename ACC>
int mma_wmma_by_tile(const struct mma_call *call) {
    if (call->plan.tile == MMA_TILE_OF(64, 64))
        return mma_run(call, mma_wmma<M, N, T, ACC, 64, 64, 32, 32>);
    if (call->plan.tile == MMA_TILE_OF(128, 128))
        return mma_run(call, mma_wmma<M, N, T, ACC, 128, 128, 64, 64>);
    if constexpr (M == 16)
        return mma_run(call, mma_wmma<M, N, T, ACC, 16, 128, 16, 32>);
    else if constexpr (M == 8)
        return mma_run(call, mma_wmma<M, N, T, ACC, 8, 128, 8, 32>);
    else
        return mma_run(call, mma_wmma<M, N, T, ACC, 128, 8, 32, 8>);
}

template <int M, int N>
int mma_wmma_by_format(const struct mma_call *call) {
    if (call->plan.in == ELEMENT_BF16)
        return mma_wmma_by_tile<M, N, __nv_bfloat16, float>(call);
    if (call->plan.acc == MMA_ACC16)
        return mma_wmma_by_tile<M, N, __half, __half>(call);
    return mma_wmma_by_tile<M, N, __half, float>(call);
}

int mma_scalar_by_format(const struct mma_call *call) {
    switch (call->plan.in) {
    case ELEMENT_F16:
        return mma_run(call, mma_scalar<ELEMENT_F16>);
    case ELEMENT_BF16:
        return mma_run(call, mma_scalar<ELEMENT_BF16>);
    case ELEMENT_TF32:
        return mma_run(call, mma_scalar<ELEMENT_TF32>);
    case ELEMENT_E4M3:
        return mma_run(call, mma_scalar<ELEMENT_E4M3>);
    default:
        return mma_run(call, mma_scalar<ELEMENT_E5M2>);
    }
}

int mma_launch(const struct mma_call *given) {
    struct mma_call call;
    if (mma_begin(given, &call) != 0)
        return -1;
    switch (call.plan.kernel) {
    case MMA_SCALAR:
        return mma_scalar_by_format(&call);
    case MMA_WMMA_16X16:
        return mma_wmma_by_format<16, 16>(&call);
    case MMA_WMMA_32X8:
        return mma_wmma_by_format<32, 8>(&call);
    case MMA_WMMA_8X32:
        return mma_wmma_by_format<8, 32>(&call);
    default:
        return device_fail("no kernel of this file: see mma_sync.cu and mma_wgmma.cu");
    }
}

/* Nobody has begun, nobody is done, and it is everybody's first slice's turn. */
__global__ void mma_clear(unsigned *words, size_t count) {
    for (size_t at = blockIdx.x * (size_t)blockDim.x + threadIdx.x; at < count;
         at += (size_t)gridDim.x * blockDim.x)
        words[at] = 0;
}

int mma_prepare(const struct mma_call *call) {
    size_t words = MMA_HEAD / 4 + mma_tiles(&call->plan, &call->problem.shape);
    if (!mma_workspace_bytes(&call->plan, &call->problem.shape) ||
        call->plan.merge == MMA_BY_KERNEL)
        return 0;
    return kernel_launch(mma_clear, dim3(8), dim3(256), 0, call->stream,
                         (unsigned *)call->workspace, words);
}

} // namespace

extern "C" const struct mma_ops KERNEL_EXPORT(mma_ops) = {mma_prepare, mma_launch, mma_card};
