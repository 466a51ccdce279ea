/*
 * mma.h: the matrix products of mma_data.h on a GPU or on the SIMT machine, and every way this
 * project stages them.
 *
 * A plan says which instruction multiplies, how the matrices are cut up and in what order sums
 * meet. Each decision is a field with a name and a short list of values, written down once, in the
 * lists below. kernels/mma/mma.cu, mma_sync.cu and mma_wgmma.cu execute a plan; mma_model.c says
 * beforehand, from the rule of the card's matrix unit (mma_rule.h), which bits come out.
 *
 * The order, in full. K is cut into slices of ⌈⌈K/grain⌉/split⌉ × grain; there may be fewer slices
 * than the plan's split, and there is one if K is 0. Each slice of each output is one chain: it
 * starts from +0, and instructions of the kernel's K take the slice's products in order, the
 * result of one being the addend of the next. A slice is filled up with zeros to whole stages of
 * mma_plan_depth(). The chain's last result is widened to FP32; slices are merged in order, each
 * addition rounded to nearest, and the sum is rounded once to the output's format. (`in-place`
 * rounds to it after every slice.) Nothing else touches a value: the tile, the sides, the warps,
 * the stages, the loads and the order of the tiles leave every bit as it is.
 */
#ifndef NANOLAB_KERNELS_MMA_MMA_H
#define NANOLAB_KERNELS_MMA_MMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/device/device.h"
#include "kernels/mma/mma_data.h"
#include "kernels/mma/mma_job.h"
#include "kernels/plan/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

struct json_t;
struct mma_rule;

/* --- the values of each field: V(value, word) --------------------------------------------------
 */

/* What multiplies. scalar: one FMA after another, on the CUDA cores. wmma-: the three shapes of
 * CUDA's C++ interface, M × N × K; which instructions they become is the compiler's business, the
 * model goes by the block of the matrix unit. m16n8k…: mma.sync, one instruction each; for 16-bit
 * formats K is 8 or 16, for tf32 8 and for 8-bit formats 32. wgmma: Hopper's, by four warps
 * together, M = 64. */
#define MMA_KERNELS(V)                                                                             \
    V(MMA_SCALAR, "scalar")                                                                        \
    V(MMA_WMMA_16X16, "wmma-16x16x16")                                                             \
    V(MMA_WMMA_32X8, "wmma-32x8x16")                                                               \
    V(MMA_WMMA_8X32, "wmma-8x32x16")                                                               \
    V(MMA_M16N8K8, "m16n8k8")                                                                      \
    V(MMA_M16N8K16, "m16n8k16") V(MMA_M16N8K32, "m16n8k32") V(MMA_WARPGROUP, "wgmma")

/* What A and B are. */
#define MMA_INS(V)                                                                                 \
    V(ELEMENT_F16, "f16")                                                                          \
    V(ELEMENT_BF16, "bf16")                                                                        \
    V(ELEMENT_TF32, "tf32") V(ELEMENT_E4M3, "e4m3") V(ELEMENT_E5M2, "e5m2")

/* What one instruction adds to and gives. */
#define MMA_ACCS(V) V(MMA_ACC32, "acc32") V(MMA_ACC16, "acc16")

/* What C is. */
#define MMA_OUTS(V) V(ELEMENT_F32, "to-f32") V(ELEMENT_F16, "to-f16") V(ELEMENT_BF16, "to-bf16")

/* Which operand's rows lie on the instruction's M side: A's (a batch on the tile of 16, of 64 in
 * wgmma), or B's, so that a batch lies on the N side (on n8). */
#define MMA_SIDES(V) V(MMA_BATCH_ON_M, "batch-m") V(MMA_BATCH_ON_N, "batch-n")

/* What one block of threads computes: rows on the M side × rows on the N side. The three with an 8
 * or 16 are for small batches. The word says it; the number is 1000 × rows + columns. */
/* Floats between rows of sums that pass through shared memory. */
#define MMA_GAP 8
#define MMA_TILE_OF(rows, columns) (1000 * (rows) + (columns))
#define MMA_TILES(V)                                                                               \
    V(MMA_TILE_OF(64, 64), "t64x64")                                                               \
    V(MMA_TILE_OF(128, 128), "t128x128")                                                           \
    V(MMA_TILE_OF(128, 256), "t128x256")                                                           \
    V(MMA_TILE_OF(64, 256), "t64x256")                                                             \
    V(MMA_TILE_OF(16, 128), "t16x128")                                                             \
    V(MMA_TILE_OF(8, 128), "t8x128") V(MMA_TILE_OF(128, 8), "t128x8")

/* Warps of a block; of wgmma one warpgroup, four of them, only loads. */
#define MMA_WARPS(V) V(4, "w4") V(8, "w8") V(12, "w12")

/* Pieces of K in shared memory at once. 1: loading and multiplying take turns. */
#define MMA_STAGES(V) V(1, "st1") V(2, "st2") V(3, "st3") V(4, "st4")

/* Bytes per load; `elements`: one element at a time, by ordinary loads. `fit` is the widest that
 * pointers and rows allow: a job's record tells which that was. */
