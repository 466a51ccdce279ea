/*
 * allreduce.cu: the ranks. A block is one channel of one rank; all blocks run at once and wait for
 * each other (allreduce_wait.cuh). Orders and layout are in allreduce.h.
 */
#include "kernels/allreduce/allreduce_wait.cuh"

namespace {

/* --- algorithms: false if they were given up ---------------------------------------------------
 */

/* Steps 1 … N-1 add, N … 2N-2 carry the result round. In step s the block works on chunk p - 1 - s
 * (p: its place in the ring), which the one before it published in step s - 1. */
template <typename T>
__device__ bool allreduce_ring(const allreduce_work &work, allreduce_me me) {
    int n = work.ranks, back = me.channel % 2 ? 1 : n - 1;
    int place = me.channel % 2 ? n - 1 - me.rank : me.rank, before = (me.rank + back) % n;
    T *sums = allreduce_sums<T>(work, me.rank, 0), *y = allreduce_result<T>(work, me.rank);
    const T *mine = allreduce_value<T>(work, me.rank);
    for (size_t loop = 0; loop < work.loops; loop++)
        for (int step = 1; step <= 2 * n - 2; step++) {
            const T *from = step == 1  ? allreduce_value<T>(work, before)
                            : step < n ? allreduce_sums<T>(work, before, 0)
                                       : allreduce_result<T>(work, before);
            FOR_SEGMENTS(piece, work, me, loop, step - 1, (place + 2 * n - 1 - step) % n) {
                if (!allreduce_wait(work, me, before, step == 1 ? JOINED : piece.number))
                    return false;
                if (step < n)
                    allreduce_add(step < n - 1 ? sums : y, mine, from, piece);
                else
                    allreduce_copy(y, from, piece);
                allreduce_publish(work, me, piece.number + work.segments);
            }
        }
    return true;
}

/* Step 0 goes up, step 1 down. */
template <typename T>
__device__ bool allreduce_tree(const allreduce_work &work, allreduce_me me) {
    int n = work.ranks;
    bool odd = me.channel % 2;
    int place = odd ? n - 1 - me.rank : me.rank, above = (place - 1) / 2;
    int first = 2 * place + 1, second = first + 1, parent = odd ? n - 1 - above : above;
    T *y = allreduce_result<T>(work, me.rank), *sums = allreduce_sums<T>(work, me.rank, 0);
    const T *mine = allreduce_value<T>(work, me.rank), *from[2] = {nullptr, nullptr};
    int child[2];
    bool has_sums[2];
    int children = first < n ? second < n ? 2 : 1 : 0;
#pragma unroll
    for (int k = 0; k < 2; k++) {
        child[k] = k >= children ? 0 : odd ? n - 1 - (first + k) : first + k;
        has_sums[k] = 2 * (first + k) + 1 < n;
        from[k] =
            has_sums[k] ? allreduce_sums<T>(work, child[k], 0) : allreduce_value<T>(work, child[k]);
    }
    for (size_t loop = 0; loop < work.loops; loop++) {
        if (children)
            FOR_SEGMENTS(piece, work, me, loop, 0, 0) {
#pragma unroll
                for (int k = 0; k < 2; k++)
                    if (k < children &&
                        !allreduce_wait(work, me, child[k], has_sums[k] ? piece.number : JOINED))
                        return false;
                T *to = place ? sums : y;
                FOR_ELEMENTS(i, piece) {
                    float sum = allreduce_load(mine + i) + allreduce_load(from[0] + i);
                    if (children > 1)
                        sum += allreduce_load(from[1] + i);
                    allreduce_store(to + i, sum);
                }
                allreduce_publish(work, me, piece.number + (place ? 0 : work.segments));
            }
        if (place)
            FOR_SEGMENTS(piece, work, me, loop, 1, 0) {
                if (!allreduce_wait(work, me, parent, piece.number))
                    return false;
                allreduce_copy(y, allreduce_result<T>(work, parent), piece);
                allreduce_publish(work, me, piece.number);
            }
    }
    return true;
}

/* Step 0: of two neighbours, the second takes over; step k: exchange at distance 2^(k-1) among
 * those who are left, whose k-th is the rank `2k + 1` or `k + extra`. */
template <typename T>
__device__ bool allreduce_doubling(const allreduce_work &work, allreduce_me me) {
    int levels = work.steps - 1, extra = work.ranks - (1 << levels);
    T *y = allreduce_result<T>(work, me.rank);
    const T *value = allreduce_value<T>(work, me.rank);
    bool pairs = me.rank < 2 * extra, out = pairs && me.rank % 2 == 0;
    int number = pairs ? me.rank / 2 : me.rank - extra;
    for (size_t loop = 0; loop < work.loops; loop++) {
        if (out) {
            FOR_SEGMENTS(piece, work, me, loop, levels, 0) {
                if (!allreduce_wait(work, me, me.rank + 1, piece.number))
                    return false;
                allreduce_copy(y, allreduce_result<T>(work, me.rank + 1), piece);
            }
            continue;
        }
        if (pairs)
            FOR_SEGMENTS(piece, work, me, loop, 0, 0) {
                if (!allreduce_wait(work, me, me.rank - 1, JOINED))
                    return false;
                allreduce_add(allreduce_sums<T>(work, me.rank, 0), value,
                              allreduce_value<T>(work, me.rank - 1), piece);
                allreduce_publish(work, me, piece.number);
            }
        for (int k = 1; k <= levels; k++) {
            int partner = number ^ (1 << (k - 1));
            bool paired = partner < extra;
            int rank = paired ? 2 * partner + 1 : partner + extra;
            const T *mine = k == 1 && !pairs ? value : allreduce_sums<T>(work, me.rank, k - 1);
            const T *theirs = k == 1 && !paired ? allreduce_value<T>(work, rank)
                                                : allreduce_sums<T>(work, rank, k - 1);
            T *to = k < levels ? allreduce_sums<T>(work, me.rank, k) : y;
            FOR_SEGMENTS(piece, work, me, loop, k - 1, 0) {
                if (!allreduce_wait(work, me, rank, k == 1 && !paired ? JOINED : piece.number))
                    return false;
                allreduce_add(to, mine, theirs, piece);
                allreduce_publish(work, me, piece.number + work.segments);
            }
        }
    }
    return true;
}

template <typename T>
__device__ void allreduce_add_ranks(const allreduce_work &work, allreduce_me me,
                                    const allreduce_piece &piece) {
    const T *values = allreduce_value<T>(work, 0);
    T *y = allreduce_result<T>(work, me.rank);
    FOR_ELEMENTS(i, piece)
    allreduce_store(y + i, allreduce_add_up(work, values + i, work.ranks));
}

template <typename T>
__device__ bool allreduce_oneshot(const allreduce_work &work, allreduce_me me) {
    if (!allreduce_wait_all(work, me, JOINED))
        return false;
    for (size_t loop = 0; loop < work.loops; loop++)
        FOR_SEGMENTS(piece, work, me, loop, 0, 0)
    allreduce_add_ranks<T>(work, me, piece);
    return true;
}

template <typename T>
__device__ bool allreduce_twoshot(const allreduce_work &work, allreduce_me me) {
    int n = work.ranks;
    if (!allreduce_wait_all(work, me, JOINED))
        return false;
    for (size_t loop = 0; loop < work.loops; loop++) {
        FOR_SEGMENTS(piece, work, me, loop, 0, me.rank) {
            allreduce_add_ranks<T>(work, me, piece);
            allreduce_publish(work, me, piece.number);
        }
        for (int k = 1; k < n; k++) {
            int from = (me.rank + k) % n;
            FOR_SEGMENTS(piece, work, me, loop, 0, from) {
                if (!allreduce_wait(work, me, from, piece.number))
                    return false;
                allreduce_copy(allreduce_result<T>(work, me.rank), allreduce_result<T>(work, from),
                               piece);
            }
        }
    }
    return true;
}

/* Each segment is a unit with a lock: a rank draws a number and waits until as many have been. */
template <typename T>
__device__ bool allreduce_by_arrival(const allreduce_work &work, allreduce_me me) {
    __shared__ unsigned drawn;
    T *sums = allreduce_sums<T>(work, 0, 0);
    const T *mine = allreduce_value<T>(work, me.rank);
    unsigned n = (unsigned)work.ranks;
    for (int reading = 0; reading < 2; reading++)
        for (size_t loop = 0; loop < work.loops; loop++)
            FOR_SEGMENTS(piece, work, me, loop, 0, 0) {
                size_t unit = (loop * work.channels + me.channel) * work.segments + piece_k;
                bool gave_up = false;
                if (threadIdx.x == 0) {
                    unsigned turn = n;
                    if (!reading) {
                        turn = drawn = atomicAdd(&work.tickets[unit], 1u) - work.first_ticket;
                        work.arrivals[unit * n + turn] = (unsigned char)me.rank;
                    }
                    gave_up = turn && !allreduce_look(work, me, &work.turns[unit], turn, -1);
                }
                if (__syncthreads_or(gave_up))
                    return false;
                if (reading) {
                    allreduce_copy(allreduce_result<T>(work, me.rank), sums, piece);
                    continue;
                }
                unsigned turn = drawn;
                if (turn)
                    allreduce_add(sums, mine, sums, piece);
                else
                    allreduce_copy(sums, mine, piece);
                __syncthreads();
                if (threadIdx.x == 0)
                    kernel_store_release(&work.turns[unit], work.call + turn + 1);
            }
    return true;
}

/* --- the kernel --------------------------------------------------------------------------------
 */

/* The stalled rank's blocks, before they join; false if they never do. Without a clock, a second
 * look at what has not changed lets everybody else go first. */
__device__ inline bool allreduce_stall_here(const allreduce_work &work) {
    if (threadIdx.x == 0 && work.never_joins)
        while (!kernel_load_relaxed(&work.status->gave_up))
            continue;
    flag since = kernel_nanoseconds();
    if (threadIdx.x == 0 && !work.never_joins && since)
        while (kernel_nanoseconds() - since < work.stall_time)
            continue;
    if (threadIdx.x == 0 && !work.never_joins && !since)
        for (flag round = 0; round < work.stall_time; round++) {
            atomicAdd(&work.status->stalling, 1u);
            kernel_load_relaxed(&work.status->stalling);
            kernel_load_relaxed(&work.status->stalling);
        }
    __syncthreads();
    return !work.never_joins;
}

template <typename T, int algorithm>
__global__ void __launch_bounds__(512) allreduce_kernel(allreduce_work work) {
    allreduce_me me = {(int)blockIdx.x / work.channels, (int)blockIdx.x % work.channels};
    allreduce_times times = {};
    times.started = kernel_nanoseconds();
    if (work.stalled == me.rank && !allreduce_stall_here(work))
        return;
    if (work.parts > 1)
        allreduce_add_parts<T>(work, me);
    times.joined = kernel_nanoseconds();
    allreduce_publish(work, me, JOINED);
    if (algorithm == ALLREDUCE_RING)
        allreduce_ring<T>(work, me);
    else if (algorithm == ALLREDUCE_TREE)
        allreduce_tree<T>(work, me);
    else if (algorithm == ALLREDUCE_DOUBLING)
        allreduce_doubling<T>(work, me);
    else if (algorithm == ALLREDUCE_ONESHOT)
        allreduce_oneshot<T>(work, me);
    else if (algorithm == ALLREDUCE_TWOSHOT)
        allreduce_twoshot<T>(work, me);
    else
        allreduce_by_arrival<T>(work, me);
    __syncthreads();
    times.done = kernel_nanoseconds();
    if (threadIdx.x == 0)
        work.times[blockIdx.x] = times;
}

template <typename T>
int allreduce_start(const struct allreduce_call *call, const allreduce_work &work, void *stream) {
    dim3 grid((unsigned)(work.ranks * work.channels)), block((unsigned)call->plan.threads);
#define START(algorithm)                                                                           \
    kernel_launch_together(allreduce_kernel<T, algorithm>, grid, block, 0, stream, work)
    switch (work.ranks == 1 ? ALLREDUCE_ONESHOT : call->plan.algorithm) {
    case ALLREDUCE_RING:
        return START(ALLREDUCE_RING);
    case ALLREDUCE_TREE:
        return START(ALLREDUCE_TREE);
    case ALLREDUCE_DOUBLING:
        return START(ALLREDUCE_DOUBLING);
    case ALLREDUCE_ONESHOT:
        return START(ALLREDUCE_ONESHOT);
    case ALLREDUCE_TWOSHOT:
        return START(ALLREDUCE_TWOSHOT);
    default:
        return START(ALLREDUCE_ARRIVAL);
    }
#undef START
}

/* Pieces that a block publishes of one loop's chunk, one after another. */
int allreduce_steps(const struct allreduce_plan *plan) {
    int levels = 0;
    while (2 << levels <= plan->ranks)
        levels++;
    switch (plan->algorithm) {
    case ALLREDUCE_RING:
        return 2 * plan->ranks - 1;
    case ALLREDUCE_TREE:
        return 2;
    case ALLREDUCE_DOUBLING:
        return levels + 1;
    default:
        return 1;
    }
}

int allreduce_launch(const struct allreduce_call *call, void *stream) {
    const struct allreduce_plan *plan = &call->plan;
    char why[PLAN_WHY], text[PLAN_TEXT];
    if (allreduce_plan_check(plan, call->n, why))
        return device_fail("%s: %s", allreduce_plan_text(plan, text), why);
    if (call->stall.rank >= plan->ranks)
        return device_fail("%s: there is no rank %d to stall", allreduce_plan_text(plan, text),
                           call->stall.rank);
    bool never_joins = call->stall.rank >= 0 && call->stall.never_joins;
    if (never_joins && !call->deadline)
        return device_fail("%s: a rank that never joins needs a deadline for the others",
                           allreduce_plan_text(plan, text));
    struct allreduce_layout layout = allreduce_layout(plan, call->n);
    struct allreduce_workspace at = allreduce_workspace(plan, call->n);
    char *memory = (char *)call->workspace;
    allreduce_work work = {};
    work.x = call->x;
    work.y = call->y;
    work.local = memory + at.local;
    work.scratch = memory + at.scratch;
    work.status = (struct allreduce_status *)(memory + at.status);
    work.flags = (flag *)(memory + at.flags);
    work.turns = (flag *)(memory + at.turns);
    work.tickets = (unsigned *)(memory + at.tickets);
    work.first_ticket = (call->number - 1) * (unsigned)plan->ranks;
    work.arrivals = (unsigned char *)(memory + at.arrivals);
    work.times = (struct allreduce_times *)(memory + at.times);
    work.n = call->n;
    work.loops = layout.loops;
    work.chunk = layout.chunk;
    work.last = layout.last;
    work.segment = (size_t)plan->segment;
    work.segments = layout.segments;
    work.call = (flag)call->number << ALLREDUCE_CALL_SHIFT;
    work.deadline = call->deadline;
    work.stall_time = call->stall.time;
    work.ranks = plan->ranks;
    work.channels = plan->channels;
    work.shares = layout.shares;
    work.steps = allreduce_steps(plan);
    work.parts = allreduce_parts_each(plan);
    work.stalled = call->stall.rank;
    work.pairwise = plan->merge == ALLREDUCE_PAIRWISE;
    work.never_joins = never_joins;
    if (plan->type == ALLREDUCE_BF16)
        return allreduce_start<__nv_bfloat16>(call, work, stream);
    return allreduce_start<float>(call, work, stream);
}

} // namespace

extern "C" const struct allreduce_ops KERNEL_EXPORT(allreduce_ops) = {allreduce_launch};
