/*
 * chase.cu: one warp that follows pointers; each lane has a chain of its own, and since the lanes
 * run the same loop, no lane goes on before the loads of all are back. The SIMT machine runs the
 * same text for its results.
 *
 * The clock is read around the whole walk: read around each load it would cost as much as a hit.
 */
#include "kernels/chase/chase_inside.h"
#include "kernels/device/kernel.h"

namespace {

typedef unsigned long long word;

__device__ word chase_clock() {
#ifdef __CUDACC__
    return (word)clock64();
#else
    return 0; /* the SIMT machine has no clock */
#endif
}

/* Of global memory, through the first-level cache: an ordinary load of an address that was itself
 * loaded is a generic one, which first finds out what memory is meant. */
__device__ word chase_load(word address) {
#ifdef __CUDACC__
    return __ldca((const word *)address);
#else
    return *(const word *)address;
#endif
}

/* One block of `lanes` threads. */
__global__ void chase_walk_kernel(const word *start, const word *end, word *right, word *cycles,
                                  word hops) {
    unsigned lane = threadIdx.x;
    word at = start[lane], must = end[lane], ended = right[lane];
    word before = chase_clock();
#pragma unroll 8
    for (word hop = 0; hop < hops; hop++)
        at = chase_load(at);
    right[lane] = ended + (at == must); /* waits for the last load */
    word after = chase_clock();
    if (lane == 0)
        *cycles = after - before;
}

__global__ void chase_link_kernel(struct chase_region region, const uint32_t *next) {
    uint32_t step = gridDim.x * blockDim.x;
    for (uint64_t i = blockIdx.x * blockDim.x + threadIdx.x; i < region.places; i += step)
        *(word *)(region.base + chase_offset(&region, (uint32_t)i)) =
            region.base + chase_offset(&region, next[i]);
}

__global__ void chase_unlink_kernel(struct chase_region region, uint32_t *next) {
    uint32_t step = gridDim.x * blockDim.x;
    for (uint64_t i = blockIdx.x * blockDim.x + threadIdx.x; i < region.places; i += step)
        next[i] =
            chase_place(&region, *(const word *)(region.base + chase_offset(&region, (uint32_t)i)));
}

int walk(const struct chase_walk *walk, void *stream) {
    return kernel_launch(chase_walk_kernel, dim3(1), dim3(walk->lanes), 0, stream,
                         (const word *)walk->start, (const word *)walk->end, (word *)walk->right,
                         (word *)walk->cycles, (word)walk->hops);
}

/* Enough blocks for any number of places, few where places are few. */
dim3 blocks_for(const struct chase_region *region) {
    uint32_t blocks = region->places / 256 + 1;
    return dim3(blocks < 1024 ? blocks : 1024);
}

int link(const struct chase_region *region, const uint32_t *next, void *stream) {
    return kernel_launch(chase_link_kernel, blocks_for(region), dim3(256), 0, stream, *region,
                         next);
}

int unlink(const struct chase_region *region, uint32_t *next, void *stream) {
    return kernel_launch(chase_unlink_kernel, blocks_for(region), dim3(256), 0, stream, *region,
                         next);
}

} // namespace

extern "C" const struct chase_ops KERNEL_EXPORT(chase_ops) = {link, unlink, walk};
