/*
 * mma_cpu.h: matrix products on a CPU, native, by plans of their own.
 *
 * A plan names every decision: the instructions, the block of C that stays in registers, how much
 * of K is gone through at a time, where and when B is brought into the kernel's order, the slices
 * of K and how their sums are added, the threads. Its fields are listed once: struct, id, parser,
 * JSON record, enumeration and mutants come from the list.
 *
 * The bits follow from the instructions, from the split and from the merge alone. Along K, one
 * output is one chain of the instruction's steps (mma_rule.h), from 0, in order: whatever the tile,
 * the chunk, the packing and the threads are. With a split of S, the slices are
 * ⌈⌈K / 64⌉ / S⌉ · 64 long, the last ones shorter or empty (an empty one's sum is 0), and their
 * sums are added in FP32, to nearest even.
 *
 * The loops, outermost first: slices; chunks of K; columns of C by the tile's width, shared among
 * the threads; rows by the tile's height, as equal as they can be. A chunk outermost keeps the A of
 * the chunk in cache for all columns; between chunks, C itself holds the sums, exactly.
 */
#ifndef NANOLAB_KERNELS_MMA_MMA_CPU_H
#define NANOLAB_KERNELS_MMA_MMA_CPU_H

#include "kernels/mma/mma_job.h"
#include "kernels/mma/mma_rule.h"
#include "kernels/plan/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- the values of each field: V(value, word) ------------------------------------------------- */

/* scalar is plain C, of which a compiler may make vectors; it takes f32, f16 and bf16, the others
 * bf16. scalar and avx2 do the same fused multiply-adds in the same order. amx-model is the kernel
 * of amx, its tile instructions done by the model: the bits of AMX on any machine. */
#define MMA_CPU_ISA_VALUES(V)                                                                      \
    V(MMA_CPU_SCALAR, "scalar")                                                                    \
    V(MMA_CPU_AVX2, "avx2")                                                                        \
    V(MMA_CPU_AVX512, "avx512-bf16") V(MMA_CPU_AMX, "amx") V(MMA_CPU_AMX_MODEL, "amx-model")

/* Rows and columns of C in registers. Those of scalar, of avx2, of avx512-bf16, of amx. */
#define MMA_CPU_TILE(rows, columns) ((rows) << 8 | (columns))
#define MMA_CPU_TILES(V)                                                                           \
    V(MMA_CPU_TILE(4, 4), "4x4")                                                                   \
    V(MMA_CPU_TILE(2, 8), "2x8")                                                                   \
    V(MMA_CPU_TILE(4, 16), "4x16")                                                                 \
    V(MMA_CPU_TILE(8, 8), "8x8")                                                                   \
    V(MMA_CPU_TILE(14, 32), "14x32")                                                               \
    V(MMA_CPU_TILE(6, 64), "6x64")                                                                 \
    V(MMA_CPU_TILE(32, 32), "32x32") V(MMA_CPU_TILE(16, 64), "16x64")

/* Length along K that is gone through for all of C before the next. */
#define MMA_CPU_WHOLE 0
#define MMA_CPU_CHUNKS(V)                                                                          \
    V(256, "k256")                                                                                 \
    V(512, "k512") V(1024, "k1024") V(2048, "k2048") V(MMA_CPU_WHOLE, "k-whole")

/* B into the kernel's order: once, before the first call; or by every call, as it gets there. A is
 * brought into order by every call. */
#define MMA_CPU_PACKS(V) V(MMA_CPU_PACK_BEFORE, "packed") V(MMA_CPU_PACK_INSIDE, "packing")

/* Whether the next panel of a packed B is fetched into the second-level cache while one is used, a
 * little at each step, so that the memory is never idle. Of tiles only: the others' products take
 * longer than the memory does. */
#define MMA_CPU_AHEADS(V) V(0, "ahead0") V(1, "ahead1")

#define MMA_CPU_THREADS(V) V(1, "t1") V(2, "t2")

/* Slices of K, each a sum of its own. */
#define MMA_CPU_SPLITS(V) V(1, "split1") V(2, "split2") V(4, "split4")

/* The slices' sums to one: one after another, or neighbours first. */
#define MMA_CPU_MERGES(V)                                                                          \
    V(MMA_CPU_MERGE_SERIAL, "merge-serial") V(MMA_CPU_MERGE_PAIRS, "merge-pairs")

#define MMA_CPU_ENUMERATOR(value, word) value,
enum mma_cpu_isa { MMA_CPU_ISA_VALUES(MMA_CPU_ENUMERATOR) MMA_CPU_ISAS };
enum mma_cpu_pack_when { MMA_CPU_PACKS(MMA_CPU_ENUMERATOR) };
enum mma_cpu_merge { MMA_CPU_MERGES(MMA_CPU_ENUMERATOR) };

