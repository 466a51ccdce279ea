/*
 * sum_cpu.h: the sum on a CPU, native and as fast as the memory allows, by plans of its own.
 *
 * As in sum.h, a plan names every decision of the staging, and its fields are listed once: struct,
 * id, parser, JSON record, enumeration and mutants come from the list. The plan alone fixes the
 * order: whichever instruction set runs it (AVX-512, AVX2, or plain C), the bits are the same.
 *
 * The order, in full. Thread t of T takes elements t c … (t + 1) c - 1, where c is n / T rounded up
 * to a multiple of 1,024 (a later thread may get fewer, or none). A thread has streams × unroll
 * accumulators of `lanes` values each; a step is lanes × unroll elements. Its elements are read in
 * rounds of streams × span: stream s takes the s-th span of each round, and within a span, vector v
 * goes to the stream's accumulator v mod unroll, its elements to the lanes in order. What is left
 * after the last whole round goes to stream 0 in the same way. The span "whole" makes one round of
 * all whole steps, so that the streams start far apart. Then the accumulators become one vector,
 * the lanes one value, and the threads' values the result.
 *
 * An accumulator starts at -0.0, which adds nothing to any number, and so do the missing lanes of
 * the last vector: absent elements are simply absent from the tree.
 */
#ifndef NANOLAB_KERNELS_SUM_SUM_CPU_H
#define NANOLAB_KERNELS_SUM_SUM_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/sum/sum.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- the values of each field: V(value, word). Types, accumulators and what the methods mean are
 * those of sum.h. ---------------------------------------------------------------------------- */

#define SUM_CPU_METHODS(V)                                                                         \
    V(SUM_PLAIN, "plain") V(SUM_COMPENSATED, "compensated") V(SUM_BINNED, "binned")

/* Values per accumulator: 16 floats are an AVX-512 register, 8 an AVX2 one, 1 is scalar code. */
#define SUM_CPU_LANES(V) V(1, "l1") V(8, "l8") V(16, "l16")

/* Accumulators per stream: enough of them hide the latency of an addition. */
#define SUM_CPU_UNROLLS(V) V(1, "u1") V(2, "u2") V(4, "u4") V(8, "u8")

/* Places read at the same time: more of them keep more of the memory system busy. */
#define SUM_CPU_STREAMS(V) V(1, "s1") V(2, "s2") V(4, "s4")

/* Consecutive elements that a stream takes in one round. */
#define SUM_CPU_WHOLE 0
#define SUM_CPU_SPANS(V) V(SUM_CPU_WHOLE, "whole") V(512, "e512") V(1024, "e1k") V(4096, "e4k")

/* Bytes that software prefetching runs ahead in each stream. It cannot change the bits. */
#define SUM_CPU_PREFETCHES(V)                                                                      \
    V(0, "pf0") V(512, "pf512") V(2048, "pf2k") V(4096, "pf4k") V(16384, "pf16k")

#define SUM_CPU_THREADS(V) V(1, "t1") V(2, "t2") V(3, "t3") V(4, "t4")

/* A thread's accumulators, stream by stream, to one: one after another, or neighbours first. */
#define SUM_CPU_ACCUMULATES(V)                                                                     \
    V(SUM_CPU_ACCS_SERIAL, "accs-serial") V(SUM_CPU_ACCS_TREE, "accs-tree")

/* The lanes to one: one after another, upper half to lower half, or neighbours first. */
#define SUM_CPU_FOLDS(V)                                                                           \
    V(SUM_CPU_LANES_SERIAL, "lanes-serial")                                                        \
    V(SUM_CPU_LANES_HALVES, "lanes-halves") V(SUM_CPU_LANES_PAIRS, "lanes-pairs")

/* The threads to one: one after another, or neighbours first. */
#define SUM_CPU_JOINS(V) V(SUM_CPU_JOIN_SERIAL, "join-serial") V(SUM_CPU_JOIN_TREE, "join-tree")

enum sum_cpu_accumulate { SUM_CPU_ACCUMULATES(SUM_ENUMERATOR) };
enum sum_cpu_fold { SUM_CPU_FOLDS(SUM_ENUMERATOR) };
enum sum_cpu_join { SUM_CPU_JOINS(SUM_ENUMERATOR) };

/* --- the fields: X(name, values, what) -------------------------------------------------------- */

#define SUM_CPU_PLAN_FIELDS(X)                                                                     \
    X(type, SUM_TYPES, "type of the inputs")                                                       \
    X(acc, SUM_ACCS, "type of the additions and of the result")                                    \
    X(method, SUM_CPU_METHODS, "what one addition is")                                             \
    X(lanes, SUM_CPU_LANES, "values per accumulator")                                              \
    X(unroll, SUM_CPU_UNROLLS, "accumulators per stream")                                          \
    X(streams, SUM_CPU_STREAMS, "places read at the same time")                                    \
    X(span, SUM_CPU_SPANS, "elements a stream takes per round")                                    \
    X(prefetch, SUM_CPU_PREFETCHES, "bytes prefetched ahead")                                      \
    X(threads, SUM_CPU_THREADS, "threads")                                                         \
    X(accumulate, SUM_CPU_ACCUMULATES, "a thread's accumulators to one vector")                    \
    X(fold, SUM_CPU_FOLDS, "the lanes to one value")                                               \
    X(join, SUM_CPU_JOINS, "the threads to one value")

