/*
 * mma_wgmma.cu: matrix products by Hopper's warpgroup instruction: 64 rows times up to 256 columns
 * at once, both operands straight from shared memory, which bulk tensor copies fill. For sm_90a
 * alone. What it has in common with the other kernels is in mma_tile.cuh.
 *
 * One warpgroup only loads: one of its threads asks for a stage's two boxes as soon as the stage is
 * free. The others only multiply, 64 rows of the tile each. Two barriers per stage pass it to and
 * fro. Blocks stay: each takes every gridDim-th piece of work, and what is loaded for the next
 * piece overlaps with what is stored of the last one.
 *
 * Layouts are those of the PTX ISA: "Asynchronous Warpgroup Level Matrix Instructions" (K-major
 * operands, 128-byte swizzle; a lane's sums of m64nN) and "Tensors" (tiled mode, out of bounds is
 * 0).
 */
#include <cuda.h>

#include "kernels/mma/mma_tile.cuh"

/* Bytes of K in a stage, and in an instruction; columns that pass through shared memory at once. */
#define MMA_WIDE_ROW 128
#define MMA_WIDE_STEP 32
#define MMA_PIECE 32

namespace {

/* --- barriers and copies -----------------------------------------------------------------------
 */

__device__ __forceinline__ void mma_barrier_init(unsigned barrier, unsigned arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals)
                 : "memory");
}
__device__ __forceinline__ void mma_barrier_arrive(unsigned barrier) {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}
/* And says how many bytes are still to come. */
__device__ __forceinline__ void mma_barrier_expect(unsigned barrier, unsigned bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
                 : "memory");
}
/* Until the phase of this parity is over. */
__device__ __forceinline__ void mma_barrier_wait(unsigned barrier, unsigned parity) {
    unsigned over = 0;
    while (!over)
        asm volatile("{\n.reg .pred p;\n"
                     "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
                     "selp.u32 %0, 1, 0, p;\n}"
                     : "=r"(over)
                     : "r"(barrier), "r"(parity)
                     : "memory");
}

/* A box of the tensor from element k of row `row` on. */
__device__ __forceinline__ void mma_copy_box(unsigned to, const CUtensorMap *tensor, unsigned k,
                                             unsigned row, unsigned barrier) {
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
                 "[%0], [%1, {%2, %3}], [%4];" ::"r"(to),
                 "l"((unsigned long long)tensor), "r"(k), "r"(row), "r"(barrier)
                 : "memory");
}

/* Among the threads that multiply. */
template <int THREADS>
__device__ __forceinline__ void mma_meet() {
    asm volatile("bar.sync 1, %0;" ::"n"(THREADS) : "memory");
}

/* --- the instruction ---------------------------------------------------------------------------
 */

/* Rows of 128 bytes at multiples of 1,024: eight rows are one pattern of the swizzle. */
__device__ __forceinline__ unsigned long long mma_matrix(unsigned address) {
    return (unsigned long long)(address >> 4 & 0x3fff) | 1ull << 16 |
           (unsigned long long)(8 * MMA_WIDE_ROW >> 4) << 32 | 1ull << 62;
}

#define MMA_BOUND_4_FROM(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define MMA_BOUND_16_FROM(i)                                                                       \
    MMA_BOUND_4_FROM(i), MMA_BOUND_4_FROM(i + 4), MMA_BOUND_4_FROM(i + 8), MMA_BOUND_4_FROM(i + 12)
#define MMA_BOUND_64_FROM(i)                                                                       \
    MMA_BOUND_16_FROM(i), MMA_BOUND_16_FROM(i + 16), MMA_BOUND_16_FROM(i + 32),                    \
        MMA_BOUND_16_FROM(i + 48)
#define MMA_BOUND_4 MMA_BOUND_4_FROM(0)
#define MMA_BOUND_128 MMA_BOUND_64_FROM(0), MMA_BOUND_64_FROM(64)
#define MMA_REGISTERS_4 "{%0, %1, %2, %3}, "
#define MMA_REGISTERS_128                                                                          \
    "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, "            \
    "%18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, "             \
    "%34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, "             \
    "%50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, %64, %65, "             \
    "%66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, %80, %81, "             \
    "%82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, %96, %97, "             \
    "%98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, "           \
    "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, "               \
    "%125, %126, %127}, "

