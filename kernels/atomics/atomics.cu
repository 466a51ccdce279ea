/*
 * atomics.cu: float sums by atomic updates as a plan says (atomics.h), on a GPU or on the SIMT
 * machine.
 *
 * A sum is a launch that clears the addresses, one in which every block makes its updates, and,
 * for the cures that keep something else than the result there, one that makes the result of it.
 * What an update's value is while it grows is a state (atomics_state.cuh); how it reaches memory
 * is a cure: a struct with one function `update`, below. Kernels are templates over both; what is
 * done once per thread is a switch on the job.
 */
#include "kernels/atomics/atomics.h"
#include "kernels/atomics/atomics_inside.h"
#include "kernels/atomics/atomics_state.cuh"
#include "kernels/device/kernel.h"

namespace {

struct atomics_work {
    const void *x;
    size_t n, tiles, updates;
    void *result;
    unsigned *status, *ticket;
    void *store;  /* the log, or the partials */
    void *cells;  /* what the cure keeps per address */
    size_t words; /* 32-bit words to clear there */
    struct atomics_scale scale;
    int unit, addresses, items, merge;
};

__device__ inline size_t atomics_address(const struct atomics_work &work, size_t update) {
    return update & (size_t)(work.addresses - 1); /* addresses are powers of two */
}

/* --- how an update reaches memory --------------------------------------------------------------
 */

struct atomics_by_plain {
    /* A reduction instruction, where there is one for the type: nobody uses what was found. */
    template <typename T, typename S>
    static __device__ inline void update(const struct atomics_work &work, size_t u, const S &sum) {
        kernel_red_add((T *)work.result + atomics_address(work, u), sum.s);
    }
};

struct atomics_by_log {
    template <typename T, typename S>
    static __device__ inline void update(const struct atomics_work &work, size_t u, const S &sum) {
        ((T *)work.store)[u] = kernel_atom_add((T *)work.result + atomics_address(work, u), sum.s);
    }
};

struct atomics_by_partials {
    template <typename T, typename S>
    static __device__ inline void update(const struct atomics_work &work, size_t u, const S &sum) {
        ((T *)work.store)[u] = sum.s;
    }
};

/* One sum and one status word per address. */
struct atomics_fixed_cell {
    unsigned long long q;
    unsigned flags, unused;
};

struct atomics_by_fixed {
    template <typename T>
    static __device__ inline void update(const struct atomics_work &work, size_t u,
                                         const struct atomics_fixed &sum) {
        struct atomics_fixed_cell *cell =
            (struct atomics_fixed_cell *)work.cells + atomics_address(work, u);
        atomicAdd(&cell->q, (unsigned long long)sum.q);
        /* The compiler makes one of a warp's to one address: they keep what was met, and count
         * nothing. */
        if (sum.flags) {
            atomicOr(&cell->flags, (unsigned)sum.flags);
            atomicOr(work.status, (unsigned)sum.flags);
        }
    }
};

/*
 * A binned address has, for each bin, the sums of its pieces, and a mask of what it has met: the
 * flags, then the bins. A state goes into its own bin only; that a higher one asks for it to be
 * raised is settled at the end, since raising is exact (binned.h).
 */
struct atomics_f32_cell {
    unsigned met[2];
    unsigned long long sum[ATOMICS_BINS_F32][ATOMICS_SUMS_F32];
};
struct atomics_f64_cell {
    unsigned met[2];
    unsigned long long sum[ATOMICS_BINS_F64][ATOMICS_SUMS_F64];
};
/* Bits of met[0]: three flags and bins 0 … 28; the rest in met[1]. */
constexpr int ATOMICS_MET_FLAGS = 3;

__device__ inline void atomics_meet(unsigned *met, uint32_t flags, int bin) {
    int bit = bin + ATOMICS_MET_FLAGS;
    unsigned low = flags | (bit < 32 ? 1u << bit : 0u), high = bit < 32 ? 0u : 1u << (bit - 32);
    if ((kernel_load_relaxed(&met[0]) & low) != low)
        atomicOr(&met[0], low);
    if (high && (kernel_load_relaxed(&met[1]) & high) != high)
        atomicOr(&met[1], high);
}

__device__ inline bool atomics_met(const unsigned *met, int bin) {
    int bit = bin + ATOMICS_MET_FLAGS;
    return met[bit / 32] >> bit % 32 & 1;
}

struct atomics_by_bins {
    template <typename T>
    static __device__ inline void update(const struct atomics_work &work, size_t u,
                                         const struct binned_f32 &sum) {
        struct atomics_f32_cell *cell =
            (struct atomics_f32_cell *)work.cells + atomics_address(work, u);
        atomics_meet(cell->met, sum.flags, sum.bin);
        if (sum.a1)
            atomicAdd(&cell->sum[sum.bin][0], (unsigned long long)sum.a1);
        if (sum.a2)
            atomicAdd(&cell->sum[sum.bin][1], (unsigned long long)sum.a2);
    }

