/* decoder_cpu_portable.c: a step's native kernels in plain C, for any CPU. */
#include <math.h>

#include "kernels/decoder/decoder_inside.h"
#include "kernels/element/element.h"
#include "kernels/paged_attention/paged_v16_portable.h"

static inline float half_of(const unsigned char *at) {
    uint16_t half;
    memcpy(&half, at, sizeof half);
    return element_from_f16(half);
}

static inline void v16_q4(const unsigned char *block, v16 *low, v16 *high) {
    const float d = half_of(block), m = half_of(block + 2);
    for (int i = 0; i < V16_LANES; i++) {
        low->lane[i] = d * (float)(block[4 + i] & 15) + m;
        high->lane[i] = d * (float)(block[4 + i] >> 4) + m;
    }
}

static inline void v16_q8(const unsigned char *block, v16 *low, v16 *high) {
    const float d = half_of(block);
    for (int i = 0; i < V16_LANES; i++) {
        low->lane[i] = d * (float)(signed char)block[2 + i];
        high->lane[i] = d * (float)(signed char)block[2 + V16_LANES + i];
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
