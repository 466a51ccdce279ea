/*
 * sum.h: the sum of n numbers, and every way this project stages it.
 *
 * A plan says how a reduction is cut up. Each decision that could change the order of the
 * additions is a field with a name and a short list of values, written down once, in the lists
 * below: the struct, the text id, the parser, the JSON record, the enumeration and the mutants of
 * the tests all come from them. kernels/sum/sum.cu executes a plan on a GPU or on the SIMT machine;
 * kernels/sum/sum_tree.c is the model that says, without running it, which tree the plan adds
 * along and which bits come out. (The native CPU version has plans of its own: sum_cpu.h.)
 *
 * The order, in full. Inputs are cut into tiles of block × items elements. In a tile, thread t
 * takes its items one after another into its accumulator: strided, vector k of thread t starts at
 * element k × block × vector + t × vector of the tile; blocked, thread t owns elements
 * t × items … t × items + items - 1. Block b of g takes tiles b, b + g, b + 2g, …, its threads'
 * accumulators carried on from tile to tile. Then the 32 accumulators of each warp become one (the
 * warp step), the warps' values become one (the block merge) and the blocks' values become the
 * result (the final merge).
 *
 * Elements that are not there (the end of the last tile, lanes without a warp) are -0.0, the one
 * number with x + -0.0 == x for every x including both zeros: padding never changes a bit, so in
 * the tree an absent element is simply absent. A sum of nothing but -0.0 is therefore -0.0.
 */
#ifndef NANOLAB_KERNELS_SUM_SUM_H
#define NANOLAB_KERNELS_SUM_SUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/device/device.h"
#include "kernels/element/element.h"
#include "kernels/plan/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

struct json_t;
struct tree;

/* --- the values of each field: V(value, word) --------------------------------------------------
 */

/* What the inputs are. */
#define SUM_TYPES(V)                                                                               \
    V(ELEMENT_F32, "f32") V(ELEMENT_F64, "f64") V(ELEMENT_BF16, "bf16") V(ELEMENT_F16, "f16")

/* What is added, and what the result is. Inputs (and products) are rounded to it first; of the
 * four input types only f64 does not fit into f32, so f64 inputs need an f64 accumulator. */
#define SUM_ACCS(V) V(SUM_ACC32, "acc32") V(SUM_ACC64, "acc64")

/* plain: one add per node. compensated: pairs (s, c), see sum_tree.c. binned: an order-free sum of
 * bounded error (binned.h). exact: the correctly rounded sum (exact.h). */
#define SUM_METHODS(V)                                                                             \
    V(SUM_PLAIN, "plain")                                                                          \
    V(SUM_COMPENSATED, "compensated") V(SUM_BINNED, "binned") V(SUM_EXACT, "exact")

/* sum: elements of x. dot: products x[i] · y[i], each rounded to the accumulator's type. */
#define SUM_INPUTS(V) V(SUM_OF_X, "sum") V(SUM_OF_PRODUCTS, "dot")

#define SUM_ACCESSES(V) V(SUM_STRIDED, "strided") V(SUM_BLOCKED, "blocked")

/* Elements per load. With blocked access it changes the loads and not the order. */
#define SUM_VECTORS(V) V(1, "v1") V(2, "v2") V(4, "v4")

/* Elements per thread and tile. */
#define SUM_ITEMS(V) V(1, "i1") V(2, "i2") V(4, "i4") V(8, "i8") V(16, "i16")

/* Threads per block. 192 is no power of two: its six warps make the merges' trees lopsided. */
#define SUM_BLOCKS(V)                                                                              \
    V(32, "b32")                                                                                   \
    V(64, "b64") V(128, "b128") V(192, "b192") V(256, "b256") V(512, "b512") V(1024, "b1024")

/* Blocks: one per tile, or at most so many that stride over the tiles. 8 shows the carried
 * accumulators at small n; 132 is the number of multiprocessors of an H100 or H200. */
#define SUM_GRIDS(V)                                                                               \
    V(SUM_GRID_TILES, "tiles") V(8, "g8") V(132, "g132") V(528, "g528") V(1056, "g1056")

/* 32 lanes to one. down: halves, by shuffle. xor: neighbours first (distance 1, 2, … 16), by
 * shuffle. seq, inter: through shared memory, with sequential addressing (halves) and interleaved
 * addressing (neighbours first). So down and seq give one tree, xor and inter another. */