    template <typename T>
    static __device__ inline void update(const struct atomics_work &work, size_t u,
                                         const struct binned_f64 &sum) {
        struct atomics_f64_cell *cell =
            (struct atomics_f64_cell *)work.cells + atomics_address(work, u);
        atomics_meet(cell->met, sum.flags, sum.bin);
        for (int j = 0; j < BINNED_F64_BINS; j++) {
            if (sum.lo[j])
                atomicAdd(&cell->sum[sum.bin][j], (unsigned long long)sum.lo[j]);
            if (sum.hi[j])
                atomicAdd(&cell->sum[sum.bin][BINNED_F64_BINS + j], (unsigned long long)sum.hi[j]);
        }
    }
};

/* --- a warp and a block to one state -----------------------------------------------------------
 */

/* The state of the lane that is `distance` higher, word by word. */
template <typename S>
__device__ inline S atomics_shuffle(const S &own, int distance) {
    constexpr int WORDS = sizeof(S) / 4;
    unsigned word[WORDS];
    memcpy(word, &own, sizeof own);
#pragma unroll
    for (int k = 0; k < WORDS; k++)
        word[k] = __shfl_down_sync(0xffffffffu, word[k], distance);
    S other;
    memcpy(&other, word, sizeof other);
    return other;
}

/* 32 lanes' states to one, in lane 0. */
template <typename S>
__device__ inline void atomics_warp(S *sum) {
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2)
        sum_merge(sum, atomics_shuffle(*sum, distance));
}

/* A block's states to one, in thread 0. All threads call it. */
template <typename S>
__device__ inline void atomics_block(S *sum) {
    extern __shared__ double2 atomics_shared[];
    S *slot = (S *)atomics_shared;
    int warps = blockDim.x / 32;
    atomics_warp(sum);
    if (warps == 1)
        return;
    if (threadIdx.x % 32 == 0)
        slot[threadIdx.x / 32] = *sum;
    __syncthreads();
    if (threadIdx.x == 0)
#pragma unroll 1
        for (int k = 1; k < warps; k++)
            sum_merge(sum, slot[k]);
}

/* --- the updates -------------------------------------------------------------------------------
 */

/* What thread threadIdx.x of block `block` adds up by itself. */
template <typename S, typename T>
__device__ inline S atomics_gather(const struct atomics_work &work, size_t block) {
    size_t tile = (size_t)blockDim.x * work.items;
    const T *x = (const T *)work.x;
    S sum;
    sum_clear(&sum);
    for (size_t k = block; k < work.tiles; k += gridDim.x) {
        size_t at = k * tile + threadIdx.x;
        const T *mine = x + at; /* a tile's elements are few enough for 32 bits */
        if (work.n - k * tile >= tile) {
#pragma unroll 4
            for (int j = 0; j < work.items; j++)
                atomics_take(&sum, mine[(unsigned)j * blockDim.x], work.scale);
        } else {
            for (int j = 0; j < work.items; j++)
                if (at + (size_t)j * blockDim.x < work.n)
                    atomics_take(&sum, mine[(unsigned)j * blockDim.x], work.scale);
        }
    }
    return sum;
}

template <typename CURE, typename S, typename T>
__global__ void __launch_bounds__(1024) atomics_elements(struct atomics_work work) {
    size_t tile = (size_t)blockDim.x * work.items;
    for (size_t k = blockIdx.x; k < work.tiles; k += gridDim.x) {
#pragma unroll 4
        for (int j = 0; j < work.items; j++) {
            size_t u = k * tile + (size_t)j * blockDim.x + threadIdx.x;
            if (u >= work.n)
                break;
            S sum;
            sum_clear(&sum);
            atomics_take(&sum, ((const T *)work.x)[u], work.scale);
            CURE::template update<T>(work, u, sum);
        }
    }
}