/* D += P Q for 64 rows and 8 columns, 32 bytes of K. */
#define MMA_WGMMA_8(shape, type, rest)                                                             \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %6, 0;\n"                                       \
                 "wgmma.mma_async.sync.aligned." shape ".f32." type "." type " " MMA_REGISTERS_4   \
                 "%4, %5, p, 1, 1" rest ";\n}"                                                     \
                 : MMA_BOUND_4                                                                     \
                 : "l"(p), "l"(q), "r"(1))
/* D += P Q for 64 rows and 256 columns, 32 bytes of K. */
#define MMA_WGMMA_256(shape, type, rest)                                                           \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %130, 0;\n"                                     \
                 "wgmma.mma_async.sync.aligned." shape ".f32." type "." type " " MMA_REGISTERS_128 \
                 "%128, %129, p, 1, 1" rest ";\n}"                                                 \
                 : MMA_BOUND_128                                                                   \
                 : "l"(p), "l"(q), "r"(1))

/* The last two operands say that neither matrix is transposed: of 16-bit formats only. */
#define MMA_WGMMA_ALL(N)                                                                           \
    do {                                                                                           \
        if constexpr (IN == ELEMENT_F16)                                                           \
            MMA_WGMMA_##N("m64n" #N "k16", "f16", ", 0, 0");                                       \
        else if constexpr (IN == ELEMENT_BF16)                                                     \
            MMA_WGMMA_##N("m64n" #N "k16", "bf16", ", 0, 0");                                      \
        else if constexpr (IN == ELEMENT_E4M3)                                                     \
            MMA_WGMMA_##N("m64n" #N "k32", "e4m3", "");                                            \
        else                                                                                       \
            MMA_WGMMA_##N("m64n" #N "k32", "e5m2", "");                                            \
    } while (0)

template <int IN, int COLUMNS>
__device__ __forceinline__ void mma_warpgroup(float (&d)[COLUMNS / 2], unsigned long long p,
                                              unsigned long long q) {
    static_assert(COLUMNS == 256 || COLUMNS == 8, "see MMA_TILES");
    if constexpr (COLUMNS == 256)
        MMA_WGMMA_ALL(256);
    else
        MMA_WGMMA_ALL(8);
}

/* The compiler must not move sums about while instructions work on them. */
template <int COUNT>
__device__ __forceinline__ void mma_keep(float (&d)[COUNT]) {
#pragma unroll
    for (int i = 0; i < COUNT; i++)
        asm volatile("" : "+f"(d[i])::"memory");
}
__device__ __forceinline__ void mma_fence() {
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
__device__ __forceinline__ void mma_commit() {
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
template <int GROUPS>
__device__ __forceinline__ void mma_wait() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(GROUPS) : "memory");
}

/* --- the kernel --------------------------------------------------------------------------------
 */

/* Shared memory, from a multiple of 1,024 on: the stages, each P's box and then Q's; then the
 * barriers of full and of empty stages; then a piece of sums for each warp that multiplies. */
template <int ROWS, int COLUMNS>
struct mma_stages {
    static constexpr int BYTES = (ROWS + COLUMNS) * MMA_WIDE_ROW;
    unsigned first, barriers;
    int count;

    __device__ mma_stages(char *shared, int stages)
        : first((kernel_shared_address(shared) + 1023) / 1024 * 1024),
          barriers(first + stages * BYTES), count(stages) {}
    __device__ unsigned p(int stage) const {
        return first + stage * BYTES;
    }
    __device__ unsigned q(int stage) const {
        return p(stage) + ROWS * MMA_WIDE_ROW;
    }
    __device__ unsigned full(int stage) const {
        return barriers + 8 * stage;
    }
    __device__ unsigned empty(int stage) const {
        return barriers + 8 * (count + stage);
    }
};

/* Where a walk through the stages is: each time around, the barriers' phase is the other one. */
struct mma_position {
    int stage;
    unsigned parity;
};
__device__ __forceinline__ void mma_advance(struct mma_position *at, int stages) {
    if (++at->stage == stages) {
        at->stage = 0;
        at->parity ^= 1;
    }
}

