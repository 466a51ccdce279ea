/*
 * mma_slices_inside.h: what the files of the integer GEMM share: how digits lie in memory, and the
 * four steps that have code of their own per instruction set.
 *
 * Digits lie in groups of four consecutive k, as the dot-product instructions take them. B's are
 * stored plus 128, as unsigned bytes, since VPDPBUSD multiplies unsigned by signed; what that adds
 * to a sum, 128 times the sum of A's digits, is a number per row of A and taken off again, exactly.
 *
 * B, in panels of 16 rows (columns of C): [panel][group][slice][16 rows][4 k]
 * A, in panels of the tile's rows:        [panel][group][slice][rows][4 k]; for AMX, whose tiles
 *                                         want 64 consecutive k: [panel][row][slice][k]
 */
#ifndef NANOLAB_KERNELS_MMA_MMA_SLICES_INSIDE_H
#define NANOLAB_KERNELS_MMA_MMA_SLICES_INSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/mma/mma_slices.h"
#include "kernels/mma/mma_slices_fixed.h"

#define MMA_SLICES_COLUMNS 16   /* rows of B in a panel */
#define MMA_SLICES_ROWS_MOST 16 /* of a tile */
#define MMA_SLICES_WIDE_MOST 32 /* columns of a tile */

/* Bytes from a row, slice or group of four k to the next. */
struct mma_slices_layout {
    size_t row, slice, group;
};

struct mma_slices_cut {
    const float *x;   /* the rows' first element of this part of K */
    size_t stride;    /* elements from row to row */
    size_t rows;      /* there are */
    size_t padded;    /* rows of digits to write; the others are zeros */
    size_t count;     /* k there are */
    size_t groups;    /* of k to write, a multiple of 16; beyond count zeros */
    const int *place; /* q of each row there is */
    int slices;
    bool is_signed; /* digits, or digits plus 128 */
    uint8_t *to;
    struct mma_slices_layout at;
    int32_t *sums; /* [padded][MMA_SLICES_MOST]: of each slice's digits; NULL: not wanted */
};

struct mma_slices_block {
    const uint8_t *a, *b; /* digits; b's plus 128 */
    struct mma_slices_layout a_at;
    size_t b_group; /* bytes from group to group of b */
    size_t b_panel; /* bytes from panel to panel of b */
    size_t groups;  /* of four k */
    int slices, classes;
    int rows, columns; /* of the tile */
};

/* Sums of products of signed and unsigned bytes: sums[class][row][column], of the whole tile. */
typedef void mma_slices_multiply(const struct mma_slices_block *block, int32_t *sums);

/* What to add sums of a tile to. */
struct mma_slices_into {
    int64_t *v; /* [row][column] */
    size_t stride;
    bool first; /* v is not there yet: write it */
};

struct mma_slices_code {
    /* The largest |x|'s bits; 0 of none. NaN and infinities are larger than all numbers. */
    uint32_t (*largest)(const float *x, size_t count);
    void (*cut)(const struct mma_slices_cut *cut);
    /* V of a tile from its sums and what is to be taken off them: off[class][row]. */
    void (*add)(const struct mma_slices_block *block, const int32_t *sums, const int32_t *off,
                const struct mma_slices_into *into);
    /* out[i] = v[i] · 2^(power - place[i]), rounded once. */
    void (*round)(const int64_t *v, size_t count, int power, const int *place, float *out);
};

extern const struct mma_slices_code mma_slices_portable;
mma_slices_multiply mma_slices_multiply_portable;
#ifdef __x86_64__
extern const struct mma_slices_code mma_slices_avx512;
mma_slices_multiply mma_slices_multiply_amx;
#endif
/* AMX's loop on tiles in memory, for processors without it. */
mma_slices_multiply mma_slices_multiply_soft_tiles;
/* NULL: there is no code for these. */
mma_slices_multiply *mma_slices_multiply_vnni(int slices, int classes, int tile);
/* May this process use AMX's tiles? Asks the system once. */
bool mma_slices_amx_allowed(void);

/* Does it take A in AMX's order? */
static inline bool mma_slices_tiles(int isa) {
    return isa == MMA_SLICES_AMX || isa == MMA_SLICES_AMX_MODEL;
}
static inline int mma_slices_rows(int tile) {
    return tile >> 8;
}
static inline int mma_slices_columns(int tile) {
    return tile & 0xff;
}

/* An element where a row holds a NaN or an infinity. */
float mma_slices_special(const float *a, const float *b, size_t count);

/* -1 with device_error() for formats, and sums of so many classes, that there is no code for. */
int mma_slices_refuse(const struct mma_problem *problem, int classes);

/* The predicted value of C[m][n], from the operands alone. */
float mma_slices_model(const struct mma_operands *operands, int slices, int classes, size_t m,
                       size_t n);

#endif
