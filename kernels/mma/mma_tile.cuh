/*
 * mma_tile.cuh: what all kernels of mma.h share, whatever multiplies: from which rows and which
 * slice of K a block works, how these get into shared memory, and where its sums go.
 *
 * A kernel knows two operands, P on the instruction's M side and Q on its N side, and computes
 * D[i][j] = Σ P[i][k] Q[j][k]. Which of them is A, and so whether D is C or C turned around, is
 * decided when the kernel is launched, by the steps from one element of C to the next.
 */
#ifndef NANOLAB_KERNELS_MMA_TILE_CUH
#define NANOLAB_KERNELS_MMA_TILE_CUH

#include "kernels/device/kernel.h"
#include "kernels/device/kernel_copy.h"
#include "kernels/device/kernel_mma.h"
#include "kernels/mma/mma.h"

/* Of a stage: bytes of a row, and 16-byte units in it. */
#define MMA_ROW 64
#define MMA_UNITS (MMA_ROW / 16)
/* A row of WMMA's, which has a gap of one unit. */
#define MMA_ROW_WMMA 80
/* The head of a workspace: blocks that have begun, and that are done. */
#define MMA_BEGUN 0
#define MMA_DONE 1
#define MMA_HEAD 256
#define MMA_GROUP 8 /* rows of tiles in a group */

