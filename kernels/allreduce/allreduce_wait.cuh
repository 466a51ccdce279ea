/*
 * allreduce_wait.cuh: how the ranks of allreduce.cu hand data over, and what they read.
 *
 * A rank reads what others have published and writes only what is its own. What it has published it
 * does not write again within a call, so nobody has to say that it has read. A flag says how far
 * its block is: allreduce_number() counts the pieces (loop, step, segment) that it publishes, in
 * order, so that whoever waits for one waits for a number; a piece of no elements is not published
 * and its number skipped. Numbers of a call are above those of the one before: flags are never
 * reset.
 */
#ifndef NANOLAB_KERNELS_ALLREDUCE_WAIT_CUH
#define NANOLAB_KERNELS_ALLREDUCE_WAIT_CUH

#include "kernels/allreduce/allreduce.h"
#include "kernels/device/kernel.h"

namespace {

typedef unsigned long long flag;

#define RANKS_MOST ALLREDUCE_RANKS_MOST
#define JOINED 1
/* Looks between two glances at the clock and at whether others have given up. */
#define PATIENCE 32

struct allreduce_work {
    const void *x;
    void *y, *local, *scratch;
    struct allreduce_status *status;
    flag *flags, *turns;
    unsigned *tickets, first_ticket;
    unsigned char *arrivals;
    struct allreduce_times *times;
    size_t n, loops, chunk, last, segment, segments;
    flag call; /* what flags hold in this one, before their numbers */
    flag deadline, stall_time;
    int ranks, channels, shares, steps, parts, stalled;
    bool pairwise, never_joins;
};

struct allreduce_me {
    int rank, channel;
};

/* Elements [first, end), the same for all who publish or read them. */
struct allreduce_piece {
    size_t first, end;
    flag number;
};

__device__ inline float allreduce_load(const float *x) {
    return *x;
}
__device__ inline float allreduce_load(const __nv_bfloat16 *x) {
    return __bfloat162float(*x);
}
__device__ inline void allreduce_store(float *y, float value) {
    *y = value;
}
__device__ inline void allreduce_store(__nv_bfloat16 *y, float value) {
    *y = __float2bfloat16_rn(value);
}

#define FOR_ELEMENTS(i, piece)                                                                     \
    for (size_t i = (piece).first + threadIdx.x; i < (piece).end; i += blockDim.x)
/* All segments of chunk `c` of a loop, as pieces of a step. */
#define FOR_SEGMENTS(p, work, me, loop, step, c)                                                   \
    for (size_t p##_k = 0; p##_k < (work).segments; p##_k++)                                       \
        if (allreduce_piece p = allreduce_piece_at(work, me, loop, step, c, p##_k); p.first < p.end)

__device__ inline flag allreduce_number(const allreduce_work &work, size_t loop, int step,
                                        size_t segment) {
    size_t steps_before = loop * (size_t)work.steps + (size_t)step;
    return JOINED + 1 + steps_before * work.segments + segment;
}

__device__ inline allreduce_piece allreduce_piece_at(const allreduce_work &work, allreduce_me me,
                                                     size_t loop, int step, int chunk, size_t k) {
    size_t shares = (size_t)work.shares, channels = (size_t)work.channels;
    size_t length = loop + 1 < work.loops ? work.chunk : work.last;
    size_t begin = loop * channels * shares * work.chunk;
    size_t first = begin + ((size_t)me.channel * shares + (size_t)chunk) * length;
    size_t end = min(first + length, work.n);
    first += k * work.segment;
    return allreduce_piece{first, min(first + work.segment, end),
                           allreduce_number(work, loop, step, k)};
}

/* --- waiting -----------------------------------------------------------------------------------
 */

__device__ inline flag *allreduce_flag(const allreduce_work &work, int rank, int channel) {
    return work.flags + ((size_t)rank * work.channels + channel) * ALLREDUCE_FLAG_APART;
}

/* One thread waits until a flag has come to `number`. False: this call has been given up. */
__device__ inline bool allreduce_look(const allreduce_work &work, allreduce_me me, const flag *at,
                                      flag number, int whom) {
    flag wanted = work.call + number, since = 0, looks = 0;
    while (kernel_load_acquire(at) < wanted) {
        if (++looks % PATIENCE)
            continue;
        if (kernel_load_relaxed(&work.status->gave_up))
            return false;
        flag now = kernel_nanoseconds();
        since = since ? since : now;
        if (!work.deadline || (now ? now - since : looks) <= work.deadline)
            continue;
        if (atomicCAS(&work.status->gave_up, 0u, 1u) == 0) {
            work.status->rank = me.rank;
            work.status->waited_for = whom;
            work.status->number = number;
        }
        return false;
    }
    return true;
}

/* The whole block waits for `number` of a rank's block of the same channel. */
__device__ inline bool allreduce_wait(const allreduce_work &work, allreduce_me me, int rank,
                                      flag number) {
    bool gave_up = false;
    if (threadIdx.x == 0)
        gave_up = !allreduce_look(work, me, allreduce_flag(work, rank, me.channel), number, rank);
    return !__syncthreads_or(gave_up);
}

__device__ inline bool allreduce_wait_all(const allreduce_work &work, allreduce_me me,
                                          flag number) {
    bool gave_up = false;
    int rank = (int)threadIdx.x;
    if (rank < work.ranks)
        gave_up = !allreduce_look(work, me, allreduce_flag(work, rank, me.channel), number, rank);
    return !__syncthreads_or(gave_up);
}

__device__ inline void allreduce_publish(const allreduce_work &work, allreduce_me me, flag number) {
    __syncthreads();
    if (threadIdx.x == 0)
        kernel_store_release(allreduce_flag(work, me.rank, me.channel), work.call + number);
}

/* --- values ------------------------------------------------------------------------------------
 */

/* A rank's value, where anybody finds it once the rank has joined. */
template <typename T>
__device__ const T *allreduce_value(const allreduce_work &work, int rank) {
    return (const T *)(work.parts > 1 ? work.local : work.x) + (size_t)rank * work.n;
}
template <typename T>
__device__ T *allreduce_result(const allreduce_work &work, int rank) {
    return (T *)work.y + (size_t)rank * work.n;
}
/* A rank's sums under way; doubling has one vector per level. */
template <typename T>
__device__ T *allreduce_sums(const allreduce_work &work, int rank, int level) {
    return (T *)work.scratch + ((size_t)level * work.ranks + rank) * work.n;
}

/* x[0] + x[apart] + …, in one go. */
template <typename T>
__device__ float allreduce_add_up(const allreduce_work &work, const T *x, int count) {
    if (!work.pairwise) {
        float sum = allreduce_load(x);
        for (int k = 1; k < count; k++)
            sum += allreduce_load(x + (size_t)k * work.n);
        return sum;
    }
    float value[RANKS_MOST];
#pragma unroll
    for (int k = 0; k < RANKS_MOST; k++)
        value[k] = k < count ? allreduce_load(x + (size_t)k * work.n) : 0;
#pragma unroll
    for (int apart = 1; apart < RANKS_MOST; apart *= 2) {
#pragma unroll
        for (int k = 0; k + apart < RANKS_MOST; k += 2 * apart)
            if (k + apart < count)
                value[k] += value[k + apart];
    }
    return value[0];
}

template <typename T>
__device__ void allreduce_add_parts(const allreduce_work &work, allreduce_me me) {
    const T *parts = (const T *)work.x + (size_t)me.rank * work.parts * work.n;
    T *value = (T *)work.local + (size_t)me.rank * work.n;
    for (size_t loop = 0; loop < work.loops; loop++)
        for (int c = 0; c < work.shares; c++)
            FOR_SEGMENTS(piece, work, me, loop, 0, c)
    FOR_ELEMENTS(i, piece)
    allreduce_store(value + i, allreduce_add_up(work, parts + i, work.parts));
}

template <typename T>
__device__ void allreduce_copy(T *to, const T *from, const allreduce_piece &piece) {
    FOR_ELEMENTS(i, piece)
    to[i] = from[i];
}
template <typename T>
__device__ void allreduce_add(T *to, const T *mine, const T *theirs, const allreduce_piece &piece) {
    FOR_ELEMENTS(i, piece)
    allreduce_store(to + i, allreduce_load(mine + i) + allreduce_load(theirs + i));
}

} // namespace

#endif
