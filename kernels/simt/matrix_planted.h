/*
 * matrix_planted.h: the launchers of matrix_test.cu, in both builds of it. Memory is the device's.
 */
#ifndef NANOLAB_KERNELS_SIMT_MATRIX_PLANTED_H
#define NANOLAB_KERNELS_SIMT_MATRIX_PLANTED_H

#include "kernels/element/element.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One tile: D = A B + C. A is rows × k and B columns × k, both with k contiguous unless `crossed`;
 * C and D are rows × columns. */
struct matrix_tile {
    enum element in, out;
    unsigned rows, columns, k; /* k: a multiple of the instruction's */
    bool crossed;              /* WMMA: A by columns, B by rows, C and D by columns */
    const void *a, *b, *c;
    void *d;
};

enum matrix_bug {
    MATRIX_HALF_WARP,   /* half of the lanes take part */
    MATRIX_LEFT,        /* lane 9 has left the kernel */
    MATRIX_SHORT_BLOCK, /* a block of 20 threads */
    MATRIX_TWO_KINDS,   /* lanes 16 and above execute another instruction */
    MATRIX_MISALIGNED,  /* a fragment is loaded from an address that is no multiple of 32 */
    MATRIX_PITCH,       /* rows lie 9 elements apart */
    MATRIX_RACE,        /* another warp writes what is loaded */
    MATRIX_BUGS
};

struct matrix_ops {
    int (*wmma)(const struct matrix_tile *tile);
    int (*mma)(const struct matrix_tile *tile); /* one instruction, 16 × 8 */
    /* `data`: 64 KiB, zeroed. The same kernel with and without. */
    int (*bug)(enum matrix_bug bug, int on, void *data);
    /* kernel_mma_refused() for what the tile needs. */
    int (*refused)(const struct matrix_tile *tile);
};
extern const struct matrix_ops matrix_ops_simt, matrix_ops_checked;

#ifdef __cplusplus
}
#endif
#endif
