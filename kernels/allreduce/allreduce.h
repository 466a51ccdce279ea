/*
 * allreduce.h: a sum over ranks whose result every rank gets, by ranks that are groups of thread
 * blocks of one GPU and hand their data over through flags in its memory.
 *
 * A plan decides, for every element of a message, in which order the ranks' values are added. It is
 * known beforehand (allreduce_order), so the bits are (allreduce_model); no rank's delay changes
 * them, with one exception that is there to be compared with: `arrival`.
 *
 * The input. `split` parts of a sum over K (a matrix product whose K is divided, say), or one part
 * per rank. Part l is a vector of n elements, x + l n. With N ranks, rank r holds the parts
 * r P/N … (r + 1) P/N - 1 and first adds them up, in one go. That is its *value*.
 *
 * Where an element lies. A message is cut into loops of C × S × chunk elements: C channels, one
 * block of each rank for each of them; S = N chunks to a channel for `ring` and `twoshot`, 1 for
 * the others. Element e of a loop belongs to channel e / (S chunk), in it to chunk e / chunk mod S.
 * `whole`: the message is one loop, of chunks of ceil(n / (C S)). With `spread`, what is left for
 * the last loop is divided likewise, so that all channels have work; with `cut` it is not, and an
 * element's place does not depend on the message's size.
 *
 * Orders. + is rounded to f32. Odd channels use the ranks in reverse: where a rank is named below,
 * they take N - 1 - rank, in `ring` and `tree`.
 *
 *     ring      chunk j: rank j + 1 begins, j + 2, … add theirs one after another, rank j is last
 *               (ranks mod N); the result travels round once more
 *     tree      rank r waits for 2r + 1 and 2r + 2: (its own + the first) + the second; rank 0 has
 *               the result, which goes down the same way
 *     doubling  recursive doubling: pairs of neighbours exchange and add, then pairs of pairs, …;
 *               with N = 2^k + m, ranks 0, 2, … 2m - 2 first hand theirs to the next rank, which
 *               hands them the result at the end
 *     oneshot   every rank adds up all ranks' values, by `merge`
 *     twoshot   so does the rank r alone for chunk r; the others copy it
 *     arrival   as the ranks come, in units of a segment: one after another, each taking its turn
 *
 * `merge` says how a rank adds up what it has at once (its parts; in oneshot and twoshot, all
 * ranks' values): `serial`, one after another, or `pairwise`: neighbours at distance 1, then 2, 4,
 * … as long as there is one. Pairwise parts and pairwise ranks (doubling, oneshot, twoshot) make
 * one tree, aligned with the split of K: the same for 1, 2, 4, … ranks.
 *
 * bf16: numbers are added as f32 and rounded when they are stored. A rank's value is, and so is
 * what a rank passes on in a ring, in a tree, in doubling and after its turn of `arrival`; what is
 * added up in one go is rounded once, at its end.
 *
 * `segment` and `threads` decide no bit: the elements that are handed over together, and threads
 * per block.
 */
#ifndef NANOLAB_KERNELS_ALLREDUCE_ALLREDUCE_H
#define NANOLAB_KERNELS_ALLREDUCE_ALLREDUCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/device/device.h"
#include "kernels/plan/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

struct json_t;
struct tree;

/* --- the values of each field: V(value, word) --------------------------------------------------
 */

#define ALLREDUCE_RANKS_MOST 16
#define ALLREDUCE_PARTS_MOST 16

/* clang-format off */
#define ALLREDUCE_TYPES(V) V(ALLREDUCE_F32, "f32") V(ALLREDUCE_BF16, "bf16")
#define ALLREDUCE_ALGORITHMS(V)                                                                    \
    V(ALLREDUCE_RING, "ring") V(ALLREDUCE_TREE, "tree") V(ALLREDUCE_DOUBLING, "doubling")          \
    V(ALLREDUCE_ONESHOT, "oneshot") V(ALLREDUCE_TWOSHOT, "twoshot")                                \
    V(ALLREDUCE_ARRIVAL, "arrival")
#define ALLREDUCE_RANKS(V)                                                                         \
    V(1, "r1") V(2, "r2") V(3, "r3") V(4, "r4") V(5, "r5") V(6, "r6") V(7, "r7") V(8, "r8")        \
    V(9, "r9") V(10, "r10") V(11, "r11") V(12, "r12") V(13, "r13") V(14, "r14") V(15, "r15")       \
    V(16, "r16")
#define ALLREDUCE_SPLIT_RANKS 0
#define ALLREDUCE_SPLITS(V) V(ALLREDUCE_SPLIT_RANKS, "own") V(8, "split8") V(16, "split16")
#define ALLREDUCE_MERGES(V) V(ALLREDUCE_SERIAL, "serial") V(ALLREDUCE_PAIRWISE, "pairwise")
#define ALLREDUCE_CHANNELS(V) V(1, "ch1") V(2, "ch2") V(4, "ch4") V(8, "ch8")
#define ALLREDUCE_WHOLE 0
#define ALLREDUCE_CHUNKS(V)                                                                        \
    V(ALLREDUCE_WHOLE, "whole") V(64, "chunk64") V(256, "chunk256") V(1024, "chunk1024")           \
    V(4096, "chunk4096") V(16384, "chunk16384") V(131072, "chunk131072")
