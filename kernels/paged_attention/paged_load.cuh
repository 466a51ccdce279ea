/*
 * paged_load.cuh: how a warp reads a tile of keys or values: which lane holds what, where it lies,
 * and the loads themselves.
 *
 * A load takes 16 bytes per lane. Of keys, and of values in nhd and hnd, these are LANES lanes side
 * by side over the channels of a token, and WIDE tokens at a time: lane (sub, vector) holds
 * channels vector × VECTOR… of the tokens whose number is sub mod WIDE. A chunk is LOADS loads, so
 * that many are in flight at once; a tile is CHUNKS chunks. Values in vllm's layout have their
 * tokens innermost, so there a lane holds VECTOR tokens of one channel at a time, and all tokens of
 * the channels lane, lane + 32, …
 */
#ifndef NANOLAB_KERNELS_PAGED_ATTENTION_PAGED_LOAD_CUH
#define NANOLAB_KERNELS_PAGED_ATTENTION_PAGED_LOAD_CUH

#include "kernels/device/kernel.h"
#include "kernels/paged_attention/paged_exp.h"
#include "kernels/paged_attention/paged_layout.h"

namespace {

#define PAGED_WARPS 4
#define PAGED_THREADS (32 * PAGED_WARPS)

/* One launch as the kernels see it. Offsets and steps in vectors of 16 bytes. */
struct paged_job {
    const uint4 *k, *v, *q;
    const int *ids, *tokens;
    float *out, *partial;
    unsigned long long *sums;
    unsigned *cycles;
    size_t warps; /* room in `cycles` */
    unsigned heads, row_blocks, splits;
    unsigned shift; /* a block has 1 << shift tokens; slabs have ids of their own, and 31 */
    unsigned unit;  /* of a block or slab */
    unsigned head_step, token_step, lane_step;
    unsigned value_rows; /* vllm: tokens of a block, the distance of channels in elements */
    unsigned repeats;    /* what the ids that other heads read count for in a walk's sum: 0 */
};

/* The shape of a warp's work. */
template <int E, int D, int LOADS_>
struct paged_form {
    static constexpr int SIZE = E == ELEMENT_F32 ? 4 : 2;
    static constexpr int VECTOR = 16 / SIZE;
    static constexpr int LANES = D / VECTOR;
    static constexpr int WIDE = 32 / LANES;
    static constexpr int LOADS = LOADS_;
    static constexpr int CHUNK = WIDE * LOADS;
    static constexpr int CHUNKS = PAGED_TILE / CHUNK;
    static_assert(CHUNKS >= 2 && CHUNKS % 2 == 0, "chunks are walked in pairs");
    static_assert(CHUNK <= 32, "the blocks of a chunk are known to lanes of one register");
};

/* Where a tile's tokens lie. Lane b knows where the tile's blocks b and b + 32 start. */
struct paged_tile {
    unsigned start, start_far;
    unsigned token; /* the tile's first */
    int count;      /* tokens of the tile, up to PAGED_TILE; 0: there is no such tile */
};

/* Reads the ids of one tile: each of its blocks by one lane. The ids are not multiplied yet, so
 * that nothing waits for them: see paged_tile_place. */
__device__ inline struct paged_tile paged_tile_ask(const struct paged_job &job, unsigned sequence,
                                                   unsigned tokens, unsigned tile, unsigned end) {
    struct paged_tile t = {sequence, sequence, tile * PAGED_TILE, 0};
    if (tile >= end)
        return t;
    t.count = (int)min(tokens - t.token, (unsigned)PAGED_TILE);
    if (job.shift > 30)
        return t;
    unsigned lane = threadIdx.x % 32;
    unsigned first = t.token >> job.shift;
    unsigned blocks = ((t.token + t.count - 1) >> job.shift) - first + 1;
    const int *row = job.ids + (size_t)sequence * job.row_blocks + first;
    t.start = lane < blocks ? (unsigned)row[lane] : 0;
    t.start_far = lane + 32 < blocks ? (unsigned)row[lane + 32] : 0;
    return t;
}

__device__ inline void paged_tile_place(struct paged_tile *tile, const struct paged_job &job) {
    tile->start *= job.unit;
    tile->start_far *= job.unit;
}

/* The start of the block of the tile's token t, for this lane's own t. All of a chunk's tokens are
 * asked for in one half of the tile. */
__device__ inline unsigned paged_start(const struct paged_job &job, const struct paged_tile &tile,
                                       bool far, int t) {
    unsigned from = far && job.shift == 0 ? tile.start_far : tile.start;
    return __shfl_sync(0xffffffffu, from, (t >> job.shift) & 31);
}

__device__ inline unsigned paged_slot(const struct paged_job &job, const struct paged_tile &tile,
                                      int t) {
    return (tile.token + (unsigned)t) & ((1u << job.shift) - 1);
}

/* Chunk c of a full tile of keys, or of values in nhd and hnd. `lane_at`: this lane's place inside
 * a token, with the head's. */
template <class F>
__device__ inline void paged_load(uint4 (&to)[F::LOADS], const uint4 *from,
                                  const struct paged_job &job, const struct paged_tile &tile, int c,
                                  unsigned lane_at) {
    int first = c * F::CHUNK + threadIdx.x % 32 / F::LANES;
    bool far = c * F::CHUNK >= 32;
#pragma unroll
    for (int j = 0; j < F::LOADS; j++) {
        int t = first + j * F::WIDE;
        unsigned at = paged_start(job, tile, far, t) + paged_slot(job, tile, t) * job.token_step;
        to[j] = from[at + lane_at];
    }
}

/* The same of a sequence's last tile, if it is not full: absent tokens are not loaded. They take
 * `zero`, 16 bytes of shared memory: loads under a condition would go one after another. */
template <class F>
__device__ inline void paged_load_last(uint4 (&to)[F::LOADS], const uint4 *from,
                                       const struct paged_job &job, const struct paged_tile &tile,
                                       int c, unsigned lane_at, const uint4 *zero) {
    int first = c * F::CHUNK + threadIdx.x % 32 / F::LANES;
    bool far = c * F::CHUNK >= 32;
#pragma unroll
    for (int j = 0; j < F::LOADS; j++) {
        int t = first + j * F::WIDE;
        unsigned at = paged_start(job, tile, far, t) + paged_slot(job, tile, t) * job.token_step;
        to[j] = *(t < tile.count ? from + at + lane_at : zero);
    }
}

/* Chunk c of values in vllm's layout: load j holds VECTOR tokens, from token
 * (j % PARTS) × VECTOR of the chunk, of channel (j / PARTS) × 32 + lane. The same tokens for all
 * lanes. Element by element where a block is too short for a vector, or the sequence ends. */
template <class F>
__device__ inline void paged_load_vllm(uint4 (&to)[F::LOADS], const struct paged_job &job,
                                       const struct paged_tile &tile, int c, unsigned head_at) {
    constexpr int PARTS = F::CHUNK / F::VECTOR;
    bool far = c * F::CHUNK >= 32;
#pragma unroll
    for (int j = 0; j < F::LOADS; j++) {
        int t = c * F::CHUNK + j % PARTS * F::VECTOR;
        size_t row = (size_t)(threadIdx.x % 32 + j / PARTS * 32) * job.value_rows;
        if (job.value_rows >= (unsigned)F::VECTOR && t + F::VECTOR <= tile.count) {
            size_t element = row + paged_slot(job, tile, t);
            to[j] = job.v[paged_start(job, tile, far, t) + head_at + element / F::VECTOR];
            continue;
        }
        unsigned word[4] = {0, 0, 0, 0};
#pragma unroll
        for (int e = 0; e < F::VECTOR; e++) {
            unsigned start = paged_start(job, tile, far, t + e);
            if (t + e < tile.count) {
                const uint4 *head = job.v + start + head_at;
                size_t element = row + paged_slot(job, tile, t + e);
                if constexpr (F::SIZE == 4)
                    word[e] = ((const unsigned *)head)[element];
                else
                    word[e / 2] |= (unsigned)((const unsigned short *)head)[element] << e % 2 * 16;
            }
        }
        to[j] = make_uint4(word[0], word[1], word[2], word[3]);
    }
}

/* Chunk c of a full tile of values, in any layout. */
template <class F, bool VLLM>
__device__ inline void paged_load_values(uint4 (&to)[F::LOADS], const struct paged_job &job,
                                         const struct paged_tile &tile, int c, unsigned lane_at,
                                         unsigned head_at) {
    if constexpr (VLLM)
        paged_load_vllm<F>(to, job, tile, c, head_at);
    else
        paged_load<F>(to, job.v, job, tile, c, lane_at);
}

template <int E>
__device__ inline void paged_widen(float *to, unsigned word) {
    if constexpr (E == ELEMENT_F32) {
        to[0] = __uint_as_float(word);
    } else if constexpr (E == ELEMENT_BF16) {
        to[0] = __uint_as_float(word << 16);
        to[1] = __uint_as_float(word & 0xffff0000u);
    } else {
        to[0] = __half2float(__ushort_as_half((unsigned short)word));
        to[1] = __half2float(__ushort_as_half((unsigned short)(word >> 16)));
    }
}

/* The numbers in 16 bytes: 4 or 8. */
template <int E>
__device__ inline void paged_unpack(float *to, uint4 from) {
    constexpr int EACH = E == ELEMENT_F32 ? 1 : 2;
    paged_widen<E>(to, from.x);
    paged_widen<E>(to + EACH, from.y);
    paged_widen<E>(to + 2 * EACH, from.z);
    paged_widen<E>(to + 3 * EACH, from.w);
}

} // namespace

#endif
