/*
 * paged_v16_portable.h: sixteen floats in plain C, for the kernels of this family and of
 * kernels/decoder. A fused multiply-add is a call of the C library's, so this is slow.
 */
#include <math.h>
#include <string.h>

#include "kernels/paged_attention/paged_exp.h"

#define V16_LANES 16

typedef struct {
    float lane[V16_LANES];
} v16;

#define EACH(expression)                                                                           \
    v16 y;                                                                                         \
    for (int i = 0; i < V16_LANES; i++)                                                            \
        y.lane[i] = expression;                                                                    \
    return y
static inline v16 v16_set(float x) {
    EACH(x);
}
static inline v16 v16_zero(void) {
    return v16_set(0);
}
static inline v16 v16_load(const float *p) {
    v16 x;
    memcpy(&x, p, sizeof x);
    return x;
}
static inline void v16_store(float *p, v16 x) {
    memcpy(p, &x, sizeof x);
}
static inline v16 v16_add(v16 a, v16 b) {
    EACH(a.lane[i] + b.lane[i]);
}
static inline v16 v16_sub(v16 a, v16 b) {
    EACH(a.lane[i] - b.lane[i]);
}
static inline v16 v16_mul(v16 a, v16 b) {
    EACH(a.lane[i] * b.lane[i]);
}
static inline v16 v16_div(v16 a, v16 b) {
    EACH(a.lane[i] / b.lane[i]);
}
static inline v16 v16_most(v16 a, v16 b) {
    EACH(a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]);
}
static inline v16 v16_fma(v16 a, v16 b, v16 c) {
    EACH(fmaf(a.lane[i], b.lane[i], c.lane[i]));
}
static inline v16 v16_exp2(v16 x) {
    EACH(paged_exp2(x.lane[i]));
}
/* Neighbours 8 apart first, then 4, 2 and 1. */
static inline void v16_reduce4(const v16 *v, float *out) {
    for (int n = 0; n < 4; n++) {
        v16 x = v[n];
        for (int apart = V16_LANES / 2; apart; apart /= 2)
            for (int i = 0; i < apart; i++)
                x.lane[i] += x.lane[i + apart];
        out[n] = x.lane[0];
    }
}