__device__ __forceinline__ unsigned mma_rounds(const struct mma_args &job,
                                               const struct mma_work &work) {
    unsigned depth = job.depth;
    return (work.end - work.begin + depth - 1) / depth;
}

template <int ROWS, int COLUMNS>
__device__ __forceinline__ void mma_produce(const struct mma_args &job,
                                            const mma_stages<ROWS, COLUMNS> &stages,
                                            const CUtensorMap *p, const CUtensorMap *q) {
    struct mma_position at = {0, 1}; /* the phase before the first one: all stages are empty */
    unsigned all = job.tiles_p * job.tiles_q * job.slices, depth = job.depth;
    for (unsigned number = blockIdx.x; number < all; number += gridDim.x) {
        struct mma_work work = mma_work_of(job, number, ROWS, COLUMNS);
        unsigned rounds = mma_rounds(job, work);
        for (unsigned round = 0; round < rounds; round++) {
            unsigned k = work.begin + round * depth, full = stages.full(at.stage);
            mma_barrier_wait(stages.empty(at.stage), at.parity);
            mma_barrier_expect(full, stages.BYTES);
            mma_copy_box(stages.p(at.stage), p, k, work.i, full);
            mma_copy_box(stages.q(at.stage), q, k, work.j, full);
            mma_advance(&at, job.stages);
        }
    }
}

/* A warpgroup's sums of a piece of work. */
template <int IN, int ROWS, int COLUMNS>
__device__ __forceinline__ void
mma_consume(float (&d)[COLUMNS / 2], const struct mma_args &job, const struct mma_work &work,
            const mma_stages<ROWS, COLUMNS> &stages, int group, struct mma_position *at) {
    unsigned rounds = mma_rounds(job, work);
    int last = 0;
#pragma unroll
    for (int i = 0; i < COLUMNS / 2; i++)
        d[i] = 0;
    mma_keep(d);
    for (unsigned round = 0; round < rounds; round++) {
        mma_barrier_wait(stages.full(at->stage), at->parity);
        unsigned p = stages.p(at->stage) + group * 64 * MMA_WIDE_ROW, q = stages.q(at->stage);
        mma_fence();
#pragma unroll
        for (int k = 0; k < MMA_WIDE_ROW; k += MMA_WIDE_STEP)
            mma_warpgroup<IN, COLUMNS>(d, mma_matrix(p + k), mma_matrix(q + k));
        mma_commit();
        if (round) { /* the stage before is done with when its instructions are */
            mma_wait<1>();
            if (threadIdx.x % 32 == 0)
                mma_barrier_arrive(stages.empty(last));
        }
        last = at->stage;
        mma_advance(at, job.stages);
    }
    mma_wait<0>();
    if (rounds && threadIdx.x % 32 == 0)
        mma_barrier_arrive(stages.empty(last));
    mma_keep(d);
}

/* A warp's 16 rows straight to C: for tiles that are whole, of products that are not split. */
template <typename T, int COLUMNS>
__device__ __forceinline__ void
mma_store_whole(const float (&d)[COLUMNS / 2], const struct mma_args &job, unsigned i, unsigned j) {
    int lane = threadIdx.x % 32;
    size_t down = job.turned ? 1 : job.c_stride, along = job.turned ? job.c_stride : 1;
    T *c = (T *)job.c + (i + lane / 4) * down + (j + lane % 4 * 2) * along;
#pragma unroll
    for (int at = 0; at < COLUMNS / 2; at++)
        c[at / 2 % 2 * 8 * down + (at / 4 * 8 + at % 2) * along] = (T)d[at];
}

