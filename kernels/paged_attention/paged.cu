/*
 * paged.cu: one decode step over a paged KV cache, on a GPU or on the SIMT machine (paged.h).
 *
 * A block of threads takes one (sequence, KV head, split). Its four warps take the split's tiles in
 * turns, each with an online softmax of its own, and walk a tile in chunks: the next chunk is
 * always asked for before the one in hand is used, values follow keys, and the next tile's ids and
 * first keys are asked for before this tile is done; a sequence's last tile, if it is not full,
 * takes a plainer loop. What a lane holds is in paged_load.cuh, what
 * it computes in paged_state.cuh. The warps' states are merged in their order; then, if there are
 * several splits, their partial results, by a second kernel, in theirs.
 *
 * Slabs take the same instructions as tables, but for reading an id: what they are faster by is
 * memory's doing.
 */
#include "kernels/paged_attention/paged_state.cuh"

namespace {

/* One part of a softmax: what its weights are relative to. A part without tokens counts for
 * nothing. */
__device__ inline float paged_factor(float largest, float of_all) {
    return largest == -INFINITY ? 0.0f : paged_exp2(largest - of_all);
}

__device__ inline float paged_quotient(float out, float sum) {
    return sum == 0.0f ? 0.0f : out / sum;
}

/* --- attention ---------------------------------------------------------------------------------
 */

/* More queries want registers, so fewer loads are in flight per lane. */
template <int G>
struct paged_loads {
    static constexpr int COUNT = G == 1 ? 8 : 4;
};

template <int E, int D, int G, bool VLLM>
__global__ void __launch_bounds__(PAGED_THREADS) paged_attend(struct paged_job job) {
    typedef struct paged_form<E, D, paged_loads<G>::COUNT> F;
    __shared__ float4 q[G * D / 4];
    __shared__ float4 scores[PAGED_WARPS][G * PAGED_TILE / 4];
    __shared__ float outs[PAGED_WARPS][G * D];
    __shared__ float largest[PAGED_WARPS][G], sum[PAGED_WARPS][G];
    __shared__ unsigned length;
    __shared__ uint4 zero;

    unsigned sequence = blockIdx.x / job.heads, head = blockIdx.x % job.heads;
    for (int i = threadIdx.x; i < G * F::LANES; i += PAGED_THREADS) {
        float x[F::VECTOR];
        paged_unpack<E>(x, job.q[(size_t)blockIdx.x * G * F::LANES + i]);
#pragma unroll
        for (int e = 0; e < F::VECTOR; e += 4)
            q[(i / F::LANES * (F::VECTOR / 4) + e / 4) * F::LANES + i % F::LANES] =
                make_float4(x[e], x[e + 1], x[e + 2], x[e + 3]);
    }
    if (threadIdx.x == 0) {
        length = (unsigned)job.tokens[sequence];
        zero = make_uint4(0, 0, 0, 0);
    }
    __syncthreads();

    int warp = threadIdx.x / 32;
    unsigned tokens = length, tiles = (tokens + PAGED_TILE - 1) / PAGED_TILE;
    unsigned each = (tiles + job.splits - 1) / job.splits;
    unsigned next = blockIdx.y * each + warp, end = min(blockIdx.y * each + each, tiles);
    unsigned lane_at = head * job.head_step + threadIdx.x % F::LANES * job.lane_step;
    unsigned head_at = head * job.head_step;
    float *score = (float *)scores[warp];

    struct paged_state<F, G> state;
    paged_clear(&state);
    struct paged_tile tile = paged_tile_ask(job, sequence, tokens, next, end);
    paged_tile_place(&tile, job);
    uint4 a[F::LOADS], b[F::LOADS];
    bool full = tile.count == PAGED_TILE;
    if (full)
        paged_load<F>(a, job.k, job, tile, 0, lane_at);
    while (full) {
        next += PAGED_WARPS;
        struct paged_tile then = paged_tile_ask(job, sequence, tokens, next, end);
#pragma unroll 1
        for (int c = 0; c < F::CHUNKS; c += 2) {
            paged_load<F>(b, job.k, job, tile, c + 1, lane_at);
            paged_score<F, E, G>(score, q, a, c);
            bool more = c + 2 < F::CHUNKS;
            if (!VLLM || more)
                paged_load<F>(a, more ? job.k : job.v, job, tile, more ? c + 2 : 0, lane_at);
            else
                paged_load_vllm<F>(a, job, tile, 0, head_at);
            paged_score<F, E, G>(score, q, b, c + 1);
        }
        __syncwarp();
        paged_soften(&state, score, paged_scale(D), PAGED_TILE);
        __syncwarp();
        paged_tile_place(&then, job);
#pragma unroll 1
        for (int c = 0; c < F::CHUNKS - 2; c += 2) {
            paged_load_values<F, VLLM>(b, job, tile, c + 1, lane_at, head_at);
            paged_weigh<F, E, G, VLLM>(&state, score, a, c);
            paged_load_values<F, VLLM>(a, job, tile, c + 2, lane_at, head_at);
            paged_weigh<F, E, G, VLLM>(&state, score, b, c + 1);
        }
        paged_load_values<F, VLLM>(b, job, tile, F::CHUNKS - 1, lane_at, head_at);
        paged_weigh<F, E, G, VLLM>(&state, score, a, F::CHUNKS - 2);
        tile = then;
        full = tile.count == PAGED_TILE;
        if (!full) { /* so that the load below stands under no condition */
            paged_weigh<F, E, G, VLLM>(&state, score, b, F::CHUNKS - 1);
            __syncwarp();
            break;
        }
        paged_load<F>(a, job.k, job, tile, 0, lane_at);
        paged_weigh<F, E, G, VLLM>(&state, score, b, F::CHUNKS - 1);
        __syncwarp(); /* all have used the weights before scores take their place */
    }
    if (tile.count) {
#pragma unroll 1
        for (int c = 0; c < F::CHUNKS; c++) {
            paged_load_last<F>(a, job.k, job, tile, c, lane_at, &zero);
            paged_score<F, E, G>(score, q, a, c);
        }
        __syncwarp();
        paged_soften(&state, score, paged_scale(D), tile.count);
        __syncwarp();
#pragma unroll 1
        for (int c = 0; c < F::CHUNKS; c++) {
            if constexpr (VLLM)
                paged_load_vllm<F>(a, job, tile, c, head_at);
            else
                paged_load_last<F>(a, job.v, job, tile, c, lane_at, &zero);
            paged_weigh<F, E, G, VLLM>(&state, score, a, c);
        }
    }
    paged_settle<F, D, G, VLLM>(&state, outs[warp], largest[warp], sum[warp]);
    __syncthreads();

    for (int i = threadIdx.x; i < G * D; i += PAGED_THREADS) {
        int g = i / D, d = i % D;
        float most = -INFINITY, total = 0, out = 0;
        for (int w = 0; w < PAGED_WARPS; w++)
            most = fmaxf(most, largest[w][g]);
        for (int w = 0; w < PAGED_WARPS; w++) {
            float factor = paged_factor(largest[w][g], most);
            total = __fmaf_rn(factor, sum[w][g], total);
            out = __fmaf_rn(factor, outs[w][i], out);
        }
        if (job.splits == 1) {
            job.out[(size_t)blockIdx.x * G * D + i] = paged_quotient(out, total);
            continue;
        }
        float *partial =
            job.partial + (((size_t)blockIdx.x * job.splits + blockIdx.y) * G + g) * (D + 2);
        partial[2 + d] = out;
        if (d == 0) {
            partial[0] = most;
            partial[1] = total;
        }
    }
}

/* Partial results of one (sequence, KV head): per split and query the largest score, the sum of
 * weights and D sums. */
#define PAGED_SPLITS_MOST 32
#define PAGED_GROUP_MOST 8
__global__ void paged_merge(struct paged_job job, unsigned group, unsigned head) {
    __shared__ float factor[PAGED_SPLITS_MOST * PAGED_GROUP_MOST];
    __shared__ float largest[PAGED_SPLITS_MOST * PAGED_GROUP_MOST];
    __shared__ float sum[PAGED_SPLITS_MOST * PAGED_GROUP_MOST];
    const float *partial = job.partial + (size_t)blockIdx.x * job.splits * group * (head + 2);
    unsigned parts = job.splits * group;
    for (unsigned i = threadIdx.x; i < parts; i += PAGED_THREADS) {
        largest[i] = partial[(size_t)i * (head + 2)];
        sum[i] = partial[(size_t)i * (head + 2) + 1];
    }
    __syncthreads();
    for (unsigned i = threadIdx.x; i < parts; i += PAGED_THREADS) {
        float most = -INFINITY;
        for (unsigned k = i % group; k < parts; k += group)
            most = fmaxf(most, largest[k]);
        factor[i] = paged_factor(largest[i], most);
    }
    __syncthreads();
    for (unsigned i = threadIdx.x; i < group * head; i += PAGED_THREADS) {
        float total = 0, out = 0;
        for (unsigned k = i / head; k < parts; k += group) {
            total = __fmaf_rn(factor[k], sum[k], total);
            out = __fmaf_rn(factor[k], partial[(size_t)k * (head + 2) + 2 + i % head], out);
        }
        job.out[(size_t)blockIdx.x * group * head + i] = paged_quotient(out, total);
    }
}

/* --- the controls ------------------------------------------------------------------------------
 */

__global__ void paged_zero(unsigned long long *sums, unsigned count) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count)
        sums[i] = 0;
}

