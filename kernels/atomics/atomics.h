/*
 * atomics.h: float sums by atomic updates, and the cures for their order.
 *
 * A plan says what is merged before the atomic and how the update is made. The sum is cut into
 * *updates*, numbered u = 0 … U-1; update u has a value that the plan alone decides, and goes to
 * address u mod `addresses`, which starts at +0. What the plan does not decide, unless it is a
 * cure, is the order in which the updates of one address arrive.
 *
 * The updates, in full. Inputs are cut into tiles of block × items elements. Block b of g takes
 * tiles b, b + g, b + 2g, …; in a tile, thread t takes elements t, t + block, t + 2 block, ….
 *
 *     none    an update is an element: u is its index, its value is the element
 *     thread  u = b × block + t: thread t of block b adds its elements one after another, tile
 *             after tile, to an accumulator that starts at -0.0
 *     warp    u = b × (block / 32) + w: 32 threads' accumulators, upper half to lower half
 *     block   u = b: the warps' values, one after another
 *
 * -0.0 adds nothing to any number, so an update of no elements changes no bit. With one address
 * all plans add up the same elements into it; with more, the *total over the addresses* is the
 * same sum, and two plans can be compared address by address only if they merge alike.
 *
 * The cures (see each below) give one result, whatever the order: atomics_model.h predicts it.
 *
 * Packed halves: an element is a pair, and the two halves are two sums side by side; n counts
 * pairs. An update is atomic per half, so each half has an order of its own.
 */
#ifndef NANOLAB_KERNELS_ATOMICS_ATOMICS_H
#define NANOLAB_KERNELS_ATOMICS_ATOMICS_H

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

/* --- the values of each field: V(value, word) --------------------------------------------------
 */

#define ATOMICS_TYPES(V)                                                                           \
    V(ATOMICS_F32, "f32")                                                                          \
    V(ATOMICS_F64, "f64") V(ATOMICS_F16X2, "f16x2") V(ATOMICS_BF16X2, "bf16x2")

/* What becomes one value before it meets the others. */
#define ATOMICS_MERGES(V)                                                                          \
    V(ATOMICS_NONE, "none")                                                                        \
    V(ATOMICS_THREAD, "thread") V(ATOMICS_WARP, "warp") V(ATOMICS_BLOCK, "block")

/*
 * plain: a float atomic add whose result nobody uses. logged: the same, and the value that each
 * update found is kept (atomics_order.h makes the order from it). fixed: 64-bit integer atomics on
 * multiples of 2^unit. ordered: every update is stored in a place of its own; a second kernel adds
 * each address's up in a fixed order. ticket: blocks take turns, by a number drawn at the start.
 * binned: the reproducible sum of kernels/sum/binned.h, its pieces added by integer atomics.
 */
#define ATOMICS_CURES(V)                                                                           \
    V(ATOMICS_PLAIN, "plain")                                                                      \
    V(ATOMICS_LOGGED, "logged")                                                                    \
    V(ATOMICS_FIXED, "fixed")                                                                      \
    V(ATOMICS_ORDERED, "ordered") V(ATOMICS_TICKET, "ticket") V(ATOMICS_BINNED, "binned")

/* clang-format off */
#define ATOMICS_ADDRESSES(V)                                                                       \
    V(1, "a1") V(2, "a2") V(4, "a4") V(8, "a8") V(16, "a16") V(64, "a64")                          \
    V(256, "a256") V(1024, "a1024") V(4096, "a4096")
/* clang-format on */

#define ATOMICS_ITEMS(V) V(1, "i1") V(2, "i2") V(4, "i4") V(8, "i8") V(16, "i16")

#define ATOMICS_BLOCKS(V)                                                                          \
    V(32, "b32") V(64, "b64") V(128, "b128") V(256, "b256") V(512, "b512") V(1024, "b1024")

/* Blocks: one per tile, or at most so many that stride over the tiles. */
#define ATOMICS_GRID_TILES 0
/* clang-format off */
#define ATOMICS_GRIDS(V)                                                                           \
    V(ATOMICS_GRID_TILES, "tiles") V(1, "g1") V(2, "g2") V(4, "g4") V(8, "g8") V(16, "g16")        \
    V(32, "g32") V(64, "g64") V(132, "g132") V(528, "g528") V(1056, "g1056")
/* clang-format on */

#define ATOMICS_ENUMERATOR(value, word) value,
enum atomics_type { ATOMICS_TYPES(ATOMICS_ENUMERATOR) };
enum atomics_merge { ATOMICS_MERGES(ATOMICS_ENUMERATOR) };
enum atomics_cure { ATOMICS_CURES(ATOMICS_ENUMERATOR) };

/* --- the fields: X(name, values, what) ---------------------------------------------------------
 */

#define ATOMICS_PLAN_FIELDS(X)                                                                     \
    X(type, ATOMICS_TYPES, "type of the elements and of the result")                               \
    X(merge, ATOMICS_MERGES, "what is added up before the atomic")                                 \
    X(cure, ATOMICS_CURES, "how an update is made")                                                \
    X(addresses, ATOMICS_ADDRESSES, "addresses the updates go to")                                 \
    X(items, ATOMICS_ITEMS, "elements per thread and tile")                                        \
    X(block, ATOMICS_BLOCKS, "threads per block")                                                  \
    X(grid, ATOMICS_GRIDS, "blocks")

#define ATOMICS_MEMBER(name, values, what) int name;
struct atomics_plan {
    ATOMICS_PLAN_FIELDS(ATOMICS_MEMBER)
};

