/*
 * paged_exp.h: 2^x in float, for x <= 0, of operations that IEEE 754 fixes: one add that rounds,
 * two subtractions, six fused multiply-adds and an integer add. So C, CUDA and SIMD code that do
 * the same give the same bits, where the maths libraries' exponentials would not.
 *
 *     t = x + 1.5 × 2^23        the last bits of t are n, the integer nearest to x (ties to even)
 *     f = x - (t - 1.5 × 2^23)  exact, |f| <= 1/2
 *     p = 1 + f (c1 + f (c2 + f (c3 + f (c4 + f (c5 + f c6)))))   Horner, fused
 *     2^x = p with n added to its exponent
 *
 * Softmax takes it instead of e^x with log2 e folded into the scale of the scores. The polynomial
 * minimises the relative error on [-1/2, 1/2] under the condition 2^0 = 1, its coefficients
 * rounded to float one after another: off by at most 6.9e-9. The last step's rounding adds at most
 * 2^-24 (relative, p in [0.707, 1.415]), the rounding of its factor at most 2^-25 × |f| / p, and
 * those before it less again: under PAGED_EXP2_ERROR in all. paged_exp_test.c measures 0.56 of it.
 */
#ifndef NANOLAB_KERNELS_PAGED_ATTENTION_PAGED_EXP_H
#define NANOLAB_KERNELS_PAGED_ATTENTION_PAGED_EXP_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef __CUDACC__
#define PAGED_FN __host__ __device__ static inline
#else
#define PAGED_FN static inline __attribute__((unused))
#endif

#define PAGED_EXP2_ERROR 0x1p-23
/* Smaller arguments give 0: nothing of the result is subnormal. */
#define PAGED_EXP2_LEAST (-125.0f)
#define PAGED_EXP2_MAGIC 0x1.8p23f
#define PAGED_EXP2_C1 0x1.62e432p-1f
#define PAGED_EXP2_C2 0x1.ebfbe6p-3f
#define PAGED_EXP2_C3 0x1.c6ada8p-5f
#define PAGED_EXP2_C4 0x1.3b21cap-7f
#define PAGED_EXP2_C5 0x1.5fb504p-10f
#define PAGED_EXP2_C6 0x1.4b107ep-13f

/* Scores are q·k times this, in units of log 2: log2(e) / sqrt(head), rounded once. */
#define PAGED_SCALE_64 0x1.715476p-3f
#define PAGED_SCALE_128 0x1.0527dcp-3f

PAGED_FN float paged_scale(int head) {
    return head == 64 ? PAGED_SCALE_64 : PAGED_SCALE_128;
}

/* x <= 0 or NaN (which stays one); -inf gives 0. */
PAGED_FN float paged_exp2(float x) {
    float t = x + PAGED_EXP2_MAGIC;
    float f = x - (t - PAGED_EXP2_MAGIC);
    float p = fmaf(f, PAGED_EXP2_C6, PAGED_EXP2_C5);
    p = fmaf(f, p, PAGED_EXP2_C4);
    p = fmaf(f, p, PAGED_EXP2_C3);
    p = fmaf(f, p, PAGED_EXP2_C2);
    p = fmaf(f, p, PAGED_EXP2_C1);
    p = fmaf(f, p, 1.0f);
    uint32_t n, bits;
    memcpy(&n, &t, sizeof n);
    memcpy(&bits, &p, sizeof bits);
    bits += n << 23;
    memcpy(&p, &bits, sizeof p);
    return x < PAGED_EXP2_LEAST ? 0.0f : p;
}

#endif