__device__ inline unsigned paged_clock() {
#if defined(__CUDACC__)
    return (unsigned)clock64();
#else
    return 0; /* never asked: the SIMT machine has no time */
#endif
}

/* A warp's part of a sum; sums of integers do not mind the order. */
__device__ inline void paged_hand_in(unsigned long long *sums, unsigned long long sum) {
    if (threadIdx.x % 32 == 0)
        atomicAdd(sums, sum);
}

__device__ inline unsigned long long paged_warp_sum(unsigned long long sum) {
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2)
        sum += __shfl_xor_sync(0xffffffffu, sum, distance);
    return sum;
}

template <int LOADS>
__device__ inline unsigned long long paged_words(const uint4 (&x)[LOADS]) {
    unsigned long long sum = 0;
#pragma unroll
    for (int j = 0; j < LOADS; j++)
        sum += (unsigned long long)x[j].x + x[j].y + ((unsigned long long)x[j].z + x[j].w);
    return sum;
}

/* The loads of paged_attend for one query, and nothing else. */
template <int E, int D, bool VLLM>
__global__ void __launch_bounds__(PAGED_THREADS) paged_gather(struct paged_job job) {
    typedef struct paged_form<E, D, paged_loads<1>::COUNT> F;
    __shared__ unsigned length;
    __shared__ uint4 zero;
    unsigned sequence = blockIdx.x / job.heads, head = blockIdx.x % job.heads;
    if (threadIdx.x == 0) {
        length = (unsigned)job.tokens[sequence];
        zero = make_uint4(0, 0, 0, 0);
    }
    __syncthreads();
    unsigned started = paged_clock();

    int warp = threadIdx.x / 32;
    unsigned tokens = length, tiles = (tokens + PAGED_TILE - 1) / PAGED_TILE;
    unsigned each = (tiles + job.splits - 1) / job.splits;
    unsigned next = blockIdx.y * each + warp, end = min(blockIdx.y * each + each, tiles);
    unsigned lane_at = head * job.head_step + threadIdx.x % F::LANES * job.lane_step;
    unsigned head_at = head * job.head_step;
    unsigned long long sum = 0;
    struct paged_tile tile = paged_tile_ask(job, sequence, tokens, next, end);
    paged_tile_place(&tile, job);
    uint4 a[F::LOADS], b[F::LOADS];
    bool full = tile.count == PAGED_TILE;
    if (full)
        paged_load<F>(a, job.k, job, tile, 0, lane_at);
    while (full) {
        next += PAGED_WARPS;
        struct paged_tile then = paged_tile_ask(job, sequence, tokens, next, end);
#pragma unroll 1
        for (int c = 0; c < F::CHUNKS; c += 2) {
            paged_load<F>(b, job.k, job, tile, c + 1, lane_at);
            sum += paged_words(a);
            bool more = c + 2 < F::CHUNKS;
            if (!VLLM || more)
                paged_load<F>(a, more ? job.k : job.v, job, tile, more ? c + 2 : 0, lane_at);
            else
                paged_load_vllm<F>(a, job, tile, 0, head_at);
            sum += paged_words(b);
        }
        paged_tile_place(&then, job);
#pragma unroll 1
        for (int c = 0; c < F::CHUNKS - 2; c += 2) {
            paged_load_values<F, VLLM>(b, job, tile, c + 1, lane_at, head_at);
            sum += paged_words(a);
            paged_load_values<F, VLLM>(a, job, tile, c + 2, lane_at, head_at);
            sum += paged_words(b);
        }
        paged_load_values<F, VLLM>(b, job, tile, F::CHUNKS - 1, lane_at, head_at);
        sum += paged_words(a);
        tile = then;
        full = tile.count == PAGED_TILE;
        if (!full) {
            sum += paged_words(b);
            break;
        }
        paged_load<F>(a, job.k, job, tile, 0, lane_at);
        sum += paged_words(b);
    }
    for (int c = 0; tile.count && c < F::CHUNKS; c++) {
        paged_load_last<F>(a, job.k, job, tile, c, lane_at, &zero);
        if constexpr (VLLM)
            paged_load_vllm<F>(b, job, tile, c, head_at);
        else
            paged_load_last<F>(b, job.v, job, tile, c, lane_at, &zero);
        sum += paged_words(a) + paged_words(b);
    }
    sum = paged_warp_sum(sum);
    size_t at = ((size_t)blockIdx.x * job.splits + blockIdx.y) * PAGED_WARPS + warp;
    if (job.cycles && at < job.warps && threadIdx.x % 32 == 0)
        job.cycles[at] = paged_clock() - started; /* after the shuffles, which wait for all loads */
    paged_hand_in(job.sums + sequence, sum);
}