#define SUM_WARPS(V)                                                                               \
    V(SUM_SHFL_DOWN, "shfl-down")                                                                  \
    V(SUM_SHFL_XOR, "shfl-xor")                                                                    \
    V(SUM_SHARED_SEQ, "shared-seq")                                                                \
    V(SUM_SHARED_INTER, "shared-"                                                                  \
                        "inter")

/* A block's warps to one. serial: thread 0, in order. warp: the first warp, by the warp step
 * again. tree: through shared memory, neighbours first. */
#define SUM_MERGES(V) V(SUM_SERIAL, "serial") V(SUM_WARP, "warp") V(SUM_TREE, "tree")

/* The blocks to one. thread: a second kernel of one thread, in order. block: a second kernel of
 * one block; thread t takes t, t + block, … in order, then warp step and block merge. kernel: the
 * same staging again over the blocks' values, until one is left. last: like block, done by the
 * block that finishes last instead of by a second kernel: the same tree. */
#define SUM_FINALS(V)                                                                              \
    V(SUM_BY_THREAD, "thread")                                                                     \
    V(SUM_BY_BLOCK, "block") V(SUM_BY_KERNEL, "kernel") V(SUM_BY_LAST, "last")

#define SUM_ENUMERATOR(value, word) value,
#define SUM_GRID_TILES 0
enum sum_acc { SUM_ACCS(SUM_ENUMERATOR) };
enum sum_method { SUM_METHODS(SUM_ENUMERATOR) };
enum sum_input { SUM_INPUTS(SUM_ENUMERATOR) };
enum sum_access { SUM_ACCESSES(SUM_ENUMERATOR) };
enum sum_warp { SUM_WARPS(SUM_ENUMERATOR) };
enum sum_merge { SUM_MERGES(SUM_ENUMERATOR) };
enum sum_final { SUM_FINALS(SUM_ENUMERATOR) };

/* --- the fields: X(name, values, what) ----------------------------------------------------------
 */

#define SUM_PLAN_FIELDS(X)                                                                         \
    X(type, SUM_TYPES, "type of the inputs")                                                       \
    X(acc, SUM_ACCS, "type of the additions and of the result")                                    \
    X(method, SUM_METHODS, "what one addition is")                                                 \
    X(input, SUM_INPUTS, "what is summed")                                                         \
    X(access, SUM_ACCESSES, "which elements of a tile a thread takes")                             \
    X(vector, SUM_VECTORS, "elements per load")                                                    \
    X(items, SUM_ITEMS, "elements per thread and tile")                                            \
    X(block, SUM_BLOCKS, "threads per block")                                                      \
    X(grid, SUM_GRIDS, "blocks")                                                                   \
    X(warp, SUM_WARPS, "32 lanes to one value")                                                    \
    X(merge, SUM_MERGES, "a block's warps to one value")                                           \
    X(final, SUM_FINALS, "the blocks to one value")

#define SUM_MEMBER(name, values, what) int name;
struct sum_plan {
    SUM_PLAN_FIELDS(SUM_MEMBER)
};

#define SUM_FIELD_ID(name, values, what) SUM_FIELD_##name,
enum sum_field_id { SUM_PLAN_FIELDS(SUM_FIELD_ID) SUM_FIELDS };
#define SUM_FIELD_BIT(name) (1u << SUM_FIELD_##name)

/* A value and its word; a field, its name and its values. */
#define sum_value plan_value
#define sum_field plan_field
extern const struct sum_field sum_fields[SUM_FIELDS];

/* Room for any plan's text and for any reason of sum_plan_check or sum_plan_parse. */
#define SUM_TEXT PLAN_TEXT
#define SUM_WHY PLAN_WHY

int sum_plan_get(const struct sum_plan *plan, enum sum_field_id field);
void sum_plan_set(struct sum_plan *plan, enum sum_field_id field, int value);
bool sum_plan_equal(const struct sum_plan *a, const struct sum_plan *b);

/* A sound everyday plan: f32, plain, strided 128-bit loads, one block per tile. */
struct sum_plan sum_plan_default(void);

/* The id, the fields' words in order: "f32.acc32.plain.sum.strided.v4.i4.b256.tiles.shfl-down
 * .warp.block" (in one piece). `out` has SUM_TEXT bytes; it is returned. */
char *sum_plan_text(const struct sum_plan *plan, char *out);
/* Parses an id. Words may come in any order and may be missing: the rest is the default plan's
 * (a bare "f64" also brings acc64). Returns 0, or -1 with the reason in `why` (SUM_WHY bytes). */