template <int ROWS, int COLUMNS>
__device__ __forceinline__ void mma_leave(const float (&d)[COLUMNS / 2], const struct mma_args &job,
                                          const struct mma_work &work, float *piece, int row) {
    constexpr int WIDE = COLUMNS < MMA_PIECE ? COLUMNS : MMA_PIECE, PITCH = WIDE + MMA_GAP;
    constexpr int CONSUMERS = ROWS / 64 * 128;
    int lane = threadIdx.x % 32;
    bool whole = work.i + ROWS <= job.p_rows && work.j + COLUMNS <= job.q_rows;
    if (whole && job.slices == 1) {
        if (job.out == ELEMENT_F32)
            mma_store_whole<float, COLUMNS>(d, job, work.i + row, work.j);
        else if (job.out == ELEMENT_F16)
            mma_store_whole<__half, COLUMNS>(d, job, work.i + row, work.j);
        else
            mma_store_whole<__nv_bfloat16, COLUMNS>(d, job, work.i + row, work.j);
        return;
    }
    if (job.turns) {
        if (threadIdx.x == 128)
            while (kernel_load_acquire(&job.turns[work.tile]) != work.slice)
                ;
        mma_meet<CONSUMERS>();
    }
#pragma unroll
    for (int first = 0; first < COLUMNS; first += WIDE) {
#pragma unroll
        for (int at = 0; at < WIDE / 2; at++)
            piece[(lane / 4 + at / 2 % 2 * 8) * PITCH + at / 4 * 8 + lane % 4 * 2 + at % 2] =
                d[first / 2 + at];
        mma_hand_in_warp(job, work, piece, PITCH, 16, WIDE, work.i + row, work.j + first);
    }
    if (job.turns) {
        mma_meet<CONSUMERS>();
        if (threadIdx.x == 128)
            mma_turn_pass(job, work);
    }
}

/* The first warpgroup loads, the others multiply. */
template <int IN, int ROWS, int COLUMNS>
__global__ void __launch_bounds__(128 + ROWS / 64 * 128, 1)
    mma_wgmma(const __grid_constant__ struct mma_args job, const __grid_constant__ CUtensorMap p,
              const __grid_constant__ CUtensorMap q) {
    extern __shared__ __align__(1024) char mma_shared[];
    mma_stages<ROWS, COLUMNS> stages(mma_shared, job.stages);
    int group = (int)threadIdx.x / 128 - 1;
    if (threadIdx.x == 0) {
        for (int stage = 0; stage < job.stages; stage++) {
            mma_barrier_init(stages.full(stage), 1);
            mma_barrier_init(stages.empty(stage), ROWS / 64 * 4); /* a lane of each warp */
        }
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    }
    __syncthreads();
    if (group < 0) {
        if (threadIdx.x == 0)
            mma_produce(job, stages, &p, &q);
        return;
    }
    constexpr int WIDE = COLUMNS < MMA_PIECE ? COLUMNS : MMA_PIECE;
    constexpr int PIECE = 16 * (WIDE + MMA_GAP);
    int warp = ((int)threadIdx.x - 128) / 32;
    /* Behind the barriers, as mma_shared_bytes() has it; `first` may lie behind mma_shared. */
    size_t skipped = stages.barriers - kernel_shared_address(mma_shared);
    float *piece = (float *)(mma_shared + skipped + 128) + warp * PIECE;
    struct mma_position at = {0, 0};
    unsigned all = job.tiles_p * job.tiles_q * job.slices;
    for (unsigned number = blockIdx.x; number < all; number += gridDim.x) {
        struct mma_work work = mma_work_of(job, number, ROWS, COLUMNS);
        float d[COLUMNS / 2];
        mma_consume<IN>(d, job, work, stages, group, &at);
        mma_leave<ROWS, COLUMNS>(d, job, work, piece, 16 * warp);
    }
}

/* --- launching ---------------------------------------------------------------------------------
 */

typedef CUresult mma_encode(CUtensorMap *, CUtensorMapDataType, cuuint32_t, void *,
                            const cuuint64_t *, const cuuint64_t *, const cuuint32_t *,
                            const cuuint32_t *, CUtensorMapInterleave, CUtensorMapSwizzle,
                            CUtensorMapL2promotion, CUtensorMapFloatOOBfill);

/* The driver's function, by name: nothing is linked for it. */
int mma_encoder(mma_encode **encode) {
    void *found = NULL;
    cudaDriverEntryPointQueryResult result = cudaDriverEntryPointSymbolNotFound;
#if CUDART_VERSION >= 12050
    cudaError_t e = cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found, 12000,
                                                     cudaEnableDefault, &result);
#else
    cudaError_t e =
        cudaGetDriverEntryPoint("cuTensorMapEncodeTiled", &found, cudaEnableDefault, &result);
#endif
    if (e != cudaSuccess || result != cudaDriverEntryPointSuccess || !found)
        return device_fail("this driver cannot describe tensors for bulk copies (%s): wgmma needs "
                           "one for CUDA 12 or later",
                           cudaGetErrorString(e));
    *encode = (mma_encode *)found;
    return 0;
}