struct sum_cpu_plan {
    SUM_CPU_PLAN_FIELDS(SUM_MEMBER)
};

#define SUM_CPU_FIELD_ID(name, values, what) SUM_CPU_FIELD_##name,
enum sum_cpu_field_id { SUM_CPU_PLAN_FIELDS(SUM_CPU_FIELD_ID) SUM_CPU_FIELDS };
#define SUM_CPU_FIELD_BIT(name) (1u << SUM_CPU_FIELD_##name)

extern const struct sum_field sum_cpu_fields[SUM_CPU_FIELDS];

/* Fields whose change cannot change a bit: the tests check that it does not. */
#define SUM_CPU_NEUTRAL SUM_CPU_FIELD_BIT(prefetch)

int sum_cpu_plan_get(const struct sum_cpu_plan *plan, enum sum_cpu_field_id field);
void sum_cpu_plan_set(struct sum_cpu_plan *plan, enum sum_cpu_field_id field, int value);
bool sum_cpu_plan_equal(const struct sum_cpu_plan *a, const struct sum_cpu_plan *b);

/* A sound everyday plan for `threads` (1…4) and n inputs of a type. */
struct sum_cpu_plan sum_cpu_plan_default(enum element type, enum sum_method method, size_t n,
                                         int threads);

/* The id, such as "f32.acc32.plain.l16.u2.s4.e1k.pf0.t1.accs-tree.lanes-halves.join-serial".
 * `out` has SUM_TEXT bytes; it is returned. */
char *sum_cpu_plan_text(const struct sum_cpu_plan *plan, char *out);
/* Parses an id: words in any order, missing ones are a plain default plan's. Returns 0, or -1
 * with the reason in `why` (SUM_WHY bytes). */
int sum_cpu_plan_parse(const char *text, struct sum_cpu_plan *plan, char *why);
/* One object, a member per field: words as text, counts as numbers. New reference. */
struct json_t *sum_cpu_plan_json(const struct sum_cpu_plan *plan);
/* 0 if the plan is one; -1 with the reason in `why` (SUM_WHY bytes, or NULL). */
int sum_cpu_plan_check(const struct sum_cpu_plan *plan, char *why);

/* Fields in `mask` have the values of `fixed`. */
struct sum_cpu_choice {
    unsigned mask;
    struct sum_cpu_plan fixed;
};
/* Every legal plan of a choice, in the order of the lists. *plans is malloc'ed. -1: no memory. */
int sum_cpu_plans_all(const struct sum_cpu_choice *choice, struct sum_cpu_plan **plans,
                      size_t *count);
/* Few legal plans that hold every pair of field values that some legal plan of the choice holds.
 * Deterministic. *plans is malloc'ed. -1: no memory. */
int sum_cpu_plans_pairs(const struct sum_cpu_choice *choice, struct sum_cpu_plan **plans,
                        size_t *count);
/* The plan with one field moved to its next value that is legal; false if there is none. */
bool sum_cpu_plan_mutant(const struct sum_cpu_plan *plan, enum sum_cpu_field_id field,
                         struct sum_cpu_plan *mutant);

/* Bytes of input and of the result; additions asked for (as sum_flops). */
double sum_cpu_bytes_moved(const struct sum_cpu_plan *plan, size_t n);
double sum_cpu_flops(const struct sum_cpu_plan *plan, size_t n);

/* --- running ---------------------------------------------------------------------------------- */

enum sum_cpu_isa { SUM_CPU_PORTABLE, SUM_CPU_AVX2, SUM_CPU_AVX512, SUM_CPU_ISAS };

/* "portable", "avx2", "avx512". */
const char *sum_cpu_isa_name(enum sum_cpu_isa isa);
/* Whether this CPU can run it; the best it can. */
bool sum_cpu_isa_usable(enum sum_cpu_isa isa);
enum sum_cpu_isa sum_cpu_isa_best(void);

/* Sums x[0…n-1], n >= 1, of any alignment, on the best instruction set. The result's bits (f32 in
 * the low half). Threads come from the process' shared pool: one call at a time. Returns 0, or -1
 * with device_error(). */
int sum_cpu_run(const struct sum_cpu_plan *plan, const void *x, size_t n, uint64_t *bits);
/* The same on a chosen instruction set. */
int sum_cpu_run_isa(const struct sum_cpu_plan *plan, enum sum_cpu_isa isa, const void *x, size_t n,
                    uint64_t *bits);

/* --- the model -------------------------------------------------------------------------------- */

/* The order of additions over n inputs, 1 <= n < 2^31. NULL: no memory, or a method that has no
 * order (binned). The caller frees it. */
struct tree *sum_cpu_tree(const struct sum_cpu_plan *plan, size_t n);
/* That tree's depth, without building it; 0 where there is no tree. */
size_t sum_cpu_depth(const struct sum_cpu_plan *plan, size_t n);
/* The result's bits, by evaluating the order as told above, without any of the code that runs it.
 * Returns 0, or -1 if memory is short. */
int sum_cpu_model(const struct sum_cpu_plan *plan, const void *x, size_t n, uint64_t *bits);

#ifdef __cplusplus
}
#endif
#endif