/* The reads of ids of paged_attend. Every head's threads read them, as there, and the first head's
 * count; a block longer than a tile counts in its first one. */
__global__ void __launch_bounds__(PAGED_THREADS) paged_walk(struct paged_job job) {
    __shared__ unsigned length;
    unsigned sequence = blockIdx.x / job.heads, head = blockIdx.x % job.heads;
    if (threadIdx.x == 0)
        length = (unsigned)job.tokens[sequence];
    __syncthreads();
    unsigned tokens = length, tiles = (tokens + PAGED_TILE - 1) / PAGED_TILE;
    unsigned each = (tiles + job.splits - 1) / job.splits;
    unsigned next = blockIdx.y * each + threadIdx.x / 32;
    unsigned end = min(blockIdx.y * each + each, tiles);
    unsigned long long sum = 0;
    for (; next < end; next += PAGED_WARPS) {
        struct paged_tile tile = paged_tile_ask(job, sequence, tokens, next, end);
        bool begins = (tile.token & ((1u << job.shift) - 1)) == 0;
        unsigned long long ids = (unsigned long long)tile.start + tile.start_far;
        sum += begins ? ids : ids * job.repeats;
    }
    sum = paged_warp_sum(sum);
    paged_hand_in(job.sums + sequence, head ? sum * job.repeats : sum);
}

} // namespace

#include "kernels/paged_attention/paged_launch.cuh"