/* One operand: rows of k elements, in boxes of so many rows and 128 bytes of K. */
int mma_describe(CUtensorMap *tensor, mma_encode *encode, const struct mma_call *call,
                 const char *operand, size_t stride, unsigned rows, unsigned box_rows) {
    size_t size = element_bytes(call->problem.in), k = call->problem.shape.k;
    /* Nothing is loaded if k is 0; of one row there is no next one. */
    cuuint64_t dims[2] = {k ? k : 1, rows};
    cuuint64_t strides[1] = {rows > 1 && stride ? stride : (k * size + 15) / 16 * 16 + 16};
    cuuint32_t box[2] = {(cuuint32_t)(MMA_WIDE_ROW / size), box_rows}, steps[2] = {1, 1};
    CUtensorMapDataType type = call->plan.in == ELEMENT_F16    ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16
                               : call->plan.in == ELEMENT_BF16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16
                                                               : CU_TENSOR_MAP_DATA_TYPE_UINT8;
    CUresult e = encode(tensor, type, 2, (void *)operand, dims, strides, box, steps,
                        CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                        CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    return e == CUDA_SUCCESS
               ? 0
               : device_fail("a tensor of %u rows of %zu elements, %zu bytes apart, cannot be "
                             "described: driver error %d",
                             rows, k, (size_t)strides[0], (int)e);
}

template <int IN, int ROWS, int COLUMNS>
int mma_wgmma_run(const struct mma_call *call) {
    struct mma_args job = mma_args_of(call);
    unsigned all = job.tiles_p * job.tiles_q * job.slices;
    char text[MMA_TEXT];
    mma_encode *encode = NULL;
    CUtensorMap p, q;
    int gpu, processors;
    if (!call->runs &&
        kernel_mma_refused(mma_wgmma<IN, ROWS, COLUMNS>, 90, mma_plan_text(&call->plan, text)) != 0)
        return -1;
    if (!all)
        return 0;
    if (mma_encoder(&encode) != 0 ||
        mma_describe(&p, encode, call, job.p, job.p_stride, job.p_rows, ROWS) != 0 ||
        mma_describe(&q, encode, call, job.q, job.q_stride, job.q_rows, COLUMNS) != 0)
        return -1;
    cudaError_t e = cudaGetDevice(&gpu);
    if (e == cudaSuccess)
        e = cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, gpu);
    if (e != cudaSuccess)
        return device_fail("a GPU's number of processors: %s", cudaGetErrorString(e));
    /* No more blocks than run at once: who waits for its turn waits for one that runs. */
    unsigned blocks = min(all, (unsigned)processors);
    if (kernel_launch((mma_wgmma<IN, ROWS, COLUMNS>), dim3(blocks),
                      dim3(32 * (unsigned)call->plan.warps), mma_shared_bytes(&call->plan),
                      call->stream, job, p, q) != 0)
        return -1;
    return mma_finish(call, job);
}

template <int IN>
int mma_wgmma_by_tile(const struct mma_call *call) {
    switch (call->plan.tile) {
    case MMA_TILE_OF(128, 256):
        return mma_wgmma_run<IN, 128, 256>(call);
    case MMA_TILE_OF(64, 256):
        return mma_wgmma_run<IN, 64, 256>(call);
    default:
        return mma_wgmma_run<IN, 128, 8>(call);
    }
}

int mma_wgmma_launch(const struct mma_call *given) {
    struct mma_call call;
    if (mma_begin(given, &call) != 0)
        return -1;
    switch (call.plan.in) {
    case ELEMENT_F16:
        return mma_wgmma_by_tile<ELEMENT_F16>(&call);
    case ELEMENT_BF16:
        return mma_wgmma_by_tile<ELEMENT_BF16>(&call);
    case ELEMENT_E4M3:
        return mma_wgmma_by_tile<ELEMENT_E4M3>(&call);
    default:
        return mma_wgmma_by_tile<ELEMENT_E5M2>(&call);
    }
}

} // namespace

extern "C" const struct mma_wgmma_ops KERNEL_EXPORT(mma_wgmma_ops) = {mma_wgmma_launch};
