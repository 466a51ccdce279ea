/*
 * mma_cpu_inside.h: between the parts of the native products: what a kernel is asked to do, and the
 * code of each instruction set.
 *
 * Orders that operands are brought into, all of them by steps along K, so that a chunk of K is one
 * piece; `width` counts rows of the operand, and `k` is a multiple of the code's step:
 *     floats  [k][width]             widened
 *     pairs   [k / 2][width][2]      bf16
 *     tiles   [k / 32][width][32]    bf16
 */
#ifndef NANOLAB_KERNELS_MMA_MMA_CPU_INSIDE_H
#define NANOLAB_KERNELS_MMA_MMA_CPU_INSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/element/element.h"

/* Some rows of an operand into the kernel's order. Rows behind `rows` are written as zeros. What is
 * missing of K in the last step is zero in A. In B, the partner of an odd last number is +0 where
 * the instruction takes pairs, since its rule calls a missing product +0; everything else that is
 * missing is -0, so that its product, -0, adds nothing to any sum. */
struct mma_cpu_pack {
    const void *from;
    size_t stride; /* elements from row to row */
    enum element in;
    size_t rows, width, k;
    size_t step;               /* what k is rounded up to a multiple of */
    uint16_t partner, missing; /* as bf16 */
    void *to;
};
typedef void mma_cpu_pack_function(const struct mma_cpu_pack *pack);

/* One block of C: C (+)= A·Bᵀ over some steps along K. */
struct mma_cpu_block {
    const void *a, *b; /* in the kernel's order */
    float *c;
    size_t ldc, steps;
    unsigned rows, columns; /* of C; at most the tile's */
    bool fresh;             /* from 0, not from what C holds */
    /* What is to be fetched into cache meanwhile, and lines of it per step; 0: nothing. */
    const char *ahead;
    size_t ahead_lines;
};

struct mma_cpu_code {
    unsigned step;             /* numbers along K that the kernel takes at once */
    unsigned unit;             /* A's rows come in so many */
    unsigned a_bytes, b_bytes; /* of a number in the kernel's order */
    uint16_t partner;
    mma_cpu_pack_function *pack_a, *pack_b;
    void (*begin)(void), (*end)(void); /* on every thread, around its work; NULL: nothing */
    void (*multiply)(int tile, const struct mma_cpu_block *block);
};

mma_cpu_pack_function mma_cpu_pack_floats, mma_cpu_pack_pairs, mma_cpu_pack_tiles;

extern const struct mma_cpu_code mma_cpu_scalar, mma_cpu_amx_model;
#ifdef __x86_64__
extern const struct mma_cpu_code mma_cpu_avx2, mma_cpu_avx512, mma_cpu_amx;
/* As mma_cpu_pack_pairs; wants AVX-512. */
mma_cpu_pack_function mma_cpu_pack_pairs_avx512;
/* Whether the CPU has the tiles and the system gives them to this process. */
bool mma_cpu_amx_usable(void);
#endif

#endif
