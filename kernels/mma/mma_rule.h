/*
 * mma_rule.h: the arithmetic of matrix units, to the bit, as data: one row of a table per card,
 * instruction and formats.
 *
 *     const struct mma_rule *rule = mma_rule_find("sm_90", MMA_SYNC, ELEMENT_F16, ELEMENT_F32);
 *     float d = mma_dot(rule, a, b, k, c);
 *
 * Three kinds of sum cover what there is:
 *
 * MMA_ALIGNED   terms = the products of a block and c. Each product is exact, and so is its
 *               exponent: the sum of its operands', which of a subnormal is its format's least.
 *               E = the largest exponent of the terms that are not zero, and at least `floor`.
 *               Every term is cut, toward zero, to a multiple of 2^(E - fraction); their sum is
 *               exact and rounded once. c of a block is the result of the block before.
 * MMA_TWO_STEPS 8-bit formats by two aligned 16-bit instructions x and y and an ordinary add:
 *               x = the products with k mod 4 in {0, 1}, from 0; y = the others, from x; y + c.
 * MMA_CHAIN     fused multiply-adds one after another, each rounded to nearest even.
 *
 * An aligned sum that is zero is +0; one too large for the format is infinite; a NaN among the
 * operands, 0 times infinity and infinities of both signs give NaN (positive, all of its fraction
 * bits set). In chains these are IEEE 754's, the NaN being that same one.
 *
 * Sources. Rows marked MMA_MEASURED give every bit of the published measurements that
 * vectors/README.md names. MMA_PUBLISHED: microsoft/MMA-Sim and its PyPI package mmasim 2.1.1, not
 * measured for this project; so are all floors and what overflows, zeros' signs and NaN give, which
 * the measurements do not show. MMA_MANUAL: Intel's Architecture Instruction Set Extensions
 * Reference (TDPBF16PS, VDPBF16PS), tested on processors that have them.
 */
#ifndef NANOLAB_KERNELS_MMA_RULE_H
#define NANOLAB_KERNELS_MMA_RULE_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/element/element.h"
#include "kernels/mma/mma_data.h"

#ifdef __cplusplus
extern "C" {
#endif

enum mma_form {
    MMA_SYNC,  /* mma.sync, and WMMA, which is made of it */
    MMA_WGMMA, /* Hopper's warpgroup instruction */
    MMA_CPU,
    MMA_FORMS
};
enum mma_sum { MMA_ALIGNED, MMA_TWO_STEPS, MMA_CHAIN };
enum mma_rounding { MMA_TOWARD_ZERO, MMA_NEAREST_EVEN };
enum mma_evidence { MMA_MEASURED, MMA_PUBLISHED, MMA_MANUAL };

struct mma_rule {
    const char *card; /* "A100"; of a CPU the instruction, "AMX" */
    const char *arch; /* "sm_80"; of a CPU "cpu" */
    enum mma_form form;
    enum element in, out;
    enum mma_evidence evidence;
    enum mma_sum sum;
    int k; /* products of one instruction. m16n8k8 on sm_90 is the rule with k = 8 */
    /* aligned sums, and the two steps' */
    enum element as; /* the format whose least exponent counts; 8-bit ones unpacked are f16 */
    int block;       /* products per block; never more than k */
    int fraction, floor;
    int out_fraction; /* fraction bits that the result keeps */
    enum mma_rounding rounding;
    /* chains */
    int chains; /* 2: even and odd k, each from 0; then even + odd; then c + that sum */
    bool swap;  /* of each pair the second product comes first */
    bool flush; /* subnormal inputs, sums and c are zeros of their sign */
};

/* By a card's name or an architecture, whose first card it then is. "fma" is the scalar chain,
 * subnormals kept, as scalar and vector code and CUDA cores have it. NULL: there is none. */
const struct mma_rule *mma_rule_find(const char *card_or_arch, enum mma_form form, enum element in,
                                     enum element out);
/* All rows, in the table's order; NULL behind the last. */
const struct mma_rule *mma_rule_at(size_t i);
/* The first card that a name or architecture stands for, and its architecture: "A100" and "sm_80";
 * NULL: there is none. */
const char *mma_rule_card(const char *card_or_arch);
const char *mma_rule_arch(const char *card_or_arch);
/* "mma.sync", "wgmma", "cpu". */
const char *mma_form_name(enum mma_form form);

/* One instruction: c + Σ a[i] b[i] over n <= rule->k products, the others zero. a and b are
 * numbers of rule->in (of tf32 the low 13 bits do not count), c of rule->out, and so is the result.
 */
float mma_step(const struct mma_rule *rule, const float *a, const float *b, size_t n, float c);
/* As many instructions as k needs, each from the sum of the one before, the first from c. k = 0
 * gives c. */
float mma_dot(const struct mma_rule *rule, const float *a, const float *b, size_t k, float c);
/* A tile, dense: d[m][n] = c[m][n] + Σ a[m][k] b[n][k], each element as mma_dot gives it; at most
 * MMA_TILE rows, columns and products. */
#define MMA_TILE 32
void mma_tile(const struct mma_rule *rule, size_t m, size_t n, size_t k, const float *a,
              const float *b, const float *c, float *d);
/* One dot product of ELEMENT_F64: every matrix unit's is a chain. */
double mma_dot_f64(const double *a, const double *b, size_t k, double c);

/* The order of a whole product's k. Slices follow each other; one that is `fresh` starts a new
 * partial sum from 0, another goes on with the one before; the first starts from 0 either way.
 * Partial sums are added forward, to nearest even, in FP32: that is split-K, and with slices of one
 * length also what promotes 8-bit sums. What no slice names is left out. */
struct mma_slice {
    size_t begin, end;
    bool fresh;
};

/* `rows` rows of the product from row m on, rounded to problem.out, as floats: out[rows][N].
 * rule->in must be the problem's. Shared among the process' CPUs (pool_shared), so not to be called
 * from one of its jobs. 0, or -1 with device_error(): no memory, formats that differ, a slice
 * beyond K. */
int mma_gemm(const struct mma_rule *rule, const struct mma_operands *operands,
             const struct mma_slice *slices, size_t count, size_t m, size_t rows, float *out);
/* One element of it, by mma_dot. */
int mma_gemm_element(const struct mma_rule *rule, const struct mma_operands *operands,
                     const struct mma_slice *slices, size_t count, size_t m, size_t n, float *out);

#ifdef __cplusplus
}
#endif
#endif
