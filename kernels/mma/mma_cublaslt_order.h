/*
 * mma_cublaslt_order.h: from what cuBLASLt chose to the order in which it adds: published rules as
 * data, to be put to the test.
 *
 *     struct mma_cublaslt_order order;
 *     if (mma_cublaslt_order(&choice, &plan, &problem, &order, why) == 0)
 *         value = mma_cublaslt_sum(&order, rule, a, b, k, ELEMENT_BF16);
 *
 * Source: facebookexperimental/triton, bitequiv/cublas_match (2026-08), an H100 with cuBLASLt
 * 13.1.1, where 99.8 % of 1.9 million comparisons held byte by byte. What it does not carry, it
 * declines, with the reason, and so do we: another architecture, formats and algorithms that nobody
 * has published. Some of its rules were measured with the weights stored K × N; ours are N × K:
 * those of algorithms that copy such tiles by themselves (11, 16, 13's option 5) are declined here.
 */
#ifndef NANOLAB_KERNELS_MMA_MMA_CUBLASLT_ORDER_H
#define NANOLAB_KERNELS_MMA_MMA_CUBLASLT_ORDER_H

#include "kernels/mma/mma_cublaslt.h"
#include "kernels/mma/mma_rule.h"

#ifdef __cplusplus
extern "C" {
#endif

enum mma_cublaslt_kind {
    MMA_CUBLASLT_MATRIX, /* the matrix unit, slice by slice */
    MMA_CUBLASLT_LANES,  /* a vector times a matrix: lanes of a warp */
    MMA_CUBLASLT_BLOCKS, /* the same by blocks of 128 threads, and a second kernel */
};
/* How the sums of the slices of a split K meet; always first to last. */
enum mma_cublaslt_merge {
    MMA_CUBLASLT_IN_F32,  /* in FP32, rounded to the output's format at the end */
    MMA_CUBLASLT_ROUNDED, /* each rounded to the output's format first, then in FP32 */
    MMA_CUBLASLT_SERIAL,  /* the running sum is rounded to the output's format after each */
};

struct mma_cublaslt_order {
    enum mma_cublaslt_kind kind;
    size_t used;  /* products that are summed: k, or less (see `lost`) */
    size_t lost;  /* products at K's end that the published rule says are left out */
    size_t chunk; /* K of a slice; the last has what remains */
    enum mma_cublaslt_merge merge;
    /* matrix */
    enum mma_form form;
    int k;        /* products of one instruction */
    size_t first; /* K of a stage: a slice's remainder by it comes first. 0: it comes last */
    size_t close; /* every so many products the accumulator is added to a sum in FP32. 0: never */
    /* lanes and blocks */
    int vector; /* products of consecutive k that a lane loads; of lanes as in mma_cublaslt_lanes */
    int lanes;
    size_t tiles; /* of lanes' loads until a lane's sum is closed; 0: all */
    bool tree;    /* lanes meet as a tree, distance halving from lanes / 2; else in order */
    size_t blocks;
};

/* 0, or -1 with the reason in `why` (MMA_WHY bytes, or NULL) why nothing is predicted. */
int mma_cublaslt_order(const struct mma_cublaslt_choice *choice,
                       const struct mma_cublaslt_plan *plan, const struct mma_problem *problem,
                       struct mma_cublaslt_order *order, char *why);

/* One output: Σ a[i]·b[i] in that order, i < k, rounded to `out`. `rule` is the one for order->form
 * and the operands' format (mma_cublaslt_rule); of lanes and blocks it may be NULL. */
float mma_cublaslt_sum(const struct mma_cublaslt_order *order, const struct mma_rule *rule,
                       const float *a, const float *b, size_t k, enum element out);
/* The rule of an order's matrix unit, with the order's products per instruction. -1: none. */
int mma_cublaslt_rule(const struct mma_cublaslt_order *order, int arch, enum element in,
                      struct mma_rule *rule);

/* The slices as mma_gemm() takes them: fills out[0…most-1], returns how many there are; 0 where
 * the order is none of mma_gemm's (another merge, CUDA cores, partial sums within slices). */
size_t mma_cublaslt_slices(const struct mma_cublaslt_order *order, size_t k, enum element out_type,
                           struct mma_slice *out, size_t most);

#define MMA_CUBLASLT_ORDER_TEXT 160
/* "wgmma, split 4 by 1024", "mma.sync k16, remainder of 40 first", "32 lanes of 4, as a tree", with
 * "…, last 8 left out". `out` has MMA_CUBLASLT_ORDER_TEXT bytes; it is returned. */
char *mma_cublaslt_order_text(const struct mma_cublaslt_order *order, size_t k, char *out);

#ifdef __cplusplus
}
#endif
#endif
