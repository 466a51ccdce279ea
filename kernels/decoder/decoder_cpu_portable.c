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
        low->lane[i] = scale[0] * (float)(quad[4 * i + row] & 15) + scale[1];
        high->lane[i] = scale[0] * (float)(quad[4 * i + row] >> 4) + scale[1];
    }
}

static inline void q8_row(const unsigned char *q, float scale, v16 *low, v16 *high) {
    for (int i = 0; i < V16_LANES; i++) {
        low->lane[i] = scale * (float)(signed char)q[i];
        high->lane[i] = scale * (float)(signed char)q[V16_LANES + i];
    }
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
