/* decoder_cpu_portable.c: a step's native kernels in plain C, for any CPU. */
#include <math.h>

#include "kernels/decoder/decoder_inside.h"
#include "kernels/element/element.h"
#include "kernels/paged_attention/paged_v16_portable.h"

typedef const unsigned char *quad_bits;

static inline void scales_load(const unsigned char *scales, const int count, float *out) {
    for (int i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, scales + 2 * i, sizeof half);
        out[i] = element_from_f16(half);
    }
}

static inline quad_bits q4_load(const unsigned char *quad) {
    return quad;
}
static inline void q4_row(quad_bits quad, const int row, const float *scale, v16 *low, v16 *high) {
    for (int i = 0; i < V16_LANES; i++) {
        const unsigned char *q = quad + 4 * i + row / 2;
        low->lane[i] = scale[row] * (float)(q[0] >> row % 2 * 4 & 15) + scale[4 + row];
        high->lane[i] = scale[row] * (float)(q[2] >> row % 2 * 4 & 15) + scale[4 + row];
    }
}

static inline void q8_row(const unsigned char *q, float scale, v16 *low, v16 *high) {
    for (int i = 0; i < V16_LANES; i++) {
        low->lane[i] = scale * (float)(signed char)q[i];
        high->lane[i] = scale * (float)(signed char)q[V16_LANES + i];
    }
}

static inline void q4_numbers(quad_bits quad, const int row, v16 *low, v16 *high) {
    const float one[8] = {1, 1, 1, 1};
    q4_row(quad, row, one, low, high);
}
static inline void q8_numbers(const unsigned char *q, v16 *low, v16 *high) {
    q8_row(q, 1, low, high);
}

static inline v16 v16_rounded(v16 x) {
    EACH(element_from_bf16(element_to_bf16(x.lane[i])));
}
static inline v16 v16_not_tiny(v16 x) {
    EACH(fabsf(x.lane[i]) < DECODER_TINY ? 0 : x.lane[i]);
}
static inline void pairs_of_inputs(uint16_t *to, v16 low, v16 high) {
    (void)to;
    (void)low;
    (void)high;
}

typedef struct {
    float lane[4];
} v4;
static inline v4 v4_zero(void) {
    return (v4){{0}};
}
static inline v4 v4_load(const float *p) {
    return (v4){{p[0], p[1], p[2], p[3]}};
}
static inline void v4_store(float *p, v4 x) {
    memcpy(p, x.lane, sizeof x.lane);
}
static inline v4 v4_add(v4 a, v4 b) {
    for (int i = 0; i < 4; i++)
        a.lane[i] += b.lane[i];
    return a;
}
static inline v4 v4_fma(v4 a, float b, v4 c) {
    for (int i = 0; i < 4; i++)
        c.lane[i] = fmaf(a.lane[i], b, c.lane[i]);
    return c;
}

static inline v16 v16_minus_absolute(v16 x) {
    EACH(-fabsf(x.lane[i]));
}
/* a where x is below 0, else b. */
static inline v16 v16_choose_negative(v16 x, v16 a, v16 b) {
    EACH(x.lane[i] < 0 ? a.lane[i] : b.lane[i]);
}

#define KERNELS decoder_cpu_portable
#include "kernels/decoder/decoder_cpu_kernel.inc"