/* --- the fields: X(name, values, what) -------------------------------------------------------- */

#define MMA_CPU_PLAN_FIELDS(X)                                                                     \
    X(isa, MMA_CPU_ISA_VALUES, "instructions")                                                     \
    X(tile, MMA_CPU_TILES, "rows and columns of C in registers")                                   \
    X(chunk, MMA_CPU_CHUNKS, "length along K gone through at a time")                              \
    X(pack, MMA_CPU_PACKS, "when B is brought into the kernel's order")                            \
    X(ahead, MMA_CPU_AHEADS, "panels of B fetched ahead")                                          \
    X(threads, MMA_CPU_THREADS, "threads")                                                         \
    X(split, MMA_CPU_SPLITS, "slices of K")                                                        \
    X(merge, MMA_CPU_MERGES, "the slices' sums to one")

#define MMA_CPU_MEMBER(name, values, what) int name;
struct mma_cpu_plan {
    MMA_CPU_PLAN_FIELDS(MMA_CPU_MEMBER)
};

#define MMA_CPU_FIELD_ID(name, values, what) MMA_CPU_FIELD_##name,
enum mma_cpu_field_id { MMA_CPU_PLAN_FIELDS(MMA_CPU_FIELD_ID) MMA_CPU_FIELDS };
#define MMA_CPU_FIELD_BIT(name) (1u << MMA_CPU_FIELD_##name)

/* Fields whose change cannot change a bit. (isa's may not either: scalar and avx2.) */
#define MMA_CPU_NEUTRAL                                                                            \
    (MMA_CPU_FIELD_BIT(tile) | MMA_CPU_FIELD_BIT(chunk) | MMA_CPU_FIELD_BIT(pack) |                \
     MMA_CPU_FIELD_BIT(ahead) | MMA_CPU_FIELD_BIT(threads))

/* The family for plan.h: texts, records, enumeration, mutants. */
extern const struct plan_family mma_cpu_plans;

/* A sound everyday plan for an instruction set. */
struct mma_cpu_plan mma_cpu_plan_default(enum mma_cpu_isa isa, int threads);
/* Parses an id: words in any order; missing ones are the default's of the instruction set, which
 * itself is the best for bf16 on this CPU if it is not named. 0, or -1 with the reason in `why`
 * (PLAN_WHY bytes, or NULL). */
int mma_cpu_plan_parse(const char *text, struct mma_cpu_plan *plan, char *why);
int mma_cpu_plan_check(const struct mma_cpu_plan *plan, char *why);
/* The id, such as "avx512-bf16.14x32.k-whole.packed.ahead0.t2.split1.merge-serial". `out` has
 * PLAN_TEXT bytes; it is returned. */
char *mma_cpu_plan_text(const struct mma_cpu_plan *plan, char *out);

/* --- running ---------------------------------------------------------------------------------- */

/* "scalar", "avx2", "avx512-bf16", "amx", "amx-model". */
const char *mma_cpu_isa_name(enum mma_cpu_isa isa);
/* Whether this CPU can run it. For amx that asks the system for the tiles' state. */
bool mma_cpu_isa_usable(enum mma_cpu_isa isa);
/* The fastest that this CPU has for a format. */
enum mma_cpu_isa mma_cpu_isa_best(enum element in);
/* The arithmetic of one output; NULL where the instructions do not take that format. */
const struct mma_rule *mma_cpu_rule(enum mma_cpu_isa isa, enum element in);
/* The slices that a plan cuts K into, all of them fresh, for mma_gemm(); returns how many. Their
 * sums are there added as merge-serial does. */
#define MMA_CPU_SLICES_MOST 4
size_t mma_cpu_slices(const struct mma_cpu_plan *plan, size_t k,
                      struct mma_slice slices[MMA_CPU_SLICES_MOST]);

/* Rows of A, rows of B and numbers along K that are computed at once, whether all are there or not:
 * rows as the instructions take them, whole panels of B. */
struct mma_shape mma_cpu_fragment(const struct mma_cpu_plan *plan);

/* A product as a job of the family, predicted by its rule. The device is a cpu. Threads come from
 * the process' shared pool: one call at a time. 0, or -1 with device_error(): formats that the
 * instructions do not take, instructions that the CPU does not have, no memory. */
int mma_cpu_job_open(struct job *job, struct device *device, const struct mma_operands *operands,
                     const struct mma_cpu_plan *plan);

#ifdef __cplusplus
}
#endif
#endif
