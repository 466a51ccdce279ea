/*
 * mma_cpu_scalar.c: the native product in plain C, one fused multiply-add at a time, for every
 * machine; and bringing operands into order in plain C.
 */
#include <math.h>
#include <string.h>

#include "kernels/mma/mma_cpu.h"
#include "kernels/mma/mma_cpu_inside.h"

/* --- order ------------------------------------------------------------------------------------ */

/* Rows far apart lie in the same few places of a cache: a line of each at a time. */
#define LINE 32

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
    for (size_t first = 0; first < rounded(p); first += LINE)
        for (size_t row = 0; row < p->width; row++) {
            float *to = (float *)p->to + first * p->width + row;
            size_t end = first + LINE < rounded(p) ? first + LINE : rounded(p);
            for (size_t i = first; i < end; i++, to += p->width)
                *to = row >= p->rows ? 0.0f
                      : i >= p->k    ? element_from_bf16(missing(p, i))
                                     : widened(p, row * p->stride + i);
        }
}

static uint16_t brain(const struct mma_cpu_pack *p, size_t row, size_t i) {
    return row >= p->rows ? 0
           : i >= p->k    ? missing(p, i)
                          : ((const uint16_t *)p->from)[row * p->stride + i];
}

void mma_cpu_pack_pairs(const struct mma_cpu_pack *p) {
    size_t pair = 2 * sizeof(uint16_t);
    for (size_t first = 0; first < rounded(p); first += LINE)
        for (size_t row = 0; row < p->width; row++) {
            const uint16_t *from = (const uint16_t *)p->from + row * p->stride;
            uint16_t *to = (uint16_t *)p->to + first * p->width + 2 * row;
            size_t end = first + LINE < rounded(p) ? first + LINE : rounded(p);
            for (size_t i = first; i < end; i += 2, to += 2 * p->width)
                if (row < p->rows && i + 2 <= p->k) {
                    memcpy(to, from + i, pair);
                } else {
                    to[0] = brain(p, row, i);
                    to[1] = brain(p, row, i + 1);
                }
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

#define INLINE static inline __attribute__((always_inline))

/* `height` and `width` of the tile are constants where this is inlined. */
INLINE void block_of(const struct mma_cpu_block *t, size_t height, size_t width) {
    size_t rows = t->rows;
    const float *a = t->a, *b = t->b;
    float sum[16] = {0};
    for (size_t i = 0; i < rows && !t->fresh; i++)
        memcpy(&sum[i * width], &t->c[i * t->ldc], t->columns * sizeof *sum);
    for (size_t k = 0; k < t->steps; k++, a += rows, b += width)
        for (size_t i = 0; i < height && i < rows; i++)
            for (size_t j = 0; j < width; j++)
                sum[i * width + j] = fmaf(a[i], b[j], sum[i * width + j]);
    for (size_t i = 0; i < rows; i++)
        memcpy(&t->c[i * t->ldc], &sum[i * width], t->columns * sizeof *sum);
}

static void multiply_anywhere(int tile, const struct mma_cpu_block *t) {
    if (tile == MMA_CPU_TILE(4, 4))
        block_of(t, 4, 4);
    else
        block_of(t, 2, 8);
}

#ifdef __x86_64__
/* The same, where a multiply-add is an instruction and not a call. */
__attribute__((target("fma"))) static void multiply_fused(int tile, const struct mma_cpu_block *t) {
    if (tile == MMA_CPU_TILE(4, 4))
        block_of(t, 4, 4);
    else
        block_of(t, 2, 8);
}
#endif

static void multiply(int tile, const struct mma_cpu_block *t) {
#ifdef __x86_64__
    if (__builtin_cpu_supports("fma")) {
        multiply_fused(tile, t);
        return;
    }
#endif
    multiply_anywhere(tile, t);
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
