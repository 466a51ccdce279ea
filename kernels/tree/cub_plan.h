/*
 * cub_plan.h: the tree that cub::DeviceReduce::Sum ought to have: what CUB 3.0 writes down about
 * its kernels (agent_reduce.cuh, tuning_reduce.cuh, block_reduce_warp_reductions.cuh,
 * dispatch_reduce.cuh, as of the CUDA toolkit 13.0), as a prediction for what recover() finds.
 */
#ifndef NANOLAB_KERNELS_TREE_CUB_PLAN_H
#define NANOLAB_KERNELS_TREE_CUB_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/element/element.h"
#include "kernels/tree/tree.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The version that is known: CUB_MAJOR_VERSION * 100 + CUB_MINOR_VERSION. */
#define CUB_PLAN_VERSION 300

struct cub_plan {
    unsigned threads;     /* of a block */
    unsigned items;       /* of a full tile, per thread */
    unsigned vector;      /* of them in a row, which one load takes */
    bool pairwise;        /* a thread adds those of a tile pairwise, not one after another */
    unsigned most_blocks; /* of the first kernel, where the input is more than a tile */
};

/* For f32 or f64, a count of inputs of 64 bits (size_t) or of 32 (int), code for architecture
 * `arch` (80: compute_80), and a card of `sms` multiprocessors that hold `occupancy` blocks each
 * (0: as many as 2048 threads are enough for). */
struct cub_plan cub_plan_of(enum element type, bool wide_count, int arch, int sms, int occupancy);
/* Of more inputs than this a block takes more than a tile, and the tree is one of that many blocks.
 */
size_t cub_plan_reach(const struct cub_plan *plan);
/* Of n inputs that lie at a 256-byte boundary. NULL when memory is short, or n is 0 or more than
 * 2^31 - 1. */
struct tree *cub_plan_tree(const struct cub_plan *plan, size_t n);

/* Cards to ask about, the best known of each architecture that CUB's PTX is built for. */
struct cub_card {
    const char *name;  /* "sm_90" */
    const char *model; /* "an H100 SXM" */
    int arch, sms;
};
const struct cub_card *cub_cards(size_t *count);
/* NULL: not among them. */
const struct cub_card *cub_card_of(int arch);

#ifdef __cplusplus
}
#endif
#endif