#define MMA_LOADS(V)                                                                               \
    V(MMA_LOAD_FIT, "fit")                                                                         \
    V(MMA_LOAD_ELEMENTS, "elements") V(4, "load4") V(8, "load8") V(16, "load16")

#define MMA_SPLITS(V) V(1, "s1") V(2, "s2") V(3, "s3") V(4, "s4") V(8, "s8")

/* Slices end at multiples of it, in elements of K. */
#define MMA_GRAINS(V) V(64, "g64") V(128, "g128")

/* Slices to the output. kernel: all of them are stored, and a second kernel adds them up. turns:
 * a tile's blocks take turns, in order, and add to the sum in the workspace. in-place: the same,
 * and the sum is kept in C, in C's format. */
#define MMA_MERGES(V) V(MMA_BY_KERNEL, "kernel") V(MMA_IN_TURN, "turns") V(MMA_IN_PLACE, "in-place")

/* In which order blocks take the tiles: along the N side, or in groups of eight rows of tiles, so
 * that those at work share more of what they load. */
#define MMA_ORDERS(V) V(MMA_BY_ROWS, "by-rows") V(MMA_BY_GROUPS, "grouped")

#define MMA_ENUMERATOR(value, word) value,
#define MMA_LOAD_FIT 0
#define MMA_LOAD_ELEMENTS 1
enum mma_kernel { MMA_KERNELS(MMA_ENUMERATOR) };
enum mma_acc { MMA_ACCS(MMA_ENUMERATOR) };
enum mma_side { MMA_SIDES(MMA_ENUMERATOR) };
enum mma_merge { MMA_MERGES(MMA_ENUMERATOR) };
enum mma_order { MMA_ORDERS(MMA_ENUMERATOR) };

/* --- the fields: X(name, values, what) ----------------------------------------------------------
 */

#define MMA_PLAN_FIELDS(X)                                                                         \
    X(kernel, MMA_KERNELS, "instruction that multiplies")                                          \
    X(in, MMA_INS, "format of A and B")                                                            \
    X(acc, MMA_ACCS, "format of the sums inside a slice")                                          \
    X(out, MMA_OUTS, "format of C")                                                                \
    X(side, MMA_SIDES, "side of the instruction that A's rows lie on")                             \
    X(tile, MMA_TILES, "rows x columns that a block computes")                                     \
    X(warps, MMA_WARPS, "warps per block")                                                         \
    X(stages, MMA_STAGES, "pieces of K in shared memory")                                          \
    X(load, MMA_LOADS, "bytes per load")                                                           \
    X(split, MMA_SPLITS, "slices of K")                                                            \
    X(grain, MMA_GRAINS, "elements of K that slices are whole numbers of")                         \
    X(merge, MMA_MERGES, "slices to the output")                                                   \
    X(order, MMA_ORDERS, "order of the tiles")

#define MMA_MEMBER(name, values, what) int name;
struct mma_plan {
    MMA_PLAN_FIELDS(MMA_MEMBER)
};

#define MMA_FIELD_ID(name, values, what) MMA_FIELD_##name,
enum mma_field_id { MMA_PLAN_FIELDS(MMA_FIELD_ID) MMA_FIELDS };
#define MMA_FIELD_BIT(name) (1u << MMA_FIELD_##name)
extern const struct plan_field mma_fields[MMA_FIELDS];

#define MMA_TEXT PLAN_TEXT

int mma_plan_get(const struct mma_plan *plan, enum mma_field_id field);
void mma_plan_set(struct mma_plan *plan, enum mma_field_id field, int value);
bool mma_plan_equal(const struct mma_plan *a, const struct mma_plan *b);

/* bf16 by m16n8k16 to FP32, tiles of 64 × 64, not split. */
struct mma_plan mma_plan_default(void);
/* The plan with this kernel and these formats, all else as good as it gets for large matrices; if
 * `small`, for few rows of A: the tile whose M side (N side for batch-n) is one instruction's. */
struct mma_plan mma_plan_for(enum mma_kernel kernel, enum element in, enum element out, bool small,
                             enum mma_side side);

/* The id, the fields' words in order, joined by points. `out` has MMA_TEXT bytes; returned. */
char *mma_plan_text(const struct mma_plan *plan, char *out);
/* Parses an id. Words may come in any order and may be missing: the rest is mma_plan_for's of the
 * kernel and the format that are named. 0, or -1 with `why` (PLAN_WHY bytes, or NULL). */
int mma_plan_parse(const char *text, struct mma_plan *plan, char *why);
/* One object, a member per field: words as text, counts as numbers. New reference. */
struct json_t *mma_plan_json(const struct mma_plan *plan);
/* 0 if the plan makes sense, on some card; with a problem: for that problem, too (formats, sizes,
 * what its offsets and rows allow to load). -1 with `why` (PLAN_WHY bytes, or NULL). */
int mma_plan_check(const struct mma_plan *plan, const struct mma_problem *problem, char *why);

/* Every legal plan whose fields in `mask` are those of `fixed`, or few that hold every pair of
 * field values. *plans is malloc'ed. -1: no memory. */
