/*
 * planted_test.cu: small kernels for the tests of the SIMT machine. Most come twice: with a bug
 * of the kind the machine must find, and without.
 */
#include "kernels/device/kernel.h"
#include "kernels/simt/planted.h"

namespace {

/* --- what should work --------------------------------------------------------------------------
 */

/* out[i] tells thread i's place in a 3-dimensional grid. */
__global__ void indices(unsigned *out) {
    unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    out[block * blockDim.x * blockDim.y * blockDim.z + thread] = block << 16 | thread;
}

int run_indices(int, unsigned blocks, unsigned threads, void *data) {
    return kernel_launch(indices, dim3(blocks, 2, 3), dim3(threads, 2, 2), 0, nullptr,
                         (unsigned *)data);
}

/* Every warp operation once; out gets a number per thread and operation. */
__global__ void warp_operations(unsigned *out) {
    unsigned t = threadIdx.x, lane = t % 32, full = 0xffffffff;
    unsigned *mine = out + (blockIdx.x * blockDim.x + t) * 12;
    mine[0] = __shfl_sync(full, t, 5);
    mine[1] = __shfl_up_sync(full, t, 3);
    mine[2] = __shfl_down_sync(full, t, 3);
    mine[3] = __shfl_xor_sync(full, t, 9);
    mine[4] = __shfl_down_sync(full, t, 2, 8);
    mine[5] = __ballot_sync(full, lane % 3 == 0);
    mine[6] = (unsigned)__all_sync(full, lane < 32) * 2 + (unsigned)__any_sync(full, lane == 40);
    mine[7] = __float_as_uint(__shfl_xor_sync(full, (float)t, 1));
    mine[8] = (unsigned)__double2int_rn(__shfl_xor_sync(full, (double)t, 2));
    mine[9] = (unsigned)(__shfl_xor_sync(full, (unsigned long long)t << 33, 4) >> 33);
    mine[10] = __reduce_add_sync(full, lane);
    mine[11] = lane < 8 ? __shfl_xor_sync(0xffu, t, 1) : t;
}

int run_warp_operations(int, unsigned blocks, unsigned threads, void *data) {
    return kernel_launch(warp_operations, blocks, threads, 0, nullptr, (unsigned *)data);
}

__global__ void atomics(unsigned *out) {
    unsigned t = blockIdx.x * blockDim.x + threadIdx.x;
    atomicAdd(&out[0], 1u);
    atomicAdd((int *)&out[1], -1);
    atomicMax(&out[2], t);
    atomicMin((int *)&out[3], -(int)t);
    atomicOr(&out[4], 1u << t % 32);
    atomicInc(&out[5], 6u);
    atomicAdd((float *)&out[6], 1.0f);
    atomicAdd((unsigned long long *)&out[8], 1ull << 32);
    atomicAdd((double *)&out[10], 0.5);
    atomicAdd((__half2 *)&out[12], __floats2half2_rn(1.0f, 2.0f));
    atomicAdd((__nv_bfloat162 *)&out[13], __floats2bfloat162_rn(1.0f, 2.0f));
    unsigned old = 0; /* a compare-and-swap loop, as people write it */
    for (;;) {
        unsigned seen = atomicCAS(&out[15], old, old + 2);
        if (seen == old)
            break;
        old = seen;
    }
    /* Subnormals: flushed in global memory, kept in shared memory. */
    __shared__ float kept;
    if (threadIdx.x == 0) {
        kept = 0;
        atomicAdd(&kept, 0x1p-149f);
        atomicAdd((float *)&out[16], 0x1p-149f);
        atomicAdd((float *)&out[17], kept == 0x1p-149f ? 1.0f : 0.0f);
    }
}

int run_atomics(int, unsigned blocks, unsigned threads, void *data) {
    return kernel_launch(atomics, blocks, threads, 0, nullptr, (unsigned *)data);
}

__global__ void barriers(int *out) {
    int t = (int)threadIdx.x;
    int *mine = out + t * 3;
    mine[0] = __syncthreads_count(t % 2);
    mine[1] = __syncthreads_or(t == 7);
    mine[2] = __syncthreads_and(t < 7);
}

int run_barriers(int, unsigned, unsigned threads, void *data) {
    return kernel_launch(barriers, 1, threads, 0, nullptr, (int *)data);
}

/* --- divergence --------------------------------------------------------------------------------
 */

/* Since Volta, threads that have left the kernel do not count at a barrier: with `leave`, one of
 * them, or a whole warp, goes before it. */
__global__ void barrier_after_exit(int *out, int leave) {
    if (leave == 1 ? threadIdx.x == 3 : threadIdx.x / 32 == 1)
        return;
    __shared__ int sum;
    if (threadIdx.x == 0)
        sum = 0;
    __syncthreads();
    atomicAdd(&sum, 1);
    __syncthreads();
    if (threadIdx.x == 0)
        out[0] = sum;
}

int run_barrier_after_exit(int bug, unsigned, unsigned threads, void *data) {
    return kernel_launch(barrier_after_exit, 1, threads, 0, nullptr, (int *)data, bug ? 1 : 2);
}

__global__ void divergent_barrier(int *out, int bug) {
    if (bug && threadIdx.x < 3) {
        __syncthreads();
        out[0] = 1;
    } else {
        __syncthreads();
        if (threadIdx.x == 5)
            out[1] = 2;
    }
}

int run_divergent_barrier(int bug, unsigned, unsigned threads, void *data) {
    return kernel_launch(divergent_barrier, 1, threads, 0, nullptr, (int *)data, bug);
}

__global__ void divergent_warp(int *out, int bug) {
    if (threadIdx.x % 32 < 16)
        __syncwarp(bug ? 0xffffffff : 0xffff);
    else
        out[threadIdx.x] = 1;
    __syncthreads();
}

int run_divergent_warp(int bug, unsigned, unsigned threads, void *data) {
    return kernel_launch(divergent_warp, 1, threads, 0, nullptr, (int *)data, bug);
}

/* bug: lane 4 has gone when lane 3 reads it. */
__global__ void shuffle_exited(int *out, int bug) {
    int lane = (int)threadIdx.x;
    if (bug && lane == 4)
        return;
    out[lane] = __shfl_down_sync(0xffffffff, lane, 1);
}

int run_shuffle_exited(int bug, unsigned, unsigned, void *data) {
    return kernel_launch(shuffle_exited, 1, 32, 0, nullptr, (int *)data, bug);
}

/* bug: the mask leaves out the lane that is read. */
__global__ void shuffle_inactive(int *out, int bug) {
    int lane = (int)threadIdx.x;
    if (lane < 16)
        out[lane] = __shfl_sync(0xffff, lane, bug ? 20 : 10);
}

int run_shuffle_inactive(int bug, unsigned, unsigned, void *data) {
    return kernel_launch(shuffle_inactive, 1, 32, 0, nullptr, (int *)data, bug);
}

/* --- memory ------------------------------------------------------------------------------------
 */

__global__ void bounds_static(float *out, int bug) {
    __shared__ float s[40];
    int t = (int)threadIdx.x;
    if (t < 40)
        s[t] = (float)t;
    __syncthreads();
    out[t] = s[t < 40 ? t : bug ? 40 : 39];
}

int run_bounds_static(int bug, unsigned, unsigned, void *data) {
    return kernel_launch(bounds_static, 1, 64, 0, nullptr, (float *)data, bug);
}

__global__ void bounds_dynamic(float *out, int n, int bug) {
    extern __shared__ float dynamic[];
    int t = (int)threadIdx.x;
    dynamic[t] = (float)t;
    __syncthreads();
    if (t == 0)
        dynamic[bug ? n : n - 1] = 0.5f;
    __syncthreads();
    out[t] = dynamic[t];
}

int run_bounds_dynamic(int bug, unsigned, unsigned, void *data) {
    return kernel_launch(bounds_dynamic, 1, 32, 32 * sizeof(float), nullptr, (float *)data, 32,
                         bug);
}

/* The buffer is of 64 KiB; bug: one thread too many writes. */
__global__ void bounds_global(int *out, int bug) {
    int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    out[i + 16384 - 64 + bug] = i;
}

int run_bounds_global(int bug, unsigned, unsigned, void *data) {
    return kernel_launch(bounds_global, 2, 32, 0, nullptr, (int *)data, bug);
}

/* A struct too large for registers is copied by a call. The buffer holds 256 of them; bug: the copy
 * reaches beyond. */
struct large {
    int v[64];
};

__global__ void bounds_copy(large *data, int bug) {
    __shared__ large s;
    if (threadIdx.x == 0)
        s = data[255 + bug];
    __syncthreads();
    data[0].v[threadIdx.x] = s.v[threadIdx.x];
}

int run_bounds_copy(int bug, unsigned, unsigned, void *data) {
    return kernel_launch(bounds_copy, 1, 64, 0, nullptr, (large *)data, bug);
}

__global__ void uninitialised(float *out, int bug) {
    __shared__ float s[64];
    int t = (int)threadIdx.x;
    if (!bug || t != 9)
        s[t] = 1.0f;
    __syncthreads();
    s[t] += 1.0f;
    out[t] = s[t];
}

int run_uninitialised(int bug, unsigned, unsigned, void *data) {
    return kernel_launch(uninitialised, 1, 64, 0, nullptr, (float *)data, bug);
}

/* --- races -------------------------------------------------------------------------------------
 */

__global__ void race_barrier(float *out, int bug) {
    __shared__ float s[64];
    int t = (int)threadIdx.x;
    s[t] = (float)t;
    if (!bug)
        __syncthreads();
    out[blockIdx.x * 64 + (unsigned)t] = s[63 - t];
}

int run_race_barrier(int bug, unsigned, unsigned, void *data) {
    return kernel_launch(race_barrier, 3, 64, 0, nullptr, (float *)data, bug);
}

/* Within a warp: by __syncwarp (which 1); bugs: by lockstep alone, by a shuffle (which 2) or by a
 * vote (which 3), which order no memory. */
__global__ void race_warp(int *out, int which) {
    __shared__ int s[32];
    int t = (int)threadIdx.x, v = t;
    s[t] = t;
    if (which == 1)
        __syncwarp();
    if (which == 2)
        v = __shfl_xor_sync(0xffffffff, v, 1);
    if (which == 3)
        v = (int)__ballot_sync(0xffffffff, v > 3);
    out[t] = s[31 - t] + 0 * v;
}

int run_race_warp(int bug, unsigned, unsigned, void *data) {
    return kernel_launch(race_warp, 1, 32, 0, nullptr, (int *)data, bug ? 0 : 1);
}

int run_race_shuffle(int bug, unsigned, unsigned, void *data) {
    return kernel_launch(race_warp, 1, 32, 0, nullptr, (int *)data, bug ? 2 : 1);
}

int run_race_vote(int bug, unsigned, unsigned, void *data) {
    return kernel_launch(race_warp, 1, 32, 0, nullptr, (int *)data, bug ? 3 : 1);
}

/* --- what hung or killed the process ------------------------------------------------------------
 */

/* Hands a number over by a volatile flag between fences, as CUDA's own samples do; bug: the fence
 * before the flag is missing. */
__global__ void volatile_flag(unsigned *out, int bug) {
    volatile unsigned *flag = out;
    unsigned *data = out + 64;
    if (threadIdx.x)
        return;
    if (blockIdx.x == 1) {
        data[0] = 42;
        if (!bug)
            __threadfence();
        flag[0] = 1;
    } else if (blockIdx.x == 0) {
        while (flag[0] == 0)
            ;
        __threadfence();
        out[128] = data[0];
    }
}

int run_volatile_flag(int bug, unsigned, unsigned, void *data) {
    return kernel_launch(volatile_flag, 2, 32, 0, nullptr, (unsigned *)data, bug);
}

/* A lock of volatile reads and compare-and-swap round a counter; bug: nobody ever lets go. */
__global__ void volatile_lock(unsigned *out, int bug) {
    volatile unsigned *lock = out;
    if (threadIdx.x)
        return;
    while (*lock != 0 || atomicCAS(out, 0, 1) != 0)
        ;
    __threadfence();
    out[64]++;
    __threadfence();
    if (!bug)
        *lock = 0;
}

int run_volatile_lock(int bug, unsigned, unsigned, void *data) {
    return kernel_launch(volatile_lock, 4, 32, 0, nullptr, (unsigned *)data, bug);
}

/* The assembly keeps the compiler from concluding that such a loop must end. */
__global__ void endless(unsigned *out, int bug) {
    unsigned x = out[0] + 1;
    do
        asm volatile("" : "+r"(x));
    while (bug);
    out[64 + blockIdx.x * 32 + threadIdx.x] = x;
}

int run_endless(int bug, unsigned, unsigned, void *data) {
    return kernel_launch(endless, 2, 32, 0, nullptr, (unsigned *)data, bug);
}

/* The loop goes through the machine, and always changes something. */
__global__ void endless_atomic(unsigned *out, int bug) {
    do
        atomicAdd(out, 1u);
    while (bug);
}

int run_endless_atomic(int bug, unsigned, unsigned, void *data) {
    return kernel_launch(endless_atomic, 2, 32, 0, nullptr, (unsigned *)data, bug);
}

__global__ void misaligned(float *out, int bug) {
    unsigned t = threadIdx.x;
    float4 v = *(const float4 *)(out + (bug ? 1 : 0) + 4 * t);
    out[2048 + t] = v.x + v.y + v.z + v.w;
}

int run_misaligned(int bug, unsigned, unsigned, void *data) {
    return kernel_launch(misaligned, 1, 32, 0, nullptr, (float *)data, bug);
}

__global__ void misaligned_store(float *out, int bug) {
    *(double *)(out + (bug ? 1 : 0) + 2 * threadIdx.x) = 1.0;
}

int run_misaligned_store(int bug, unsigned, unsigned, void *data) {
    return kernel_launch(misaligned_store, 1, 32, 0, nullptr, (float *)data, bug);
}

__global__ void local_array(int *out, int bug) {
    int a[8];
    for (int i = 0; i < 8; i++)
        a[i] = i;
    volatile int k = (bug ? 8 : 7) + out[0];
    out[threadIdx.x + 1] = a[k];
}

int run_local_array(int bug, unsigned, unsigned, void *data) {
    return kernel_launch(local_array, 1, 32, 0, nullptr, (int *)data, bug);
}

__global__ void divided(int *out, int bug) {
    out[1] = 7 / (out[0] + !bug);
}

int run_divided(int bug, unsigned, unsigned, void *data) {
    return kernel_launch(divided, 1, 1, 0, nullptr, (int *)data, bug);
}

__device__ __noinline__ int deeper(volatile int *out, int depth) {
    volatile int here[64];
    here[depth & 63] = depth;
    return depth ? deeper(out, depth - 1) + here[depth & 63] : out[0];
}

__global__ void runaway(int *out, int bug) {
    out[1] = deeper(out, bug ? 1 << 30 : 10);
}

int run_runaway(int bug, unsigned, unsigned, void *data) {
    return kernel_launch(runaway, 1, 1, 0, nullptr, (int *)data, bug);
}

__global__ void wild(int *out, int bug) {
    out[1] = *(bug ? (int *)0x10 : out);
}

int run_wild(int bug, unsigned, unsigned, void *data) {
    return kernel_launch(wild, 1, 1, 0, nullptr, (int *)data, bug);
}

/* Lanes 0-15 meet without the rest; bug: lane 3 reads what lane 20 wrote. */
__global__ void race_partial(int *out, int bug) {
    __shared__ int s[32];
    int t = (int)threadIdx.x;
    s[t] = t;
    if (t < 16) {
        __syncwarp(0xffff);
        out[t] = s[t == 3 && bug ? 20 : 15 - t];
    }
}

int run_race_partial(int bug, unsigned, unsigned, void *data) {
    return kernel_launch(race_partial, 1, 32, 0, nullptr, (int *)data, bug);
}

/* Halves side by side in one word are different locations; bug: the same one. */
__global__ void race_halves(unsigned short *out, int bug) {
    int t = (int)threadIdx.x;
    out[bug ? t / 2 : t] = (unsigned short)t;
}

int run_race_halves(int bug, unsigned, unsigned, void *data) {
    return kernel_launch(race_halves, 1, 64, 0, nullptr, (unsigned short *)data, bug);
}

/* Two blocks write one word; bug: nothing orders them although one ends first. */
__global__ void race_blocks(int *out, int bug) {
    if (threadIdx.x == 0)
        out[bug ? 0 : blockIdx.x] = (int)blockIdx.x;
}

int run_race_blocks(int bug, unsigned, unsigned, void *data) {
    return kernel_launch(race_blocks, 4, 32, 0, nullptr, (int *)data, bug);
}

/* A plain write to what others update by atomics. */
__global__ void race_atomic(int *out, int bug) {
    if (bug && blockIdx.x == 1 && threadIdx.x == 0)
        out[0] = 0;
    atomicAdd(&out[0], 1);
}

int run_race_atomic(int bug, unsigned, unsigned, void *data) {
    return kernel_launch(race_atomic, 3, 32, 0, nullptr, (int *)data, bug);
}

/* The last block done adds what all others wrote. bug 1: no fence before the atomic; bug 2: none
 * after it. */
__global__ void last_block(float *out, int bug) {
    unsigned *counter = (unsigned *)out;
    float *partial = out + 16;
    __shared__ int last;
    if (threadIdx.x == 0) {
        partial[blockIdx.x] = (float)(blockIdx.x + 1);
        if (bug != 1)
            __threadfence();
        last = atomicInc(counter, gridDim.x - 1) == gridDim.x - 1;
        if (bug != 2)
            __threadfence();
    }
    __syncthreads();
    if (last && threadIdx.x == 1) {
        float sum = 0;
        for (unsigned b = 0; b < gridDim.x; b++)
            sum += partial[b];
        out[1] = sum;
    }
}

int run_last_block(int bug, unsigned blocks, unsigned threads, void *data) {
    return kernel_launch(last_block, blocks, threads, 0, nullptr, (float *)data, bug ? 1 : 0);
}

int run_last_block_reader(int bug, unsigned blocks, unsigned threads, void *data) {
    return kernel_launch(last_block, blocks, threads, 0, nullptr, (float *)data, bug ? 2 : 0);
}

/* Each block waits for the one before it and adds to what it left: a chain. bug 1: a relaxed
 * store where a release is needed; bug 2: a relaxed load, where an acquire is. */
__global__ void chain(unsigned *out, int bug) {
    unsigned b = blockIdx.x, *flag = out, *value = out + 512;
    if (threadIdx.x)
        return;
    unsigned before = 0;
    if (b) {
        if (bug == 2)
            while (!kernel_load_relaxed(&flag[b - 1]))
                ;
        else
            while (!kernel_load_acquire(&flag[b - 1]))
                ;
        before = value[b - 1];
        if (b > 1)
            before += 0 * value[b - 2]; /* ordered through the block between */
    }
    value[b] = before + b;
    if (bug == 1)
        kernel_store_relaxed(&flag[b], 1);
    else
        kernel_store_release(&flag[b], 1);
}

int run_chain(int bug, unsigned blocks, unsigned, void *data) {
    return kernel_launch(chain, blocks, 32, 0, nullptr, (unsigned *)data, bug ? 1 : 0);
}

int run_chain_reader(int bug, unsigned blocks, unsigned, void *data) {
    return kernel_launch(chain, blocks, 32, 0, nullptr, (unsigned *)data, bug ? 2 : 0);
}

/* Hands data from warp 0 to warp 1 through a flag in shared memory and block fences. */
__global__ void block_fence(int *out, int bug) {
    __shared__ int data;
    __shared__ unsigned flag;
    if (threadIdx.x == 0)
        flag = 0;
    __syncthreads();
    if (threadIdx.x == 0) {
        data = 42;
        if (!bug)
            __threadfence_block();
        atomicExch(&flag, 1u);
    }
    if (threadIdx.x == 32) {
        while (!atomicAdd(&flag, 0u))
            ;
        __threadfence_block();
        out[blockIdx.x] = data;
    }
}

int run_block_fence(int bug, unsigned blocks, unsigned, void *data) {
    return kernel_launch(block_fence, blocks, 64, 0, nullptr, (int *)data, bug);
}

/* --- deadlock ----------------------------------------------------------------------------------
 */

/* A barrier of the whole grid: fine while all blocks are resident, a deadlock if they are not, or
 * (bug) if one never comes. */
__global__ void grid_barrier(unsigned *counter, int bug) {
    __syncthreads();
    if (threadIdx.x == 0 && !(bug && blockIdx.x == 1)) {
        atomicAdd(counter, 1u);
        while (kernel_load_acquire(counter) < gridDim.x)
            ;
    }
    __syncthreads();
}

int run_grid_barrier(int bug, unsigned blocks, unsigned threads, void *data) {
    return kernel_launch(grid_barrier, blocks, threads, 0, nullptr, (unsigned *)data, bug);
}

/* The same launched together, by a kernel whose parameter clang copies by a call. */
struct parcel {
    unsigned *counter, words[60];
};
__global__ void grid_parcel(parcel p) {
    if (threadIdx.x == 0) {
        atomicAdd(p.counter, p.words[59]);
        while (kernel_load_acquire(p.counter) < gridDim.x)
            ;
    }
}

int run_grid_together(int, unsigned blocks, unsigned threads, void *data) {
    parcel p = {(unsigned *)data, {}};
    p.words[59] = 1;
    return kernel_launch_together(grid_parcel, blocks, threads, 0, nullptr, p);
}

/* A lock; bug: it is never released. */
__global__ void spin_lock(unsigned *out, int bug) {
    if (threadIdx.x)
        return;
    while (atomicCAS(&out[0], 0u, 1u))
        ;
    __threadfence();
    out[1] += 1;
    __threadfence();
    if (!bug)
        atomicExch(&out[0], 0u);
}

int run_spin_lock(int bug, unsigned blocks, unsigned threads, void *data) {
    return kernel_launch(spin_lock, blocks, threads, 0, nullptr, (unsigned *)data, bug);
}

/* Adds in the order of the schedule: its bits tell schedules apart. */
__global__ void order_of_adds(float *out) {
    float v = 1.0f / (float)(1 + blockIdx.x * blockDim.x + threadIdx.x);
    atomicAdd(&out[0], v * v * v);
    __syncthreads();
    atomicAdd(&out[1 + threadIdx.x % 4], v);
}

int run_order_of_adds(int, unsigned blocks, unsigned threads, void *data) {
    return kernel_launch(order_of_adds, blocks, threads, 0, nullptr, (float *)data);
}

/* --- the sum that speed is measured on ---------------------------------------------------------
 */

template <int items>
__global__ void __launch_bounds__(256)
    tree_sum(const float *__restrict__ x, unsigned n, float *__restrict__ partials) {
    __shared__ float s[256];
    unsigned t = threadIdx.x, first = (blockIdx.x * 256 + t) * items;
    float sum = 0;
    for (unsigned i = 0; i < items; i++)
        if (first + i < n)
            sum += x[first + i];
    s[t] = sum;
    __syncthreads();
    for (unsigned half = 128; half > 0; half /= 2) {
        if (t < half)
            s[t] += s[t + half];
        __syncthreads();
    }
    if (t == 0)
        partials[blockIdx.x] = s[0];
}

int run_sum(const float *x, uint32_t n, unsigned items, float *partials) {
    unsigned blocks = (n + 256 * items - 1) / (256 * items);
    if (items == 1)
        return kernel_launch(tree_sum<1>, blocks, 256, 0, nullptr, x, n, partials);
    if (items == 4)
        return kernel_launch(tree_sum<4>, blocks, 256, 0, nullptr, x, n, partials);
    return kernel_launch(tree_sum<8>, blocks, 256, 0, nullptr, x, n, partials);
}

const struct planted planted_kernels[] = {
    {"indices", run_indices},
    {"warp_operations", run_warp_operations},
    {"atomics", run_atomics},
    {"barriers", run_barriers},
    {"divergent_barrier", run_divergent_barrier},
    {"divergent_warp", run_divergent_warp},
    {"shuffle_exited", run_shuffle_exited},
    {"shuffle_inactive", run_shuffle_inactive},
    {"bounds_static", run_bounds_static},
    {"bounds_dynamic", run_bounds_dynamic},
    {"bounds_global", run_bounds_global},
    {"bounds_copy", run_bounds_copy},
    {"uninitialised", run_uninitialised},
    {"race_barrier", run_race_barrier},
    {"race_warp", run_race_warp},
    {"race_shuffle", run_race_shuffle},
    {"race_vote", run_race_vote},
    {"volatile_flag", run_volatile_flag},
    {"volatile_lock", run_volatile_lock},
    {"endless", run_endless},
    {"endless_atomic", run_endless_atomic},
    {"misaligned", run_misaligned},
    {"misaligned_store", run_misaligned_store},
    {"local_array", run_local_array},
    {"divided", run_divided},
    {"runaway", run_runaway},
    {"wild", run_wild},
    {"barrier_after_exit", run_barrier_after_exit},
    {"race_partial", run_race_partial},
    {"race_halves", run_race_halves},
    {"race_blocks", run_race_blocks},
    {"race_atomic", run_race_atomic},
    {"last_block", run_last_block},
    {"last_block_reader", run_last_block_reader},
    {"chain", run_chain},
    {"chain_reader", run_chain_reader},
    {"block_fence", run_block_fence},
    {"grid_barrier", run_grid_barrier},
    {"grid_together", run_grid_together},
    {"spin_lock", run_spin_lock},
    {"order_of_adds", run_order_of_adds},
};

} // namespace

extern "C" const struct planted_ops KERNEL_EXPORT(planted_ops) = {
    planted_kernels, sizeof planted_kernels / sizeof *planted_kernels, run_sum};
