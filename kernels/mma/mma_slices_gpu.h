/*
 * mma_slices_gpu.h: the integer GEMM of mma_slices.h on a GPU's integer units, or on the SIMT
 * machine: the same rule, so the same bits as on a CPU.
 *
 * Two units: DP4A, four products of signed bytes and a sum in one thread (compute capability 6.1
 * and later); and the matrix unit's mma.sync m16n8k32 for signed bytes (8.0 and later; elsewhere
 * the same kernel does the same sums by shuffles and DP4A). Sums of one class each are registers;
 * digits of a step of K come through shared memory. Parts of K are blocks of their own, which add
 * their V to 64-bit integers in memory, in whatever order they arrive.
 */
#ifndef NANOLAB_KERNELS_MMA_MMA_SLICES_GPU_H
#define NANOLAB_KERNELS_MMA_MMA_SLICES_GPU_H

#include "kernels/mma/mma_slices.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The unit, and rows and columns of a block. */
#define MMA_SLICES_GPU_TILES(V) V(8, "dp4a-8x8") V(16, "dp4a-16x16") V(64, "imma-64x64")
/* Groups of four k that a block stages at a time. */
#define MMA_SLICES_GPU_DEPTHS(V) V(8, "depth8") V(16, "depth16")

#define MMA_SLICES_GPU_PLAN_FIELDS(X)                                                              \
    X(slices, MMA_SLICES_SLICES, "slices of each operand")                                         \
    X(kept, MMA_SLICES_KEPTS, "which products of slices are kept")                                 \
    X(tile, MMA_SLICES_GPU_TILES, "the unit, and rows and columns of a block")                     \
    X(depth, MMA_SLICES_GPU_DEPTHS, "groups of K staged at a time")                                \
    X(split, MMA_SLICES_SPLITS, "parts of K")

struct mma_slices_gpu_plan {
    MMA_SLICES_GPU_PLAN_FIELDS(MMA_SLICES_MEMBER)
};

#define MMA_SLICES_GPU_FIELD_ID(name, values, what) MMA_SLICES_GPU_FIELD_##name,
enum mma_slices_gpu_field {
    MMA_SLICES_GPU_PLAN_FIELDS(MMA_SLICES_GPU_FIELD_ID) MMA_SLICES_GPU_FIELDS
};
/* The fields that decide the bits. */
#define MMA_SLICES_GPU_DECIDE                                                                      \
    ((1u << MMA_SLICES_GPU_FIELD_slices) | (1u << MMA_SLICES_GPU_FIELD_kept))

struct plan_family;
extern const struct plan_family mma_slices_gpu_plans;

/* Four slices, ten products. */
struct mma_slices_gpu_plan mma_slices_gpu_plan_default(void);

/* A job on simt or cuda; both operands are sliced in every call. `checked`: by the checked build of
 * the kernels, on the SIMT machine. As for a CPU, operands and output are f32 and K is below 2^24
 * or 2^17; M is below 2^19. `operands` must stay until the job is closed. 0, or -1 with
 * device_error(). */
int mma_slices_gpu_job_open(struct job *job, struct device *device,
                            const struct mma_operands *operands,
                            const struct mma_slices_gpu_plan *plan, bool checked);

/* --- the kernels ------------------------------------------------------------------------------ */

/* One operand in device memory. */
struct mma_slices_gpu_side {
    const float *x;
    size_t stride, rows;
    int *place;     /* q of each row */
    int *special;   /* whether it holds a NaN or an infinity */
    int32_t *words; /* [row][slice][group]: four digits each; zeros beyond K */
};

struct mma_slices_gpu_product {
    float *c;
    size_t ldc, k;
    size_t groups, part_groups, parts; /* of K, filled up to a multiple of 64 */
    unsigned long long *v;             /* [m][n], with more than one part */
    int slices, classes, tile, depth;
};

struct mma_slices_gpu_call {
    struct mma_slices_gpu_side a, b;
    struct mma_slices_gpu_product product;
};

struct mma_slices_ops {
    /* Starts all kernels of a call; m and n are not 0. 0, or -1 with device_error(). */
    int (*start)(const struct mma_slices_gpu_call *call, void *stream);
};
const struct mma_slices_ops *mma_slices_ops_for(enum device_kind kind, bool checked);

#ifdef __cplusplus
}
#endif
#endif