template <typename CURE, typename S, typename T>
__global__ void __launch_bounds__(1024) atomics_merged(struct atomics_work work) {
    S sum = atomics_gather<S, T>(work, blockIdx.x);
    size_t thread = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (work.merge == ATOMICS_THREAD) {
        CURE::template update<T>(work, thread, sum);
    } else if (work.merge == ATOMICS_WARP) {
        atomics_warp(&sum);
        if (threadIdx.x % 32 == 0)
            CURE::template update<T>(work, thread / 32, sum);
    } else {
        atomics_block(&sum);
        if (threadIdx.x == 0)
            CURE::template update<T>(work, blockIdx.x, sum);
    }
}

/* Blocks draw a number when they start, and take their turn by it: whoever is waited for has
 * started, so this ends however few blocks fit on the device. */
template <typename S, typename T>
__global__ void __launch_bounds__(1024) atomics_ticketed(struct atomics_work work) {
    __shared__ unsigned drawn;
    if (threadIdx.x == 0)
        drawn = atomicAdd(work.ticket, 1u);
    __syncthreads();
    size_t u = drawn;
    S sum = atomics_gather<S, T>(work, u);
    atomics_block(&sum);
    if (threadIdx.x)
        return;
    size_t a = atomics_address(work, u);
    unsigned *turn = (unsigned *)((unsigned long long *)work.cells + a);
    unsigned mine = (unsigned)(u / (size_t)work.addresses);
    T *at = (T *)work.result + a;
    while (kernel_load_acquire(turn) != mine)
        continue;
    S total;
    total.s = *at;
    sum_merge(&total, sum);
    *at = total.s;
    kernel_store_release(turn, mine + 1);
}

/* --- before and after --------------------------------------------------------------------------
 */

__global__ void atomics_clear(struct atomics_work work, unsigned result_words) {
    size_t step = (size_t)gridDim.x * blockDim.x;
    size_t first = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    for (size_t k = first; k < result_words; k += step)
        ((unsigned *)work.result)[k] = 0;
    for (size_t k = first; k < work.words; k += step)
        ((unsigned *)work.cells)[k] = 0;
    if (first == 0) {
        *work.status = 0;
        *work.ticket = 0;
    }
}

/* One warp per address: lane l adds partials l, l + 32, … of the address, then the warp's. */
template <typename S, typename T>
__global__ void atomics_add_partials(struct atomics_work work) {
    const T *partial = (const T *)work.store;
    S sum, total;
    sum_clear(&sum);
    size_t step = 32 * (size_t)work.addresses;
#pragma unroll 4
    for (size_t u = blockIdx.x + threadIdx.x * (size_t)work.addresses; u < work.updates;
         u += step) {
        S one;
        one.s = partial[u];
        sum_merge(&sum, one);
    }
    atomics_warp(&sum);
    if (threadIdx.x)
        return;
    T *at = (T *)work.result + blockIdx.x;
    total.s = *at;
    sum_merge(&total, sum);
    *at = total.s;
}

__device__ inline void atomics_write_fixed(float *at, const struct atomics_fixed_cell &cell,
                                           int unit) {
    *at = atomics_fixed_f32((int64_t)cell.q, cell.flags, unit);
}
__device__ inline void atomics_write_fixed(double *at, const struct atomics_fixed_cell &cell,
                                           int unit) {
    *at = atomics_fixed_f64((int64_t)cell.q, cell.flags, unit);
}

template <typename T>
__global__ void atomics_finish_fixed(struct atomics_work work) {
    int a = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (a < work.addresses)
        atomics_write_fixed((T *)work.result + a,
                            ((const struct atomics_fixed_cell *)work.cells)[a], work.unit);
}

__global__ void atomics_finish_f32(struct atomics_work work) {
    int a = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (a >= work.addresses)
        return;
    const struct atomics_f32_cell *cell = (const struct atomics_f32_cell *)work.cells + a;
    struct binned_f32 sum = binned_f32_zero();
    for (int k = 0; k < ATOMICS_BINS_F32; k++) {
        if (!atomics_met(cell->met, k))
            continue;
        struct binned_f32 part = {k, 0, (int64_t)cell->sum[k][0], (int64_t)cell->sum[k][1]};
        binned_f32_merge(&sum, part);
    }
    sum.flags = cell->met[0] & ((1u << ATOMICS_MET_FLAGS) - 1);
    if (sum.flags)
        atomicOr(work.status, sum.flags);
    ((float *)work.result)[a] = binned_f32_value(&sum);
}