#define ATOMICS_FIELD_ID(name, values, what) ATOMICS_FIELD_##name,
enum atomics_field_id { ATOMICS_PLAN_FIELDS(ATOMICS_FIELD_ID) ATOMICS_FIELDS };
#define ATOMICS_FIELD_BIT(name) (1u << ATOMICS_FIELD_##name)

/* f32, none, plain, one address, 4 items, 256 threads, one block per tile. */
struct atomics_plan atomics_plan_default(void);
/* The words in order: "f32.none.plain.a1.i4.b256.tiles". `out` has PLAN_TEXT bytes; returned. */
char *atomics_plan_text(const struct atomics_plan *plan, char *out);
/* Words in any order, missing ones as in the default plan. 0, or -1 with the reason in `why`. */
int atomics_plan_parse(const char *text, struct atomics_plan *plan, char *why);
/* One object, a member per field: words as text, counts as numbers. New reference. */
struct json_t *atomics_plan_json(const struct atomics_plan *plan);
/* 0 if n elements can be added up by this plan; -1 with the reason in `why` (PLAN_WHY bytes, or
 * NULL). n = 0 asks about the plan alone. */
int atomics_plan_check(const struct atomics_plan *plan, size_t n, char *why);

/* Every legal plan whose fields in `mask` (ATOMICS_FIELD_BIT) have the values of `fixed`, in the
 * order of the lists. 0, or -1: no memory. list->plans is malloc'ed: struct atomics_plan. */
int atomics_plans_all(unsigned mask, const struct atomics_plan *fixed, struct plan_list *list);

/* --- arithmetic of a plan ----------------------------------------------------------------------
 */

/* Bytes of an element, of a result and of a logged value: 4, 8, or 4 for a pair of halves. */
size_t atomics_type_bytes(enum atomics_type type);
/* Sums side by side in one address: 1, or 2 for packed halves. */
unsigned atomics_type_lanes(enum atomics_type type);
/* The type of one of them. */
enum element atomics_type_element(enum atomics_type type);
/* Blocks of the main kernel. */
size_t atomics_grid(const struct atomics_plan *plan, size_t n);
/* U. */
size_t atomics_updates(const struct atomics_plan *plan, size_t n);
/* Of these, how many go to one address. */
size_t atomics_updates_at(const struct atomics_plan *plan, size_t n, size_t address);
/* A head with the status word, then what the cure needs (the log, the partials, the bins). */
#define ATOMICS_WORKSPACE_HEAD 256
size_t atomics_workspace_bytes(const struct atomics_plan *plan, size_t n);
/* Bytes of input read and of values updated (each update: a load and a store of its address). */
double atomics_bytes_moved(const struct atomics_plan *plan, size_t n);

/* --- fixed point -------------------------------------------------------------------------------
 *
 * An element x counts as the integer nearest to x / 2^unit, ties to even. Its range is stated by
 * the plan and checked for every element: |x| <= atomics_fixed_limit. Then no sum of n elements,
 * in any order, at any time, leaves an int64. An element beyond it, an infinity or a NaN is left
 * out and noted in the status word and at its address, whose result is then
 *
 *     ATOMICS_NAN, or infinities of both signs    NaN
 *     ATOMICS_PLUS_INF, ATOMICS_MINUS_INF         that infinity
 *     ATOMICS_RANGE alone                         NaN: no number is better than a wrong one
 *
 * Otherwise the result is the sum of the integers, rounded once. It is within n 2^(unit - 1) of
 * the exact sum, before that rounding.
 */
enum atomics_status {
    ATOMICS_NAN = 1,
    ATOMICS_PLUS_INF = 2,
    ATOMICS_MINUS_INF = 4,
    ATOMICS_RANGE = 8,
};
#define ATOMICS_UNIT_LEAST (-1022)
#define ATOMICS_UNIT_MOST 900
/* The largest |x| that n elements may have: 2^(62 - ceil(log2 n) + unit), a double. */
double atomics_fixed_limit(size_t n, int unit);
/* The finest unit whose limit takes max_abs for n elements; the coarsest if none does. */
int atomics_fixed_unit(size_t n, double max_abs);

/* --- the kernels -------------------------------------------------------------------------------
 */

struct atomics_job {
    const void *x;   /* device memory, aligned to an element */
    size_t n;        /* >= 1 */
    int unit;        /* of fixed point; ignored elsewhere */
    void *result;    /* `addresses` values of the type, device memory, 8-byte aligned */
    void *workspace; /* device memory, 256-byte aligned; used by one launch at a time */
    size_t workspace_bytes;
};

/* After device_sync, at the workspace: uint32_t status, all addresses' atomics_status or'ed (only
 * fixed and binned set it); at ATOMICS_WORKSPACE_HEAD, for `logged`, the value that update u found,
 * as element u of an array of the type. */

struct atomics_ops {
    /* Clears the addresses and starts the sum. 0, or -1 with device_error(). */
    int (*launch)(const struct atomics_plan *plan, const struct atomics_job *job, void *stream);
    /* A neighbour: `blocks` blocks of 128 threads, each thread making `rounds` atomic additions of
     * integer 0 to the 32-bit words of `memory` in turn. It contends and changes nothing. */
    int (*contend)(void *memory, size_t words, unsigned rounds, unsigned blocks, void *stream);
    /* A stream beside the device's own, for a neighbour (NULL on the SIMT machine, whose launches
     * run one after another); to be waited for and ended with stream_end. */
    int (*stream_begin)(void **stream);
    int (*stream_end)(void *stream);
};

/* The kernels of a device: cuda, or simt, plain or checked. NULL after device_fail() if the build
 * has none of them. */
const struct atomics_ops *atomics_ops_for(enum device_kind kind, bool checked);

#ifdef __cplusplus
}
#endif
#endif
