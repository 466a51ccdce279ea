/*
 * paged_cpu_portable.c: the native decode step's arithmetic in plain C, for any CPU: the model of
 * the others' bits. A fused multiply-add is a call of the C library's, so this is slow.
 */
#include <math.h>
#include <string.h>

#include "kernels/paged_attention/paged_cpu_inside.h"
#include "kernels/paged_attention/paged_exp.h"

typedef struct {
    float lane[PAGED_LANES];
} v16;
typedef struct {
    uint64_t word[8];
} v8x64;

#define EACH(expression)                                                                           \
    v16 y;                                                                                         \
    for (int i = 0; i < PAGED_LANES; i++)                                                          \
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
static inline v16 v16_widen(const char *p, enum element type) {
    EACH(paged_cpu_widen(p + i * element_bytes(type), type));
}
static inline v16 v16_pieces(const char *p, size_t piece, enum element type) {
    const int size = (int)element_bytes(type), each = 16 / size;
    EACH(paged_cpu_widen(p + (size_t)(i / each) * piece + i % each * size, type));
}
static float v16_tree(const float *lanes);
static inline void v16_reduce4(const v16 *v, float *out) {
    for (int i = 0; i < 4; i++)
        out[i] = v16_tree(v[i].lane);
}
static inline v8x64 v8x64_zero(void) {
    return (v8x64){{0}};
}
static inline v8x64 v8x64_add(v8x64 sum, const char *p) {
    uint64_t word[8];
    memcpy(word, p, sizeof word);
    for (int i = 0; i < 8; i++)
        sum.word[i] += word[i];
    return sum;
}
static inline v8x64 v8x64_add_high(v8x64 sum, const char *p) {
    uint64_t word[8];
    memcpy(word, p, sizeof word);
    for (int i = 0; i < 8; i++)
        sum.word[i] += word[i] >> 32;
    return sum;
}

#define SCORE_QUERIES 1
#define VALUE_SUMS 1
#define KERNELS paged_cpu_portable
#include "kernels/paged_attention/paged_cpu_kernel.inc"
