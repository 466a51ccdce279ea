/*
 * sum.cu: the sum of n numbers, staged as a plan says (sum.h), on a GPU or on the SIMT machine.
 *
 * A sum is one launch of sum_tiles, in which every block reduces the tiles it owns to one state,
 * and, if there was more than one block, a final merge:
 *
 *     thread, block  one launch of sum_rest, with one thread or one block
 *     kernel         launches of sum_states until one state is left
 *     last           none: the block that takes the last ticket does the work of sum_rest
 *
 * What a thread accumulates, and what adding means, is in sum_state.cuh. Templates are for what the
 * inner loop must know: the type, the method and the items per thread, which sit in registers and
 * are loaded before the first is added, all of them or as many as there is room for (sum_part), so
 * that many loads are in flight. Everything that is done once per block is a switch on the job.
 */
#include "kernels/device/kernel.h"
#include "kernels/sum/sum.h"
#include "kernels/sum/sum_block.cuh"
#include "kernels/sum/sum_state.cuh"

namespace {

/* One sum as the kernels see it. */
struct sum_job {
    const void *x, *y;
    size_t n;
    size_t tiles;
    const void *from; /* states to merge: sum_states, sum_rest */
    void *to;         /* one state per block */
    unsigned *ticket; /* blocks that are done; NULL unless the last one merges */
    void *result;     /* written by the block that is alone, or last */
    int access, vector, items, warp, merge;
};

/* --- the blocks' states to the result ----------------------------------------------------------
 */

/* What one block, or one thread, does with the states of all blocks. */
template <typename S>
__device__ __noinline__ void sum_merge_states(const S *states, size_t count, struct sum_job job) {
    constexpr int UNROLL = sizeof(S) <= 16 ? 8 : 1; /* loads ahead of the adds */
    S sum;
    sum_clear(&sum);
#pragma unroll UNROLL
    for (size_t k = threadIdx.x; k < count; k += blockDim.x)
        sum_merge(&sum, states[k]);
    if (blockDim.x > 1)
        sum_block_merge(&sum, job.warp, job.merge);
    if (threadIdx.x == 0)
        sum_write_result(&sum, job.result);
}

/* A block's state to where it belongs. All threads call it, thread 0 holds the state, which is used
 * up. */
template <typename S>
__device__ inline void sum_hand_in(S *sum, const struct sum_job &job) {
    __shared__ bool is_last;
    if (gridDim.x == 1) {
        if (threadIdx.x == 0)
            sum_write_result(sum, job.result);
        return;
    }
    if (threadIdx.x == 0) {
        sum_settle(sum);
        ((S *)job.to)[blockIdx.x] = *sum;
    }
    if (!job.ticket)
        return;
    /* The state must be visible before the ticket that announces it, and who takes the last ticket
     * must see every state that was announced: release and acquire. It wraps to 0 at the last
     * ticket: ready for the next launch. */
    if (threadIdx.x == 0)
        is_last = kernel_inc_acq_rel(job.ticket, gridDim.x - 1) == gridDim.x - 1;
    __syncthreads();
    if (is_last)
        sum_merge_states((const S *)job.to, gridDim.x, job);
}

template <typename S>
__global__ void __launch_bounds__(1024) sum_rest(struct sum_job job) {
    sum_merge_states((const S *)job.from, job.n, job);
}

/* --- loading -----------------------------------------------------------------------------------
 */

__device__ inline void sum_convert(float *to, float from) {
    *to = from;
}
__device__ inline void sum_convert(double *to, float from) {
    *to = from;
}
__device__ inline void sum_convert(double *to, double from) {
    *to = from;
}
template <typename A>
__device__ inline void sum_convert(A *to, __nv_bfloat16 from) {
    *to = __bfloat162float(from);
}
template <typename A>
__device__ inline void sum_convert(A *to, __half from) {
    *to = __half2float(from);
}

/* COUNT elements in as few loads as there are: at most 16 bytes each. `at` is aligned to all of
 * them, or to 16 bytes. */
template <int COUNT, typename T>
__device__ inline void sum_load(T *to, const T *at) {
    constexpr int BYTES = COUNT * sizeof(T);
    if constexpr (BYTES >= 16) {
#pragma unroll
        for (int k = 0; k < BYTES / 16; k++) {
            uint4 word = ((const uint4 *)at)[k];
            memcpy(to + k * (16 / sizeof(T)), &word, 16);
        }
    } else if constexpr (BYTES == 8) {
        uint2 word = *(const uint2 *)at;
        memcpy(to, &word, 8);
    } else if constexpr (COUNT == 2 && BYTES == 4) {
        unsigned word = *(const unsigned *)at;
        memcpy(to, &word, 4);
    } else {
        *to = *at;
    }
}

/* COUNT of a thread's ITEMS of a full tile that starts at x: those from `first` on. */
template <int VECTOR, int ITEMS, int COUNT, typename T, typename A>
__device__ inline void sum_load_items(A (&item)[COUNT], const T *x, int first, int access) {
    int step = access == SUM_STRIDED ? blockDim.x * VECTOR : VECTOR;
    x += threadIdx.x * (access == SUM_STRIDED ? VECTOR : ITEMS);
    T raw[COUNT];
#pragma unroll
    for (int k = 0; k < COUNT; k += VECTOR)
        sum_load<VECTOR>(raw + k, x + ((first + k) / VECTOR) * step);
#pragma unroll
    for (int k = 0; k < COUNT; k++)
        sum_convert(&item[k], raw[k]);
}

template <int ITEMS, typename T, typename A, int COUNT>
__device__ inline void sum_load_tile(A (&item)[COUNT], const T *at, int first,
                                     const struct sum_job &job) {
    if (ITEMS >= 4 && job.vector == 4)
        sum_load_items<ITEMS >= 4 ? 4 : 1, ITEMS>(item, at, first, job.access);
    else if (ITEMS >= 2 && job.vector == 2)
        sum_load_items<ITEMS >= 2 ? 2 : 1, ITEMS>(item, at, first, job.access);
    else
        sum_load_items<1, ITEMS>(item, at, first, job.access);
}

/* Where item i of this thread is in tile k, when neither is known to the compiler. */
__device__ inline size_t sum_place(const struct sum_job &job, size_t k, int i) {
    int step = job.access == SUM_STRIDED ? blockDim.x * job.vector : job.vector;
    int first = threadIdx.x * (job.access == SUM_STRIDED ? job.vector : job.items);
    return k * blockDim.x * job.items + first + (i / job.vector) * step + i % job.vector;
}

/* Tile k one item at a time, absent ones left out: the end of the input. */
template <typename S, typename T, typename A, bool DOT>
__device__ inline void sum_take_partial(S *sum, const struct sum_job &job, size_t k) {
    for (int i = 0; i < job.items; i++) {
        size_t at = sum_place(job, k, i);
        if (at >= job.n)
            continue;
        A item[1], other;
        sum_convert(&item[0], ((const T *)job.x)[at]);
        if constexpr (DOT) {
            sum_convert(&other, ((const T *)job.y)[at]);
            item[0] = item[0] * other;
        }
        sum_take(sum, item);
    }
}

/* --- the first kernel --------------------------------------------------------------------------
 */

/* How many of a thread's items are loaded before the first is added: all, unless they would not fit
 * into the 64 registers that a thread of a block of 1,024 has. */
template <typename S, typename A, int ITEMS, bool DOT>
struct sum_part {
    static constexpr int BYTES = ITEMS * sizeof(A) * (DOT ? 2 : 1);
    static constexpr int ITEMS_AT_ONCE = BYTES > 128 || (BYTES == 128 && sizeof(S) > 16) ? ITEMS / 2
                                                                                         : ITEMS;
};

template <typename S, typename T, typename A, int ITEMS, bool DOT>
__global__ void __launch_bounds__(1024) sum_tiles(struct sum_job job) {
    constexpr int PART = sum_part<S, A, ITEMS, DOT>::ITEMS_AT_ONCE;
    size_t tile = (size_t)blockDim.x * ITEMS;
    S sum;
    sum_clear(&sum);
    for (size_t k = blockIdx.x; k < job.tiles; k += gridDim.x) {
        if (job.n - k * tile < tile) {
            sum_take_partial<S, T, A, DOT>(&sum, job, k);
            break; /* only the last tile is partial */
        }
#pragma unroll
        for (int first = 0; first < ITEMS; first += PART) {
            A item[PART];
            sum_load_tile<ITEMS>(item, (const T *)job.x + k * tile, first, job);
            if constexpr (DOT) {
                A other[PART];
                sum_load_tile<ITEMS>(other, (const T *)job.y + k * tile, first, job);
#pragma unroll
                for (int i = 0; i < PART; i++)
                    item[i] = item[i] * other[i];
            }
            sum_take(&sum, item);
        }
    }
    sum_block_merge(&sum, job.warp, job.merge);
    sum_hand_in(&sum, job);
}

/* The first kernel of the exact sum, which is an oracle: nothing is unrolled for it. At least one
 * block of its size: without that ptxas stops at 32 registers for some GPUs, and spills. */
template <typename S, typename T, typename A, bool DOT>
__global__ void __launch_bounds__(1024, 1) sum_tiles_exact(struct sum_job job) {
    S sum;
    sum_clear(&sum);
    for (size_t k = blockIdx.x; k < job.tiles; k += gridDim.x)
        sum_take_partial<S, T, A, DOT>(&sum, job, k);
    sum_block_merge(&sum, job.warp, job.merge);
    sum_hand_in(&sum, job);
}

/* The same staging over states: job.n of them at job.from. */
template <typename S>
__global__ void __launch_bounds__(1024) sum_states(struct sum_job job) {
    S sum;
    sum_clear(&sum);
    for (size_t k = blockIdx.x; k < job.tiles; k += gridDim.x)
        for (int i = 0; i < job.items; i++) {
            size_t at = sum_place(job, k, i);
            if (at < job.n)
                sum_merge(&sum, ((const S *)job.from)[at]);
        }
    sum_block_merge(&sum, job.warp, job.merge);
    sum_hand_in(&sum, job);
}

/* --- launching ---------------------------------------------------------------------------------
 */

struct sum_call {
    const struct sum_plan *plan;
    struct sum_job job;
    size_t shared_bytes;
    void *stream;
};

size_t sum_tile_count(const struct sum_plan *plan, size_t n) {
    size_t tile = (size_t)plan->block * plan->items;
    return n / tile + (n % tile != 0);
}

/* Everything after the choice of the kernels' types. */
template <typename S>
int sum_run(struct sum_call *call, void (*first_kernel)(struct sum_job job)) {
    const struct sum_plan *plan = call->plan;
    struct sum_job job = call->job;
    size_t n = job.n, blocks = sum_grid(plan, n);
    job.tiles = sum_tile_count(plan, n);
    if (plan->final != SUM_BY_LAST)
        job.ticket = NULL;
    if (kernel_launch(first_kernel, dim3((unsigned)blocks), dim3(plan->block), call->shared_bytes,
                      call->stream, job))
        return -1;
    S *to = (S *)job.to;
    while (plan->final == SUM_BY_KERNEL && blocks > 1) {
        job.from = job.to;
        job.n = blocks;
        job.tiles = sum_tile_count(plan, job.n);
        /* The two areas take turns: the first is as long as the first kernel's grid. */
        job.to = job.from == to ? to + sum_grid(plan, n) : to;
        blocks = sum_grid(plan, job.n);
        if (kernel_launch(sum_states<S>, dim3((unsigned)blocks), dim3(plan->block),
                          call->shared_bytes, call->stream, job))
            return -1;
    }
    if (blocks == 1 || plan->final == SUM_BY_LAST)
        return 0;
    job.from = job.to;
    job.n = blocks;
    unsigned threads = plan->final == SUM_BY_THREAD ? 1 : plan->block;
    return kernel_launch(sum_rest<S>, dim3(1), dim3(threads), call->shared_bytes, call->stream,
                         job);
}

template <typename S, typename T, typename A, bool DOT>
int sum_by_items(struct sum_call *call) {
    switch (call->plan->items) {
    case 1:
        return sum_run<S>(call, sum_tiles<S, T, A, 1, DOT>);
    case 2:
        return sum_run<S>(call, sum_tiles<S, T, A, 2, DOT>);
    case 4:
        return sum_run<S>(call, sum_tiles<S, T, A, 4, DOT>);
    case 8:
        return sum_run<S>(call, sum_tiles<S, T, A, 8, DOT>);
    default:
        return sum_run<S>(call, sum_tiles<S, T, A, 16, DOT>);
    }
}

template <typename S, typename T, typename A>
int sum_by_input(struct sum_call *call) {
    if (call->plan->input == SUM_OF_PRODUCTS)
        return sum_by_items<S, T, A, true>(call);
    return sum_by_items<S, T, A, false>(call);
}

template <typename S, typename T, typename A>
int sum_by_input_exact(struct sum_call *call) {
    if (call->plan->input == SUM_OF_PRODUCTS)
        return sum_run<S>(call, sum_tiles_exact<S, T, A, true>);
    return sum_run<S>(call, sum_tiles_exact<S, T, A, false>);
}

template <typename T>
int sum_by_method_f64(struct sum_call *call) {
    switch (call->plan->method) {
    case SUM_PLAIN:
        return sum_by_input<struct sum_plain<double>, T, double>(call);
    case SUM_COMPENSATED:
        return sum_by_input<struct sum_pair<double>, T, double>(call);
    case SUM_BINNED:
        return sum_by_input<struct binned_f64, T, double>(call);
    default:
        return sum_by_input_exact<struct exact_f64, T, double>(call);
    }
}

template <typename T>
int sum_by_method(struct sum_call *call) {
    if (call->plan->acc == SUM_ACC64)
        return sum_by_method_f64<T>(call);
    switch (call->plan->method) {
    case SUM_PLAIN:
        return sum_by_input<struct sum_plain<float>, T, float>(call);
    case SUM_COMPENSATED:
        return sum_by_input<struct sum_pair<float>, T, float>(call);
    case SUM_BINNED:
        return sum_by_input<struct binned_f32, T, float>(call);
    default:
        return sum_by_input_exact<struct exact_f32, T, float>(call);
    }
}

int sum_launch(const struct sum_plan *plan, const void *x, const void *y, size_t n, void *result,
               void *workspace, size_t workspace_bytes, void *stream) {
    char why[SUM_WHY], text[SUM_TEXT];
    if (n == 0)
        return device_fail("a sum of no inputs has no kernel to run: n must be at least 1");
    if (sum_plan_check(plan, n, why))
        return device_fail("%s: %s", sum_plan_text(plan, text), why);
    if ((plan->input == SUM_OF_PRODUCTS) != (y != NULL))
        return device_fail("%s: y is %s", sum_plan_text(plan, text),
                           y ? "given to a plan that sums x alone" : "missing for a dot product");
    if (((uintptr_t)x | (uintptr_t)y) % 16)
        return device_fail("%s: inputs must be aligned to 16 bytes", sum_plan_text(plan, text));
    if (workspace_bytes < sum_workspace_bytes(plan, n))
        return device_fail("%s: a workspace of %zu bytes is too small for n = %zu: it takes %zu",
                           sum_plan_text(plan, text), workspace_bytes, n,
                           sum_workspace_bytes(plan, n));
    struct sum_call call = {};
    call.plan = plan;
    call.shared_bytes = sum_shared_bytes(plan);
    call.stream = stream;
    call.job.x = x;
    call.job.y = y;
    call.job.n = n;
    call.job.ticket = (unsigned *)workspace;
    call.job.to = (char *)workspace + SUM_WORKSPACE_HEAD;
    call.job.result = result;
    call.job.access = plan->access;
    call.job.vector = plan->vector;
    call.job.items = plan->items;
    call.job.warp = plan->warp;
    call.job.merge = plan->merge;
    switch (plan->type) {
    case ELEMENT_F32:
        return sum_by_method<float>(&call);
    case ELEMENT_F64:
        return sum_by_method_f64<double>(&call);
    case ELEMENT_BF16:
        return sum_by_method<__nv_bfloat16>(&call);
    default:
        return sum_by_method<__half>(&call);
    }
}

__global__ void sum_reset(unsigned *ticket) {
    *ticket = 0;
}

int sum_prepare(void *workspace, size_t workspace_bytes, void *stream) {
    if (workspace_bytes < SUM_WORKSPACE_HEAD)
        return device_fail("a workspace of %zu bytes is too small: it takes at least %d",
                           workspace_bytes, SUM_WORKSPACE_HEAD);
    return kernel_launch(sum_reset, dim3(1), dim3(1), 0, stream, (unsigned *)workspace);
}

} // namespace

extern "C" const struct sum_ops KERNEL_EXPORT(sum_ops) = {sum_prepare, sum_launch};
