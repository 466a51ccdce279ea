/*
 * paged_state.cuh: what a warp computes from chunks of keys and values: scores, an online softmax
 * over tiles, weighted sums.
 *
 * The tree of every sum, which paged_model.c follows:
 *
 *     score      in a lane: VECTOR products in the order of the channels, fused, from 0; then
 *                lanes at distance LANES/2, …, 2, 1; then one product with the scale
 *     a tile     its largest score; weights 2^(score - largest so far); absent tokens weigh 0
 *     sum        lane i takes tokens i and i + 32: sum × correction + (w_i + w_{i+32}), fused;
 *                at the end the lanes at distance 16, 8, 4, 2, 1
 *     output     per channel WIDE sums, of the tokens that are equal mod WIDE, each in the order of
 *                the tokens, fused, times the correction before each tile; at the end the sums at
 *                distance WIDE/2, …, 1
 */
#ifndef NANOLAB_KERNELS_PAGED_ATTENTION_PAGED_STATE_CUH
#define NANOLAB_KERNELS_PAGED_ATTENTION_PAGED_STATE_CUH

#include "kernels/paged_attention/paged_load.cuh"

namespace {

/* Where token t of a tile has its score and weight: the tokens that a lane uses one after another
 * lie side by side. */
template <class F>
__device__ inline int paged_seat(int t) {
    int in = t % F::CHUNK;
    return t - in + in % F::WIDE * F::LOADS + in / F::WIDE;
}

/* N values, each to be summed over LANES lanes: each step halves the lanes and, while there is more
 * than one, the values that a lane has to carry on. Every value is summed in the same tree; value
 * *which + i of the N ends as value[i] for i < max(1, N / LANES); lanes for which *twin is set hold
 * a copy. */
template <int N, int LANES>
__device__ inline void paged_lane_sums(float (&value)[N], int *which, bool *twin) {
    int lane = threadIdx.x % 32;
    *which = 0;
    *twin = false;
    int left = N;
#pragma unroll
    for (int distance = LANES / 2; distance > 0; distance /= 2) {
        bool upper = lane & distance;
        if (left > 1) {
            left /= 2;
            *which += upper ? left : 0;
#pragma unroll
            for (int i = 0; i < N / 2; i++)
                if (i < left) {
                    float give = upper ? value[i] : value[i + left];
                    float keep = upper ? value[i + left] : value[i];
                    value[i] = keep + __shfl_xor_sync(0xffffffffu, give, distance);
                }
        } else {
            *twin = *twin || upper;
            value[0] = value[0] + __shfl_xor_sync(0xffffffffu, value[0], distance);
        }
    }
}

/* Scores, not yet scaled, of chunk c to `score`, [G][PAGED_TILE]. q: [G][VECTOR/4][LANES] of four
 * channels, so that lanes read side by side. */
template <class F, int E, int G>
__device__ inline void paged_score(float *score, const float4 *q, const uint4 (&k)[F::LOADS],
                                   int c) {
    constexpr int TOGETHER = G < 4 ? G : 4, N = TOGETHER * F::LOADS;
    constexpr int LEFT = N > F::LANES ? N / F::LANES : 1, FOURS = F::VECTOR / 4;
    int vector = threadIdx.x % F::LANES, sub = threadIdx.x % 32 / F::LANES;
#pragma unroll
    for (int first = 0; first < G; first += TOGETHER) {
        float4 mine[TOGETHER][FOURS];
#pragma unroll
        for (int g = 0; g < TOGETHER; g++)
#pragma unroll
            for (int i = 0; i < FOURS; i++)
                mine[g][i] = q[((first + g) * FOURS + i) * F::LANES + vector];
        float dot[N];
#pragma unroll
        for (int j = 0; j < F::LOADS; j++) {
            float x[F::VECTOR];
            paged_unpack<E>(x, k[j]);
#pragma unroll
            for (int g = 0; g < TOGETHER; g++) {
                float sum = 0;
#pragma unroll
                for (int i = 0; i < FOURS; i++) {
                    sum = __fmaf_rn(mine[g][i].x, x[4 * i], sum);
                    sum = __fmaf_rn(mine[g][i].y, x[4 * i + 1], sum);
                    sum = __fmaf_rn(mine[g][i].z, x[4 * i + 2], sum);
                    sum = __fmaf_rn(mine[g][i].w, x[4 * i + 3], sum);
                }
                dot[g * F::LOADS + j] = sum;
            }
        }
        int which;
        bool twin;
        paged_lane_sums<N, F::LANES>(dot, &which, &twin);
        if (!twin)
#pragma unroll
            for (int i = 0; i < LEFT; i++) {
                int g = first + (which + i) / F::LOADS, j = (which + i) % F::LOADS;
                score[g * PAGED_TILE + c * F::CHUNK + sub * F::LOADS + j] = dot[i];
            }
    }
}

/* What a warp keeps of the tiles it has seen, for each query of the group. sum: of this lane. */
template <class F, int G>
struct paged_state {
    float largest[G], sum[G];
    float out[G][F::VECTOR];
};

template <class F, int G>
__device__ inline void paged_clear(struct paged_state<F, G> *state) {
#pragma unroll
    for (int g = 0; g < G; g++) {
        state->largest[g] = -INFINITY;
        state->sum[g] = 0;
#pragma unroll
        for (int e = 0; e < F::VECTOR; e++)
            state->out[g][e] = 0;
    }
}

/* Scores of a tile to weights, in place. The caller sees that all scores are written. */
template <class F, int G>
__device__ inline void paged_soften(struct paged_state<F, G> *state, float *score, float scale,
                                    int count) {
    int lane = threadIdx.x % 32;
    int near = paged_seat<F>(lane), far = paged_seat<F>(lane + 32);
#pragma unroll
    for (int g = 0; g < G; g++) {
        float a = score[g * PAGED_TILE + near] * scale;
        float b = score[g * PAGED_TILE + far] * scale;
        a = lane < count ? a : -INFINITY;
        b = lane + 32 < count ? b : -INFINITY;
        float largest = fmaxf(a, b);
#pragma unroll
        for (int distance = 16; distance > 0; distance /= 2)
            largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, distance));
        largest = fmaxf(largest, state->largest[g]);
        float correction = paged_exp2(state->largest[g] - largest);
        a = paged_exp2(a - largest);
        b = paged_exp2(b - largest);
        state->largest[g] = largest;
        state->sum[g] = __fmaf_rn(state->sum[g], correction, a + b);
#pragma unroll
        for (int e = 0; e < F::VECTOR; e++)
            state->out[g][e] = state->out[g][e] * correction;
        score[g * PAGED_TILE + near] = a;
        score[g * PAGED_TILE + far] = b;
    }
}