__global__ void atomics_finish_f64(struct atomics_work work) {
    int a = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (a >= work.addresses)
        return;
    const struct atomics_f64_cell *cell = (const struct atomics_f64_cell *)work.cells + a;
    struct binned_f64 sum = binned_f64_zero();
    for (int k = 0; k < ATOMICS_BINS_F64; k++) {
        if (!atomics_met(cell->met, k))
            continue;
        struct binned_f64 part = binned_f64_zero();
        part.bin = k;
        for (int j = 0; j < BINNED_F64_BINS; j++) {
            part.hi[j] = (int64_t)cell->sum[k][BINNED_F64_BINS + j];
            binned_f64_carry(&part, j, (int64_t)cell->sum[k][j]);
        }
        binned_f64_merge(&sum, part);
    }
    sum.flags = cell->met[0] & ((1u << ATOMICS_MET_FLAGS) - 1);
    if (sum.flags)
        atomicOr(work.status, sum.flags);
    ((double *)work.result)[a] = binned_f64_value(&sum);
}

/* --- launching ---------------------------------------------------------------------------------
 */

struct atomics_call {
    const struct atomics_plan *plan;
    struct atomics_work work;
    dim3 grid, block;
    void *stream;
};

template <typename CURE, typename S, typename T>
int atomics_start(const struct atomics_call *call) {
    size_t shared = call->plan->merge == ATOMICS_BLOCK ? 32 * sizeof(S) : 0;
    if (call->plan->merge == ATOMICS_NONE)
        return kernel_launch(atomics_elements<CURE, S, T>, call->grid, call->block, shared,
                             call->stream, call->work);
    return kernel_launch(atomics_merged<CURE, S, T>, call->grid, call->block, shared, call->stream,
                         call->work);
}

/* The cures that any type has. */
template <typename S, typename T>
int atomics_common(const struct atomics_call *call) {
    switch (call->plan->cure) {
    case ATOMICS_PLAIN:
        return atomics_start<atomics_by_plain, S, T>(call);
    case ATOMICS_LOGGED:
        return atomics_start<atomics_by_log, S, T>(call);
    case ATOMICS_TICKET:
        return kernel_launch(atomics_ticketed<S, T>, call->grid, call->block, 32 * sizeof(S),
                             call->stream, call->work);
    default: /* ATOMICS_ORDERED */
        if (kernel_launch(atomics_merged<atomics_by_partials, S, T>, call->grid, call->block,
                          32 * sizeof(S), call->stream, call->work))
            return -1;
        return kernel_launch(atomics_add_partials<S, T>, dim3((unsigned)call->plan->addresses),
                             dim3(32), 0, call->stream, call->work);
    }
}

template <typename T>
int atomics_fixed_sum(const struct atomics_call *call) {
    unsigned addresses = (unsigned)call->plan->addresses;
    if (atomics_start<atomics_by_fixed, struct atomics_fixed, T>(call))
        return -1;
    return kernel_launch(atomics_finish_fixed<T>, dim3((addresses + 127) / 128), dim3(128), 0,
                         call->stream, call->work);
}

int atomics_by_type(const struct atomics_call *call) {
    unsigned addresses = (unsigned)call->plan->addresses;
    dim3 grid((addresses + 127) / 128), block(128);
    switch (call->plan->type) {
    case ATOMICS_F32:
        if (call->plan->cure == ATOMICS_FIXED)
            return atomics_fixed_sum<float>(call);
        if (call->plan->cure != ATOMICS_BINNED)
            return atomics_common<struct sum_plain<float>, float>(call);
        if (atomics_start<atomics_by_bins, struct binned_f32, float>(call))
            return -1;
        return kernel_launch(atomics_finish_f32, grid, block, 0, call->stream, call->work);
    case ATOMICS_F64:
        if (call->plan->cure == ATOMICS_FIXED)
            return atomics_fixed_sum<double>(call);
        if (call->plan->cure != ATOMICS_BINNED)
            return atomics_common<struct sum_plain<double>, double>(call);
        if (atomics_start<atomics_by_bins, struct binned_f64, double>(call))
            return -1;
        return kernel_launch(atomics_finish_f64, grid, block, 0, call->stream, call->work);
    case ATOMICS_F16X2:
        return atomics_common<struct atomics_pair<__half2>, __half2>(call);
    default:
        return atomics_common<struct atomics_pair<__nv_bfloat162>, __nv_bfloat162>(call);
    }
}

