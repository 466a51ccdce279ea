/*
 * mma_cpu_scalar.c: the native product in plain C, one fused multiply-add at a time, for every
 * machine; and bringing operands into order in plain C.
 */
#include <math.h>
#include <string.h>

#include "kernels/mma/mma_cpu.h"
#include "kernels/mma/mma_cpu_inside.h"

/* --- order ------------------------------------------------------------------------------------ */

static size_t rounded(const struct mma_cpu_pack *p) {
    return (p->k + p->step - 1) / p->step * p->step;
}

/* Of element i, behind the end of a row. */
static uint16_t missing(const struct mma_cpu_pack *p, size_t i) {
    return i == p->k && p->k % 2 ? p->partner : p->missing;
}

static float widened(const struct mma_cpu_pack *p, size_t i) {
    float value;
    switch (p->in) {
    case ELEMENT_F32:
        memcpy(&value, (const float *)p->from + i, sizeof value);
        return value;
    case ELEMENT_F16:
        return element_from_f16(((const uint16_t *)p->from)[i]);
    default:
        return element_from_bf16(((const uint16_t *)p->from)[i]);
    }
}

void mma_cpu_pack_floats(const struct mma_cpu_pack *p) {
    float *to = p->to;
    for (size_t i = 0; i < rounded(p); i++)
        for (size_t row = 0; row < p->width; row++)
            *to++ = row >= p->rows ? 0.0f
                    : i >= p->k    ? element_from_bf16(missing(p, i))
                                   : widened(p, row * p->stride + i);
}

static uint16_t brain(const struct mma_cpu_pack *p, size_t row, size_t i) {
    return row >= p->rows ? 0
           : i >= p->k    ? missing(p, i)
                          : ((const uint16_t *)p->from)[row * p->stride + i];
}

void mma_cpu_pack_pairs(const struct mma_cpu_pack *p) {
    uint16_t *to = p->to;
    for (size_t i = 0; i < rounded(p); i += 2)
        for (size_t row = 0; row < p->width; row++) {
            *to++ = brain(p, row, i);
            *to++ = brain(p, row, i + 1);
        }
}

#define TILE_K 32

void mma_cpu_pack_tiles(const struct mma_cpu_pack *p) {
    const uint16_t *from = p->from;
    uint16_t *to = p->to;
    for (size_t i = 0; i < rounded(p); i += TILE_K)
        for (size_t row = 0; row < p->width; row++, to += TILE_K) {
            if (row < p->rows && i + TILE_K <= p->k)
                memcpy(to, from + row * p->stride + i, TILE_K * sizeof *to);
            else
                for (size_t j = 0; j < TILE_K; j++)
                    to[j] = brain(p, row, i + j);
        }
}

/* --- the product ------------------------------------------------------------------------------ */

#define SUMS_MOST 16

static void multiply(int tile, const struct mma_cpu_block *t) {
    size_t width = (size_t)(tile & 0xff), rows = t->rows;
    const float *a = t->a, *b = t->b;
    float sum[SUMS_MOST] = {0};
    for (size_t i = 0; i < rows && !t->fresh; i++)
        memcpy(&sum[i * width], &t->c[i * t->ldc], t->columns * sizeof *sum);
    for (size_t k = 0; k < t->steps; k++, a += rows, b += width)
        for (size_t i = 0; i < rows; i++)
            for (size_t j = 0; j < width; j++)
                sum[i * width + j] = fmaf(a[i], b[j], sum[i * width + j]);
    for (size_t i = 0; i < rows; i++)
        memcpy(&t->c[i * t->ldc], &sum[i * width], t->columns * sizeof *sum);
}

const struct mma_cpu_code mma_cpu_scalar = {
    .step = 1,
    .unit = 1,
    .a_bytes = sizeof(float),
    .b_bytes = sizeof(float),
    .pack_a = mma_cpu_pack_floats,
    .pack_b = mma_cpu_pack_floats,
    .multiply = multiply,
};