/* Adds chunk c of values in nhd and hnd, times their weights. */
template <class F, int E, int G>
__device__ inline void paged_weigh_rows(struct paged_state<F, G> *state, const float *weight,
                                        const uint4 (&v)[F::LOADS], int c) {
    int sub = threadIdx.x % 32 / F::LANES;
    float w[G][F::LOADS];
#pragma unroll
    for (int g = 0; g < G; g++)
#pragma unroll
        for (int j = 0; j < F::LOADS; j += 4) {
            int at = g * PAGED_TILE + c * F::CHUNK + sub * F::LOADS + j;
            float4 four = *(const float4 *)(weight + at);
            w[g][j] = four.x, w[g][j + 1] = four.y, w[g][j + 2] = four.z, w[g][j + 3] = four.w;
        }
#pragma unroll
    for (int j = 0; j < F::LOADS; j++) {
        float x[F::VECTOR];
        paged_unpack<E>(x, v[j]);
#pragma unroll
        for (int g = 0; g < G; g++)
#pragma unroll
            for (int e = 0; e < F::VECTOR; e++)
                state->out[g][e] = __fmaf_rn(w[g][j], x[e], state->out[g][e]);
    }
}

/* The same of values in vllm's layout, where out[g][i × WIDE + sub] is the sum of channel
 * i × 32 + lane over the tokens that are sub mod WIDE. */
template <class F, int E, int G>
__device__ inline void paged_weigh_vllm(struct paged_state<F, G> *state, const float *weight,
                                        const uint4 (&v)[F::LOADS], int c) {
    constexpr int PARTS = F::CHUNK / F::VECTOR;
#pragma unroll
    for (int j = 0; j < F::LOADS; j++) {
        float x[F::VECTOR];
        paged_unpack<E>(x, v[j]);
#pragma unroll
        for (int e = 0; e < F::VECTOR; e++) {
            int t = j % PARTS * F::VECTOR + e, slot = j / PARTS * F::WIDE + t % F::WIDE;
            int seat = t % F::WIDE * F::LOADS + t / F::WIDE;
#pragma unroll
            for (int g = 0; g < G; g++)
                state->out[g][slot] = __fmaf_rn(weight[g * PAGED_TILE + c * F::CHUNK + seat], x[e],
                                                state->out[g][slot]);
        }
    }
}

template <class F, int E, int G, bool VLLM>
__device__ inline void paged_weigh(struct paged_state<F, G> *state, const float *weight,
                                   const uint4 (&v)[F::LOADS], int c) {
    if constexpr (VLLM)
        paged_weigh_vllm<F, E, G>(state, weight, v, c);
    else
        paged_weigh_rows<F, E, G>(state, weight, v, c);
}

/* A warp's state to shared memory: out [G][D], and `largest` and `sum` per query. */
template <class F, int D, int G, bool VLLM>
__device__ inline void paged_settle(struct paged_state<F, G> *state, float *out, float *largest,
                                    float *sum) {
    int lane = threadIdx.x % 32;
#pragma unroll
    for (int g = 0; g < G; g++) {
        if constexpr (VLLM) {
#pragma unroll
            for (int i = 0; i < F::VECTOR / F::WIDE; i++) {
                float *part = &state->out[g][i * F::WIDE];
#pragma unroll
                for (int distance = F::WIDE / 2; distance > 0; distance /= 2)
#pragma unroll
                    for (int s = 0; s < distance; s++)
                        part[s] = part[s] + part[s + distance];
                out[g * D + i * 32 + lane] = part[0];
            }
        } else {
#pragma unroll
            for (int e = 0; e < F::VECTOR; e++) {
                float x = state->out[g][e];
#pragma unroll
                for (int distance = 16; distance >= F::LANES; distance /= 2)
                    x = x + __shfl_xor_sync(0xffffffffu, x, distance);
                if (lane < F::LANES)
                    out[g * D + lane * F::VECTOR + e] = x;
            }
        }
        float x = state->sum[g];
#pragma unroll
        for (int distance = 16; distance > 0; distance /= 2)
            x = x + __shfl_xor_sync(0xffffffffu, x, distance);
        if (lane == 0) {
            largest[g] = state->largest[g];
            sum[g] = x;
        }
    }
}

} // namespace

#endif