#define ALLREDUCE_TAILS(V) V(ALLREDUCE_SPREAD, "spread") V(ALLREDUCE_CUT, "cut")
#define ALLREDUCE_SEGMENTS(V)                                                                      \
    V(64, "seg64") V(256, "seg256") V(1024, "seg1024") V(4096, "seg4096") V(16384, "seg16384")
#define ALLREDUCE_THREADS(V) V(32, "t32") V(64, "t64") V(128, "t128") V(256, "t256") V(512, "t512")
/* clang-format on */

#define ALLREDUCE_ENUMERATOR(value, word) value,
enum allreduce_type { ALLREDUCE_TYPES(ALLREDUCE_ENUMERATOR) };
enum allreduce_algorithm { ALLREDUCE_ALGORITHMS(ALLREDUCE_ENUMERATOR) };
enum allreduce_merge { ALLREDUCE_MERGES(ALLREDUCE_ENUMERATOR) };
enum allreduce_tail { ALLREDUCE_TAILS(ALLREDUCE_ENUMERATOR) };

/* --- the fields: X(name, values, what) ---------------------------------------------------------
 */

#define ALLREDUCE_PLAN_FIELDS(X)                                                                   \
    X(type, ALLREDUCE_TYPES, "type of the elements")                                               \
    X(algorithm, ALLREDUCE_ALGORITHMS, "who adds what to what")                                    \
    X(ranks, ALLREDUCE_RANKS, "ranks")                                                             \
    X(split, ALLREDUCE_SPLITS, "parts of the sum, in all")                                         \
    X(merge, ALLREDUCE_MERGES, "how a rank adds up what it has at once")                           \
    X(channels, ALLREDUCE_CHANNELS, "blocks of a rank")                                            \
    X(chunk, ALLREDUCE_CHUNKS, "elements with one order")                                          \
    X(tail, ALLREDUCE_TAILS, "how the last loop is cut")                                           \
    X(segment, ALLREDUCE_SEGMENTS, "elements handed over at a time")                               \
    X(threads, ALLREDUCE_THREADS, "threads per block")

#define ALLREDUCE_MEMBER(name, values, what) int name;
struct allreduce_plan {
    ALLREDUCE_PLAN_FIELDS(ALLREDUCE_MEMBER)
};

#define ALLREDUCE_FIELD_ID(name, values, what) ALLREDUCE_FIELD_##name,
enum allreduce_field_id { ALLREDUCE_PLAN_FIELDS(ALLREDUCE_FIELD_ID) ALLREDUCE_FIELDS };
#define ALLREDUCE_FIELD_BIT(name) (1u << ALLREDUCE_FIELD_##name)

/* What plan.h does with any family's plans: all of them, pairs, mutants. */
extern const struct plan_family allreduce_plans;

/* f32, ring, 4 ranks, one part each, serial, one channel, whole, spread, 1024 elements, 256
 * threads. */
struct allreduce_plan allreduce_plan_default(void);
/* The words in order; `out` has PLAN_TEXT bytes and is returned. */
char *allreduce_plan_text(const struct allreduce_plan *plan, char *out);
/* Words in any order, missing ones as in the default plan. 0, or -1 with the reason in `why`. */
int allreduce_plan_parse(const char *text, struct allreduce_plan *plan, char *why);
/* One object, a member per field. New reference. */
struct json_t *allreduce_plan_json(const struct allreduce_plan *plan);
/* 0 if a message of n elements can be summed by this plan; -1 with the reason in `why` (PLAN_WHY
 * bytes, or NULL). */
int allreduce_plan_check(const struct allreduce_plan *plan, size_t n, char *why);

/* --- arithmetic of a plan ----------------------------------------------------------------------
 */

#define ALLREDUCE_N_MOST ((size_t)1 << 32)

size_t allreduce_element_bytes(const struct allreduce_plan *plan);
/* P, and P / N. */
int allreduce_parts(const struct allreduce_plan *plan);
int allreduce_parts_each(const struct allreduce_plan *plan);

/* How a message is cut; see above. */
struct allreduce_layout {
    int shares;         /* S */
    size_t loops;       /* 0 for no elements */
    size_t chunk, last; /* elements of a chunk: in all loops but the last, in the last */
    size_t segments;    /* of the larger of them */
    size_t units;       /* of `arrival`: loops × channels × segments; some may be empty */
};
struct allreduce_layout allreduce_layout(const struct allreduce_plan *plan, size_t n);