namespace {

/* One product as the kernels see it. At most 128 bytes: more than that, and clang copies it by a
 * call that the checked build takes for an access of the kernel's. */
struct mma_args {
    const char *p, *q;
    size_t p_stride, q_stride; /* bytes from row to row */
    void *c;
    size_t c_stride;        /* elements of C from row to row */
    float *sums;            /* of slices, or running ones: like C without gaps */
    unsigned *head, *turns; /* NULL unless blocks take turns */
    unsigned p_rows, q_rows;
    unsigned k, slice, slices; /* elements of K; of a slice; how many */
    unsigned tiles_p, tiles_q;
    unsigned char size, depth, load, stages, out, merge, order; /* depth: elements per stage */
    bool turned;                                                /* D is C turned around: P is B */
};
static_assert(sizeof(struct mma_args) <= 128, "see above");

/* What one block does: a tile of D, and a slice of K. */
struct mma_work {
    unsigned tile, slice;
    unsigned i, j;       /* the tile's first rows of P and Q */
    unsigned begin, end; /* of K */
};

/* --- who does what -----------------------------------------------------------------------------
 */

__device__ inline struct mma_work mma_work_of(const struct mma_args &job, unsigned number, int rows,
                                              int columns) {
    struct mma_work work;
    unsigned tiles = job.tiles_p * job.tiles_q;
    unsigned at_p, at_q;
    work.slice = number / tiles;
    work.tile = number % tiles;
    if (job.order == MMA_BY_GROUPS) {
        unsigned group = work.tile / (MMA_GROUP * job.tiles_q);
        unsigned rest = work.tile % (MMA_GROUP * job.tiles_q);
        unsigned height = min(job.tiles_p - group * MMA_GROUP, (unsigned)MMA_GROUP);
        at_p = group * MMA_GROUP + rest % height;
        at_q = rest / height;
    } else {
        at_p = work.tile / job.tiles_q;
        at_q = work.tile % job.tiles_q;
    }
    work.i = at_p * (unsigned)rows;
    work.j = at_q * (unsigned)columns;
    work.begin = work.slice * job.slice;
    work.end = min(job.k, work.begin + job.slice);
    return work;
}

/* Blocks that take turns are numbered as they begin: then nobody waits for a block that has not
 * begun. All threads call it. */
__device__ inline unsigned mma_number(const struct mma_args &job) {
    __shared__ unsigned mma_number_shared;
    if (!job.turns)
        return blockIdx.x;
    if (threadIdx.x == 0)
        mma_number_shared = atomicAdd(&job.head[MMA_BEGUN], 1);
    __syncthreads();
    return mma_number_shared;
}

/* Before a block's sums meet those of the slices before; and after. All threads call them. */
__device__ inline void mma_turn_begin(const struct mma_args &job, const struct mma_work &work) {
    if (!job.turns)
        return;
    if (threadIdx.x == 0)
        while (kernel_load_acquire(&job.turns[work.tile]) != work.slice)
            ;
    __syncthreads();
}

/* By one thread, when a barrier has joined it to all that have written the block's sums. */
__device__ inline void mma_turn_pass(const struct mma_args &job, const struct mma_work &work) {
    bool last = work.slice + 1 == job.slices;
    kernel_store_release(&job.turns[work.tile], last ? 0u : work.slice + 1);
    unsigned all = job.tiles_p * job.tiles_q * job.slices;
    if (atomicAdd(&job.head[MMA_DONE], 1) == all - 1) {
        atomicExch(&job.head[MMA_BEGUN], 0u);
        atomicExch(&job.head[MMA_DONE], 0u);
    }
}

__device__ inline void mma_turn_end(const struct mma_args &job, const struct mma_work &work) {
    if (!job.turns)
        return;
    __syncthreads();
    if (threadIdx.x == 0)
        mma_turn_pass(job, work);
}

/* --- from global to shared memory --------------------------------------------------------------
 */

/* Where unit `unit` of row `row` lies in a stage. Eight rows, or rows of 64 bytes two by two, are
 * read at once: with the units of every pair of rows in another order they lie in different
 * banks. */
template <bool SWIZZLED>
__device__ __forceinline__ int mma_place(int row, int unit) {
    return SWIZZLED ? row * MMA_ROW + ((unit ^ (row >> 1 & 3)) << 4)
                    : row * MMA_ROW_WMMA + (unit << 4);
}

template <typename T>
__device__ inline uint4 mma_gather(const char *from, int bytes) {
    T element[16 / sizeof(T)] = {};
    uint4 unit;
    KERNEL_UNROLL
    for (int k = 0; k < 16 / (int)sizeof(T); k++)
        if (k * (int)sizeof(T) < bytes)
            element[k] = ((const T *)from)[k];
    memcpy(&unit, element, sizeof unit);
    return unit;
}

/* One unit of which `bytes` are there, by loads narrower than it. Not inlined: where pointers allow
 * no better, its calls are not what takes the time. */
__device__ __noinline__ void mma_load_unit(char *to, const char *from, int bytes, int load,
                                           int size) {
    if (load == 8 || load == 4) {
        for (int at = 0; at < 16; at += load) {
            int here = max(0, min(load, bytes - at));
            const char *source = here ? from + at : from;
            if (load == 8)
                kernel_copy_async<8>(to + at, source, here);
            else
                kernel_copy_async<4>(to + at, source, here);
        }
        return;
    }
    *(uint4 *)to = size == 1   ? mma_gather<unsigned char>(from, bytes)
                   : size == 2 ? mma_gather<unsigned short>(from, bytes)
                               : mma_gather<unsigned>(from, bytes);
}

/* One thread's part of ROWS rows of an operand: a unit of every APART-th row, the same unit of all,
 * so that what follows from the thread's number is computed once. */
template <int ROWS, int THREADS, bool SWIZZLED>
struct mma_side {
    static constexpr int APART = THREADS / MMA_UNITS, COUNT = (ROWS + APART - 1) / APART;
    static constexpr int PITCH = SWIZZLED ? MMA_ROW : MMA_ROW_WMMA;
    static_assert(APART % 8 == 0, "rows of one thread have their units in one order");
    const char *from; /* its unit of its first row, where K begins */
    size_t stride;    /* bytes from row to row of the operand */
    int rows;         /* that the operand has from its first row on; may be negative */

    __device__ __forceinline__ static int row() {
        return (int)threadIdx.x / MMA_UNITS;
    }
    __device__ __forceinline__ static int unit() {
        return (int)threadIdx.x % MMA_UNITS;
    }
    __device__ __forceinline__ mma_side(const char *operand, size_t stride_, unsigned all,
                                        unsigned first, size_t at)
        : from(operand + (size_t)(first + row()) * stride_ + at + 16 * unit()), stride(stride_),
          rows((int)(all - first) - row()) {}

