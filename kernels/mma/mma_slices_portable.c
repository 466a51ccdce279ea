/*
 * mma_slices_portable.c: the integer GEMM's steps in plain C.
 */
#include <math.h>
#include <string.h>

#include "kernels/mma/mma_slices_inside.h"

static uint32_t largest(const float *x, size_t count) {
    uint32_t most = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t magnitude = round_f32_bits(x[i]) & 0x7fffffffu;
        most = magnitude > most ? magnitude : most;
    }
    return most;
}

static void cut_row(const struct mma_slices_cut *c, size_t row) {
    bool there = row < c->rows;
    const float *x = there ? c->x + row * c->stride : NULL;
    int32_t sums[MMA_SLICES_MOST] = {0};
    for (size_t group = 0; group < c->groups; group++) {
        uint8_t *to = c->to + row * c->at.row + group * c->at.group;
        for (size_t i = 0; i < MMA_SLICES_GROUP; i++) {
            size_t k = group * MMA_SLICES_GROUP + i;
            uint32_t bytes =
                there && k < c->count ? mma_slices_bytes(x[k], c->place[row]) : 0x80808080u;
            for (int s = 0; s < c->slices; s++) {
                uint8_t byte = (uint8_t)(bytes >> 8 * (c->slices - 1 - s));
                sums[s] += byte - 128;
                to[(size_t)s * c->at.slice + i] = c->is_signed ? byte ^ 0x80 : byte;
            }
        }
    }
    if (c->sums)
        memcpy(c->sums + row * MMA_SLICES_MOST, sums, sizeof sums);
}

static void cut(const struct mma_slices_cut *c) {
    for (size_t row = 0; row < c->padded; row++)
        cut_row(c, row);
}

/* One row of A's digits with a panel of B, one product of slices. */
static void multiply_row(const struct mma_slices_block *k, const uint8_t *a, const uint8_t *b,
                         int32_t *sums) {
    for (size_t group = 0; group < k->groups; group++) {
        const int8_t *d = (const int8_t *)a + group * k->a_at.group;
        const uint8_t *e = b + group * k->b_group;
        for (int column = 0; column < MMA_SLICES_COLUMNS; column++)
            for (int i = 0; i < MMA_SLICES_GROUP; i++)
                sums[column] += d[i] * e[column * MMA_SLICES_GROUP + i];
    }
}

void mma_slices_multiply_portable(const struct mma_slices_block *k, int32_t *sums) {
    memset(sums, 0, (size_t)(k->classes * k->rows * k->columns) * sizeof *sums);
    for (int i = 0; i < k->slices; i++)
        for (int j = 0; j < k->slices && i + j < k->classes; j++)
            for (int row = 0; row < k->rows; row++)
                for (int column = 0; column < k->columns; column += MMA_SLICES_COLUMNS)
                    multiply_row(k, k->a + (size_t)row * k->a_at.row + (size_t)i * k->a_at.slice,
                                 k->b + (size_t)(column / MMA_SLICES_COLUMNS) * k->b_panel +
                                     (size_t)j * MMA_SLICES_COLUMNS * MMA_SLICES_GROUP,
                                 sums + ((i + j) * k->rows + row) * k->columns + column);
}

static void add(const struct mma_slices_block *k, const int32_t *sums, const int32_t *off,
                const struct mma_slices_into *into) {
    for (int row = 0; row < k->rows; row++)
        for (int column = 0; column < k->columns; column++) {
            int64_t v = 0, *to = into->v + (size_t)row * into->stride + column;
            for (int w = 0; w < k->classes; w++)
                v = v * 256 + sums[(w * k->rows + row) * k->columns + column] -
                    off[w * k->rows + row];
            *to = into->first ? v : *to + v;
        }
}

static void round_all(const int64_t *v, size_t count, int power, const int *place, float *out) {
    for (size_t i = 0; i < count; i++)
        out[i] = mma_slices_round(v[i], power - place[i]);
}

const struct mma_slices_code mma_slices_portable = {largest, cut, add, round_all};

/* Only products with a NaN or an infinity count: finite ones, however large, lose to those. */
float mma_slices_special(const float *a, const float *b, size_t count) {
    bool plus = false, minus = false;
    for (size_t k = 0; k < count; k++) {
        if (isfinite(a[k]) && isfinite(b[k]))
            continue;
        if (isnan(a[k]) || isnan(b[k]) || a[k] == 0 || b[k] == 0)
            return NAN;
        bool negative = signbit(a[k]) != signbit(b[k]);
        minus |= negative;
        plus |= !negative;
    }
    return plus && minus ? NAN : plus ? INFINITY : -INFINITY;
}
