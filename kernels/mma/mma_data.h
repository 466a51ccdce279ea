/*
 * mma_data.h: the problem of this family, and its operands.
 *
 *     C[m][n] = Σ_k A[m][k] · B[n][k]          0 <= m < M, 0 <= n < N, 0 <= k < K
 *
 * A is M × K, B is N × K and C is M × N, all row-major; so K is contiguous in both operands, as it
 * is in a linear layer y = x Wᵀ: A holds a batch's activations, a row per sequence, and B the
 * weights. In attention scores A holds queries, B keys, and N is the context length.
 */
#ifndef NANOLAB_KERNELS_MMA_DATA_H
#define NANOLAB_KERNELS_MMA_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/element/element.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mma_shape {
    size_t m, n, k; /* rows of A, rows of B, length of the sums; each may be 0 */
};

struct mma_problem {
    struct mma_shape shape;
    enum element in, out; /* of A and B; of C */
    /* Elements from one row to the next; 0: no gap (k, k, n). */
    size_t lda, ldb, ldc;
    /* Bytes that the first elements of A, B and C lie behind a 256-byte boundary: a multiple of
     * their size. */
    size_t a_offset, b_offset, c_offset;
};

#define MMA_WHY 240

/* 0, or -1 with `why` (MMA_WHY bytes, or NULL): rows shorter than their contents, an offset that is
 * no multiple of the element, sizes whose bytes do not fit a size_t. */
int mma_problem_check(const struct mma_problem *problem, char *why);
/* Elements from row to row, gaps included. */
size_t mma_lda(const struct mma_problem *problem);
size_t mma_ldb(const struct mma_problem *problem);
size_t mma_ldc(const struct mma_problem *problem);
/* Bytes from the first element to behind the last, without the offset; of an empty matrix 0. */
size_t mma_a_bytes(const struct mma_problem *problem);
size_t mma_b_bytes(const struct mma_problem *problem);
size_t mma_c_bytes(const struct mma_problem *problem);
/* Two per product; and what a call must read and write at least: A, B and C once. */
double mma_flops(const struct mma_problem *problem);
double mma_bytes(const struct mma_problem *problem);

/* What the operands hold. Row m of A, and row n of B, is a function of (kind, format, seed, the
 * row's number, K) alone: the first rows of a batch are the same in every batch. */
enum mma_fill {
    MMA_FILL_NORMAL,      /* normal, deviation 1; B's are divided by sqrt(K) (8-bit formats: not) */
    MMA_FILL_ONES,        /* every sum is K, where K is a number of the format: counts lost terms */
    MMA_FILL_CANCELLING,  /* sums far smaller than their terms: B's second half repeats its first,
                             A's second half is minus its first but for 2^-5 of every other one */
    MMA_FILL_LOG_UNIFORM, /* random sign, magnitudes over 12 octaves */
    MMA_FILLS
};
/* "normal", "ones", "cancelling", "log-uniform". */
const char *mma_fill_name(enum mma_fill fill);

/* Operands in host memory, laid out as the problem says but for the offsets. What lies in the gaps
 * between rows is NaN: who reads it, shows it. */
struct mma_operands {
    struct mma_problem problem;
    void *a, *b;
};

/* 0, or -1 with device_error(): a problem that makes no sense, or no memory. */
int mma_operands_open(struct mma_operands *out, const struct mma_problem *problem,
                      enum mma_fill fill, uint64_t seed);
void mma_operands_close(struct mma_operands *operands);
/* One element, exact (formats of up to 32 bits). */
float mma_a(const struct mma_operands *operands, size_t m, size_t k);
float mma_b(const struct mma_operands *operands, size_t n, size_t k);
/* Rows as floats: out[0…K-1]. */
void mma_a_row(const struct mma_operands *operands, size_t m, float *out);
void mma_b_row(const struct mma_operands *operands, size_t n, float *out);

/* ‖out − reference‖ / ‖reference‖ (Frobenius) of C, dense M × N floats, against sums of exact
 * products in double. At most about `most` elements are looked at: rows and columns drawn by the
 * seed, the last ones always among them (0: all). Any NaN or infinity in C where the reference is
 * finite gives infinity, so does a finite C where the reference is not; 0 for an empty C. */
double mma_error(const struct mma_operands *operands, const float *c, size_t most, uint64_t seed);
/* What that may be at most, where an accumulator of `fraction` fraction bits cuts off after every
 * product (of 13 bits, as 8-bit formats have them: after every 16), and C's format rounds once. Not
 * a bound in the worst case, but normal numbers and ones keep it, and a sum that lacks one product
 * of 4,096 does not. */
double mma_error_allowed(const struct mma_problem *problem, int fraction);

#ifdef __cplusplus
}
#endif
#endif