    /* The next row of bytes of each, of which `left` are there; what is not there is zeros, and not
     * read. */
    __device__ __forceinline__ void load(char *stage, int left, int load, int size) {
        int bytes = max(0, min(16, left - 16 * unit()));
        char *to = stage + mma_place<SWIZZLED>(row(), unit());
        if (load == 16) {
            KERNEL_UNROLL
            for (int i = 0; i < COUNT; i++)
                if (ROWS % APART == 0 || row() + i * APART < ROWS)
                    kernel_copy_async<16>(to + i * APART * PITCH, from + i * APART * stride,
                                          i * APART < rows ? bytes : 0);
        } else {
#pragma unroll 1
            for (int i = 0; i < COUNT; i++)
                if (ROWS % APART == 0 || row() + i * APART < ROWS)
                    mma_load_unit(to + i * APART * PITCH, from + i * APART * stride,
                                  i * APART < rows ? bytes : 0, load, size);
        }
        from += MMA_ROW;
    }
};

/* Walks through a slice: multiply(stage) for one stage after the other, each of them loaded as
 * early as the number of stages allows: P's rows, then Q's. */
template <int ROWS, int COLUMNS, int THREADS, bool SWIZZLED, class MULTIPLY>
__device__ __forceinline__ void mma_walk(const struct mma_args &job, const struct mma_work &work,
                                         char *shared, MULTIPLY multiply) {
    constexpr int BYTES = (ROWS + COLUMNS) * (SWIZZLED ? MMA_ROW : MMA_ROW_WMMA);
    size_t begin = (size_t)work.begin * job.size;
    mma_side<ROWS, THREADS, SWIZZLED> p(job.p, job.p_stride, job.p_rows, work.i, begin);
    mma_side<COLUMNS, THREADS, SWIZZLED> q(job.q, job.q_stride, job.q_rows, work.j, begin);
    unsigned left = work.end - work.begin; /* elements to load */
    int depth = job.depth, size = job.size, ahead = job.stages - 1;
    int rounds = ((int)left + depth - 1) / depth;
    /* Offsets and not pointers: so the compiler sees that all of it is shared memory. */
    int to = 0, from = 0, end = job.stages * BYTES;
#pragma unroll 1
    for (int round = -ahead; round < rounds; round++) {
        if (round >= 0 && ahead) {
            kernel_copy_wait(ahead - 1);
            __syncthreads(); /* this stage is there, and the last one is free */
        } else if (round > 0) {
            __syncthreads();
        }
        if (left) {
            int here = min((int)left, depth);
            p.load(shared + to, here * size, job.load, size);
            q.load(shared + to + mma_place<SWIZZLED>(ROWS, 0), here * size, job.load, size);
            left -= (unsigned)here;
        }
        kernel_copy_commit();
        to = to + BYTES == end ? 0 : to + BYTES;
        if (!ahead) {
            kernel_copy_wait(0);
            __syncthreads();
        }
        if (round >= 0) {
            multiply(shared + from);
            from = from + BYTES == end ? 0 : from + BYTES;
        }
    }
    __syncthreads(); /* the stages' memory is free for what comes */
}

/* --- from sums to the output -------------------------------------------------------------------
 */

__device__ inline void mma_store(const struct mma_args &job, size_t at, float value) {
    if (job.out == ELEMENT_F32)
        ((float *)job.c)[at] = value;
    else if (job.out == ELEMENT_F16)
        ((__half *)job.c)[at] = __float2half_rn(value);
    else
        ((__nv_bfloat16 *)job.c)[at] = __float2bfloat16_rn(value);
}

__device__ inline float mma_stored(const struct mma_args &job, size_t at) {
    if (job.out == ELEMENT_F32)
        return ((const float *)job.c)[at];
    if (job.out == ELEMENT_F16)
        return __half2float(((const __half *)job.c)[at]);
    return __bfloat162float(((const __nv_bfloat16 *)job.c)[at]);
}

/* A slice's sum of D[i][j] to where it belongs, between mma_turn_begin and mma_turn_end. Elements
 * outside D are nobody's. */
__device__ __forceinline__ void mma_hand_in(const struct mma_args &job, const struct mma_work &work,
                                            unsigned i, unsigned j, float value) {
    if (i >= job.p_rows || j >= job.q_rows)
        return;
    size_t row = job.turned ? j : i, column = job.turned ? i : j;
    size_t c = row * job.c_stride + column;
    if (job.slices == 1) {
        mma_store(job, c, value);
        return;
    }
    size_t at = row * (job.turned ? job.p_rows : job.q_rows) + column;
    switch (job.merge) {
    case MMA_BY_KERNEL:
        job.sums[work.slice * (size_t)job.p_rows * job.q_rows + at] = value;
        break;
    case MMA_IN_TURN:
        if (work.slice)
            value = job.sums[at] + value;
        if (work.slice + 1 < job.slices)
            job.sums[at] = value;
        else
            mma_store(job, c, value);
        break;
    default: /* MMA_IN_PLACE */
        if (work.slice)
            value = mma_stored(job, c) + value;
        mma_store(job, c, value);
    }
}

/* A warp's rectangle of sums, from shared memory where its lanes left it: `rows` × `columns`,
 * `pitch` apart, whose first is D[i][j]. Lanes go along C's rows. All lanes of the warp; not
 * inlined, since it is much code and little of the time. */
template <typename T>
__device__ __noinline__ void mma_hand_in_warp(const struct mma_args &job,
                                              const struct mma_work &work, const T *sums, int pitch,
                                              int rows, int columns, unsigned i, unsigned j) {
    __syncwarp();
#pragma unroll 1
    for (int at = threadIdx.x % 32; at < rows * columns; at += 32) {
        int row = job.turned ? at % rows : at / columns;
        int column = job.turned ? at / rows : at % columns;
        mma_hand_in(job, work, i + row, j + column, (float)sums[row * pitch + column]);
    }
    __syncwarp();
}

/* The slices' sums, forward. */
__global__ void __launch_bounds__(256) mma_merge(struct mma_args job) {
    size_t count = (size_t)job.p_rows * job.q_rows, columns = job.turned ? job.p_rows : job.q_rows;
    for (size_t at = blockIdx.x * (size_t)blockDim.x + threadIdx.x; at < count;
         at += (size_t)gridDim.x * blockDim.x) {
        float sum = job.sums[at];
        for (unsigned s = 1; s < job.slices; s++)
            sum = sum + job.sums[s * count + at];
        mma_store(job, at / columns * job.c_stride + at % columns, sum);
    }
}

/* --- launching ---------------------------------------------------------------------------------
 */

struct mma_args mma_args_of(const struct mma_call *call) {
    const struct mma_plan *plan = &call->plan;
    const struct mma_problem *p = &call->problem;
    const struct mma_shape *s = &p->shape;
    struct mma_shape tile = mma_plan_tile(plan);
    bool turned = plan->side == MMA_BATCH_ON_N;
    size_t size = element_bytes(p->in), m = s->m, n = s->n;
    size_t lda = mma_lda(p) * size, ldb = mma_ldb(p) * size;
    unsigned tiles_m = (unsigned)((m + tile.m - 1) / tile.m);
    unsigned tiles_n = (unsigned)((n + tile.n - 1) / tile.n);
    struct mma_args job = {};
    job.p = (const char *)(turned ? call->b : call->a);
    job.q = (const char *)(turned ? call->a : call->b);
    job.p_stride = turned ? ldb : lda;
    job.q_stride = turned ? lda : ldb;
    job.p_rows = (unsigned)(turned ? n : m);
    job.q_rows = (unsigned)(turned ? m : n);
    job.k = (unsigned)s->k;
    job.slice = (unsigned)mma_plan_slice(plan, s->k);
    job.slices = (unsigned)mma_plan_slices(plan, s->k);
    job.tiles_p = turned ? tiles_n : tiles_m;
    job.tiles_q = turned ? tiles_m : tiles_n;
    job.size = (unsigned char)size;
    job.depth = (unsigned char)mma_plan_depth(plan);
    job.load = (unsigned char)plan->load;
    job.stages = (unsigned char)plan->stages;
    job.out = (unsigned char)plan->out;
    job.merge = (unsigned char)plan->merge;
    job.order = (unsigned char)plan->order;
    job.turned = turned;
    job.c = call->c;
    job.c_stride = mma_ldc(p);
    if (job.slices == 1)
        return job;
    char *workspace = (char *)call->workspace;
    size_t turns = (mma_tiles(plan, s) * sizeof(unsigned) + 255) / 256 * 256;
    if (plan->merge != MMA_BY_KERNEL) {
        job.head = (unsigned *)workspace;
        job.turns = (unsigned *)(workspace + MMA_HEAD);
    }
    job.sums = (float *)(workspace + MMA_HEAD + (plan->merge == MMA_BY_KERNEL ? 0 : turns));
    return job;
}

#if defined(__CUDACC__)

[[maybe_unused]] int mma_card(int *capability) {
    int device, major, minor;
    cudaError_t e = cudaGetDevice(&device);
    if (e == cudaSuccess)
        e = cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
    if (e == cudaSuccess)
        e = cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device);
    if (e != cudaSuccess)
        return device_fail("a GPU's compute capability: %s", cudaGetErrorString(e));
    *capability = 10 * major + minor;
    return 0;
}

