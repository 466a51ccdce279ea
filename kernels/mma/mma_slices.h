/*
 * mma_slices.h: an FP32 matrix product from products of 8-bit integers, with bits that depend on
 * nothing but the operands and on how many slices are kept.
 *
 * The idea is the Ozaki scheme (K. Ozaki, T. Ogita, S. Oishi, S. M. Rump: "Error-free
 * transformations of matrix multiplication by using fast routines of matrix multiplication and its
 * applications", Numerical Algorithms 59, 2012), on integers as in H. Ootomo, K. Ozaki, R. Yokota:
 * "DGEMM on integer matrix multiplication unit", 2024. Here, in full:
 *
 * 1. Every row of A, and every row of B, becomes fixed point: X = round(x · 2^q), to nearest, ties
 *    to even. The row's q is the largest with which the largest |X| is at most 0x7f7f7f (3 slices)
 *    or 0x7f7f7f7f (4 slices); a row of zeros has q = 0.
 * 2. X = Σ_i d_i 256^(slices-1-i) with digits -128 <= d_i <= 127, the slices: slice 0 is the
 *    coarsest. (The least digit is the one that leaves a multiple of 256, and so on upwards.)
 * 3. With d of A's element and e of B's, the element of the output is, exactly,
 *
 *        V = Σ_k Σ_{i+j<classes} d_i[k] e_j[k] 256^(classes-1-i-j)
 *
 *    where classes is `slices` ("high") or one more ("next"): 6 or 8 products of slices of the 9
 *    there are with three, 10 or 13 of the 16 with four. What is left out is small: see below.
 * 4. C = V · 2^(8 (2 slices - 1 - classes) - q_A - q_B), rounded once, to nearest, ties to even.
 *    V = 0 gives +0; too large a value gives infinity.
 *
 * Sums of integers have no order. Products of one class i + j are added in 32 bits over at most
 * 16,384 k, which cannot overflow; then everything is 64 bits. So tiles, splits of K, threads,
 * instruction sets and the other rows of a batch change no bit, and the partial sums of two parts
 * of K, with the q of the whole rows, merge exactly.
 *
 * Not finite: if row m of A or row n of B holds a NaN or an infinity, C[m][n] is what IEEE 754 says
 * of the products with those in any order: NaN if one of them is NaN or if infinities of both signs
 * meet, or else the infinity. Such an element costs a scan of its rows. All other elements are as
 * if those rows were not there. Subnormal numbers are numbers like any others, in and out.
 *
 * Error: with a, b the largest magnitudes of the two rows, |C - exact| is at most
 * K · a · b · mma_slices_bound(slices, classes), plus the last rounding. It is relative to the
 * rows' largest elements: what is smaller than those by more than 2^23 (2^31 with four slices) may
 * be lost whole, where cblas_sgemm would keep it.
 *
 * ‖C - exact‖ / ‖exact‖ of normal numbers, or of magnitudes over 12 octaves, is 2.6e-8 with ten
 * products of four slices at every K: the last rounding's, and below cblas_sgemm's. Eight products
 * of three slices give normal numbers 1.5e-7 at K = 16 to 3e-7 at K = 4,096 (over 12 octaves 4e-7),
 * since a row's largest element grows with its length; cblas_sgemm's error grows faster and passes
 * theirs about there. Six give three times as much.
 */
#ifndef NANOLAB_KERNELS_MMA_MMA_SLICES_H
#define NANOLAB_KERNELS_MMA_MMA_SLICES_H

#include "kernels/mma/mma_job.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- the values of each field: V(value, word) ------------------------------------------------- */

/* What multiplies: plain C; VPDPBUSD of AVX-512 VNNI; TDPBSUD of AMX-INT8 (with AVX-512 for all
 * around it); or, on any machine, AMX's loop on tiles in memory. */
#define MMA_SLICES_ISAS(V)                                                                         \
    V(MMA_SLICES_PORTABLE, "portable")                                                             \
    V(MMA_SLICES_VNNI, "vnni")                                                                     \
    V(MMA_SLICES_AMX, "amx-int8") V(MMA_SLICES_AMX_MODEL, "amx-model")

#define MMA_SLICES_SLICES(V) V(3, "s3") V(4, "s4")