int mma_plans_all(unsigned mask, const struct mma_plan *fixed, struct mma_plan **plans,
                  size_t *count);
int mma_plans_pairs(unsigned mask, const struct mma_plan *fixed, struct mma_plan **plans,
                    size_t *count);
/* The plan with one field moved to its list's next value that is legal with the other fields as
 * they are; false if there is none. */
bool mma_plan_mutant(const struct mma_plan *plan, enum mma_field_id field, struct mma_plan *mutant);

/* --- arithmetic of a plan ----------------------------------------------------------------------
 */

/* One instruction: rows on its M side, on its N side, elements of K. scalar: 1 × 1 × 1. */
struct mma_shape mma_plan_instruction(const struct mma_plan *plan);
/* The same, and the tile of a block, as rows of A, rows of B and elements of K. */
struct mma_shape mma_plan_fragment(const struct mma_plan *plan);
struct mma_shape mma_plan_tile(const struct mma_plan *plan);
/* Of the products in whole units (fragments or tiles), the share that C needs; 1 for no products.
 * K counts only where `deep`. */
double mma_utilisation(struct mma_shape unit, const struct mma_shape *shape, bool deep);
/* Elements of K per stage. */
size_t mma_plan_depth(const struct mma_plan *plan);
/* Elements of K per slice, and how many slices there are; 0 and 1 for K = 0. */
size_t mma_plan_slice(const struct mma_plan *plan, size_t k);
size_t mma_plan_slices(const struct mma_plan *plan, size_t k);
/* The widest load: 1 for MMA_LOAD_ELEMENTS, 4, 8 or 16. */
int mma_widest_load(const struct mma_problem *problem);
/* Bytes of dynamic shared memory per block, tiles of C, and kernel launches of one product. */
size_t mma_shared_bytes(const struct mma_plan *plan);
size_t mma_tiles(const struct mma_plan *plan, const struct mma_shape *shape);
size_t mma_launches(const struct mma_plan *plan, const struct mma_shape *shape);
/* A head, with counters that prepare() makes 0, and sums of slices. 0 for a plan without merge. */
size_t mma_workspace_bytes(const struct mma_plan *plan, const struct mma_shape *shape);

/* Compute capability, 10 × major + minor, that a plan needs; wgmma: 90, and no other. */
int mma_plan_capability(const struct mma_plan *plan);

/* --- the kernels -------------------------------------------------------------------------------
 */

/* One product. Pointers are the device's, to the first elements. */
struct mma_call {
    struct mma_plan plan;
    struct mma_problem problem; /* its offsets do not count: the pointers do */
    const void *a, *b;
    void *c;
    void *workspace; /* mma_workspace_bytes(), aligned to 256 bytes; one launch at a time */
    void *stream;
    bool runs; /* mma_plan_runs() has said so: not asked again at every launch */
};

struct mma_ops {
    /* Makes a workspace of a plan and shape ready; once after its allocation. A launch leaves it
     * ready again. */
    int (*prepare)(const struct mma_call *call);
    /* Starts the product. A plan that this card, or this build, has no instructions for is refused
     * by name. 0, or -1 with device_error(); finished after device_sync. */
    int (*launch)(const struct mma_call *call);
    /* Sets what mma_capability() gives. */
    int (*capability)(int *capability);
};

/* The parts of a device's table that files of their own bring. */
struct mma_sync_ops {
    int (*launch)(const struct mma_call *call);
};
struct mma_wgmma_ops {
    int (*launch)(const struct mma_call *call);
};
/* The plan's kernel on a device; `checked`: simt's checked build. */
int mma_kernel_prepare(const struct mma_call *call, enum device_kind kind, bool checked);
int mma_kernel_launch(const struct mma_call *call, enum device_kind kind, bool checked);

/* 0 if a device can run the plan, now and in this build; -1 with device_error(). */
int mma_plan_runs(const struct mma_plan *plan, struct device *device);
/* What a device multiplies with: 10 × major + minor of a GPU or of the card that the SIMT machine
 * stands for; 0 with device_error(). */
int mma_capability(struct device *device);

/* The product as a job; `checked`: by the checked build of the kernels, on the SIMT machine. The
 * operands are borrowed. 0, or -1 with device_error(). */
int mma_kernel_job_open(struct job *job, struct device *device, const struct mma_operands *operands,
                        const struct mma_plan *plan);
int mma_kernel_job_open_checked(struct job *job, struct device *device,
                                const struct mma_operands *operands, const struct mma_plan *plan);

/* --- the model ---------------------------------------------------------------------------------
 */

/* The rule of the plan's instruction on a card of that compute capability; NULL: none is known. */
const struct mma_rule *mma_plan_rule(const struct mma_plan *plan, int capability);
/* What C[m][n] must be on a card of that compute capability, from host memory. 0, or -1 with
 * device_error(): no rule is known for that instruction on that card. */
int mma_model_element(const struct mma_plan *plan, int capability,
                      const struct mma_operands *operands, size_t m, size_t n, float *value);

#ifdef __cplusplus
}
#endif
#endif