#else

[[maybe_unused]] int mma_card(int *capability) {
    *capability = simt_arch_number();
    return 0;
}

#endif

/* Refuses what makes no sense or is not there; and settles what a plan leaves open. */
int mma_begin(const struct mma_call *call, struct mma_call *settled) {
    char why[PLAN_WHY], text[MMA_TEXT];
    *settled = *call;
    struct mma_problem *problem = &settled->problem;
    problem->a_offset = (size_t)((uintptr_t)call->a % 256);
    problem->b_offset = (size_t)((uintptr_t)call->b % 256);
    problem->c_offset = (size_t)((uintptr_t)call->c % 256);
    if (mma_plan_check(&call->plan, problem, why) != 0)
        return device_fail("%s: %s", mma_plan_text(&call->plan, text), why);
    if (call->plan.load == MMA_LOAD_FIT)
        settled->plan.load = mma_widest_load(problem);
    if (mma_workspace_bytes(&call->plan, &problem->shape) && !call->workspace)
        return device_fail("%s: no workspace", mma_plan_text(&call->plan, text));
    return 0;
}

/* What follows a kernel that has been launched. */
int mma_finish(const struct mma_call *call, const struct mma_args &job) {
    if (job.slices == 1 || job.merge != MMA_BY_KERNEL)
        return 0;
    size_t count = call->problem.shape.m * call->problem.shape.n;
    unsigned threads = 256, most = 4096;
    unsigned grid = count / threads < most ? (unsigned)(count / threads) + 1 : most;
    return kernel_launch(mma_merge, dim3(grid), dim3(threads), 0, call->stream, job);
}

/* Launches the kernel, and the merge behind it. */
#define mma_run(call, ...) mma_run_named(call, #__VA_ARGS__, __VA_ARGS__)

template <class KERNEL>
int mma_run_named(const struct mma_call *call, const char *name, KERNEL kernel) {
    struct mma_args job = mma_args_of(call);
    unsigned blocks = job.tiles_p * job.tiles_q * job.slices;
    char text[MMA_TEXT];
    if (!call->runs && kernel_mma_refused(kernel, mma_plan_capability(&call->plan),
                                          mma_plan_text(&call->plan, text)) != 0)
        return -1;
    if (!blocks)
        return 0;
    if (kernel_launch_named(name, kernel, dim3(blocks), dim3(32 * (unsigned)call->plan.warps),
                            mma_shared_bytes(&call->plan), call->stream, job) != 0)
        return -1;
    return mma_finish(call, job);
}

} // namespace

#endif