int atomics_launch(const struct atomics_plan *plan, const struct atomics_job *job, void *stream) {
    char why[PLAN_WHY], text[PLAN_TEXT];
    size_t n = job->n, bytes = atomics_type_bytes((enum atomics_type)plan->type);
    if (n == 0)
        return device_fail("a sum of no inputs has no kernel to run: n must be at least 1");
    if (atomics_plan_check(plan, n, why))
        return device_fail("%s: %s", atomics_plan_text(plan, text), why);
    if ((uintptr_t)job->x % bytes || (uintptr_t)job->result % 8 || (uintptr_t)job->workspace % 256)
        return device_fail("%s: x must be aligned to an element, the result to 8 bytes, the "
                           "workspace to 256",
                           atomics_plan_text(plan, text));
    if (job->workspace_bytes < atomics_workspace_bytes(plan, n))
        return device_fail("%s: a workspace of %zu bytes is too small for n = %zu: it takes %zu",
                           atomics_plan_text(plan, text), job->workspace_bytes, n,
                           atomics_workspace_bytes(plan, n));
    if (plan->cure == ATOMICS_FIXED &&
        (job->unit < ATOMICS_UNIT_LEAST || job->unit > ATOMICS_UNIT_MOST))
        return device_fail("%s: the unit 2^%d is outside 2^%d … 2^%d",
                           atomics_plan_text(plan, text), job->unit, ATOMICS_UNIT_LEAST,
                           ATOMICS_UNIT_MOST);
    size_t tile = (size_t)plan->block * (size_t)plan->items;
    struct atomics_call call = {};
    struct atomics_work *work = &call.work;
    call.plan = plan;
    call.stream = stream;
    call.grid = dim3((unsigned)atomics_grid(plan, n));
    call.block = dim3((unsigned)plan->block);
    work->x = job->x;
    work->n = n;
    work->tiles = n / tile + (n % tile != 0);
    work->updates = atomics_updates(plan, n);
    work->result = job->result;
    work->status = (unsigned *)job->workspace;
    work->ticket = work->status + 1;
    work->store = work->cells = (char *)job->workspace + ATOMICS_WORKSPACE_HEAD;
    work->words = (size_t)plan->addresses * atomics_cure_bytes(plan->cure, plan->type) / 4;
    if (plan->cure == ATOMICS_FIXED) {
        work->scale.scale = round_f64_from((uint64_t)(1023 - job->unit) << 52);
        work->scale.limit = atomics_fixed_limit(n, job->unit);
    }
    work->unit = job->unit;
    work->addresses = plan->addresses;
    work->items = plan->items;
    work->merge = plan->merge;
    unsigned result_words = (unsigned)((size_t)plan->addresses * bytes / 4);
    size_t most = work->words > result_words ? work->words : result_words;
    unsigned blocks = most > 64 * 256 ? 64 : (unsigned)((most + 255) / 256);
    if (kernel_launch(atomics_clear, dim3(blocks), dim3(256), 0, stream, *work, result_words))
        return -1;
    return atomics_by_type(&call);
}

/* --- a neighbour -------------------------------------------------------------------------------
 */

__global__ void atomics_neighbour(unsigned *memory, size_t words, unsigned rounds) {
    size_t at = ((size_t)blockIdx.x * blockDim.x + threadIdx.x) % words;
    for (unsigned r = 0; r < rounds; r++) {
        atomicAdd(&memory[at], 0u);
        at = at + 1 < words ? at + 1 : 0;
    }
}

int atomics_contend(void *memory, size_t words, unsigned rounds, unsigned blocks, void *stream) {
    if (!words || !blocks)
        return device_fail("a neighbour needs memory to update and at least one block");
    return kernel_launch(atomics_neighbour, dim3(blocks), dim3(128), 0, stream, (unsigned *)memory,
                         words, rounds);
}

#if defined(__CUDACC__)
int atomics_stream_begin(void **stream) {
    cudaStream_t made;
    cudaError_t e = cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking);
    if (e != cudaSuccess)
        return device_fail("a second stream: %s", cudaGetErrorString(e));
    *stream = made;
    return 0;
}

int atomics_stream_end(void *stream) {
    cudaError_t e = cudaStreamSynchronize((cudaStream_t)stream);
    cudaError_t end = cudaStreamDestroy((cudaStream_t)stream);
    if (e == cudaSuccess)
        e = end;
    return e == cudaSuccess ? 0 : device_fail("the second stream: %s", cudaGetErrorString(e));
}
#else
int atomics_stream_begin(void **stream) {
    *stream = NULL;
    return 0;
}

int atomics_stream_end(void *) {
    return 0;
}
#endif

} // namespace

extern "C" const struct atomics_ops KERNEL_EXPORT(atomics_ops) = {
    atomics_launch, atomics_contend, atomics_stream_begin, atomics_stream_end};