/* Classes of products beyond the number of slices. */
#define MMA_SLICES_KEPTS(V) V(0, "high") V(1, "next")

/* Rows and columns of C that are multiplied at a time, as rows · 256 + columns. */
#define MMA_SLICES_TILE(rows, columns) ((rows) << 8 | (columns))
#define MMA_SLICES_TILES(V)                                                                        \
    V(MMA_SLICES_TILE(4, 16), "4x16")                                                              \
    V(MMA_SLICES_TILE(6, 16), "6x16")                                                              \
    V(MMA_SLICES_TILE(8, 16), "8x16")                                                              \
    V(MMA_SLICES_TILE(4, 32), "4x32") V(MMA_SLICES_TILE(16, 16), "16x16")

/* Parts of K, each with sums of its own where it is another thread's: at least so many where K has
 * them. A part is a multiple of 64 and at most 16,384. */
#define MMA_SLICES_SPLITS(V) V(1, "k1") V(2, "k2") V(3, "k3") V(8, "k8")

#define MMA_SLICES_THREADS(V) V(1, "t1") V(2, "t2")

/* Whether B is sliced when the job is opened, as weights would be, or in every call. A always is
 * in the call. */
#define MMA_SLICES_WEIGHTS(V) V(MMA_SLICES_BEFORE, "b-before") V(MMA_SLICES_INSIDE, "b-inside")

#define MMA_SLICES_ENUMERATOR(value, word) value,
enum mma_slices_isa { MMA_SLICES_ISAS(MMA_SLICES_ENUMERATOR) MMA_SLICES_ISAS_COUNT };
enum mma_slices_weights { MMA_SLICES_WEIGHTS(MMA_SLICES_ENUMERATOR) };

/* --- the fields: X(name, values, what) -------------------------------------------------------- */

#define MMA_SLICES_PLAN_FIELDS(X)                                                                  \
    X(isa, MMA_SLICES_ISAS, "what multiplies")                                                     \
    X(slices, MMA_SLICES_SLICES, "slices of each operand")                                         \
    X(kept, MMA_SLICES_KEPTS, "which products of slices are kept")                                 \
    X(tile, MMA_SLICES_TILES, "rows and columns multiplied at a time")                             \
    X(split, MMA_SLICES_SPLITS, "parts of K")                                                      \
    X(threads, MMA_SLICES_THREADS, "threads")                                                      \
    X(weights, MMA_SLICES_WEIGHTS, "when B is sliced")

#define MMA_SLICES_MEMBER(name, values, what) int name;
struct mma_slices_plan {
    MMA_SLICES_PLAN_FIELDS(MMA_SLICES_MEMBER)
};

#define MMA_SLICES_FIELD_ID(name, values, what) MMA_SLICES_FIELD_##name,
enum mma_slices_field { MMA_SLICES_PLAN_FIELDS(MMA_SLICES_FIELD_ID) MMA_SLICES_FIELDS };

/* The fields that decide the bits; a change of any other changes none. */
#define MMA_SLICES_DECIDE ((1u << MMA_SLICES_FIELD_slices) | (1u << MMA_SLICES_FIELD_kept))

/* All that kernels/plan/plan.h does with plans. */
struct plan_family;
extern const struct plan_family mma_slices_plans;

/* Whether this processor has the instructions; AMX also needs the system's permission. */
bool mma_slices_usable(enum mma_slices_isa isa);
/* The best usable one. */
enum mma_slices_isa mma_slices_best(void);
/* The default: four slices, ten products, at the best tile for the best instruction set. */
struct mma_slices_plan mma_slices_plan_default(int threads);
/* The plan's tile becomes the best one for its other fields. */
void mma_slices_plan_fit(struct mma_slices_plan *plan);
/* Products of slices: 6, 8, 10 or 13. */
int mma_slices_products(const struct mma_slices_plan *plan);

/* The factor of the error's bound above. */
double mma_slices_bound(int slices, int classes);

/* A job on device cpu; operands and output are f32 and K is below 2^24, or 2^17 for four slices
 * with 13 products. `operands` must stay until the job is closed. 0, or -1 with device_error(). */
int mma_slices_job_open(struct job *job, struct device *device, const struct mma_operands *operands,
                        const struct mma_slices_plan *plan);

#ifdef __cplusplus
}
#endif
#endif