int sum_plan_parse(const char *text, struct sum_plan *plan, char *why);
/* One object, a member per field: words as text, counts as numbers. New reference. */
struct json_t *sum_plan_json(const struct sum_plan *plan);

/* 0 if n inputs can be summed by this plan; -1 with the reason in `why` (SUM_WHY bytes, or NULL).
 * n = 0 asks about the plan alone. */
int sum_plan_check(const struct sum_plan *plan, size_t n, char *why);

/* --- enumeration -------------------------------------------------------------------------------
 */

/* Selects plans whose fields in `mask` (SUM_FIELD_BIT, …) have the values of `fixed`. */
struct sum_choice {
    unsigned mask;
    struct sum_plan fixed;
};

/* Every legal plan of the choice, in the order of the lists. *plans is malloc'ed. -1: no memory. */
int sum_plans_all(const struct sum_choice *choice, struct sum_plan **plans, size_t *count);
/* Few legal plans that hold every pair of field values that some legal plan of the choice holds.
 * Deterministic. *plans is malloc'ed. -1: no memory. */
int sum_plans_pairs(const struct sum_choice *choice, struct sum_plan **plans, size_t *count);
/* The plan with one field moved to its list's next value that is legal with the other fields as
 * they are; false if there is none. What a model that misreads that field would follow. */
bool sum_plan_mutant(const struct sum_plan *plan, enum sum_field_id field, struct sum_plan *mutant);

/* --- arithmetic of a plan ----------------------------------------------------------------------
 */

/* Bytes of the result: 4 or 8, by plan->acc. */
size_t sum_result_bytes(const struct sum_plan *plan);
/* Bytes of one thread's accumulator. */
size_t sum_state_bytes(const struct sum_plan *plan);
/* Blocks of the first kernel. */
size_t sum_grid(const struct sum_plan *plan, size_t n);
/* Kernel launches of one sum. */
size_t sum_launches(const struct sum_plan *plan, size_t n);
/* Bytes of dynamic shared memory per block. */
size_t sum_shared_bytes(const struct sum_plan *plan);
/* A head with the ticket of `last`, then the blocks' values. */
#define SUM_WORKSPACE_HEAD 256
size_t sum_workspace_bytes(const struct sum_plan *plan, size_t n);
/* Bytes of input read, of blocks' values written and read, and of the result. */
double sum_bytes_moved(const struct sum_plan *plan, size_t n);
/* Floating-point (binned, exact: as a plain sum) additions and multiplications that the sum
 * itself asks for: padding and integer work not counted. */
double sum_flops(const struct sum_plan *plan, size_t n);

/* --- the kernels -------------------------------------------------------------------------------
 */

struct sum_ops {
    /* Makes a workspace ready; once after its allocation. A launch leaves it ready again. */
    int (*prepare)(void *workspace, size_t workspace_bytes, void *stream);
    /* Starts the sum of x[0…n-1], or of x[i] · y[i] (y is NULL otherwise), n >= 1. x and y: device
     * memory aligned to 16 bytes; result: sum_result_bytes of device memory, 8-byte aligned;
     * workspace: device memory of at least sum_workspace_bytes, 256-byte aligned, used by one
     * launch at a time. Returns 0, or -1 with device_error(); finished after device_sync. */
    int (*launch)(const struct sum_plan *plan, const void *x, const void *y, size_t n, void *result,
                  void *workspace, size_t workspace_bytes, void *stream);
};

/* The kernels of a device: cuda, or simt, plain or checked. NULL after device_fail() if the build
 * has none of them. */
const struct sum_ops *sum_ops_for(enum device_kind kind, bool checked);

/* --- the model ---------------------------------------------------------------------------------
 */

/* The order of additions of `plan` over n inputs. NULL: no memory, or a method that has no order
 * (binned, exact). n < 2^31. The caller frees it. */
struct tree *sum_tree(const struct sum_plan *plan, size_t n);
/* That tree's depth, the additions on the longest path from an input to the result, without
 * building it: for error bounds of long sums. 0 where there is no tree, and for n = 1. */
size_t sum_depth(const struct sum_plan *plan, size_t n);
/* The result's bits (f32 in the low half), from host memory: x, and y for dot products. Returns
 * 0, or -1 if memory is short. Does not build the tree. */
int sum_model(const struct sum_plan *plan, const void *x, const void *y, size_t n, uint64_t *bits);
/* Equal bits, or NaN both (a NaN's payload is the hardware's business). */
bool sum_same_bits(enum sum_acc acc, uint64_t a, uint64_t b);

#ifdef __cplusplus
}
#endif
#endif
