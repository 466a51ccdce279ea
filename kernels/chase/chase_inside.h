/*
 * chase_inside.h: what the files of this family and its test share, and nobody else sees.
 */
#ifndef NANOLAB_KERNELS_CHASE_INSIDE_H
#define NANOLAB_KERNELS_CHASE_INSIDE_H

#include "kernels/chase/chase.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __CUDACC__
#define CHASE_FN __host__ __device__ static inline
#else
#define CHASE_FN static inline
#endif

#define CHASE_LINE 64u
#define CHASE_LANES 32u /* at most */
#define CHASE_NOWHERE UINT32_MAX

/* The places of one set of chains. The first 8 bytes of a place's line hold the address of the next
 * place of its chain; chain c has the places c, c + lanes, c + 2 lanes, … and starts at c. */
struct chase_region {
    uint64_t base;  /* address of place 0's stride, in the device's memory */
    uint64_t step;  /* bytes from one place's stride to the next one's */
    uint32_t lines; /* of a stride that places are spread over; 1: the first only */
    uint32_t places;
    uint32_t lanes; /* divides places */
    uint32_t first; /* lane of the job that runs the first of these chains */
};

/* Bytes from base to a place's line. Of `lines` places in a row each has a line of its own, so all
 * cache sets get their share; which one it begins with is scattered by the golden ratio. */
CHASE_FN uint64_t chase_offset(const struct chase_region *region, uint32_t place) {
    uint64_t group = place / region->lines;
    uint64_t shift = group * 0x9E3779B97F4A7C15ull >> 32;
    return place * region->step + (place + shift) % region->lines * CHASE_LINE;
}

/* The place whose line is at an address, or CHASE_NOWHERE. */
CHASE_FN uint32_t chase_place(const struct chase_region *region, uint64_t address) {
    uint64_t offset = address - region->base, place = offset / region->step;
    if (place >= region->places || chase_offset(region, (uint32_t)place) != offset)
        return CHASE_NOWHERE;
    return (uint32_t)place;
}

/* One call: every lane makes `hops` hops. The arrays lie in device memory, one word for each lane;
 * `cycles` is one word. */
struct chase_walk {
    const uint64_t *start, *end; /* addresses: where lanes begin, and where they must end */
    uint64_t *right;             /* += 1 where a lane did */
    uint64_t *cycles;            /* of the device's clock; left alone if it has none */
    uint64_t hops;
    unsigned lanes;
    bool joined;
};

/* 0 or -1 with device_fail(). `next` lies in device memory: for every place the next one. */
struct chase_ops {
    int (*link)(const struct chase_region *region, const uint32_t *next, void *stream);
    int (*unlink)(const struct chase_region *region, uint32_t *next, void *stream); /* reads back */
    int (*walk)(const struct chase_walk *walk, void *stream);
};
extern const struct chase_ops chase_ops_cpu, chase_ops_simt, chase_ops_checked;
extern const struct chase_ops chase_ops_cuda DEVICE_CUDA_ONLY;
extern const struct chase_ops chase_ops_ptx DEVICE_PTX_ONLY;

/* chase_order.c. next[region->places]: the chains in an order. 0, or -1 with device_fail(). */
int chase_order_make(const struct chase_region *region, enum chase_order order, uint64_t seed,
                     uint32_t *next);
/* Whether every chain visits each of its places once and returns; -1 with device_fail() if not. */
int chase_order_check(const struct chase_region *region, const uint32_t *next);
/* The place `hops` hops after a chain's start. */
uint32_t chase_order_after(const struct chase_region *region, const uint32_t *next, uint32_t chain,
                           uint64_t hops);

/* chase_plan.c. The regions of a checked plan with base 0, the cold one first; returns how many. */
unsigned chase_plan_regions(const struct chase_plan *plan, struct chase_region regions[2]);
/* Bytes of memory that a region reaches over. */
size_t chase_region_bytes(const struct chase_region *region);
/* plan->laps, or what it stands for on a kind of device. */
unsigned chase_plan_laps(const struct chase_plan *plan, enum device_kind kind);

/* For tests: where a job's places lie, and other kernels for a job, such as some that skip work. */
const struct chase_region *chase_job_region(const struct job *job, unsigned index);
void chase_job_use(struct job *job, const struct chase_ops *ops);

#ifdef __cplusplus
}
#endif
#endif