/* Elements first … first + count - 1, which share one order. */
struct allreduce_place {
    size_t first, count;
    int channel, chunk;
    size_t unit; /* of `arrival`, where they share one unit: number in the list of arrivals */
};
/* Of element i < n. */
struct allreduce_place allreduce_place(const struct allreduce_plan *plan, size_t n, size_t i);

/* Loads and stores of elements by one call on all ranks, flags left out; additions. */
double allreduce_bytes(const struct allreduce_plan *plan, size_t n);
double allreduce_flops(const struct allreduce_plan *plan, size_t n);

/* --- the model ---------------------------------------------------------------------------------
 */

/* A sum of parts as a list of additions. Number l < parts is part l; number parts + k is the value
 * of addition k. The last addition is the result; without one it is part 0. */
struct allreduce_order {
    int parts, adds;
    struct allreduce_add {
        uint8_t a, b;
        bool stored; /* rounded to the type */
    } add[ALLREDUCE_PARTS_MOST - 1];
};

/* In which order element i of n is added up. `arrivals`: for `arrival` alone, the ranks in the
 * order of their coming, N for each unit. 0, or -1 with the reason in `why` (PLAN_WHY bytes, or
 * NULL). */
int allreduce_order(const struct allreduce_plan *plan, size_t n, size_t i, const uint8_t *arrivals,
                    struct allreduce_order *order, char *why);
/* Whether two orders give the same bits, whatever is added: the same tree, since IEEE addition
 * commutes, stored at the same places. */
bool allreduce_order_equal(const struct allreduce_order *a, const struct allreduce_order *b);
/* As a tree over the parts; NULL: no memory. */
struct tree *allreduce_order_tree(const struct allreduce_order *order);

/* The result that every rank must have: y[0…n-1] from the parts x, arrays of the type in host
 * memory. 0, or -1 with the reason in `why`. */
int allreduce_model(const struct allreduce_plan *plan, const void *x, size_t n,
                    const uint8_t *arrivals, void *y, char *why);

/* Three properties, each of which a plan may have without the others. */
/* The same bits in every run, however late a rank is. */
bool allreduce_run_to_run(const struct allreduce_plan *plan);
/* An element's bits do not depend on how many elements the message has. */
bool allreduce_size_invariant(const struct allreduce_plan *plan);
/* The bits are those of one rank that has all parts. Only if the parts are a property of the sum
 * and not of the ranks (`split`). */
bool allreduce_rank_invariant(const struct allreduce_plan *plan);

/* --- the kernels -------------------------------------------------------------------------------
 */

/* A late rank. Time is in nanoseconds on a GPU. The SIMT machine has no clock: there it is rounds,
 * in each of which all other threads go on until they cannot. */
struct allreduce_stall {
    int rank;         /* -1: none */
    uint64_t time;    /* that passes before it joins */
    bool never_joins; /* needs a deadline */
};

/* Flags, one for each block; 128 bytes apart. A flag holds the number of the call above the number
 * of what its block has published in it, 0 being nothing and 1 that it has joined. */
#define ALLREDUCE_FLAG_APART 16
#define ALLREDUCE_CALL_SHIFT 32

/* What of a call's outcome the device writes down. */
struct allreduce_status {
    uint32_t gave_up;   /* a wait was longer than the deadline, and all left */
    int32_t rank;       /* who waited … */
    int32_t waited_for; /* … for whom; -1: for its turn */
    uint32_t stalling;  /* rounds that a stalled rank has let pass, on the SIMT machine */
    uint64_t number;    /* … to publish what */
};

/* When block (rank, channel) started, joined and was done, in nanoseconds of one clock; 0 on the
 * SIMT machine. */
struct allreduce_times {
    uint64_t started, joined, done;
};

/* The workspace, in bytes from its begin. */
struct allreduce_workspace {
    size_t status, flags, times, tickets, turns, arrivals;
    size_t zeroed;         /* all before this is 0 before the first call */
    size_t local, scratch; /* elements */
    size_t size;
};
struct allreduce_workspace allreduce_workspace(const struct allreduce_plan *plan, size_t n);

struct allreduce_call {
    struct allreduce_plan plan;
    const void *x; /* P × n elements */
    void *y;       /* N × n: rank r's result is y + r n */
    size_t n;
    void *workspace;
    uint32_t number; /* of the call on this workspace: 1, 2, … */
    struct allreduce_stall stall;
    uint64_t deadline; /* of one wait: nanoseconds; on the SIMT machine, looks; 0: none */
};

struct allreduce_ops {
    /* Starts it. All its blocks must be able to run at once. 0, or -1 with device_error(). */
    int (*launch)(const struct allreduce_call *call, void *stream);
};
/* The kernels of a device: cuda, or simt, plain or checked. NULL after device_fail() if the build
 * has none of them. */
const struct allreduce_ops *allreduce_ops_for(enum device_kind kind, bool checked);

#ifdef __cplusplus
}
#endif
#endif
